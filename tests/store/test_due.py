"""Rows to be looked at again come in order, once each, in parts, and by an index."""

from __future__ import annotations

import random
from typing import Any

import pytest

from hubbub.plugins.contracts import Checkpoint
from hubbub.plugins.due import DueRow, RecallDue, Scope
from hubbub.records.models import Door, Reason
from hubbub.store import due
from hubbub.store.backend import StoreOptions
from hubbub.store.engine import Store, open_store
from tests.store.making import HOUR, T0, comment, gone, post, rows, write
from tests.store.test_plans import plans, scanned

NOW = T0 + 1000 * HOUR


def filled(store: Store, *, count: int = 60) -> list[tuple[int, str]]:
    """Rows of both kinds seen at odd times; their keys in the order in which they are due."""
    rng = random.Random(5)
    made: list[Any] = []
    for n in range(count):
        at = T0 + rng.randrange(50) * HOUR
        community = rng.choice(["bugs", "spiders"])
        made += [
            post(f"t3_{n}", at=at, community=community, author=rng.choice(["ann", "bob"])),
            comment(f"t1_{n}", at=at + 60, community=community, author=rng.choice(["ann", "bob"])),
        ]
    write(store, *made)
    return sorted((record.observed_at, record.id) for record in made)


def walked(store: Store, *, limit: int = 7, **asked: Any) -> list[DueRow]:
    """All parts, one after the other."""
    found: list[DueRow] = []
    after = (0, "")
    while True:
        part = due.due_rows(store, "reddit", RecallDue(before=NOW, limit=limit, after=after, **asked))
        if not part:
            return found
        assert len(part) <= limit
        found += part
        after = (part[-1].observed_at, part[-1].id)


@pytest.mark.parametrize("limit", [1, 7, 60, 500])
def test_rows_come_longest_unseen_first_and_once_each(store: Store, limit: int) -> None:
    wanted = filled(store)
    found = walked(store, limit=limit)
    assert [(row.observed_at, row.id) for row in found] == wanted
    assert {row.kind for row in found} == {"post", "comment"}
    assert due.count_due(store, "reddit", RecallDue(before=NOW, limit=0)) == len(wanted)
    assert due.oldest_due(store, "reddit", RecallDue(before=NOW, limit=0)) == wanted[0][0]


def test_only_live_rows_of_the_asked_kind_of_door_are_due(store: Store) -> None:
    write(
        store,
        post("t3_live"),
        post("t3_dump"),
        post("t3_gone"),
        gone("post", "t3_gone"),
        comment("t1_removed"),
        gone("comment", "t1_removed", reason=Reason.MODERATOR),
        comment("t1_fresh", at=NOW),
        comment("t1_hidden"),
        comment("t1_ofstub", post_id="t3_stub", parent_id="t3_stub"),
    )
    dumped = post("t3_dump2")
    dumped = type(dumped)(**{name: getattr(dumped, name) for name in dumped.__struct_fields__} | {"door": Door.DUMP})
    write(store, dumped)
    with store.transaction() as db:
        db.execute("UPDATE comments SET hidden_at = 5, hidden_by = 'me' WHERE id = 't1_hidden'")
    assert [row.id for row in walked(store)] == ["t1_hidden", "t1_ofstub", "t3_dump", "t3_live"]
    assert [row.id for row in walked(store, other_doors=True)] == ["t3_dump2"]


def test_rows_of_other_doors_come_by_id(store: Store) -> None:
    wanted = filled(store)
    with store.transaction() as db:
        db.execute("UPDATE posts SET door = 'dump'")
        db.execute("UPDATE comments SET door = 'dump'")
    found = walked(store, other_doors=True)
    assert [row.id for row in found] == sorted(key for _, key in wanted)
    assert walked(store) == []


def test_a_scope_and_left_out_communities_narrow_what_is_due(store: Store) -> None:
    wanted = filled(store)
    place = dict(rows(store, "SELECT id, community FROM posts UNION ALL SELECT id, community FROM comments"))
    author = dict(rows(store, "SELECT id, author FROM posts UNION ALL SELECT id, author FROM comments"))
    keys = [key for _, key in wanted]
    found = walked(store, scope=Scope(communities=("bugs",)))
    assert [row.id for row in found] == [key for key in keys if place[key] == "bugs"]
    found = walked(store, scope=Scope(communities=("bugs",), authors=("ann",)))
    assert [row.id for row in found] == [key for key in keys if place[key] == "bugs" or author[key] == "ann"]
    found = walked(store, without=("bugs",))
    assert [row.id for row in found] == [key for key in keys if place[key] != "bugs"]


def test_an_absence_comes_with_its_row_and_goes_when_the_row_is_withdrawn(store: Store) -> None:
    write(store, post("t3_a"), comment("t1_a"))
    marks = [Checkpoint(key=f"missing:{key}", state=key) for key in ("t3_a", "t1_a")]
    write(store, checkpoints=[*marks, Checkpoint(key="missing/new", state="of a community of that name")])
    assert {row.id: row.missed for row in walked(store)} == {"t3_a": "t3_a", "t1_a": "t1_a"}
    write(store, gone("comment", "t1_a"))
    assert {row.id: row.missed for row in walked(store)} == {"t3_a": "t3_a"}
    kept = rows(store, "SELECT key FROM checkpoints ORDER BY key")
    assert [key for (key,) in kept] == ["missing/new", "missing:t3_a"]


def test_a_batch_forgets_checkpoints_before_it_saves_its_own(store: Store) -> None:
    write(store, checkpoints=[Checkpoint(key=key, state="1") for key in ("a", "b", "c")])
    write(store, checkpoints=[Checkpoint(key="b", state="2")], forgotten=["a", "b", "none"])
    assert rows(store, "SELECT key, state FROM checkpoints ORDER BY key") == [("b", "2"), ("c", "1")]


def test_parts_are_read_by_an_index_and_never_sorted(any_url: str) -> None:
    options = StoreOptions(slow_query_ms=0.000_001, slow_query_plan=True)
    with open_store(any_url, options=options) as store:
        filled(store, count=3_000)
        write(store, checkpoints=[Checkpoint(key=f"missing:t1_{n}", state="{}") for n in range(2_000)])
        walked(store, limit=6_000)
        with store.transaction() as db:
            for table in ("posts", "comments"):
                db.execute(f"UPDATE {table} SET door = 'dump' WHERE id LIKE '%0' OR id LIKE '%5' OR id LIKE '%7'")
            db.execute("ANALYZE")
        for other_doors in (False, True):
            asked = RecallDue(before=NOW, limit=100, after=(T0 + HOUR, "t1_5"), other_doors=other_doors)
            for sql, plan in plans(store, lambda asked=asked: due.due_rows(store, "reddit", asked)):  # type: ignore[misc]  # bound now
                assert not scanned(plan), (sql, plan)
                assert "TEMP B-TREE" not in plan, plan
                assert "Incremental" in plan or "Sort" not in plan.replace("Sort Key", ""), plan
