"""A store in one SQLite file: one writer (serialised by a lock), any number of readers on connections of their own."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from hubbub.errors import ConfigError, HubbubError
from hubbub.store import schema, sqlite
from hubbub.store.backend import StoreOptions, Tell
from hubbub.store.claims import file_claim
from hubbub.store.failures import explain, explained
from hubbub.store.session import Engine as EngineName
from hubbub.store.slow import sqlite_sessions
from hubbub.store.sqlite import SqliteSession


def sqlite_path(url: str) -> Path:
    """The file a store's address names. Raises ConfigError when it names none."""
    try:
        parsed = make_url(url)
    except ArgumentError as err:
        raise ConfigError(f"{url!r} is no address of a store; write sqlite:///PATH or postgresql://…") from err
    if parsed.get_backend_name() != "sqlite":
        kind = parsed.get_backend_name()
        raise ConfigError(f"stores of kind {kind!r} are not supported; write sqlite:///PATH or postgresql://…")
    if not parsed.database or parsed.database == ":memory:":
        raise ConfigError("a store needs a file; write sqlite:///PATH")
    return Path(parsed.database).absolute()


class SqliteBackend:
    """A store in one file."""

    engine: EngineName = "sqlite"
    refusals: tuple[type[Exception], ...] = (
        OverflowError,
        UnicodeEncodeError,
        sqlite3.IntegrityError,
        sqlite3.DataError,
        sqlite3.InterfaceError,
    )

    def __init__(self, url: str, *, read_only: bool, options: StoreOptions) -> None:
        self.path = sqlite_path(url)
        self.where = self.key = str(self.path)
        self.read_only = read_only
        self.options = options
        self.tell: Tell | None = None
        self._sessions = sqlite_sessions(self)
        self._lock = threading.RLock()
        self._writer: SqliteSession | None = None
        self.reads: Engine = create_engine("sqlite://", creator=self._reader, poolclass=QueuePool, max_overflow=20)

    def _reader(self) -> SqliteSession:
        return sqlite.connect(
            self.path, read_only=True, busy_timeout_s=self.options.busy_timeout_s, kind=self._sessions
        )

    def open(self, *, create: bool) -> None:
        sqlite.check_place(self.path, create=create and not self.read_only)
        version = schema.stored_version(self.path)
        if version is not None:
            schema.check_version(version, self.where)
            return
        try:
            with self.exclusive() as db:
                schema.make(db)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        with self._lock:
            self.reads.dispose()
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with explained(self.path), self.reads.connect() as connection:
            yield connection

    @contextmanager
    def reading_raw(self) -> Iterator[SqliteSession]:
        with explained(self.path):
            connection = self._reader()
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                connection.close()

    @contextmanager
    def exclusive(self) -> Iterator[SqliteSession]:
        with self._lock:
            try:
                if self._writer is None:
                    self._writer = sqlite.connect(
                        self.path, busy_timeout_s=self.options.busy_timeout_s, kind=self._sessions
                    )
                yield self._writer
            except self.refusals:
                raise
            except sqlite3.Error as err:
                raise self.explain(err) from err

    @contextmanager
    def transaction(self) -> Iterator[SqliteSession]:
        with self.exclusive() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.forget_mentioned()
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def explain(self, error: Exception) -> HubbubError:
        return explain(error, self.path, holder=self._holder())

    def size_bytes(self) -> int:
        names = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(name.stat().st_size for name in names if name.exists())

    def settle(self, *, purged: bool) -> None:
        with self.exclusive() as connection:
            connection.execute("PRAGMA optimize")
            sqlite.leave_no_traces(connection, busy_timeout_s=self.options.busy_timeout_s, rewrite=purged)

    def claim(self, source: str) -> AbstractContextManager[None]:
        return file_claim(self.path, source)

    def _holder(self) -> str | None:
        """Who else has a run open, for the message that the store is locked."""
        try:
            with self.reads.connect() as connection:
                row = connection.exec_driver_sql(
                    "SELECT command, pid FROM runs WHERE ended_at IS NULL AND pid <> ? ORDER BY id DESC LIMIT 1",
                    (os.getpid(),),
                ).fetchone()
        except Exception:  # noqa: BLE001 - only decorates the message of the error that matters
            return None
        return None if row is None else f"`hubbub {row[0]}` (process {row[1]})"
