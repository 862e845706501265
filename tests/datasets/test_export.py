from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hubbub.datasets.export import export
from hubbub.datasets.select import Selection
from hubbub.errors import StorageError, UsageError
from hubbub.store.engine import Store
from tests.datasets.stored import HOSTILE, RECORDS, filled, post

FORMATS = ("csv", "ndjson", "parquet")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with filled(tmp_path / "hubbub.db") as opened:
        yield opened


def tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def ids(folder: Path, stem: str) -> list[str]:
    return [json.loads(line)["id"] for line in (folder / f"{stem}.ndjson").read_text().splitlines()]


@pytest.mark.parametrize("form", FORMATS)
def test_every_kind_has_its_file_and_the_manifest_tells_the_truth(store: Store, tmp_path: Path, form: str) -> None:
    made = export(store, form=form, out=tmp_path / "out", selection=Selection())
    files = tree(tmp_path / "out")
    manifest = json.loads(files.pop("manifest.json"))
    assert sorted(files) == sorted(f"{stem}.{form}" for stem in ("posts", "comments", "users", "communities"))
    for file in manifest["files"]:
        assert file["sha256"] == hashlib.sha256(files[file["name"]]).hexdigest()
        assert file["size_bytes"] == len(files[file["name"]])
    assert {file["kind"]: file["rows"] for file in manifest["files"]} == {
        "post": 3,
        "comment": 1,
        "user": 1,
        "community": 1,
    }
    assert made.rows == 6


def test_withdrawn_unindexed_and_merely_mentioned_things_never_leave(store: Store, tmp_path: Path) -> None:
    export(store, form="ndjson", out=tmp_path / "out", selection=Selection())
    assert ids(tmp_path / "out", "posts") == ["t3_a", "t3_b", "t3_c"]
    assert ids(tmp_path / "out", "users") == ["ann"]


def test_the_same_content_gives_the_same_bytes_in_every_format(store: Store, tmp_path: Path) -> None:
    with filled(tmp_path / "other.db", RECORDS[::-1]) as other:
        for form in FORMATS:
            export(store, form=form, out=tmp_path / f"a-{form}", selection=Selection())
            export(other, form=form, out=tmp_path / f"b-{form}", selection=Selection())
            assert tree(tmp_path / f"a-{form}") == tree(tmp_path / f"b-{form}"), form


def test_text_comes_back_as_stored(store: Store, tmp_path: Path) -> None:
    for form in FORMATS:
        export(store, form=form, out=tmp_path / form, selection=Selection())
    lines = (tmp_path / "ndjson" / "posts.ndjson").read_text().splitlines()
    assert json.loads(lines[1])["title"] == HOSTILE
    assert pq.read_table(tmp_path / "parquet" / "posts.parquet")["title"].to_pylist()[1] == HOSTILE
    with (tmp_path / "csv" / "posts.csv").open(newline="", encoding="utf-8") as file:
        row = list(csv.DictReader(file))[1]
    assert row["title"] == "'" + HOSTILE
    assert (row["score"], row["over_18"], row["created_at"]) == ("-3", "false", "2026-06-01T00:00:00Z")
    export(store, form="csv", out=tmp_path / "raw", selection=Selection(), raw=True)
    with (tmp_path / "raw" / "posts.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.DictReader(file))[1]["title"] == HOSTILE


def test_a_selection_narrows_rows_and_columns(store: Store, tmp_path: Path) -> None:
    selection = Selection(communities=("bugs",), since=1_780_272_000, columns=("id", "title"))
    export(store, form="ndjson", out=tmp_path / "out", selection=selection)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "comments.ndjson",
        "manifest.json",
        "posts.ndjson",
    ]
    rows = [json.loads(line) for line in (tmp_path / "out" / "posts.ndjson").read_text().splitlines()]
    assert rows == [{"id": "t3_b", "title": HOSTILE}]


def test_an_export_is_replaced_only_when_asked(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(store, form="csv", out=out, selection=Selection())
    before = tree(out)
    with pytest.raises(StorageError, match="exists already"):
        export(store, form="ndjson", out=out, selection=Selection())
    assert tree(out) == before
    export(store, form="ndjson", out=out, selection=Selection(), force=True)
    assert "posts.ndjson" in tree(out)
    assert "posts.csv" not in tree(out)


@pytest.mark.parametrize("what", ["the store", "a folder of mine", "an export with my notes in it", "a link"])
def test_nothing_but_an_export_is_ever_replaced(store: Store, tmp_path: Path, what: str) -> None:
    target = {"the store": tmp_path / "hubbub.db"}.get(what, tmp_path / "out")
    if what == "a folder of mine":
        target.mkdir()
        (target / "thesis.txt").write_text("x")
    elif what == "an export with my notes in it":
        export(store, form="csv", out=target, selection=Selection())
        (target / "notes.txt").write_text("x")
    elif what == "a link":
        (tmp_path / "real").mkdir()
        target.symlink_to(tmp_path / "real")
    with pytest.raises(StorageError, match="left alone"):
        export(store, form="csv", out=target, selection=Selection(), force=True)
    assert target.exists()


def test_an_export_that_fails_leaves_the_old_one_and_nothing_else(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    export(store, form="csv", out=out, selection=Selection())
    before = tree(out)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hubbub.datasets.export._settle", full)
    with pytest.raises(StorageError, match="No space left"):
        export(store, form="ndjson", out=out, selection=Selection(), force=True)
    assert tree(out) == before
    assert sorted(path.name for path in tmp_path.iterdir() if "building" in path.name or "old" in path.name) == []


def test_an_export_killed_between_its_two_renames_is_brought_back(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(store, form="csv", out=out, selection=Selection())
    before = tree(out)
    out.rename(tmp_path / ".out.old-killed")
    with pytest.raises(StorageError, match="exists already"):
        export(store, form="ndjson", out=out, selection=Selection())
    assert tree(out) == before


def test_unknown_formats_and_columns_are_refused_before_anything_is_made(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="csv, ndjson, parquet"):
        export(store, form="xlsx", out=tmp_path / "out", selection=Selection())
    with pytest.raises(UsageError, match="'title'"):
        export(store, form="csv", out=tmp_path / "out", selection=Selection(columns=("titel",)))
    with pytest.raises(UsageError, match="--raw"):
        export(store, form="parquet", out=tmp_path / "out", selection=Selection(), raw=True)
    assert not (tmp_path / "out").exists()


def test_more_rows_than_one_page_all_arrive_in_order(tmp_path: Path) -> None:
    many = [post(f"t3_{n:05}") for n in range(4500)]
    with filled(tmp_path / "many.db", many) as store:
        made = export(store, form="ndjson", out=tmp_path / "out", selection=Selection(kinds=("post",)))
    assert made.rows == 4500
    found = ids(tmp_path / "out", "posts")
    assert found == sorted(found)
    assert len(set(found)) == 4500
