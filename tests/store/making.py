"""Short ways to make records and write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hubbub.records.models import Comment, Door, Post, Reason, Record, Rejected, Tombstone
from hubbub.store.batch import Batch, Tally
from hubbub.store.engine import Store

T0 = 1_700_000_000
HOUR = 3600


def post(record_id: str = "t3_a", *, at: int = T0, **fields: Any) -> Post:
    known: dict[str, Any] = {
        "community": "bugs",
        "community_name": "Bugs",
        "created_at": T0 - HOUR,
        "author": "ann",
        "author_name": "Ann",
        "title": "What is this beetle",
        "body": "found under a stone",
        "score": 1,
    }
    return Post(source="reddit", id=record_id, door=Door.LIVE, observed_at=at, **{**known, **fields})


def comment(record_id: str = "t1_a", *, at: int = T0, **fields: Any) -> Comment:
    known: dict[str, Any] = {
        "community": "bugs",
        "post_id": "t3_a",
        "parent_id": "t3_a",
        "created_at": T0 - HOUR,
        "author": "bob",
        "author_name": "Bob",
        "body": "a stag beetle",
        "score": 2,
    }
    return Comment(source="reddit", id=record_id, door=Door.LIVE, observed_at=at, **{**known, **fields})


def gone(kind: Any, record_id: str, *, at: int = T0 + 10, reason: Reason = Reason.AUTHOR, **fields: Any) -> Tombstone:
    return Tombstone(source="reddit", kind=kind, id=record_id, door=Door.LIVE, reason=reason, at=at, **fields)


def write(store: Store, *records: Record, rejected: Sequence[Rejected] = (), run_id: int = 1, **rest: Any) -> Tally:
    return store.write(
        Batch(run_id=run_id, source="reddit", stream="test", records=records, rejected=rejected, **rest)
    )


def rows(store: Store, sql: str, *values: Any) -> list[Any]:
    with store.reading_raw() as connection:
        return connection.execute(sql, values).fetchall()


def one(store: Store, sql: str, *values: Any) -> Any:
    (row,) = rows(store, sql, *values)
    return row[0] if len(row) == 1 else row
