"""Named queries for everyone else; each takes a store first and returns plain values."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from sqlalchemy import select

from hubbub.errors import UsageError
from hubbub.plugins.contracts import Checkpoint
from hubbub.store.batch import LedgerMark, Tally
from hubbub.store.engine import Store
from hubbub.store.media_reads import PendingMedia, known_blobs, orphan_blobs, pending_media
from hubbub.store.overview import CommunityStatus, KindStatus, StoreStatus, status
from hubbub.store.progress import live_comments, saved, stored_counts, stored_ripe, stored_totals
from hubbub.store.session import Session
from hubbub.store.tables import CONTENT, GROUPINGS
from hubbub.store.tables_of_runs import TALLY, imports, quarantine
from hubbub.store.tables_of_runs import checkpoints as checkpoint_table
from hubbub.store.tables_of_runs import findings as finding_table
from hubbub.store.tables_of_runs import runs as run_table
from hubbub.store.writes import Blob, set_media_state

__all__ = [
    "Blob",
    "CommunityStatus",
    "FindingRow",
    "KindStatus",
    "PendingMedia",
    "QuarantineRow",
    "RunRow",
    "StoreStatus",
    "checkpoint",
    "checkpoints",
    "content_rows",
    "findings",
    "known_blobs",
    "known_ids",
    "ledger",
    "live_comments",
    "orphan_blobs",
    "pending_media",
    "quarantined",
    "runs",
    "saved",
    "set_media_state",
    "status",
    "stored_counts",
    "stored_ripe",
    "stored_totals",
]

_IDS_PER_QUERY = 500


def checkpoint(store: Store, source: str, key: str) -> Checkpoint | None:
    """How far a stream is; None when it never stored anything."""
    table = checkpoint_table
    query = select(table.c.state).where(table.c.source == source, table.c.key == key)
    with store.reading() as connection:
        state = connection.execute(query).scalar()
    return None if state is None else Checkpoint(key=key, state=state)


def checkpoints(store: Store, source: str, prefix: str) -> dict[str, Checkpoint]:
    """All checkpoints of a source whose key begins so."""
    table = checkpoint_table
    query = select(table.c.key, table.c.state).where(table.c.source == source, table.c.key >= prefix)
    if prefix:
        query = query.where(table.c.key < prefix[:-1] + chr(ord(prefix[-1]) + 1))
    with store.reading() as connection:
        return {key: Checkpoint(key=key, state=state) for key, state in connection.execute(query)}


def known_ids(  # noqa: PLR0917 - as the streams' question is asked
    store: Store, source: str, kind: str, ids: Sequence[str]
) -> frozenset[str]:
    """Which of these ids are stored; stubs do not count, tombstones do."""
    table = GROUPINGS[kind] if kind in GROUPINGS else CONTENT[kind]
    found: set[str] = set()
    with store.reading() as connection:
        for start in range(0, len(ids), _IDS_PER_QUERY):
            some = list(ids[start : start + _IDS_PER_QUERY])
            query = select(table.c.id).where(
                table.c.source == source, table.c.id.in_(some), table.c.observed_at.is_not(None)
            )
            found.update(connection.execute(query).scalars())
    return frozenset(found)


def ledger(  # noqa: PLR0917 - the three parts of the ledger's key
    store: Store, digest: str, filters: str, mapping_version: int
) -> LedgerMark | None:
    """How far a file with this content was imported under these filters; None when never."""
    query = select(imports).where(
        imports.c.digest == digest, imports.c.filters == filters, imports.c.mapping_version == mapping_version
    )
    with store.reading() as connection:
        row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    values = {name: row[name] for name in LedgerMark.__struct_fields__}
    return LedgerMark(**{**values, "done": bool(values["done"])})


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """One run as it is recorded."""

    id: int
    command: str
    target: str
    started_at: int
    ended_at: int | None
    """None while it runs, and after it was killed."""
    exit_code: int | None
    tally: Tally
    untrusted: str | None
    summary: Mapping[str, Any] | None


class FindingRow(msgspec.Struct, frozen=True, kw_only=True):
    """Something the user should know about a run."""

    run_id: int
    severity: str
    what: str
    at: int


class QuarantineRow(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was set aside."""

    n: int
    run_id: int
    source: str
    door: str
    where: str
    kind: str | None
    id: str | None
    reason: str
    raw: bytes
    raw_bytes: int
    """Size as received; `raw` is cut when it is shorter."""
    at: int


def runs(store: Store, limit: int = 20) -> list[RunRow]:
    """The latest runs, newest first."""
    with store.reading() as connection:
        rows = connection.execute(select(run_table).order_by(run_table.c.id.desc()).limit(limit)).mappings().all()
    return [
        RunRow(
            **{name: row[name] for name in ("id", "command", "target", "started_at", "ended_at", "exit_code")},
            tally=Tally(**{name: row[name] for name in TALLY}),
            untrusted=row["untrusted"],
            summary=None if row["summary"] is None else msgspec.json.decode(row["summary"]),
        )
        for row in rows
    ]


def findings(store: Store, run_id: int | None = None) -> list[FindingRow]:
    """The findings of one run, or of all, oldest first."""
    table = finding_table
    query = select(table.c.run_id, table.c.severity, table.c.what, table.c.at).order_by(table.c.n)
    if run_id is not None:
        query = query.where(table.c.run_id == run_id)
    with store.reading() as connection:
        found = connection.execute(query)
        return [FindingRow(run_id=run, severity=how, what=what, at=at) for run, how, what, at in found]


def quarantined(store: Store, limit: int = 100, *, run_id: int | None = None) -> list[QuarantineRow]:
    """Records set aside, newest first, with their bytes."""
    query = select(quarantine).order_by(quarantine.c.n.desc()).limit(limit)
    if run_id is not None:
        query = query.where(quarantine.c.run_id == run_id)
    with store.reading() as connection:
        rows = connection.execute(query).mappings().all()
    plain = ("n", "run_id", "source", "door", "kind", "id", "reason", "raw_bytes", "at")
    return [
        QuarantineRow(**{name: row[name] for name in plain}, where=row["place"], raw=zlib.decompress(row["raw"]))
        for row in rows
    ]


class Selected(Protocol):
    """Which rows an export takes; empty means all."""

    @property
    def communities(self) -> tuple[str, ...]:
        """Case-folded keys."""

    @property
    def since(self) -> int | None:
        """Created at or after."""

    @property
    def until(self) -> int | None:
        """Created before."""


def content_rows(  # noqa: PLR0917 - what, which columns, which rows
    store: Store, kind: str, columns: Sequence[str], selection: Selected
) -> Iterator[tuple[Any, ...]]:
    """Rows for an export, ordered by (source, id): live and visible ones only, read a page at a time in flat memory.

    People who asked not to be indexed are left out."""
    table = CONTENT[kind]
    known = set(table.c.keys())
    if unknown := [name for name in columns if name not in known]:
        raise UsageError(f"{kind}s have no column {unknown[0]!r}")
    where, values = leaving(kind, selection)
    with store.reading_raw() as db:
        for rows in db.stream(export_sql(db, table.name, columns=columns, where=where), values):
            yield from rows


def leaving(kind: str, selection: Selected) -> tuple[list[str], list[Any]]:
    """The conditions under which a record may leave the store with an export, and their values."""
    where = ["observed_at IS NOT NULL", "withdrawn = 0", "hidden_at IS NULL"]
    values: list[Any] = []
    if kind == "user":
        where.append("coalesce(no_index, 0) = 0")
    if selection.communities:
        place = "id" if kind == "community" else "community"
        where.append(f"{place} IN ({', '.join('?' * len(selection.communities))})" if kind != "user" else "1 = 0")
        values += selection.communities if kind != "user" else ()
    for limit, op in ((selection.since, ">="), (selection.until, "<")):
        if limit is not None:
            where.append(f"created_at {op} ?")
            values.append(limit)
    return where, values


def export_sql(db: Session, table: str, *, columns: Sequence[str], where: Sequence[str]) -> str:
    """The query for rows of a content table by key."""
    # The unique index on (source, id) by name: any other would make SQLite sort the whole table first.
    by_key = f" INDEXED BY sqlite_autoindex_{table}_1" if db.engine == "sqlite" else ""
    return f"SELECT {', '.join(columns)} FROM {table}{by_key} WHERE {' AND '.join(where)} ORDER BY source, id"


def greatest_row(store: Store) -> int:
    """About how many posts and comments the store holds."""
    counted = {
        "sqlite": "SELECT (SELECT coalesce(max(n), 0) FROM posts) + (SELECT coalesce(max(n), 0) FROM comments)",
        "postgresql": "SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_class c"
        " WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
        " AND (relname LIKE 'posts\\_of%' OR relname LIKE 'comments\\_of%')",
    }
    with store.reading_raw() as db:
        (rows,) = db.execute(counted[store.engine]).fetchone()
    return int(rows)
