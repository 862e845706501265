"""Time series of numbers and texts: a row for each state of the logical history, the same bytes from both engines."""

from __future__ import annotations

import csv
import itertools
import json
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from hubbub.datasets.export import export
from hubbub.datasets.select import HISTORIES, KINDS, Selection
from hubbub.errors import UsageError
from hubbub.records.models import Community, Door, Reason, Record, User
from hubbub.store import history_reads
from hubbub.store.engine import Store, open_store
from hubbub.store.hiding import hide
from hubbub.store.reads import content_rows
from hubbub.store.targets import parse
from tests.cli.running import hubbub
from tests.store.making import HOUR, T0, comment, gone, post, rows, write

FORMATS = ("csv", "ndjson", "parquet")
DAY = 24 * HOUR
NOON = T0 - T0 % DAY + 12 * HOUR


def person(name: str, *, at: int, **fields: Any) -> User:
    return User(source="reddit", id=name, door=Door.LIVE, observed_at=at, name=name.title(), **fields)


def place(name: str, *, at: int, **fields: Any) -> Community:
    return Community(source="reddit", id=name, door=Door.LIVE, observed_at=at, name=name.title(), **fields)


RECORDS: tuple[Record, ...] = (
    post("t3_b", at=NOON, created_at=NOON - 60, score=1, upvote_ratio=0.5, comment_count=0),
    post("t3_b", at=NOON + 60, created_at=NOON - 60, score=2, upvote_ratio=0.75, comment_count=1),
    post("t3_b", at=NOON + HOUR, created_at=NOON - 60, score=30, upvote_ratio=0.9, comment_count=7, body="edited"),
    post("t3_b", at=NOON + 20 * DAY, created_at=NOON - 60, score=99, body="edited"),
    post("t3_b", at=NOON + 20 * DAY + 3 * HOUR, created_at=NOON - 60, score=101, body="=edited again"),
    post("t3_a", at=NOON, community="ants", created_at=NOON - DAY, score=None, score_hidden=True, body=None),
    post("t3_gone", at=NOON, score=5),
    post("t3_gone", at=NOON + HOUR, score=6),
    gone("post", "t3_gone", at=NOON + 2 * HOUR),
    post("t3_back", at=NOON, score=5, body="taken down"),
    gone("post", "t3_back", at=NOON + HOUR, reason=Reason.MODERATOR),
    post("t3_back", at=NOON + 2 * HOUR, score=8, body="approved"),
    comment("t1_x", at=NOON, score=-3, controversiality=1),
    comment("t1_x", at=NOON + HOUR, score=-9, controversiality=0),
    person("ann", at=NOON, total_karma=5, created_at=T0 - 9 * DAY),
    person("ann", at=NOON + DAY, total_karma=7, created_at=T0 - 9 * DAY),
    person("shy", at=NOON, total_karma=5, no_index=True),
    place("bugs", at=NOON, member_count=7, active_count=2, description="insects"),
    place("bugs", at=NOON + DAY, member_count=8, active_count=None, description="insects and spiders"),
)


@pytest.fixture
def other(postgres: str) -> Iterator[Store]:
    with open_store(postgres) as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/hubbub.db") as opened:
        yield opened


def fill(store: Store, records: Sequence[Record] = RECORDS) -> Store:
    for record in records:
        write(store, record)
    return store


def tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def exported(store: Store, out: Path, *, kind: str, **chosen: Any) -> list[dict[str, Any]]:
    export(store, form="ndjson", out=out, selection=Selection(kinds=(kind,), **chosen), force=True)
    (path,) = out.glob("*.ndjson")
    return [json.loads(line) for line in path.read_text().splitlines()]


def short(found: Sequence[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in ("id", *names)) for row in found]


def test_numbers_are_told_hour_by_hour_for_a_week_and_day_by_day_afterwards(store: Store, tmp_path: Path) -> None:
    found = exported(fill(store), tmp_path / "out", kind="observation")
    assert short(found, "kind", "community", "score", "comment_count", "total_karma", "member_count") == [
        ("t3_a", "post", "ants", None, None, None, None),
        ("t3_b", "post", "bugs", 2, 1, None, None),
        ("t3_b", "post", "bugs", 30, 7, None, None),
        ("t3_b", "post", "bugs", 101, None, None, None),
        ("t3_back", "post", "bugs", 8, None, None, None),
        ("t1_x", "comment", "bugs", -3, None, None, None),
        ("t1_x", "comment", "bugs", -9, None, None, None),
        ("ann", "user", None, None, None, 5, None),
        ("ann", "user", None, None, None, 7, None),
        ("bugs", "community", "bugs", None, None, None, 7),
        ("bugs", "community", "bugs", None, None, None, 8),
    ]
    assert found[0]["score_hidden"] is True
    assert found[1]["observed_at"] == "2023-11-14T12:01:00Z"
    assert found[1]["upvote_ratio"] == 0.75


def test_texts_are_told_with_the_first_and_the_last_time_they_were_seen(store: Store, tmp_path: Path) -> None:
    found = exported(fill(store), tmp_path / "out", kind="revision")
    title = "What is this beetle"
    assert short(found, "title", "body", "description", "first_at", "last_at") == [
        ("t3_a", title, None, None, "2023-11-14T12:00:00Z", "2023-11-14T12:00:00Z"),
        ("t3_b", title, "found under a stone", None, "2023-11-14T12:00:00Z", "2023-11-14T12:01:00Z"),
        ("t3_b", title, "edited", None, "2023-11-14T13:00:00Z", "2023-12-04T12:00:00Z"),
        ("t3_b", title, "=edited again", None, "2023-12-04T15:00:00Z", "2023-12-04T15:00:00Z"),
        ("t3_back", title, "approved", None, "2023-11-14T13:00:00Z", "2023-11-14T14:00:00Z"),  # from its removal on
        ("t1_x", None, "a stag beetle", None, "2023-11-14T12:00:00Z", "2023-11-14T13:00:00Z"),
        ("ann", None, None, None, "2023-11-14T12:00:00Z", "2023-11-15T12:00:00Z"),
        ("bugs", None, None, "insects", "2023-11-14T12:00:00Z", "2023-11-14T12:00:00Z"),
        ("bugs", None, None, "insects and spiders", "2023-11-15T12:00:00Z", "2023-11-15T12:00:00Z"),
    ]


@pytest.mark.parametrize("form", FORMATS)
def test_both_engines_give_the_same_bytes_in_whatever_order_it_came(
    store: Store, other: Store, tmp_path: Path, *, form: str
) -> None:
    fill(store)
    write(other, *RECORDS[::-1])
    selection = Selection(kinds=HISTORIES)
    made = [export(each, form=form, out=tmp_path / each.engine, selection=selection) for each in (store, other)]
    files = tree(tmp_path / "sqlite")
    assert sorted(files) == sorted(["manifest.json", f"observations.{form}", f"revisions.{form}"])
    assert tree(tmp_path / "postgresql") == files
    assert [file.rows for file in made[0].files] == [11, 9]


def test_the_order_and_the_rows_do_not_depend_on_the_pages(
    store: Store, other: Store, tmp_path: Path, *, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [exported(fill(store), tmp_path / "whole", kind=kind) for kind in HISTORIES]
    fill(other)
    for page, looked_up in itertools.product((1, 3), (1, 2)):
        monkeypatch.setattr(history_reads, "PAGE", page)
        monkeypatch.setattr(history_reads, "LOOKED_UP", looked_up)
        for each in (store, other):
            assert [exported(each, tmp_path / "paged", kind=kind) for kind in HISTORIES] == whole


def test_the_rows_of_several_sources_come_source_by_source(store: Store, tmp_path: Path) -> None:
    write(store, post("t3_a", score=1), place("bugs", at=T0))
    for source in ("producthunt", "zulip"):
        write(store, User(source=source, id="1", door=Door.LIVE, observed_at=T0, name="x", total_karma=1))
    found = exported(store, tmp_path / "out", kind="observation")
    assert [(row["kind"], row["source"]) for row in found] == [
        ("post", "reddit"),
        ("user", "producthunt"),
        ("user", "zulip"),
        ("community", "reddit"),
    ]


def test_hidden_withdrawn_and_unindexed_records_have_no_history_outside(
    store: Store, other: Store, tmp_path: Path
) -> None:
    for each in (fill(store), fill(other)):
        hide(each, [parse("community:ants"), parse("comment:t1_x"), parse("user:ann")], by="me", now=T0)
        for kind in HISTORIES:
            found = exported(each, tmp_path / "out", kind=kind)
            # `ann` wrote t3_b and t3_back; nothing is left but the community's own numbers.
            assert {row["id"] for row in found} == {"bugs"}
        assert rows(each, "SELECT count(*) FROM observations WHERE id = 't3_b'") != [(0,)]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"communities": ("ants",)}, {"t3_a"}),
        ({"communities": ("bugs",)}, {"t3_b", "t3_back", "t1_x", "bugs"}),
        ({"since": NOON - 60}, {"t3_b", "t3_back", "t1_x"}),
        ({"until": NOON - DAY + 1}, {"t3_a", "ann"}),
        ({"since": NOON - DAY, "until": NOON - 60, "communities": ("ants",)}, {"t3_a"}),
    ],
)
def test_community_and_time_of_creation_narrow_the_records(
    store: Store, other: Store, tmp_path: Path, *, chosen: dict[str, Any], expected: set[str]
) -> None:
    for each in (fill(store), fill(other)):
        for kind in HISTORIES:
            assert {row["id"] for row in exported(each, tmp_path / "out", kind=kind, **chosen)} == expected


def test_columns_can_be_chosen_and_come_in_the_order_of_the_schema(store: Store, tmp_path: Path) -> None:
    found = exported(fill(store), tmp_path / "out", kind="observation", columns=("score", "id", "observed_at"))
    assert list(found[1]) == ["id", "observed_at", "score"]
    assert {tuple(row) for row in exported(store, tmp_path / "out", kind="revision", columns=("body",))} == {("body",)}
    with pytest.raises(UsageError, match="has a column 'hour'"):
        exported(store, tmp_path / "out", kind="observation", columns=("hour",))
    with pytest.raises(UsageError, match="no column 'x'"):
        next(history_reads.revision_rows(store, ["x"], Selection()))


def test_histories_leave_only_when_they_are_named(store: Store, tmp_path: Path) -> None:
    made = export(fill(store), form="ndjson", out=tmp_path / "out", selection=Selection())
    assert tuple(file.kind for file in made.files) == KINDS
    named = Selection(kinds=("revision", "observation", "post"))
    assert named.chosen_kinds == ("post", "observation", "revision")


def test_texts_are_neutralised_and_times_typed_as_in_every_export(store: Store, tmp_path: Path) -> None:
    fill(store)
    export(store, form="csv", out=tmp_path / "csv", selection=Selection(kinds=HISTORIES))
    with (tmp_path / "csv" / "revisions.csv").open(newline="", encoding="utf-8") as file:
        assert [row["body"] for row in csv.DictReader(file) if row["id"] == "t3_b"][-1] == "'=edited again"
    export(store, form="parquet", out=tmp_path / "pq", selection=Selection(kinds=HISTORIES))
    schema = pq.read_schema(tmp_path / "pq" / "observations.parquet")
    assert str(schema.field("observed_at").type) == "timestamp[ms, tz=UTC]"
    assert [str(schema.field(name).type) for name in ("score", "upvote_ratio", "score_hidden")] == [
        "int64",
        "double",
        "bool",
    ]


def test_a_long_history_is_read_in_flat_memory(store: Store, other: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """12,000 states of 150 records: no more is held than those of a few records."""
    monkeypatch.setattr(history_reads, "PAGE", 20)
    monkeypatch.setattr(history_reads, "LOOKED_UP", 10)
    for each in (store, other):
        with each.transaction() as db:
            write_many = (
                "INSERT INTO observations (source, kind, id, hour, observed_at, score) VALUES (?, ?, ?, ?, ?, ?)"
            )
            db.executemany(
                write_many,
                (
                    ("reddit", "post", f"t3_{n:03}", T0 - T0 % HOUR + hour * HOUR, T0 + hour * HOUR, hour)
                    for n in range(150)
                    for hour in range(80)
                ),
            )
        write(each, *(post(f"t3_{n:03}", at=T0 + 200 * HOUR, created_at=T0) for n in range(150)))
        columns = history_reads.OBSERVATION_COLUMNS
        tracemalloc.start()
        count = sum(1 for _ in history_reads.observation_rows(each, columns, Selection()))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert count == 150 * 81
        assert peak < 1_000_000


def test_the_command_writes_time_series(tmp_path: Path, postgres: str) -> None:
    outs: list[dict[str, bytes]] = []
    for url in (f"sqlite:///{tmp_path}/hubbub.db", postgres):
        with open_store(url) as opened:
            fill(opened)
        out = tmp_path / f"out{len(outs)}"
        words = ("export", "csv", out, "--kind", "observations,revision", "--community", "r/Bugs", "--json")
        done = hubbub(*words, "--store", url, home=tmp_path)
        assert done.code == 0, done.err
        assert [file["name"] for file in done.document["files"]] == ["observations.csv", "revisions.csv"]
        outs.append(tree(out))
    assert outs[0] == outs[1]
    refused = hubbub("export", "csv", tmp_path / "no", "--kind", "history", "--store", postgres, home=tmp_path)
    assert refused.code == 2
    assert "observation, revision" in refused.err


def test_named_columns_leave_out_kinds_that_have_none_of_them(store: Store, tmp_path: Path) -> None:
    made = export(fill(store), form="csv", out=tmp_path / "a", selection=Selection(columns=("post_id",)))
    assert [file.name for file in made.files] == ["comments.csv"]
    with pytest.raises(UsageError, match="users have none of the named columns"):
        export(
            store, form="csv", out=tmp_path / "b", selection=Selection(kinds=("comment", "user"), columns=("post_id",))
        )
    assert len(list(content_rows(store, "comment", ["post_id"], Selection()))) == 1
