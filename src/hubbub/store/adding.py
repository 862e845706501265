"""Putting new rows into a SQLite table, many to a statement, and telling what those that are there already say."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound or a quoted literal

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from hubbub.store.session import NO_COLUMNS, Added, Rows, literal

if TYPE_CHECKING:
    from hubbub.store.sqlite import SqliteSession

AT_ONCE = 40
"""Rows in one statement: measured, a fifth cheaper than one by one; more gains nothing."""


class Addition(msgspec.Struct, frozen=True, kw_only=True):
    """What `Session.add` is asked, as statements."""

    table: str
    bound: Sequence[str]
    fixed: Mapping[str, Any]
    copies: Mapping[str, int]
    ours: Mapping[str, int]
    constants: Mapping[str, int]

    def insert(self, count: int, *, fill: bool = False) -> str:
        """The statement that inserts so many rows and leaves alone (or, with `fill`, overwrites) what is there."""
        shared = len(self.constants)
        names = [*self._positions(), *self._literals(), *self.constants]
        values = ", ".join(f"({self._row(shared + row * len(self.bound))})" for row in range(count))
        sets = ", ".join(f"{name} = excluded.{name}" for name in names if name not in {"source", "id"})
        then = f"UPDATE SET {sets}" if fill else "NOTHING"
        return f"INSERT INTO {self.table} ({', '.join(names)}) VALUES {values} ON CONFLICT (source, id) DO {then}"

    def _row(self, before: int) -> str:
        """The values of one row; `before` parameters come first."""
        own = [f"?{before + at + 1}" for at in self._positions().values()]
        return ", ".join([*own, *self._literals().values(), *(f"?{i + 1}" for i in range(len(self.constants)))])

    def _positions(self) -> dict[str, int]:
        own = {name: at for at, name in enumerate(self.bound) if name not in NO_COLUMNS}
        return {**own, **self.copies, **self.ours}

    def _literals(self) -> dict[str, str]:
        return {name: literal(value) for name, value in self.fixed.items() if value is not None}

    def parameters(self, rows: Rows) -> tuple[Any, ...]:
        """What is bound for these rows, in one statement."""
        return tuple(chain(self.constants.values(), chain.from_iterable(rows)))

    def said(self) -> dict[str, int]:
        """The columns that say what was observed and are bound, and where."""
        own = {name: at for at, name in enumerate(self.bound) if name not in NO_COLUMNS}
        return {**own, **self.copies}


def add(db: SqliteSession, addition: Addition, rows: Rows) -> Added:
    """Insert rows whose keys are new, fill stubs, and compare the others with what is there.

    Where most rows of the last call were there already, these are looked for before anything is tried."""
    table = addition.table
    if table in db.known_tables:
        found = _find(db, addition, rows)
        there = [row for row in rows if row[0] in found]
        fresh: Rows = [row for row in rows if row[0] not in found] if there else rows
        new = _insert(db, addition, fresh)
    else:
        (newest,) = db.execute(f"SELECT coalesce(max(n), 0) FROM {table}").fetchone()
        new = _insert(db, addition, rows)
        if new == len(rows):
            return Added(new, frozenset())
        inserted = {key for (key,) in db.execute(f"SELECT id FROM {table} WHERE n > ?", (newest,))}
        there = [row for row in rows if row[0] not in inserted]
        found = _find(db, addition, there)
    (db.known_tables.add if 2 * len(there) > len(rows) else db.known_tables.discard)(table)
    stubs = [row for row in there if found[row[0]][1] is None]
    _fill(db, addition, stubs)
    differ = frozenset(_differing(addition, there, found))
    return Added(new + len(stubs), differ, tuple(found[row[0]][0] for row in stubs))


def _insert(db: SqliteSession, addition: Addition, rows: Rows) -> int:
    """How many of these rows were new."""
    before = db.total_changes
    whole = len(rows) - len(rows) % AT_ONCE
    if whole:
        groups = (addition.parameters(rows[at : at + AT_ONCE]) for at in range(0, whole, AT_ONCE))
        db.executemany(addition.insert(AT_ONCE), groups)
    if whole < len(rows):
        db.executemany(addition.insert(1), (addition.parameters([row]) for row in rows[whole:]))
    return db.total_changes - before


def _fill(db: SqliteSession, addition: Addition, rows: Rows) -> None:
    if rows:
        db.executemany(addition.insert(1, fill=True), (addition.parameters([row]) for row in rows))


def _find(db: SqliteSession, addition: Addition, rows: Rows) -> dict[str, tuple[Any, ...]]:
    """By id: row number, `observed_at`, then what the columns of `said` and `fixed` hold."""
    names = ", ".join((*addition.said(), *addition.fixed))
    found = db.execute(
        f"SELECT id, n, observed_at, {names} FROM {addition.table} WHERE source = ? AND {db.among('id')}",
        (addition.fixed["source"], db.listed(row[0] for row in rows)),
    )
    return {row[0]: row[1:] for row in found}


def _differing(addition: Addition, rows: Rows, found: Mapping[str, tuple[Any, ...]]) -> Iterable[str]:
    """Ids of the rows that say something else than what was found, stubs aside."""
    copies, fixed, own = tuple(addition.copies.values()), tuple(addition.fixed.values()), addition.said()
    plain = list(own.values())[: len(own) - len(copies)]
    end = len(plain)
    in_place = plain == [*range(end)]
    for row in rows:
        there = found[row[0]]
        said = row[:end] if in_place else tuple(row[at] for at in plain)
        if there[1] is not None and there[2:] != (*said, *(row[at] for at in copies), *fixed):
            yield row[0]
