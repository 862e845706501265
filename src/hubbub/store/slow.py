"""Slow queries: statements that take longer than a threshold are told to observers, without the values they were given.

Where no threshold is set, connections are the plain ones and nothing is measured. Where one is, the time of a statement
is what the database worked for it: on SQLite, which finds rows while they are fetched, fetching them included.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self

from hubbub import clock
from hubbub.events import SlowQuery
from hubbub.store.backend import Backend
from hubbub.store.sqlite import SqliteSession

SQL_CHARS = 2_000
"""Of a longer statement, only so much is told."""

_EXPLAINABLE = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"})


class SlowQueries:
    """Tells the observer of a store about the statements that took too long."""

    def __init__(self, backend: Backend, *, limit_s: float) -> None:
        self._backend = backend
        self._limit_s = limit_s

    def note(self, sql: str, *, elapsed_s: float, explain: Callable[[], str | None]) -> None:
        """A statement is over; `explain` finds its plan, without running it again."""
        tell = self._backend.tell
        if tell is None or elapsed_s <= self._limit_s:
            return
        words = sql.split()
        wanted = self._backend.options.slow_query_plan and words and words[0].upper() in _EXPLAINABLE
        text = " ".join(words)
        tell(
            SlowQuery(
                sql=text if len(text) <= SQL_CHARS else f"{text[:SQL_CHARS]}…",
                elapsed_s=elapsed_s,
                plan=explain() if wanted else None,
            )
        )


def slow_queries(backend: Backend) -> SlowQueries | None:
    """What watches the statements of a store; None where its options set no threshold."""
    limit_ms = backend.options.slow_query_ms
    return None if limit_ms is None else SlowQueries(backend, limit_s=limit_ms / 1000)


def sqlite_sessions(backend: Backend) -> type[SqliteSession]:
    """The kind of connection for a store in SQLite: the plain one, or one that measures."""
    slow = slow_queries(backend)
    return SqliteSession if slow is None else type("MeasuredSession", (_MeasuredSession,), {"slow": slow})


class _MeasuredSession(SqliteSession):
    slow: SlowQueries

    def cursor(self, factory: Any = None, /) -> Any:
        """Every cursor measures, those of SQLAlchemy too."""
        del factory
        return super().cursor(_MeasuredCursor)

    # The driver's own would not ask `cursor` for one.
    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        made: _MeasuredCursor = self.cursor()
        return made.execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        made: _MeasuredCursor = self.cursor()
        return made.executemany(sql, parameters)


class _MeasuredCursor(sqlite3.Cursor):
    _sql = ""
    _values: Any = ()
    _spent_s = 0.0

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        self._sql, self._values, self._spent_s = sql, parameters, 0.0
        begun = clock.monotonic()
        try:
            return super().execute(sql, parameters)
        finally:
            self._add(begun, over=self.description is None)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Self:
        self._sql, self._values, self._spent_s = sql, None, 0.0
        begun = clock.monotonic()
        try:
            return super().executemany(sql, self._remembered(parameters))
        finally:
            self._add(begun, over=True)

    def _remembered(self, rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
        for row in rows:
            self._values = row
            yield row

    def fetchone(self) -> Any:
        begun = clock.monotonic()
        row = None
        try:
            row = super().fetchone()
            return row
        finally:
            self._add(begun, over=row is None)

    def fetchall(self) -> list[Any]:
        begun = clock.monotonic()
        try:
            return super().fetchall()
        finally:
            self._add(begun, over=True)

    def fetchmany(self, size: int | None = 1) -> list[Any]:
        begun = clock.monotonic()
        rows: list[Any] = []
        try:
            rows = super().fetchmany(size)
            return rows
        finally:
            self._add(begun, over=not rows)

    def __next__(self) -> Any:
        begun, over = clock.monotonic(), True
        try:
            row = super().__next__()
            over = False
            return row
        finally:
            self._add(begun, over=over)

    def close(self) -> None:
        self._tell()
        super().close()

    def __del__(self) -> None:
        """Who wants one row takes it and lets go: only now the statement is over."""
        self._tell()

    def _add(self, begun: float, *, over: bool) -> None:
        self._spent_s += clock.monotonic() - begun
        if over:
            self._tell()

    def _tell(self) -> None:
        spent_s, self._spent_s = self._spent_s, 0.0
        if spent_s:
            session: Any = self.connection
            session.slow.note(self._sql, elapsed_s=spent_s, explain=self._plan)

    def _plan(self) -> str | None:
        if self._values is None:
            return None
        try:
            steps = sqlite3.Cursor(self.connection).execute(f"EXPLAIN QUERY PLAN {self._sql}", self._values)
            return "\n".join(step[3] for step in steps) or None
        except sqlite3.Error:
            return None
