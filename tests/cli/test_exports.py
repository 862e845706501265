"""`hubbub exports`: copies that hold what was withdrawn since are named until they are made again."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hubbub import clock
from tests.cli.running import Outcome, hubbub
from tests.store.making import T0


def load(home: Path, *posts: dict[str, Any]) -> None:
    path = home.parent / f"posts-{len(list(home.parent.glob('*.ndjson')))}.ndjson"
    told = {"subreddit": "bugs", "author": "Ann", "title": "a beetle", "selftext": "small", "created_utc": T0}
    path.write_bytes(b"".join(msgspec.json.encode({"retrieved_on": T0 + 99} | told | post) + b"\n" for post in posts))
    assert hubbub("import", path, home=home).code == 0


def deleted(key: str) -> dict[str, Any]:
    return {"id": key, "author": "[deleted]", "selftext": "[deleted]", "retrieved_on": T0 + 999} | {
        "removed_by_category": "deleted"
    }


def by_name(listed: Outcome) -> dict[str, Any]:
    assert listed.code == 0, listed.err
    return {Path(each["out"]).name: each for each in listed.document["exports"]}


def test_an_export_that_holds_what_was_withdrawn_since_is_named_until_it_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    seconds = count(T0 + 10_000)  # an export made in the very second of a withdrawal may hold it
    monkeypatch.setattr(clock, "now", lambda: next(seconds))
    load(home, {"id": "1a"}, {"id": "1b"}, {"id": "2a", "subreddit": "ants"})
    assert hubbub("exports", home=home).out == "nothing was exported yet\n"
    for name, words in {"all": (), "ants": ("--community", "ants"), "series": ("--kind", "revision")}.items():
        assert hubbub("export", "ndjson", tmp_path / name, *words, home=home).code == 0
    assert {name: each["withdrawn"] for name, each in by_name(hubbub("exports", "--json", home=home)).items()} == {
        "all": {},
        "ants": {},
        "series": {},
    }
    assert "exports" not in hubbub("status", home=home).out

    load(home, deleted("1a"))
    listed = by_name(hubbub("exports", "--json", home=home))
    assert {name: each["withdrawn"] for name, each in listed.items()} == {
        "all": {"post": 1},
        "ants": {},
        "series": {"post": 1},
    }
    told = hubbub("exports", home=home).out
    assert "1 withdrawn post" in told
    assert "--force" in told
    assert "2 exports hold what was withdrawn since they were made: `hubbub exports`" in hubbub("status", home=home).out

    assert hubbub("export", "ndjson", tmp_path / "all", "--force", home=home).code == 0
    assert by_name(hubbub("exports", "--json", home=home))["all"]["withdrawn"] == {}


def test_what_was_forgotten_is_told_beside_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    load(home, {"id": "1a"}, {"id": "1b"})
    assert hubbub("export", "csv", tmp_path / "all", home=home).code == 0
    assert hubbub("forget", "post:t3_1a", "--yes", home=home).code == 0
    assert by_name(hubbub("exports", "--json", home=home))["all"]["forgotten_at"] is not None
    assert "what was forgotten on" in hubbub("exports", home=home).out
