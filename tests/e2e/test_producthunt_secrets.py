"""Nothing of Product Hunt is kept or told that must not be: no token, no person, no name of the application."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubbub.errors import ExitCode
from hubbub.simulator.exchange import Ask, Reply
from hubbub.sources.producthunt.simulator.platform import ProductHunt
from hubbub.sources.producthunt.simulator.tokens import Tokens
from hubbub.store.engine import Store, open_store
from hubbub.testing import Fault, SimulatedProductHunt, simulated_producthunt
from tests.cli.running import hubbub
from tests.e2e.hunting import DAY_S, END, PLENTY, hunt, hunted, url
from tests.e2e.test_canary import BUGGY, LOUD, leaks
from tests.store.making import rows

SINCE = "2026-05-29"
WRONG = {"TOKEN": "canary-wrong-token", "CLIENT_SECRET": "canary-wrong-secret"}
SCENARIO = {
    "limits": {"points": PLENTY},
    "producthunt": {"launches_a_day": 3, "most_comments": 5},
}

Commands = Iterator[tuple[list[str], dict[str, str]]]


def commands(site: SimulatedProductHunt, home: Path) -> Commands:
    """The road there and back, and every way in which a token goes wrong. A topic's windows are months: its walk is
    short, though the world ended long ago."""
    right = {"HUBBUB_PRODUCTHUNT__BASE_URL": site.address, "HUBBUB_PRODUCTHUNT__TOKEN": site.token}
    pair = {
        "HUBBUB_PRODUCTHUNT__BASE_URL": site.address,
        "HUBBUB_PRODUCTHUNT__CLIENT_ID": site.client_id,
        "HUBBUB_PRODUCTHUNT__CLIENT_SECRET": site.client_secret,
    }
    topic = ["sync", "producthunt:topic/crypto", "--since", SINCE]
    held = ["sync", f"producthunt:collection/{next(iter(site.truth()['collections']))}"]
    yield topic, right
    yield [*held, "--full"], pair | {"HUBBUB_ANSWERS__KEEP": "file"}
    yield ["verify", "producthunt"], right
    yield ["verify", "producthunt"], pair
    yield ["export", "ndjson", str(home / "exports" / "all")], right
    yield ["status"], right | pair
    yield ["verify", "producthunt"], right | {"HUBBUB_PRODUCTHUNT__TOKEN": WRONG["TOKEN"]}
    yield held, pair | {"HUBBUB_PRODUCTHUNT__CLIENT_SECRET": WRONG["CLIENT_SECRET"]}
    yield ["sync", "producthunt:topic/nothing-of-this-name", "--since", SINCE], right


@pytest.fixture
def issued(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every token that the platform has made, as they come."""
    made: list[str] = []
    text = Tokens._text

    def told(tokens: Tokens, kind: str, count: int) -> str:
        value = text(tokens, kind, count)
        if kind != "client":
            made.append(value)
        return value

    monkeypatch.setattr(Tokens, "_text", told)
    return made


def test_tokens_and_secrets_are_in_no_output_and_no_file(
    issued: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, crashes = tmp_path / "home", tmp_path / "crashes"
    crashes.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(crashes))
    monkeypatch.chdir(tmp_path)
    places: dict[str, bytes] = {}

    def run(words: list[str], settings: dict[str, str]) -> int:
        with monkeypatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            done = hubbub(*LOUD, *words, home=home)
        assert done.code != 1, done.err  # 1 is a bug of ours
        number = len(places)
        places.update(
            {f"stdout {number} of {words}": done.out.encode(), f"stderr {number} of {words}": done.err.encode()}
        )
        return done.code

    with simulated_producthunt(span_days=5, scenario=SCENARIO) as site:
        codes = [run(words, settings) for words, settings in commands(site, home)]
        site.revoke_app()
        codes.append(run(*next(commands(site, home))))
    assert codes == [0, 0, 0, 0, 0, 0, 4, 4, 6, 4]
    assert len(set(issued)) >= 4, "the developer's, the secret, and one for each run without a user"
    for folder in (home, crashes):
        places |= {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert str(home / "hubbub.db") in places
    assert any((home / "exports").rglob("*"))
    secrets = {value: value for value in (*issued, *WRONG.values())}
    assert leaks(secrets, places=places) == []


@pytest.mark.parametrize("when", ["request.route == 'producthunt_token'", "request.route == 'Topic'"])
def test_a_bug_that_quotes_secrets_tells_none(when: str, *, issued: list[str], tmp_path: Path) -> None:
    home = tmp_path / "home"
    with simulated_producthunt(span_days=3, scenario=SCENARIO) as site:
        settings = {
            "HUBBUB_PRODUCTHUNT__BASE_URL": site.address,
            "HUBBUB_PRODUCTHUNT__CLIENT_ID": site.client_id,
            "HUBBUB_PRODUCTHUNT__CLIENT_SECRET": site.client_secret,
        }
        words = ["--home", str(home), *LOUD, "sync", "producthunt:topic/crypto"]
        done = subprocess.run(
            [sys.executable, "-c", BUGGY.format(when=when), *words],
            env={**os.environ, **settings, "TMPDIR": str(tmp_path), "NO_COLOR": "1"},
            capture_output=True,
            check=False,
            timeout=120,
        )
    places = {"stdout": done.stdout, "stderr": done.stderr}
    places |= {str(file): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert done.returncode == 1
    assert any(b"a bug that quotes" in content for content in places.values()), "the report is worth its name"
    assert leaks({value: value for value in issued}, places=places) == []


def texts(store: Store) -> Iterator[tuple[str, str, str]]:
    """Every text of every table: table, column, what stands there. Words for the search are those of the records."""
    tables = [name for (name,) in rows(store, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        if "_fts" in table:
            continue
        columns = [row[1] for row in rows(store, f'PRAGMA table_info("{table}")')]
        for column in columns:
            for (value,) in rows(
                store, f'SELECT "{column}" FROM "{table}" WHERE typeof("{column}") IN (\'text\', \'blob\')'
            ):
                yield table, column, value.decode(errors="replace") if isinstance(value, bytes) else value


def test_no_person_is_kept_and_no_name_of_the_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody is redacted but the token's owner, whom nobody asks for."""
    sent: list[bytes] = []
    answer = ProductHunt.answer

    def answered(platform: ProductHunt, ask: Ask) -> Reply:
        reply = answer(platform, ask)
        sent.append(reply.body)
        return reply

    monkeypatch.setattr(ProductHunt, "answer", answered)
    with (
        hunted(days=1, span_days=4, launches=12, comments=12, points=PLENTY) as (site, time),
        open_store(url(tmp_path), create=True) as store,
    ):
        for full in (False, True):
            site.fail(Fault(action="truncate", nth=5))
            report = hunt(store, site, since=END - 3 * DAY_S, full=full)
            assert report.exit_code is ExitCode.OK, report.errors
            time.jump(DAY_S)
        assert rows(store, "SELECT count(*) FROM posts") > [(20,)]
        assert rows(store, "SELECT count(*) FROM comments") > [(50,)]
        for table in ("users", "past_authors", "votes", "post_makers"):
            assert rows(store, f"SELECT count(*) FROM {table}") == [(0,)], table
        for table in ("posts", "comments"):
            named = "author IS NOT NULL OR author_name IS NOT NULL OR author_id IS NOT NULL"
            assert rows(store, f"SELECT count(*) FROM {table} WHERE {named}") == [(0,)], table
        assert rows(store, "SELECT count(*) FROM collections WHERE owner IS NOT NULL") == [(0,)]
        said = list(texts(store))
    assert len(said) > 1_000
    marks = ("utm_", "api-v2", "simulated_maker", "[redacted]", "hubbub simulated", "245617")
    found = {(table, column, mark) for table, column, text in said for mark in marks if mark in text.casefold()}
    assert found == set()
    assert any(b"utm_campaign" in body for body in sent), "the platform writes it into its answers"
