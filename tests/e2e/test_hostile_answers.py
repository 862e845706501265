"""Every hostile answer of the fault corpus, served over real HTTP and synced into a real store (reliability rows 1-31)."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hubbub.errors import ExitCode
from hubbub.http.retry import RetryPolicy
from hubbub.pipeline.run import RunReport
from hubbub.pipeline.sync import sync
from hubbub.plugins.contracts import SourceSettings, SyncOptions, Target
from hubbub.store import reads
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from tests.e2e.road import store_url
from tests.shared import FAULTS, needs_shared

pytestmark = needs_shared

ROOT = Path(__file__).resolve().parents[2]
NAME = "whatisthisbug"
QUICK = RetryPolicy(attempts=2, backoff_s=0.005, rate_floor_s=0.005)
EXITS = {
    "ok": ExitCode.OK,
    "partial": ExitCode.PARTIAL,
    "auth": ExitCode.AUTH,
    "remote": ExitCode.REMOTE,
}
SECRET, PASSWORD, TOKEN = "CANARY-SECRET-5d1c", "CANARY-PASSWORD-b07e", "CANARY-TOKEN-7f3a"
INDEX = FAULTS / "json" / "index.json"
CASES: list[dict[str, Any]] = json.loads(INDEX.read_bytes())["cases"] if INDEX.is_file() else []
REDDIT = [case for case in CASES if case["surface"].startswith("reddit.")]
STORED = [case for case in REDDIT if "generator" not in case]
PLAIN = "noncharacters"
"""A case whose listing is sound: where a token or a thread is the trouble, the listing is not."""


class Platform:
    """The misbehaving server; every case lives below a path of its own, so that one process serves them all."""

    def __init__(self, *, port: int, log: Path) -> None:
        self.port = port
        self._log = log

    def url(self, case: dict[str, Any]) -> str:
        return f"http://127.0.0.1:{self.port}/{case['id']}"

    def asked(self, case: dict[str, Any]) -> Counter[str]:
        """How often each path of the case was asked for."""
        targets = (json.loads(line)["target"] for line in self._log.read_text().splitlines())
        prefix = f"/{case['id']}/"
        return Counter(t.partition("?")[0].removeprefix(prefix) for t in targets if t.startswith(prefix))


def mounts(case: dict[str, Any]) -> dict[str, str]:
    """What a client that works on this case finds where."""
    token, new = "api/v1/access_token", f"r/{NAME}/new"
    match case["surface"]:
        case "reddit.new":
            return {token: token, new: f"json/{case['id']}"}
        case "reddit.comments":
            return {token: token, new: f"json/{PLAIN}", "comments/gd0001": f"json/{case['id']}"}
        case _:
            return {token: f"json/{case['id']}", new: f"json/{PLAIN}"}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    log = tmp_path_factory.mktemp("faults") / "asked.ndjson"
    program = [sys.executable, "-W", "ignore", str(FAULTS / "faultserver.py"), "--port", "0", "--log", str(log)]
    for case in STORED:
        for path, served in mounts(case).items():
            program += ["--mount", f"/{case['id']}/{path}={served}"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Platform(port=int(process.stdout.readline()), log=log)
        process.terminate()


def synced(store: Store, url: str, *, only: tuple[str, ...]) -> RunReport:
    values = {"client_id": "app", "client_secret": SECRET, "username": "tester", "password": PASSWORD}
    return sync(
        store,
        [Target(source="reddit", name=NAME)],
        options=SyncOptions(only=frozenset(only)),
        settings={"reddit": SourceSettings(values=values, base_url=url)},
        policy=QUICK,
    )


def streams(case: dict[str, Any]) -> tuple[str, ...]:
    """The streams that meet the case: the server knows no descriptions."""
    return ("posts", "comments") if case["surface"] == "reddit.comments" else ("posts",)


def outcome(report: RunReport) -> str:
    if report.errors:
        return "error"
    if report.tally.set_aside:
        return "quarantine"
    return "repair" if report.tally.repaired else "accept"


def stored(store: Store) -> set[str]:
    with store.reading() as connection:
        rows = [
            connection.exec_driver_sql(f"SELECT id FROM {table} WHERE observed_at IS NOT NULL")
            for table in ("posts", "comments")
        ]
        return {row[0] for found in rows for row in found}


def judge(case: dict[str, Any], report: RunReport, store: Store) -> None:
    """The corpus's own rules (its README)."""
    assert outcome(report) in case["outcomes"], (report.errors, report.tally)
    assert report.exit_code in {EXITS[name] for name in case["exit"]}, report.errors
    assert all(word in " ".join(report.errors) for word in case.get("says", ()))
    ids = stored(store)
    aside = reads.quarantined(store, 1000)
    assert len(aside) == report.tally.set_aside
    assert all(row.reason and row.where.startswith("http://127.0.0.1") for row in aside)
    if not report.errors:
        assert set(case["good"]) <= ids
    elif case["surface"] == "reddit.new" and "pages" not in case:  # pages before the one that failed are kept
        assert not ids
    for name in case.get("bad", ()):
        assert (name in ids) != (outcome(report) == "quarantine"), "a bad record is kept or set aside, never neither"
    if "rows" in case:
        assert len(ids) == case["rows"]
    tally = report.tally
    parts = (tally.new, tally.updated, tally.unchanged, tally.older, tally.tombstoned, tally.filtered, tally.set_aside)
    assert tally.offered == sum(parts)


@pytest.mark.parametrize("case", STORED, ids=lambda case: case["id"])
def test_a_hostile_answer_meets_its_expected_outcome(case: dict[str, Any], platform: Platform, tmp_path: Path) -> None:
    with open_store(store_url(tmp_path)) as store:
        report = synced(store, platform.url(case), only=streams(case))
        judge(case, report, store)
        asked = platform.asked(case)
        assert sum(asked.values()) - asked["api/v1/access_token"] <= case.get("max_requests", 8)
        assert asked["api/v1/access_token"] <= 2, "a token answer, good or bad, is not asked for again and again"
        kept = reads.checkpoint(store, "reddit", f"{NAME}/new")
        if report.errors and case["surface"] == "reddit.new":
            assert kept is None or "watermark" not in msgspec.json.decode(kept.state), "an error moves no watermark"
        before, aside = digest(store, shared=True), len(reads.quarantined(store, 1000))

        again = synced(store, platform.url(case), only=streams(case))
        assert digest(store, shared=True) == before, "a second run changes nothing"
        assert again.tally.new == 0
        assert again.tally.updated == 0 or case["id"] == "same-id-twice", "only a page that contradicts itself changes"
        assert len(reads.quarantined(store, 1000)) == aside, "what was set aside once is not set aside twice"
        assert again.exit_code == report.exit_code or case["surface"] == "reddit.comments"

        said = repr((report, again))
    for secret in (SECRET, PASSWORD, TOKEN):
        assert secret not in said
        assert all(secret.encode() not in file.read_bytes() for file in tmp_path.iterdir())


class BigPlatform(ThreadingHTTPServer):
    """Answers the listing with a made body, in pieces, as far as the client reads it."""

    daemon_threads = True

    def __init__(self, pieces: Callable[[], Iterator[bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), _BigAnswers)
        self.pieces = pieces


class _BigAnswers(BaseHTTPRequestHandler):
    server: BigPlatform

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer(iter([b'{"access_token": "%s", "expires_in": 3600}' % TOKEN.encode()]))

    def do_GET(self) -> None:
        with contextlib.suppress(ConnectionError):
            self._answer(self.server.pieces())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        return

    def _answer(self, pieces: Iterator[bytes]) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(piece)


def post(number: int, *, selftext: str = "found it in the garden") -> dict[str, Any]:
    data = {
        "id": f"bg{number:06d}",
        "name": f"t3_bg{number:06d}",
        "subreddit": NAME,
        "title": "What is it?",
        "selftext": selftext,
        "author": "user_01",
        "created_utc": 1_704_127_713 - number,
        "num_comments": 0,
        "score": 1,
    }
    return {"kind": "t3", "data": data}


def page_100k() -> Iterator[bytes]:
    yield b'{"kind":"Listing","data":{"after":null,"children":['
    for number in range(100_000):
        yield (b"," if number else b"") + json.dumps(post(number)).encode()
    yield b"]}}"


def selftext_64mb() -> Iterator[bytes]:
    head, tail = json.dumps({"kind": "Listing", "data": {"children": [post(1, selftext="@@")]}}).split("@@")
    yield head.encode()
    for _ in range(64):
        yield b"x" * 2**20
    yield tail.encode()


def endless() -> Iterator[bytes]:
    yield b'{"kind":"Listing","data":{"after":"'
    while True:
        yield b"a" * 2**20


BIG = {"page-100k": page_100k, "selftext-64mb": selftext_64mb, "body-endless": endless}


@pytest.mark.soak
@pytest.mark.parametrize("case", [case for case in REDDIT if "generator" in case], ids=lambda case: case["id"])
def test_a_huge_answer_stays_within_its_bounds(case: dict[str, Any], tmp_path: Path) -> None:
    server = BigPlatform(BIG[case["id"]])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    child = "import sys; from tests.e2e.test_hostile_answers import sync_in_child; sync_in_child(*sys.argv[1:])"
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", child, store_url(tmp_path), f"http://127.0.0.1:{server.server_port}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    elapsed = time.monotonic() - began
    server.shutdown()
    server.server_close()
    assert ended.returncode in {EXITS[name] for name in case["exit"]}, ended.stderr
    assert "Traceback" not in ended.stderr
    said = json.loads(ended.stdout)
    print(case["id"], said, f"{elapsed:.1f} s")  # noqa: T201
    assert said["rss_mb"] <= case["limits"]["rss_mb"]
    assert elapsed <= case["limits"].get("seconds", 600)
    assert said["rows"] == case.get("rows", said["rows"])


def sync_in_child(database: str, url: str) -> None:
    """One sync in a process of its own, whose memory can be told."""
    with open_store(database) as store:
        report = synced(store, url, only=("posts",))
        print(json.dumps({"rss_mb": report.peak_rss_bytes >> 20, "rows": len(stored(store)), "said": report.errors}))  # noqa: T201
    sys.exit(int(report.exit_code))
