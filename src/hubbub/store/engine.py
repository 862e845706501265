"""Opening a store, and the one object everything else holds of it."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from hubbub import clock
from hubbub.errors import ConfigError
from hubbub.store import schema, sqlite, upsert
from hubbub.store import search_index as search
from hubbub.store.batch import Batch, Tally
from hubbub.store.failures import explain, explained

BUSY_TIMEOUT_S = 15.0
"""How long a write waits for another process before it gives up with LockedError."""


def open_store(
    url: str, *, create: bool = True, read_only: bool = False, busy_timeout_s: float = BUSY_TIMEOUT_S
) -> Store:
    """Open the store at `url` ("sqlite:///path"), making its folder and schema when missing and `create` is set.

    Raises StorageError when the place, the file or its schema version will not do (nothing is changed then),
    LockedError when another process holds it, ConfigError when the address is none."""
    path = sqlite_path(url)
    sqlite.check_place(path, create=create and not read_only)
    version = schema.stored_version(path)
    if version is not None:
        schema.check_version(version, path)
    store = Store(path, read_only=read_only, busy_timeout_s=busy_timeout_s)
    if version is None:
        try:
            store.prepare()
        except BaseException:
            store.close()
            raise
    return store


def sqlite_path(url: str) -> Path:
    """The file a store's address names. Raises ConfigError when it names none."""
    try:
        parsed = make_url(url)
    except ArgumentError as err:
        raise ConfigError(f"{url!r} is no address of a store; write sqlite:///PATH") from err
    if parsed.get_backend_name() != "sqlite":
        raise ConfigError(f"stores of kind {parsed.get_backend_name()!r} are not supported; write sqlite:///PATH")
    if not parsed.database or parsed.database == ":memory:":
        raise ConfigError("a store needs a file; write sqlite:///PATH")
    return Path(parsed.database).absolute()


class Store:
    """An open store: one writer (serialised by a lock), any number of readers on connections of their own."""

    def __init__(self, path: Path, *, read_only: bool, busy_timeout_s: float) -> None:
        self.path = path
        self.read_only = read_only
        self.search_later = False
        """Set before a large import: batches leave the search index to `maintain_search`."""
        self._busy_timeout_s = busy_timeout_s
        self._lock = threading.RLock()
        self._writer: sqlite3.Connection | None = None
        self.engine: Engine = create_engine("sqlite://", creator=self._reader, poolclass=QueuePool, max_overflow=20)

    def _reader(self) -> sqlite3.Connection:
        return sqlite.connect(self.path, read_only=True, busy_timeout_s=self._busy_timeout_s)

    def prepare(self) -> None:
        """Make the schema of a new store."""
        with self.exclusive() as connection:
            schema.make(connection)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self.engine.dispose()
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for reads; driver errors become errors for people."""
        with explained(self.path), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def reading_raw(self) -> Iterator[sqlite3.Connection]:
        """A driver connection for bulk reads, of its own, so that a long reader holds up nobody."""
        with explained(self.path):
            connection = self._reader()
            try:
                yield connection
            finally:
                connection.close()

    @contextmanager
    def exclusive(self) -> Iterator[sqlite3.Connection]:
        """The writer's driver connection, outside any transaction, held by this thread."""
        with self._lock:
            try:
                if self._writer is None:
                    self._writer = sqlite.connect(self.path, busy_timeout_s=self._busy_timeout_s)
                yield self._writer
            except upsert.UNSTORABLE:
                raise
            except sqlite3.Error as err:
                raise explain(err, self.path, holder=self._holder()) from err

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The writer's connection inside a transaction that is committed at the end and rolled back on any error."""
        with self.exclusive() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def size_bytes(self) -> int:
        """Bytes on disk, the write-ahead log included."""
        names = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(name.stat().st_size for name in names if name.exists())

    def _holder(self) -> str | None:
        """Who else has a run open, for the message that the store is locked."""
        try:
            with self.engine.connect() as connection:
                row = connection.exec_driver_sql(
                    "SELECT command, pid FROM runs WHERE ended_at IS NULL AND pid <> ? ORDER BY id DESC LIMIT 1",
                    (os.getpid(),),
                ).fetchone()
        except Exception:  # noqa: BLE001 - only decorates the message of the error that matters
            return None
        return None if row is None else f"`hubbub {row[0]}` (process {row[1]})"

    def write(self, batch: Batch) -> Tally:
        """Store one batch in ONE transaction: records, quarantine, checkpoints, ledger, run counters.

        Records that the database cannot take are set aside and counted; their neighbours are stored."""
        try:
            return self._write(batch)
        except upsert.UNSTORABLE as err:
            cleaned = self._without_unstorable(batch)
            if cleaned is None:
                raise explain(err, self.path) from err
            return self._write(cleaned)

    def _write(self, batch: Batch) -> Tally:
        with self.transaction() as connection:
            return upsert.write_batch(connection, batch, now=clock.now(), search_later=self.search_later)

    def _without_unstorable(self, batch: Batch) -> Batch | None:
        with self.exclusive() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                return upsert.without_unstorable(connection, batch, now=clock.now())
            finally:
                connection.execute("ROLLBACK")

    def begin_run(self, *, command: str, target: str, started_at: int) -> int:
        """Record that a command that writes has begun; returns the run's number."""
        with self.transaction() as connection:
            done = connection.execute(
                "INSERT INTO runs (command, target, started_at, pid) VALUES (?, ?, ?, ?)",
                (command, target, started_at, os.getpid()),
            )
            assert done.lastrowid is not None
            return done.lastrowid

    def end_run(self, run_id: int, *, exit_code: int, summary: Mapping[str, Any], ended_at: int) -> None:
        """Record how a run ended; withdrawn words leave the search index and the write-ahead log for good."""
        text = msgspec.json.encode(summary, enc_hook=str, order="sorted").decode()
        with self.transaction() as connection:
            connection.execute(
                "UPDATE runs SET ended_at = ?, exit_code = ?, summary = ? WHERE id = ?",
                (ended_at, int(exit_code), text, run_id),
            )
            purged = search.purge_due(connection)
        with self.exclusive() as connection:
            connection.execute("PRAGMA optimize")
            sqlite.leave_no_traces(connection, busy_timeout_s=self._busy_timeout_s, rewrite=purged)

    def add_finding(self, *, run_id: int, severity: str, what: str) -> None:
        """Note something the user should know about a run."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT INTO findings (run_id, severity, what, at) VALUES (?, ?, ?, ?)",
                (run_id, severity, what, clock.now()),
            )

    def mark_untrusted(self, run_id: int, *, why: str) -> None:
        """Note that records of this run may be wrong although they were stored."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE runs SET untrusted = coalesce(untrusted || '; ', '') || ? WHERE id = ?", (why, run_id)
            )
