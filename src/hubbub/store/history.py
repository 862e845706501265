"""Past numbers and texts: written as commutative registers, wiped with their record (what was set aside of it, too)."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from hubbub.records.facets import FACET_FIELDS, Facet
from hubbub.records.history import NumbersRegister, TextRevision, comparable
from hubbub.store.content import Change
from hubbub.store.tables import NUMBERS

_WRITE_NUMBERS = (
    f"INSERT OR REPLACE INTO observations (source, kind, id, hour, observed_at, {', '.join(NUMBERS)})"
    f" VALUES ({', '.join('?' * (5 + len(NUMBERS)))})"
)
_WRITE_TEXT = (
    "INSERT INTO revisions (source, kind, id, hash, first_at, last_at, text) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (source, kind, id, hash) DO UPDATE SET"
    " first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)"
)


def append(connection: sqlite3.Connection, changes: Iterable[Change]) -> None:
    """Wipe what tombstones withdrew, then add what the folds left behind."""
    wiped = [change for change in changes if change.wiped]
    grown = [change for change in changes if change.past_numbers or change.past_texts]
    for change in wiped:
        _wipe(connection, change)
    if grown:
        _append_numbers(connection, grown)
        _append_texts(connection, grown)


def _wipe(connection: sqlite3.Connection, change: Change) -> None:
    key = (change.key[0], change.kind, change.key[1])
    where = "source = ? AND kind = ? AND id = ?"
    connection.execute(f"DELETE FROM quarantine WHERE {where}", key)
    if _erased(change):
        connection.execute(f"DELETE FROM observations WHERE {where}", key)
        connection.execute(f"DELETE FROM revisions WHERE {where}", key)
        connection.execute(f"DELETE FROM past_authors WHERE {where}", key)
        return
    to = change.kept.wiped_to
    connection.execute(f"DELETE FROM observations WHERE {where} AND observed_at <= ?", (*key, to))
    connection.execute(f"DELETE FROM revisions WHERE {where} AND last_at <= ?", (*key, to))
    connection.execute(f"UPDATE revisions SET first_at = ? WHERE {where}", (to, *key))


def _erased(change: Change) -> bool:
    tombstone = change.kept.tombstone
    return tombstone is not None and tombstone.erases


def _append_numbers(connection: sqlite3.Connection, changes: Sequence[Change]) -> None:
    best: dict[tuple[Any, ...], tuple[str, NumbersRegister]] = {}
    for change in changes:
        to = change.kept.wiped_to
        for entry in [] if _erased(change) else change.past_numbers:
            if to is not None and entry.observed_at <= to:
                continue
            key = (change.key[0], change.kind, change.key[1], entry.hour)
            if key not in best or _order(entry) > _order(best[key][1]):
                best[key] = (change.kind, entry)
    for key, (kind, entry) in list(best.items()):
        stored = stored_numbers(connection, kind, source=key[0], record_id=key[2], hour=entry.hour)
        if stored and _order(stored[0]) >= _order(entry):
            del best[key]
    connection.executemany(_WRITE_NUMBERS, [(*key, e.observed_at, *_wide(kind, e)) for key, (kind, e) in best.items()])


def _append_texts(connection: sqlite3.Connection, changes: Sequence[Change]) -> None:
    rows = []
    for change in changes:
        to = change.kept.wiped_to
        for entry in [] if _erased(change) else change.past_texts:
            if to is not None and entry.last_at <= to:
                continue
            text = msgspec.json.encode(entry.texts)
            first = entry.first_at if to is None else to
            source, record_id = change.key
            digest = hashlib.sha256(text).hexdigest()
            rows.append((source, change.kind, record_id, digest, first, entry.last_at, text.decode()))
    connection.executemany(_WRITE_TEXT, rows)


def _order(entry: NumbersRegister) -> tuple[Any, ...]:
    return entry.observed_at, comparable(entry.values)


def _wide(kind: str, entry: NumbersRegister) -> list[Any]:
    """A register's values in the columns of the table, which serves every kind."""
    values = dict(zip(FACET_FIELDS[kind][Facet.NUMBERS], entry.values, strict=True))
    return [values.get(name) for name in NUMBERS]


def stored_numbers(
    connection: sqlite3.Connection, kind: str, *, source: str, record_id: str, hour: int | None = None
) -> list[NumbersRegister]:
    """Past registers of one record, of one hour or of all."""
    names = FACET_FIELDS[kind][Facet.NUMBERS]
    one = "" if hour is None else " AND hour = ?"
    rows = connection.execute(
        f"SELECT hour, observed_at, {', '.join(names)} FROM observations"
        f" WHERE source = ? AND kind = ? AND id = ?{one} ORDER BY hour",
        (source, kind, record_id, *(() if hour is None else (hour,))),
    )
    return [numbers_entry(kind, row) for row in rows]


def numbers_entry(kind: str, row: Sequence[Any]) -> NumbersRegister:
    """A register from (hour, observed_at, the numbers of the kind)."""
    names = FACET_FIELDS[kind][Facet.NUMBERS]
    values = tuple(
        bool(value) if name == "score_hidden" and value is not None else value
        for name, value in zip(names, row[2:], strict=True)
    )
    return NumbersRegister(hour=row[0], observed_at=row[1], values=values)


def text_entry(row: Sequence[Any]) -> TextRevision:
    """A revision from (first_at, last_at, text)."""
    texts = msgspec.json.decode(row[2], type=tuple[str | None, ...])
    return TextRevision(texts=texts, first_at=row[0], last_at=row[1])
