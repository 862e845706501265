"""Slow queries of PostgreSQL: cursors that measure (`slow` tells when and what is told of them)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg
from psycopg.pq import TransactionStatus

from hubbub import clock
from hubbub.store.backend import Backend
from hubbub.store.slow import SlowQueries, slow_queries

_TEXT = re.compile(r"'(?:[^']|'')*'")
_NUMBER = re.compile(r"(?<![\w.$])-?\d+(?:\.\d+)?(?![\w.])")
_CONDITION = re.compile(r"\s*[\w ]*(?:Cond|Filter|Key|By|Call): ")


def measure(backend: Backend, connection: psycopg.Connection[Any]) -> None:
    """Let every cursor of a connection measure, where the options of its store set a threshold."""
    slow = slow_queries(backend)
    if slow is not None:
        connection.cursor_factory = type("MeasuredCursor", (_MeasuredCursor,), {"slow": slow})
        connection.server_cursor_factory = type("MeasuredServerCursor", (_MeasuredServerCursor,), {"slow": slow})


class _MeasuredCursor(psycopg.Cursor[Any]):
    slow: SlowQueries

    def execute(self, query: Any, params: Any = None, **how: Any) -> Self:
        begun = clock.monotonic()
        try:
            return super().execute(query, params, **how)
        finally:
            _note(self, query, params=params, spent_s=clock.monotonic() - begun)

    def executemany(self, query: Any, params_seq: Iterable[Any], **how: Any) -> None:
        first: list[Any] = []

        def remembered() -> Iterator[Any]:
            for row in params_seq:
                if not first:
                    first.append(row)
                yield row

        begun = clock.monotonic()
        try:
            super().executemany(query, remembered(), **how)
        finally:
            _note(self, query, params=first[0] if first else None, spent_s=clock.monotonic() - begun)

    @contextmanager
    def copy(self, statement: Any, params: Any = None, **how: Any) -> Iterator[psycopg.Copy]:
        begun = clock.monotonic()
        try:
            with super().copy(statement, params, **how) as copy:
                yield copy
        finally:
            _note(self, statement, params=params, spent_s=clock.monotonic() - begun)


class _MeasuredServerCursor(psycopg.ServerCursor[Any]):
    slow: SlowQueries
    _asked: tuple[Any, Any] = ("", None)
    _spent_s = 0.0

    def execute(self, query: Any, params: Any = None, **how: Any) -> Self:
        self._asked = (query, params)
        begun = clock.monotonic()
        try:
            return super().execute(query, params, **how)
        finally:
            self._spent_s = clock.monotonic() - begun

    def fetchmany(self, size: int = 0) -> list[Any]:
        begun = clock.monotonic()
        try:
            return super().fetchmany(size)
        finally:
            self._spent_s += clock.monotonic() - begun

    def close(self) -> None:
        super().close()
        query, params = self._asked
        if query:
            self._asked = ("", None)
            _note(self, query, params=params, spent_s=self._spent_s)


def _note(cursor: Any, query: Any, *, params: Any, spent_s: float) -> None:
    sql = query if isinstance(query, str) else query.decode() if isinstance(query, bytes) else query.as_string(None)
    cursor.slow.note(sql, elapsed_s=spent_s, explain=lambda: _plan(cursor.connection, sql, params))


def _plan(connection: psycopg.Connection[Any], sql: str, params: Any) -> str | None:
    """The plan, inside a savepoint: a transaction of somebody's must not fail for it."""
    if connection.closed or connection.info.transaction_status not in {
        TransactionStatus.IDLE,
        TransactionStatus.INTRANS,
    }:
        return None
    try:
        with connection.transaction():
            steps = psycopg.Cursor(connection).execute(f"EXPLAIN {sql}", params, prepare=False)
            return "\n".join(_without_values(step) for (step,) in steps)
    except psycopg.Error:
        return None


def _without_values(step: str) -> str:
    """One line of a plan: the server writes into conditions what was bound."""
    step = _TEXT.sub("?", step)
    return _NUMBER.sub("?", step) if _CONDITION.match(step) else step
