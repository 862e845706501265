"""Topics and collections in exports: files of their own when named, and as a column of posts."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from hubbub.datasets.export import export
from hubbub.datasets.outdated import states
from hubbub.datasets.register import note
from hubbub.datasets.select import DEFAULT_COLUMNS, EXTRA_COLUMNS, GROUPINGS, Selection
from hubbub.records.models import Collection, Door, LinkListing, Record, Topic
from hubbub.store import tables
from hubbub.store.engine import Store, open_store
from tests.datasets.stored import AT, RECORDS, fill


def _listing(link: Any, owner: str, *members: str, at: int = AT) -> LinkListing:
    return LinkListing(source="reddit", link=link, owner=owner, members=members, observed_at=at, complete=True)


_SEEN: dict[str, Any] = {"source": "reddit", "door": Door.LIVE, "observed_at": AT}
GATHERED: tuple[Record, ...] = (
    Topic(id="2", slug="bees", name="Bees", created_at=AT - 5, post_count=0, **_SEEN),
    Topic(id="1", slug="ants", name='="Ants"', created_at=AT, **_SEEN),
    Topic(id="3", name="No slug", **_SEEN),
    Collection(id="9", slug="best", name="Best", owner="ann", **_SEEN),
    Collection(id="8", name="Empty", **_SEEN),
    _listing("post_topics", "t3_a", "2", "old"),
    _listing("post_topics", "t3_a", "2", "1", "3", "77", at=AT + 1),
    _listing("post_topics", "t3_gone", "2"),
    _listing("collection_posts", "9", "t3_b", "t3_a", "t3_elsewhere"),
)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/hubbub.db" if sqlite else request.getfixturevalue("postgres")
    with open_store(url) as opened:
        fill(opened, (*RECORDS, *GATHERED))
        yield opened


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def exported(store: Store, out: Path, *, kinds: Sequence[str], **rest: Any) -> Path:
    export(store, form="ndjson", out=out, selection=Selection(kinds=tuple(kinds), **rest))
    return out


def test_every_column_on_offer_is_one_of_the_store_or_a_list_of_links() -> None:
    for kind in GROUPINGS:
        names = {column.name for column in (*DEFAULT_COLUMNS[kind], *EXTRA_COLUMNS[kind])}
        assert names - {"posts"} <= set(tables.GROUPINGS[kind].c.keys())
        assert "owner" not in names


def test_they_leave_only_when_they_are_named(store: Store, tmp_path: Path) -> None:
    export(store, form="ndjson", out=tmp_path / "all", selection=Selection())
    assert {path.stem for path in (tmp_path / "all").glob("*.ndjson")} == {"posts", "comments", "users", "communities"}
    assert "topics" not in lines(tmp_path / "all" / "posts.ndjson")[0]
    out = exported(store, tmp_path / "some", kinds=GROUPINGS)
    assert {path.stem for path in out.glob("*.ndjson")} == {"topics", "collections"}
    assert [(row["id"], row["slug"], row["post_count"]) for row in lines(out / "topics.ndjson")] == [
        ("1", "ants", None),
        ("2", "bees", 0),
        ("3", None, None),
    ]
    assert [(row["id"], row["name"]) for row in lines(out / "collections.ndjson")] == [("8", "Empty"), ("9", "Best")]
    assert "ann" not in (out / "collections.ndjson").read_text()


def test_posts_tell_their_topics_and_collections_their_posts_when_asked(store: Store, tmp_path: Path) -> None:
    out = exported(store, tmp_path / "posts", kinds=["post"], columns=("topics", "title", "id"))
    found = lines(out / "posts.ndjson")
    assert [list(row) for row in found] == [["id", "title", "topics"]] * 3
    assert [(row["id"], row["topics"]) for row in found] == [
        ("t3_a", ["77", "No slug", "ants", "bees"]),
        ("t3_b", None),
        ("t3_c", None),
    ]
    out = exported(store, tmp_path / "lists", kinds=["collection"], columns=("id", "posts"))
    assert lines(out / "collections.ndjson") == [
        {"id": "8", "posts": None},
        {"id": "9", "posts": ["t3_a", "t3_b", "t3_elsewhere"]},
    ]


def test_all_formats_take_them(store: Store, tmp_path: Path) -> None:
    for form in ("csv", "parquet"):
        columns = Selection(kinds=("post", "topic"), columns=("id", "topics", "name"))
        export(store, form=form, out=tmp_path / form, selection=columns)
    with (tmp_path / "csv" / "posts.csv").open(newline="", encoding="utf-8") as file:
        assert [row["topics"] for row in csv.DictReader(file)] == ['["77","No slug","ants","bees"]', "", ""]
    assert pq.read_table(tmp_path / "parquet" / "topics.parquet")["name"].to_pylist() == ['="Ants"', "Bees", "No slug"]


def test_communities_have_none_and_times_narrow_them(store: Store, tmp_path: Path) -> None:
    out = exported(store, tmp_path / "bugs", kinds=["post", "topic"], communities=("bugs",))
    assert lines(out / "topics.ndjson") == []
    assert len(lines(out / "posts.ndjson")) == 2
    out = exported(store, tmp_path / "late", kinds=["topic"], since=AT)
    assert [row["id"] for row in lines(out / "topics.ndjson")] == ["1"]


def test_an_export_of_topics_never_holds_what_was_withdrawn(store: Store, tmp_path: Path) -> None:
    selection = Selection(kinds=("topic",))
    made = export(store, form="ndjson", out=tmp_path / "exports" / "t", selection=selection)
    note(tmp_path, out=made.out, selection=selection, at=AT)
    assert [each.withdrawn for each in states(store, tmp_path)] == [{}]
