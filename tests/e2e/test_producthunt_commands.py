"""Product Hunt as one types it: each way in which it can go wrong has words of its own and the right exit code."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hubbub.errors import ExitCode
from hubbub.sources.producthunt.prices import MARGIN
from hubbub.store.engine import open_store
from hubbub.testing import Fault, SimulatedProductHunt
from tests.cli.running import Outcome, hubbub
from tests.e2e.hunting import hunted
from tests.store.making import rows

SINCE = "2026-05-30"
BEGUN = 1_780_038_000
"""The midnight before it in Los Angeles: what is read begins there."""


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("HUBBUB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedProductHunt]:
    """A small Product Hunt, and its token in the settings."""
    with hunted(days=0.2, span_days=5, launches=6, comments=6) as (running, _):
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def found(home: Path, sql: str) -> list[tuple[Any, ...]]:
    with open_store(f"sqlite:///{home / 'hubbub.db'}") as store:
        return [tuple(row) for row in rows(store, sql)]


def asked(site: SimulatedProductHunt) -> int:
    return sum(site.requests().values())


def ended(done: Outcome, code: ExitCode, *words: str) -> None:
    assert done.code == code, done
    for each in words:
        assert each in done.err, done.err
    assert "Traceback" not in done.err


def test_verify_says_whose_token_it_is_and_how_many_points_are_left(site: SimulatedProductHunt) -> None:
    plain = hubbub("verify", "producthunt")
    assert plain.code == ExitCode.OK
    assert "@simulated_maker" in plain.out
    assert re.search(r"6,2\d\d points left, \d+ used, renewed in \d+ s", plain.out)
    told = hubbub("verify", "producthunt", "--json").document["sources"][0]
    assert (told["door"], told["requests"]) == ("developer token", 1)
    assert told["budget"]["measure"] == "points"
    assert told["budget"]["remaining"] + told["budget"]["used"] == 6_250
    assert asked(site) == 2


def test_verify_asks_for_topics_and_collections_by_name(site: SimulatedProductHunt) -> None:
    held = next(iter(site.truth()["collections"]))
    names = ("topic/crypto", "topic/nothing-of-this-name", f"collection/{held}")
    done = hubbub("verify", *(f"producthunt:{name}" for name in names), "--json")
    assert done.code == ExitCode.PARTIAL
    states = {each["target"]: each["state"] for each in done.document["sources"][0]["targets"]}
    assert states == dict(zip((f"producthunt:{n}" for n in names), ("public", "missing", "public"), strict=True))


def test_an_application_without_a_user_is_told_from_a_token(
    site: SimulatedProductHunt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HUBBUB_PRODUCTHUNT__TOKEN")
    monkeypatch.setenv("HUBBUB_PRODUCTHUNT__CLIENT_ID", site.client_id)
    ended(hubbub("verify", "producthunt"), ExitCode.CONFIG, "producthunt.client_secret is not set")
    monkeypatch.setenv("HUBBUB_PRODUCTHUNT__CLIENT_SECRET", site.client_secret)
    told = hubbub("verify", "producthunt", "--json")
    assert told.code == ExitCode.OK
    assert told.document["sources"][0]["account"] is None
    assert told.document["sources"][0]["door"].startswith("client credentials")
    monkeypatch.setenv("HUBBUB_PRODUCTHUNT__CLIENT_SECRET", "wrong")
    ended(hubbub("verify", "producthunt"), ExitCode.AUTH, "gives no token", "client_secret")


def test_without_a_token_nobody_is_asked(site: SimulatedProductHunt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUBBUB_PRODUCTHUNT__TOKEN")
    for words in (["verify", "producthunt"], ["sync", "producthunt"]):
        ended(hubbub(*words), ExitCode.CONFIG, "HUBBUB_PRODUCTHUNT__TOKEN")
    assert asked(site) == 0


def test_a_wrong_token_ends_with_four_and_says_what_to_do(
    site: SimulatedProductHunt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUBBUB_PRODUCTHUNT__TOKEN", "mistyped")
    for words in (["verify", "producthunt"], ["sync", "producthunt"]):
        ended(hubbub(*words), ExitCode.AUTH, "refused the token", "make a new one")
    assert asked(site) == 2, "it is not tried again: there is no other"


def test_a_spent_budget_ends_with_five_and_says_until_when(site: SimulatedProductHunt) -> None:
    site.fail(Fault(action="status", status=429, html=False, rated=True, times=None))
    ended(hubbub("verify", "producthunt"), ExitCode.RATE_LIMITED, "429", "2026-05-31T19:2")


def test_the_page_of_the_edge_ends_with_six_and_blames_no_token(site: SimulatedProductHunt) -> None:
    site.fail(Fault(action="block", times=None))
    for words in (["verify", "producthunt"], ["sync", "producthunt"]):
        ended(hubbub(*words), ExitCode.REMOTE, "block page (403)", "address or user agent")


def test_a_plan_tells_points_and_hours_and_asks_nobody(site: SimulatedProductHunt, home: Path) -> None:
    plain = hubbub("sync", "producthunt", "--plan", home=home)
    assert plain.code == ExitCode.OK
    assert "points" in plain.out
    assert re.search(r"about .* hours at 416 points a minute", plain.out)
    (told,) = hubbub("sync", "producthunt", "--plan", "--json", home=home).document["plan"]
    assert told["measure"] == "points"
    assert 0 < told["least"] < told["most"]
    assert asked(site) == 0
    only = hubbub("sync", "producthunt", "--only", "posts", "--plan", "--json", home=home).document["plan"][0]
    assert [each["what"] for each in only["requests"]] == ["posts"]


def test_a_plan_holds_what_the_sync_then_costs(site: SimulatedProductHunt, home: Path) -> None:
    words = ["sync", "producthunt", "--since", SINCE, "--only", "posts,topics"]
    (told,) = hubbub(*words, "--plan", "--json", home=home).document["plan"]
    assert hubbub(*words, home=home).code == ExitCode.OK
    spent = site.truth()["points"]
    assert told["least"] <= MARGIN * spent, "a price that was never met is guessed a tenth too high"
    assert spent <= told["most"]


def test_only_what_was_asked_for_is_read_and_no_further_back(site: SimulatedProductHunt, home: Path) -> None:
    done = hubbub("sync", "producthunt", "--since", SINCE, "--only", "posts,topics", home=home)
    assert done.code == ExitCode.OK, done.err
    wanted = {(key,) for key in site.truth(since=str(BEGUN))["posts"]}
    assert set(found(home, "SELECT id FROM posts")) == wanted
    assert len(wanted) < len(site.truth()["posts"])
    assert found(home, "SELECT count(*) FROM topics") == [(len(site.truth()["topics"]),)]
    assert found(home, "SELECT (SELECT count(*) FROM comments) + (SELECT count(*) FROM collections)") == [(0,)]
    assert not {"graphql:Comments", "graphql:Collections"} & site.requests().keys()


def test_a_topic_is_read_by_its_slug(site: SimulatedProductHunt, home: Path) -> None:
    done = hubbub("sync", "producthunt:topic/crypto", "--since", SINCE, home=home)
    assert done.code == ExitCode.OK, done.err
    shown = {(key,) for key, post in site.truth()["posts"].items() if "crypto" in post["topics"]}
    assert shown
    assert set(found(home, "SELECT id FROM posts WHERE title IS NOT NULL")) == shown
    assert found(home, "SELECT slug FROM topics") == [("crypto",)]
    spoken = {(said,) for post in shown for said in site.truth()["comments"].get(post[0], ())}
    assert set(found(home, "SELECT id FROM comments")) == spoken


def test_a_collection_is_read_by_its_id_and_by_its_slug(site: SimulatedProductHunt, home: Path) -> None:
    key, held = max(site.truth()["collections"].items(), key=lambda each: len(each[1]["posts"]))
    assert held["posts"]
    done = hubbub("sync", f"producthunt:collection/{key}", home=home)
    assert done.code == ExitCode.OK, done.err
    members = {(post,) for post in held["posts"]}
    assert set(found(home, "SELECT member FROM collection_posts")) == members
    assert set(found(home, "SELECT id FROM posts WHERE title IS NOT NULL")) == members
    ((slug,),) = found(home, "SELECT slug FROM collections")
    before = asked(site)
    assert hubbub("sync", f"producthunt:collection/{slug}", home=home).code == ExitCode.OK
    assert asked(site) - before == 3, "the posts are known: what is left, the collection, what is in it"


@pytest.mark.parametrize(
    ("target", "code", "words"),
    [
        ("topic/nothing-of-this-name", ExitCode.REMOTE, "no topic 'nothing-of-this-name'"),
        ("collection/99999999", ExitCode.REMOTE, "no public collection '99999999'"),
        ("nonsense", ExitCode.USAGE, "producthunt:topic/SLUG"),
        ("topic/UPPER CASE", ExitCode.USAGE, "producthunt:topic/SLUG"),
    ],
)
def test_what_there_is_not_is_named(
    target: str, *, code: ExitCode, words: str, site: SimulatedProductHunt, home: Path
) -> None:
    ended(hubbub("sync", f"producthunt:{target}", "--since", SINCE, home=home), code, words)
    assert asked(site) < 5


def test_a_stream_there_is_not_is_a_usage_error(site: SimulatedProductHunt, home: Path) -> None:
    done = hubbub("sync", "producthunt", "--only", "votes", home=home)
    ended(done, ExitCode.USAGE, "topics, posts, collections, comments")
    assert asked(site) == 0


def test_a_run_that_waits_for_the_budget_says_until_when(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """A window's points suffice for one page: the second waits for a quarter of an hour."""
    with hunted(days=0.2, span_days=5, launches=6, comments=0, points=900) as (running, time):
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        began = time.now()
        done = hubbub("sync", "producthunt", "--since", SINCE, "--only", "posts", home=home)
        took, told = time.now() - began, running.truth(since=str(BEGUN))
    assert done.code == ExitCode.OK, done.err
    assert 850 < took < 4 * 900
    (first, *_) = re.findall(r"waiting .*until=(\S+)Z", done.err)
    assert first.startswith("2026-05-31T19:"), "a quarter of an hour after it began"
    assert told["refused"] == 0
    assert {(key,) for key in told["posts"]} == set(found(home, "SELECT id FROM posts"))
