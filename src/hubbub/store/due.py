"""Which rows are to be looked at again: live ones that nobody has seen for a while, in parts, in flat memory.

Rows of the platform's API come by an index of their own, which holds nothing else: a store of imported dumps pays
nothing for it. It is made by whoever asks first (ADR 34)."""

# ruff: noqa: S608 - table and column names come from here, every value is bound

from __future__ import annotations

import heapq
from typing import Any

from hubbub.plugins.due import MISSING, DueRow, RecallDue, RecallDueCount
from hubbub.records.models import Door
from hubbub.store.engine import Store
from hubbub.store.session import Session
from hubbub.store.tables import CONTENT

KINDS = ("comment", "post")
"""In the order of their ids: rows of other doors are read by id."""

_IS_LIVE = f"door = '{Door.LIVE}' AND withdrawn = 0"


def recalled(store: Store, asked: RecallDue | RecallDueCount, *, source: str) -> list[DueRow] | int:
    """What a stream asked for: rows, or their number."""
    if isinstance(asked, RecallDueCount):
        return count_due(store, source, asked.due)
    return due_rows(store, source, asked)


def due_rows(store: Store, source: str, asked: RecallDue) -> list[DueRow]:
    """One part of the rows that are due (contract: `RecallDue`)."""
    if asked.after == (0, ""):
        _prepare(store, source)
    with store.reading_raw() as db:
        if not asked.other_doors:
            parts = [_part(db, kind, source=source, asked=asked, limit=asked.limit) for kind in KINDS]
            return list(heapq.merge(*parts, key=lambda row: (row.observed_at, row.id)))[: asked.limit]
        found: list[DueRow] = []
        for kind in KINDS:
            if len(found) < asked.limit:
                found += _part(db, kind, source=source, asked=asked, limit=asked.limit - len(found))
        return found


def count_due(store: Store, source: str, asked: RecallDue) -> int:
    """How many rows there are in all parts together."""
    with store.reading_raw() as db:
        total = 0
        for kind in KINDS:
            where, values = _where(source, asked)
            sql = f"SELECT count(*) FROM {CONTENT[kind].name} AS r WHERE {where}"
            total += int(db.execute(sql, values).fetchone()[0])
        return total


def oldest_due(store: Store, source: str, asked: RecallDue) -> int | None:
    """When the row was last observed that has waited longest; None when none is due."""
    where, values = _where(source, asked)
    with store.reading_raw() as db:
        found = [
            db.execute(f"SELECT min(observed_at) FROM {CONTENT[kind].name} AS r WHERE {where}", values).fetchone()[0]
            for kind in KINDS
        ]
    return min((at for at in found if at is not None), default=None)


def index_name(table: str) -> str:
    """The name of the index that brings the live rows of a table, oldest observation first."""
    return f"ix_{table}_live_observed"


def _part(db: Session, kind: str, *, source: str, asked: RecallDue, limit: int) -> list[DueRow]:
    table = CONTENT[kind].name
    where, values = _where(source, asked)
    after: tuple[str, tuple[Any, ...]]
    if asked.other_doors:
        hint, order, after = f"sqlite_autoindex_{table}_1", "r.id", ("r.id > ?", asked.after[1:])
    else:
        hint, order = index_name(table), "r.observed_at, r.id"
        after = ("(r.observed_at, r.id) > (?, ?)", asked.after)
    by = f" INDEXED BY {hint}" if db.engine == "sqlite" else ""
    sql = (
        f"SELECT r.id, r.community, r.observed_at, c.state FROM {table} AS r{by}"
        f" LEFT JOIN checkpoints AS c ON c.source = r.source AND c.key = '{MISSING}' || r.id"
        f" WHERE {where} AND {after[0]} ORDER BY {order} LIMIT ?"
    )
    rows = db.execute(sql, (*values, *after[1], limit)).fetchall()
    return [DueRow(kind=kind, id=key, community=place, observed_at=at, missed=state) for key, place, at, state in rows]


def _where(source: str, asked: RecallDue) -> tuple[str, list[Any]]:
    live = f"(r.door IS NULL OR r.door <> '{Door.LIVE}') AND r.withdrawn = 0" if asked.other_doors else _IS_LIVE
    where, values = [f"r.source = ? AND {live} AND r.observed_at < ?"], [source, asked.before]
    scope = asked.scope
    either = []
    for column, names in (("community", scope.communities), ("author", scope.authors)):
        if names:
            either.append(f"r.{column} IN ({', '.join('?' * len(names))})")
            values += names
    if either:
        where.append(f"({' OR '.join(either)})")
    if asked.without:
        where.append(f"(r.community IS NULL OR r.community NOT IN ({', '.join('?' * len(asked.without))}))")
        values += asked.without
    return " AND ".join(where), values


def _prepare(store: Store, source: str) -> None:
    """Make the indexes where they are missing, and forget absences of rows that were withdrawn meanwhile."""
    with store.transaction() as db:
        for kind in KINDS:
            table = CONTENT[kind].name
            db.execute(
                f"CREATE INDEX IF NOT EXISTS {index_name(table)} ON {table} (source, observed_at, id) WHERE {_IS_LIVE}"
            )
            db.execute(
                f"DELETE FROM checkpoints WHERE source = ? AND key >= '{MISSING}' AND key < '{MISSING[:-1]};'"
                f" AND EXISTS (SELECT 1 FROM {table} AS r WHERE r.source = checkpoints.source"
                f" AND r.id = substr(checkpoints.key, {len(MISSING) + 1}) AND r.withdrawn = 1)",
                (source,),
            )
