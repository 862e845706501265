from __future__ import annotations

import json
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hubbub.cli import demo
from tests.cli.running import hubbub


@pytest.fixture
def smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "POSTS", 14)
    monkeypatch.setattr(demo, "COMMENTS", 90)


@pytest.mark.usefixtures("smaller")
def test_the_demo_leaves_a_browsable_home_and_can_be_run_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    before = {*threading.enumerate()}
    first = hubbub("demo", home=home)
    assert first.code == 0, first.err
    assert "Try next" in first.out
    posts = pq.read_table(home / "exports" / "demo-parquet" / "posts.parquet")
    assert set(posts["community"].to_pylist()) == {"whatisthisbug", "spiders"}
    assert any((home / "blobs").rglob("*"))
    digest = hubbub("db", "digest", "--shared", home=home).out
    again = hubbub("demo", "--json", home=home)
    assert again.code == 0, again.err
    assert sum(run["tally"]["new"] for run in json.loads(again.out)["runs"]) == 0
    assert hubbub("db", "digest", "--shared", home=home).out == digest
    assert [each for each in threading.enumerate() if "simulator" in each.name and each not in before] == []


def test_the_demo_keeps_out_of_a_store_with_records_of_the_user(tmp_path: Path) -> None:
    mine = tmp_path / "RS_2024-01.ndjson"
    row = {"id": "abc", "author": "ann", "subreddit": "bugs", "title": "t", "created_utc": 1700000000, "score": 1,
           "selftext": "", "permalink": "/r/bugs/comments/abc/t/", "retrieved_on": 1700000100}  # fmt: skip
    mine.write_text(json.dumps(row) + "\n")
    assert hubbub("import", mine, home=tmp_path / "home").code == 0
    done = hubbub("demo", home=tmp_path / "home")
    assert (done.code, done.out) == (2, "")
    assert "--home hubbub-demo" in done.err


def test_the_next_commands_can_be_typed_as_they_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = Path.cwd() / ".venv" / "bin" / "hubbub"
    monkeypatch.setenv("PATH", str(tmp_path))
    for place, shown in (
        (".venv/bin/hubbub", ".venv/bin/hubbub"),
        (str(inside), ".venv/bin/hubbub"),
        ("pytest", "hubbub"),
    ):
        monkeypatch.setattr("sys.argv", [place, "demo"])
        assert demo._program() == shown
    (tmp_path / "hubbub").touch(mode=0o755)
    monkeypatch.setattr("sys.argv", [str(tmp_path / "hubbub"), "demo"])
    assert demo._program() == "hubbub"
