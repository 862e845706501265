"""`hubbub recheck`, `hubbub hydrate` and `hubbub export --dehydrated`, as one types them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hubbub.plugins import registry
from hubbub.simulator.faults import Clock, Limits, Scenario
from hubbub.simulator.server import Options, Running
from tests.cli.running import hubbub

COMMUNITY = "whatisthisbug"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Running]:
    routes = [registry.load("simulators", "reddit")]
    scenario = Scenario(clock=Clock(step=1.0), limits=Limits(requests=10**9, token_requests=100_000))
    with Running(
        Options(routes=routes, posts=40, comments=200, communities=(COMMUNITY,), scenario=scenario)
    ) as running:
        yield running


@pytest.fixture
def where(simulator: Running, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Credentials in the environment, and the option that names the simulator."""
    for name in ("client_id", "client_secret", "username", "password"):
        monkeypatch.setenv(f"HUBBUB_REDDIT__{name.upper()}", str(simulator[name]))
    return "--base-url", str(simulator["reddit"])


@pytest.fixture
def home(where: tuple[str, str], tmp_path: Path) -> Path:
    place = tmp_path / "home"
    done = hubbub("sync", f"reddit:{COMMUNITY}", *where, home=place)
    assert done.code == 0, done.err
    return place


def test_a_plan_says_rows_requests_and_minutes_and_asks_nobody(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUBBUB_REDDIT__CLIENT_ID")
    told = hubbub("recheck", "--plan", "--json", home=home).document
    assert told["rows"] > 100
    assert told["requests"] == -(-told["rows"] // 100)
    assert told["minutes"] == 1
    assert told["oldest_at"].endswith("Z")
    words = hubbub("recheck", "--plan", home=home)
    assert words.code == 0
    assert f"{told['rows']:,} rows are due: {told['requests']} requests" in words.out
    fewer = hubbub("recheck", "--plan", "--json", "--limit", "50", home=home).document
    assert (fewer["rows"], fewer["requests"]) == (50, 1)
    nobody = hubbub("recheck", "reddit:u/nobody_at_all", "--plan", home=home)
    assert nobody.out == "nothing is due\n"


def test_a_recheck_tells_what_became_of_the_ids(home: Path, where: tuple[str, str]) -> None:
    due = hubbub("recheck", "--plan", "--json", home=home).document["rows"]
    done = hubbub("recheck", *where, "--json", home=home)
    assert done.code == 0, done.err
    told = done.document
    assert told["command"] == "recheck"
    assert told["details"]["recheck"]["asked"] == due
    assert told["details"]["recheck"]["shown"] > 100
    words = hubbub("recheck", f"reddit:{COMMUNITY}", *where, home=home)
    assert words.code == 0
    assert words.out == ""
    assert f"recheck reddit:{COMMUNITY}: done" in words.err
    assert "asked for " in words.err
    assert hubbub("runs", "--json", home=home).document["runs"][0]["command"] == "recheck"


def test_nothing_is_due_inside_the_time_that_rows_may_wait(home: Path, where: tuple[str, str]) -> None:
    told = hubbub("recheck", *where, "--within", "9000d", "--json", home=home).document
    assert told["details"]["recheck"]["asked"] == 0
    assert told["requests"] == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [(("arctic:bugs",), 2), (("reddit:a b",), 2), (("reddit:x", "arctic:x"), 2), (("--within", "soon"), 2)],
)
def test_what_cannot_be_rechecked_is_said_before_anything(home: Path, words: tuple[str, ...], code: int) -> None:
    done = hubbub("recheck", *words, home=home)
    assert (done.code, done.out) == (code, "")


def test_without_a_store_there_is_nothing_to_recheck(tmp_path: Path, where: tuple[str, str]) -> None:
    assert hubbub("recheck", *where, home=tmp_path / "none").code == 8


def test_ids_are_shared_and_fetched_by_somebody_else(home: Path, where: tuple[str, str], tmp_path: Path) -> None:
    shared = hubbub("export", "csv", tmp_path / "ids", "--dehydrated", "--json", home=home).document
    rows = sum(file["rows"] for file in shared["files"])
    assert [file["name"] for file in shared["files"]] == ["posts.csv", "comments.csv"]
    other = tmp_path / "other"
    done = hubbub("hydrate", tmp_path / "ids", *where, "--json", home=other)
    assert done.code == 0, done.err
    assert done.document["details"]["hydrate"]["shown"] == rows
    again = hubbub("hydrate", tmp_path / "ids" / "posts.csv", tmp_path / "ids" / "comments.csv", *where, home=other)
    assert again.code == 0
    assert f"of {rows} ids {rows} were stored already, 0 asked for" in again.err
    assert again.err.count("requests") == 0


def test_an_export_of_ids_takes_no_text_along(home: Path, tmp_path: Path) -> None:
    done = hubbub("export", "csv", tmp_path / "ids", "--dehydrated", "--columns", "title", home=home)
    assert done.code == 2
    assert "beside ids only community and created_at" in done.err
    done = hubbub("export", "csv", tmp_path / "ids", "--dehydrated", "--kind", "users", home=home)
    assert done.code == 2
    assert not (tmp_path / "ids").exists()


def test_a_list_that_is_none_ends_with_7_and_its_name(tmp_path: Path, where: tuple[str, str]) -> None:
    done = hubbub("hydrate", tmp_path / "none.csv", *where, home=tmp_path / "home")
    assert done.code == 7
    assert "none.csv" in done.err
