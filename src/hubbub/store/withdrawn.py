"""What was withdrawn after a moment: what a copy that was made then may still hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, Table, and_, func, select

from hubbub.store.engine import Store
from hubbub.store.tables import CONTENT, tombstones

_NARROWED = frozenset({"post", "comment"})
"""Kinds that have a community and a time of their own."""


def withdrawn_since(
    store: Store,
    at: int,
    *,
    kinds: Sequence[str],
    communities: Sequence[str] = (),
    since: int | None = None,
    until: int | None = None,
) -> dict[str, int]:
    """How many records of each kind were first seen at or before `at` (epoch seconds) and wiped here at or after it;
    kinds of which there are none are left out.

    `communities` (case-folded), `since` and `until` (creation, from and before) narrow posts and comments. When a
    record was wiped is our own time, not the one a tombstone names: an archive may tell today what went last year.
    Hidden records are not counted. Costs as much as there are tombstones, not records."""
    found: dict[str, int] = {}
    with store.reading() as db:
        for kind in kinds:
            table = CONTENT[kind]
            same = and_(table.c.source == tombstones.c.source, table.c.id == tombstones.c.id)
            query = (
                select(func.count())
                .select_from(tombstones.join(table, same))
                .where(tombstones.c.kind == kind, table.c.withdrawn == 1)
                .where(table.c.updated_at >= at, table.c.first_seen_at <= at)
            )
            if kind in _NARROWED:
                query = query.where(*_narrowing(table, communities=communities, since=since, until=until))
            if count := db.execute(query).scalar_one():
                found[kind] = count
    return found


def _narrowing(
    table: Table, *, communities: Sequence[str], since: int | None, until: int | None
) -> Iterator[ColumnElement[bool]]:
    if communities:
        yield table.c.community.in_(communities)
    if since is not None:
        yield table.c.created_at >= since
    if until is not None:
        yield table.c.created_at < until
