"""Times in JSON documents are ISO 8601, whatever the command."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.running import hubbub

LINE = {
    "id": "1abc",
    "subreddit": "bugs",
    "author": "ann",
    "title": "a red beetle",
    "selftext": "",
    "created_utc": 1_700_000_000,
    "retrieved_on": 1_700_100_000,
    "score": 3,
}


def times(value: Any, key: str = "") -> list[Any]:
    """Every known time in a document."""
    if isinstance(value, dict):
        return [each for name, below in value.items() for each in times(below, name)]
    if isinstance(value, list):
        return [each for below in value for each in times(below)]
    return [value] if key.endswith("_at") and value is not None else []


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A store with one post and one line that was set aside."""
    dump = tmp_path / "RS_2023-11.ndjson"
    dump.write_bytes(b"\n".join([msgspec.json.encode(LINE), b'{"id": null, "title": "x", "subreddit": "bugs"}', b""]))
    assert hubbub("import", dump, home=tmp_path).code == 3
    return tmp_path


@pytest.mark.parametrize("words", ["status", "runs", "search beetle"])
def test_every_time_is_iso(home: Path, words: str) -> None:
    found = times(hubbub(*words.split(), "--json", home=home).document)
    assert found
    for each in found:
        assert datetime.fromisoformat(each).utcoffset() is not None


def test_a_place_in_a_file_is_no_time(home: Path) -> None:
    again = hubbub("import", home / "RS_2023-11.ndjson", "--json", home=home).document
    assert [file["resumed_at_byte"] for file in again["details"]["files"]] == [0]
    assert not any("resumed_at" in file for file in again["details"]["files"])
