"""Whole runs of `fetch_media`: a real store, real files, real servers on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hubbub.errors import ExitCode
from hubbub.events import Event, MediaDone
from hubbub.http.retry import RetryPolicy
from hubbub.pipeline.media import MediaOptions, fetch_media
from hubbub.pipeline.run import RunReport
from hubbub.records.models import Door, MediaItem, Post, Reason, Tombstone
from hubbub.store.batch import Batch
from hubbub.store.engine import Store, open_store
from tests.http.loopback import Answer, Seen, Server, serving
from tests.shared import FAULTS, needs_shared

from .test_validate import png

QUICK = RetryPolicy(
    backoff_s=0.005, attempt_s=1.0, total_s=2.0, rate_floor_s=0.005, rate_attempts=2, max_wait_s=0.1, silence_s=0.5
)
T0 = 1_700_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/hubbub.db") as opened:
        yield opened


@contextlib.contextmanager
def pictures(answer: Callable[[Seen], Answer]) -> Iterator[Server]:
    """The loopback server in a thread of its own: `fetch_media` blocks."""
    ready = threading.Event()
    box: dict[str, Any] = {}

    async def serve() -> None:
        async with serving(answer) as server:
            box["server"], box["loop"], box["stop"] = server, asyncio.get_running_loop(), asyncio.Event()
            ready.set()
            await box["stop"].wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait()
    try:
        yield box["server"]
    finally:
        box["loop"].call_soon_threadsafe(box["stop"].set)
        thread.join()


def put(store: Store, *items: MediaItem, post_id: str = "t3_a", score: int = 10) -> None:
    post = Post(
        source="reddit",
        id=post_id,
        door=Door.LIVE,
        observed_at=T0,
        community="bugs",
        community_name="Bugs",
        created_at=T0 - 60,
        title="What is this beetle",
        score=score,
        media=items,
    )
    store.write(Batch(run_id=1, source="reddit", stream="test", records=[post]))


def image(url: str, **more: str) -> MediaItem:
    return MediaItem(kind="image", url=url, **more)  # type: ignore[arg-type]


def fetch(store: Store, tmp_path: Path, *, events: list[Event] | None = None, **options: object) -> RunReport:
    chosen = msgspec.structs.replace(MediaOptions(allow_private=True, policy=QUICK), **options)
    observers = () if events is None else (events.append,)
    return fetch_media(store, tmp_path / "blobs", options=chosen, observers=observers)


def states(store: Store) -> dict[str, tuple[str, str | None, int, str | None]]:
    with store.reading_raw() as connection:
        return {
            row[0].rpartition("/")[2]: tuple(row[1:])
            for row in connection.execute("SELECT url, state, reason, tries, blob FROM media")
        }


def blob_files(tmp_path: Path) -> dict[str, bytes]:
    return {
        path.parent.name + path.name: path.read_bytes() for path in (tmp_path / "blobs").rglob("*") if path.is_file()
    }


def test_pictures_become_blobs_named_by_their_bytes_and_rows_name_them(store: Store, tmp_path: Path) -> None:
    bodies = {"/a.png": png(4, 4), "/b.png": png(5, 5), "/same.png": png(4, 4)}
    with pictures(lambda seen: (200, {"content-type": "image/png"}, bodies[seen.target])) as server:
        put(store, *(image(server.url + path) for path in bodies))
        events: list[Event] = []
        report = fetch(store, tmp_path, events=events)
        again = fetch(store, tmp_path)
        asked = [seen.headers for seen in server.seen]
    assert report.exit_code == again.exit_code == ExitCode.OK
    assert report.details["states"] == {"stored": 3}
    assert again.requests == 0
    sha256 = {path: hashlib.sha256(body).hexdigest() for path, body in bodies.items()}
    assert {name: row[3] for name, row in states(store).items()} == {k[1:]: v for k, v in sha256.items()}
    assert blob_files(tmp_path) == {sha256[path]: body for path, body in bodies.items()}
    assert sum(isinstance(event, MediaDone) and event.state == "stored" for event in events) == 3
    assert all(headers["accept"] == "image/*,*/*;q=0.8" for headers in asked)
    assert not any("authorization" in headers or "cookie" in headers for headers in asked)
    with store.reading_raw() as connection:
        assert connection.execute("SELECT mime, width, height, size_bytes FROM blobs ORDER BY width").fetchall() == [
            ("image/png", 4, 4, len(bodies["/a.png"])),
            ("image/png", 5, 5, len(bodies["/b.png"])),
        ]


def test_every_outcome_has_its_state_and_reason(store: Store, tmp_path: Path) -> None:
    answers: dict[str, Answer] = {
        "/ok.png": (200, {}, png(3, 3)),
        "/missing.png": (404, {}, b""),
        "/forbidden.png": (403, {"content-type": "text/html"}, b"<html>no</html>"),
        "/page.png": (200, {"content-type": "image/png"}, b"<html>" + b"x" * 500),
        "/cut.png": (200, {}, png(9, 9)[:-20]),
        "/large.png": (200, {}, png(9, 9, pad=2000)),
        "/down.png": (503, {}, b""),
        "/removed-page.png": (302, {"location": "/removed.png"}, b""),
        "/removed.png": (200, {}, png(8, 8)),
    }
    names = ["ok", "missing", "forbidden", "page", "cut", "large", "down", "removed-page"]
    with pictures(lambda seen: answers[seen.target]) as server:
        put(store, *(image(f"{server.url}/{name}.png") for name in names), image("ftp://x/scheme.png"))
        report = fetch(store, tmp_path, max_bytes=1500)
    got = states(store)
    assert {name: got[f"{name}.png"][0] for name in (*names, "scheme")} == {
        "ok": "stored",
        "missing": "gone",
        "forbidden": "gone",
        "page": "refused",
        "cut": "broken",
        "large": "refused",
        "down": "pending",
        "removed-page": "gone",
        "scheme": "refused",
    }
    assert all(row[2] == 1 for row in got.values())
    assert all(row[1] for name, row in got.items() if name != "ok.png")
    assert report.exit_code == ExitCode.PARTIAL
    assert report.details["states"] == {"broken": 1, "gone": 3, "pending": 1, "refused": 3, "stored": 1}
    assert list(blob_files(tmp_path).values()) == [png(3, 3)]


def test_the_fallback_is_asked_when_the_original_is_gone(store: Store, tmp_path: Path) -> None:
    def answer(seen: Seen) -> Answer:
        return (200, {}, png(6, 6)) if seen.target == "/preview?s=1" else (404, {}, b"")

    with pictures(answer) as server:
        put(store, image(f"{server.url}/a.png", fallback_url=f"{server.url}/preview?s=1"))
        put(store, image(f"{server.url}/b.png", fallback_url=f"{server.url}/none"), post_id="t3_b")
        fetch(store, tmp_path)
    got = states(store)
    assert got["a.png"][0] == "stored"
    assert got["b.png"][:2] == ("gone", "the host answered 404")


def test_what_fails_run_after_run_is_broken_in_the_end(store: Store, tmp_path: Path) -> None:
    with pictures(lambda _: (500, {}, b"")) as server:
        put(store, image(f"{server.url}/a.png"))
        reports = [fetch(store, tmp_path) for _ in range(4)]
    assert [report.exit_code for report in reports] == [
        ExitCode.REMOTE,
        ExitCode.REMOTE,
        ExitCode.PARTIAL,
        ExitCode.OK,
    ]
    assert states(store)["a.png"][0] == "broken"
    assert reports[-1].requests == 0


def test_a_dead_host_does_not_hold_up_the_others(store: Store, tmp_path: Path) -> None:
    with pictures(lambda _: (200, {}, png(3, 3))) as alive, pictures(lambda _: (500, {}, b"")) as dead:
        put(store, *(image(f"{dead.url}/{n}.png") for n in range(40)), image(f"{alive.url}/ok.png"))
        report = fetch(store, tmp_path, per_host=1)
    assert len(dead.seen) == 15
    assert states(store)["ok.png"][0] == "stored"
    assert report.details["states"] == {"pending": 40, "stored": 1}


def test_a_host_that_limits_us_is_left_alone_and_says_when_to_come_back(store: Store, tmp_path: Path) -> None:
    with pictures(lambda _: (429, {"retry-after": "500"}, b"")) as server:
        put(store, *(image(f"{server.url}/{n}.png") for n in range(10)))
        report = fetch(store, tmp_path, per_host=1)
    assert len(server.seen) == 1
    assert report.exit_code == ExitCode.RATE_LIMITED
    assert report.resume_at is not None
    assert all(row[0] == "pending" and row[2] == 0 for row in states(store).values())


def test_inner_addresses_are_refused_without_a_byte(store: Store, tmp_path: Path) -> None:
    with pictures(lambda _: (200, {}, png(3, 3))) as server:
        put(store, image(f"{server.url}/a.png"), image(f"http://localhost:{server.port}/b.png"))
        report = fetch(store, tmp_path, allow_private=False)
        assert server.seen == []
    assert {row[0] for row in states(store).values()} == {"refused"}
    assert report.exit_code == ExitCode.PARTIAL


def test_the_selection_is_honoured(store: Store, tmp_path: Path) -> None:
    with pictures(lambda _: (200, {}, png(3, 3))) as server:
        put(store, image(f"{server.url}/high.png"), score=100)
        put(store, image(f"{server.url}/low.png"), post_id="t3_b", score=1)
        put(store, MediaItem(kind="video", url=f"{server.url}/v.mp4"), post_id="t3_c", score=100)
        fetch(store, tmp_path, min_score=50)
        assert [seen.target for seen in server.seen] == ["/high.png"]
        fetch(store, tmp_path, limit=1)
        assert [seen.target for seen in server.seen] == ["/high.png", "/low.png"]
    assert states(store)["v.mp4"][0] == "pending"


def test_a_post_withdrawn_while_its_picture_was_on_the_way_leaves_no_file(store: Store, tmp_path: Path) -> None:
    def answer(_: Seen) -> Answer:
        gone = Tombstone(
            source="reddit", kind="post", id="t3_a", door=Door.LIVE, reason=Reason.AUTHOR, at=T0 + 10, community="bugs"
        )
        store.write(Batch(run_id=1, source="reddit", stream="test", records=[gone]))
        return 200, {}, png(3, 3)

    with pictures(answer) as server:
        put(store, image(f"{server.url}/a.png"))
        fetch(store, tmp_path)
    assert states(store) == {}
    assert blob_files(tmp_path) == {}


@needs_shared
def test_hostile_pictures_from_a_server_end_as_they_must(store: Store, tmp_path: Path) -> None:
    cases = json.loads((FAULTS / "images" / "index.json").read_text())["cases"]
    cases = [case for case in cases if "file" in case]
    program = [sys.executable, "-W", "ignore", str(FAULTS / "faultserver.py"), "--port", "0"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        put(store, *(image(f"http://127.0.0.1:{port}/img/{case['id']}") for case in cases))
        fetch(store, tmp_path, concurrency=4)
        process.terminate()
    got = states(store)
    for case in cases:
        kept = got[case["id"]][0] == "stored"
        assert ("quarantine" not in case["outcomes"]) <= kept, case["id"]
        assert kept <= bool({"accept", "repair"} & set(case["outcomes"])), case["id"]
    assert got["same-bytes-again"][3] == got["control-jpeg"][3]


CHILD = """
import sys
from pathlib import Path
from hubbub.pipeline.media import MediaOptions, fetch_media
from hubbub.store.engine import open_store
home = Path(sys.argv[1])
with open_store(f"sqlite:///{home}/hubbub.db") as store:
    report = fetch_media(store, home / "blobs", options=MediaOptions(allow_private=True, concurrency=2))
sys.exit(int(report.exit_code))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_run_stopped_at_any_point_goes_on_where_it_was(tmp_path: Path, number: int, code: int) -> None:
    held = threading.Event()
    reached = threading.Semaphore(0)
    bodies = {f"/{n}.png": png(n + 1, 2) for n in range(12)}

    def answer(seen: Seen) -> Answer:
        if seen.target in {"/5.png", "/6.png"} and not held.is_set():
            reached.release()
            return 200, {"content-length": "100000"}, bodies[seen.target][:20]  # the rest never comes
        return 200, {}, bodies[seen.target]

    with pictures(answer) as server:
        with open_store(f"sqlite:///{tmp_path}/hubbub.db") as store:
            put(store, *(image(server.url + path) for path in bodies))
        with subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)]) as child:
            assert reached.acquire(timeout=20)
            assert reached.acquire(timeout=20)
            os.kill(child.pid, number)
            assert child.wait(timeout=20) == code
        with open_store(f"sqlite:///{tmp_path}/hubbub.db") as store:
            stored = sum(row[0] == "stored" for row in states(store).values())
            assert stored == 5
            held.set()
            assert fetch(store, tmp_path).exit_code == ExitCode.OK
            rows = states(store)
            assert {row[0] for row in rows.values()} == {"stored"}
            whole = blob_files(tmp_path)
            assert all(whole[row[3] or ""] == bodies[f"/{name}"] for name, row in rows.items())
        assert sum(seen.target == "/0.png" for seen in server.seen) == 1
