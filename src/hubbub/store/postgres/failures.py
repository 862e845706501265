"""What a failing PostgreSQL means for the user: driver errors become errors with a next step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import psycopg
from sqlalchemy.exc import DBAPIError

from hubbub.errors import HubbubError, LockedError, StorageError, StoreAwayError

_AWAY = ("08", "57P01", "57P02", "57P03", "40001", "40P01", "25006", "53300")
"""Beginnings of SQLSTATEs after which the same transaction may go through: connection lost, server stopping or
starting, serialization failure, deadlock, a standby where the primary was, no free connection."""

_REINDEXED = "invalid arbiter index list"
"""What an upsert into a partitioned table may meet while REINDEX CONCURRENTLY puts a new index in place."""

_REFUSED = (
    ("password authentication failed", "the server refused the user or the password", "check store.url"),
    ("no password supplied", "the server asks for a password", "put it in store.url, or in a .pgpass file"),
    ("no pg_hba.conf entry", "the server does not let this machine in", "ask whoever runs it"),
    ('role "', "the server does not know the user", "check store.url"),
    ('database "', "the server has no such database", "make it with `createdb NAME`, or check store.url"),
    ("failed to resolve host", "the host's name is unknown", "check store.url"),
    ("invalid port number", "the port is none", "check store.url"),
)
"""Part of what a failed connection says -> what to tell the user, and the next step."""

_MEANINGS: dict[str, tuple[str, str | None]] = {
    "53100": ("the server's disk is full; nothing of this batch was stored", "make room there, then run again"),
    "53200": ("the server is out of memory", "give it more, or write smaller batches"),
    "42501": ("the user lacks a right", "grant it: USAGE and CREATE on the schema, TEMPORARY on the database"),
    "42P01": ("a table is missing", "run `hubbub db upgrade`"),
    "42703": ("a column is missing", "run `hubbub db upgrade`"),
    "XX001": ("the database is damaged", "stop writing to it and restore a backup"),
    "XX002": ("an index is damaged", "run `hubbub db maintain`, or REINDEX it"),
}


class _Explains(Protocol):
    def explain(self, error: Exception) -> HubbubError: ...


def explain(error: Exception, where: str, *, holder: str | None, timeout_s: float) -> HubbubError:
    """The error a user should see for a driver's error about the store at `where`."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = " ".join(str(cause).split())
    state = cause.sqlstate if isinstance(cause, psycopg.Error) else None
    if state == "55P03":
        by = holder or "another process"
        return LockedError(
            f"{where} is locked by {by}", advice="wait until it is done, then run the same command again"
        )
    if state == "57014":
        return StorageError(
            f"{where}: a statement took longer than {timeout_s:g} s and was ended",
            advice="raise store.statement_timeout_s, or look at the server",
        )
    if state in _MEANINGS:
        said, advice = _MEANINGS[state]
        return StorageError(f"{where}: {said} ({text})", advice=advice)
    lost = state is None and isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError)
    return _without_a_word(text, where) if lost else _with_a_state(text, where, state)


def _without_a_word(text: str, where: str) -> HubbubError:
    """For a connection that could not be made, or broke: the server said nothing in its own words."""
    for part, said, advice in _REFUSED:
        if part in text:
            return StorageError(f"{where} cannot be opened: {said}", advice=advice)
    return StoreAwayError(
        f"{where} cannot be reached: {text}", advice="is the server up? the same command goes on from here"
    )


def _with_a_state(text: str, where: str, state: str | None) -> HubbubError:
    if (state is not None and state.startswith(_AWAY)) or _REINDEXED in text:
        return StoreAwayError(f"{where} asked to try again: {text}", advice="run the same command again")
    return StorageError(f"the database at {where} refused: {text}")


@contextmanager
def explained(backend: _Explains) -> Iterator[None]:
    """Turn driver errors inside the block into errors for people."""
    try:
        yield
    except (psycopg.Error, DBAPIError) as err:
        raise backend.explain(err) from err
