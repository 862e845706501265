"""A store in PostgreSQL: one writing transaction at a time (an advisory lock), readers beside it or on a replica.

Every setting travels inside its transaction (`SET LOCAL`), so that a pooler between us and the server (PgBouncer) may
hand each transaction to another connection. Only claims hold a lock longer; behind a pooler in an open transaction.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from hubbub.errors import HubbubError, LockedError, StorageError
from hubbub.store.backend import StoreOptions, Tell
from hubbub.store.postgres import schema as postgres_schema
from hubbub.store.postgres import slow as postgres_slow
from hubbub.store.postgres.failures import explain, explained
from hubbub.store.postgres.replica import Replica
from hubbub.store.postgres.session import Address, PostgresSession, address_of, identifier, lock_key
from hubbub.store.postgres.tables import TYPES
from hubbub.store.session import Engine as EngineName

CONNECT_TIMEOUT_S = 10

_BY_KEY = "SET LOCAL enable_hashjoin TO off; SET LOCAL enable_mergejoin TO off"
"""A batch meets its rows by key: with no statistics of what is staged, the planner would read whole tables instead."""


class PostgresBackend:
    """A store in one schema of a PostgreSQL database."""

    engine: EngineName = "postgresql"
    refusals: tuple[type[Exception], ...] = (
        OverflowError,
        UnicodeEncodeError,
        psycopg.IntegrityError,
        psycopg.DataError,
    )

    def __init__(self, url: str, *, read_only: bool, options: StoreOptions) -> None:
        self.address: Address = address_of(url, schema=options.schema)
        self.where = self.address.shown
        self.key = hashlib.blake2b(self.where.encode(), digest_size=8).hexdigest()
        self.read_only = read_only
        self.options = options
        self.tell: Tell | None = None
        self._lock = threading.RLock()
        self._writer: PostgresSession | None = None
        self._room: set[str] = set()
        self._idle: list[tuple[str, psycopg.Connection[Any]]] = []
        """Connections for bulk reads that nobody uses now, and where each leads."""
        self._claims: dict[str, psycopg.Connection[Any]] = {}
        self._replica = Replica(options, connect=self._connect) if options.read_url else None
        self.reads: Engine = create_engine(
            "postgresql+psycopg://",
            creator=self._connect_for_reads,
            poolclass=QueuePool,
            pool_size=options.pool_size,
            max_overflow=10,
            pool_pre_ping=True,
            use_native_hstore=False,
        )
        event.listen(self.reads, "begin", self._begin_read)

    def open(self, *, create: bool) -> None:
        with self.exclusive() as db:
            version = postgres_schema.stored_version(db, self.address.schema)
            if version is not None:
                postgres_schema.check(version, self.where)
            elif create and not self.read_only:
                with self.transaction(bare=True) as fresh:
                    postgres_schema.make(fresh, self.address.schema)
            else:
                raise StorageError(
                    f"there is no store in {self.where} yet", advice="run `hubbub sync` or `hubbub import` first"
                )

    def close(self) -> None:
        with self._lock:
            self.reads.dispose()
            while self._idle:
                self._idle.pop()[1].close()
            if self._replica is not None:
                self._replica.close()
            self._drop_writer()

    def _connect(self, conninfo: str, *, autocommit: bool) -> psycopg.Connection[Any]:
        connection = psycopg.connect(
            conninfo,
            autocommit=autocommit,
            prepare_threshold=5 if self.options.prepared else None,
            application_name=f"hubbub {os.getpid()}",
            connect_timeout=CONNECT_TIMEOUT_S,
            keepalives=1,
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
        )
        postgres_slow.measure(self, connection)
        return connection

    def _connect_for_reads(self) -> psycopg.Connection[Any]:
        return self._connect(self._reading_from(), autocommit=False)

    def _reading_from(self) -> str:
        replica = self._replica
        return self.address.conninfo if replica is None or not replica.fresh() else replica.conninfo

    def _settings(self) -> str:
        """What every transaction begins with."""
        return (
            f"SET LOCAL search_path TO {identifier(self.address.schema)};"
            f" SET LOCAL statement_timeout TO {int(self.options.statement_timeout_s * 1000)};"
            f" SET LOCAL lock_timeout TO {int(self.options.busy_timeout_s * 1000)};"
            " SET LOCAL jit TO off; SET LOCAL random_page_cost TO 1.1; SET LOCAL client_min_messages TO warning"
        )

    def _begin_read(self, connection: Connection) -> None:
        connection.exec_driver_sql(self._settings())

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with explained(self), self.reads.connect() as connection:
            yield connection

    @contextmanager
    def reading_raw(self) -> Iterator[PostgresSession]:
        with explained(self):
            place = self._reading_from()
            connection = self._snapshot(place)
            try:
                yield PostgresSession(connection, types=TYPES, partitions=self.options.partitions)
            finally:
                self._put_back(place, connection)

    def _snapshot(self, place: str) -> psycopg.Connection[Any]:
        """A connection inside a read transaction: one that lies idle, where there is one that still answers."""
        begin = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {self._settings()}"
        while self._idle:
            where, connection = self._idle.pop()
            with suppress(psycopg.Error):
                if where == place:
                    connection.execute(begin)
                    return connection
                connection.close()
        connection = self._connect(place, autocommit=True)
        connection.execute(begin)
        return connection

    def _put_back(self, place: str, connection: psycopg.Connection[Any]) -> None:
        self._roll_back(connection)
        if connection.closed or len(self._idle) >= self.options.pool_size:
            connection.close()
        else:
            self._idle.append((place, connection))

    @contextmanager
    def exclusive(self) -> Iterator[PostgresSession]:
        with self._lock:
            try:
                if self._writer is not None and self._writer.connection.broken:
                    self._drop_writer()
                if self._writer is None:
                    connection = self._connect(self.address.conninfo, autocommit=True)
                    self._writer = PostgresSession(connection, types=TYPES, partitions=self.options.partitions)
                    self._writer.room = self._room
                    self._take_claims_again()
                yield self._writer
            except self.refusals:
                raise
            except psycopg.Error as err:
                raise self.explain(err) from err

    @contextmanager
    def transaction(self, *, bare: bool = False) -> Iterator[PostgresSession]:
        """The writer inside a transaction that holds the write lock; `bare` where the schema is not there yet."""
        with self.exclusive() as db:
            connection = db.connection
            db.begun()
            settings = self._settings()
            if bare:
                settings = settings.partition(";")[2]
            try:
                connection.execute(f"BEGIN; {settings}; {_BY_KEY}")
                connection.execute(f"SELECT pg_advisory_xact_lock({lock_key(self.address.schema)})")
                yield db
                connection.execute("COMMIT")
            except BaseException:
                db.forget_mentioned()
                self._roll_back(connection)
                raise
            self._room |= db.made_room

    def _roll_back(self, connection: psycopg.Connection[Any]) -> None:
        with suppress(psycopg.Error):
            if not connection.closed:
                connection.execute("ROLLBACK")

    def _drop_writer(self) -> None:
        if self._writer is not None:
            with suppress(psycopg.Error):
                self._writer.connection.close()
            self._writer = None

    def explain(self, error: Exception) -> HubbubError:
        holder = self._holder() if isinstance(error, LockNotAvailable) else None
        return explain(error, self.where, holder=holder, timeout_s=self.options.statement_timeout_s)

    def _holder(self) -> str | None:
        """Who holds the write lock, for the message that the store is locked."""
        return self._holder_of(lock_key(self.address.schema))

    def _holder_of(self, key: int) -> str | None:
        high, low = (key >> 32) & 0xFFFFFFFF, key & 0xFFFFFFFF
        try:
            with self._connect(self.address.conninfo, autocommit=True) as connection:
                row = connection.execute(
                    "SELECT a.application_name, a.client_addr::text, a.pid FROM pg_locks l JOIN pg_stat_activity a"
                    " ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s AND l.objid = %s"
                    " AND l.objsubid = 1"
                    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
                    (high, low),
                ).fetchone()
        except psycopg.Error:
            return None
        if row is None:
            return None
        name, host, pid = row
        who = f"process {name.removeprefix('hubbub ')}" if name.startswith("hubbub ") else f"{name or 'a program'}"
        return f"{who}{f' on {host}' if host else ''} (server process {pid})"

    def size_bytes(self) -> int:
        with self.reading() as connection:
            size = connection.exec_driver_sql(
                "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c"
                " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind IN ('r', 'm')",
                (self.address.schema,),
            ).scalar_one()
        return int(size)

    def settle(self, *, purged: bool) -> None:
        """Nothing: the server's own vacuum looks after dead rows, `db maintain` at once."""
        del purged

    @contextmanager
    def claim(self, source: str) -> Iterator[None]:
        with self._lock:
            self._claims[source] = self._claimed(source)
        try:
            yield
        finally:
            with self._lock:
                self._let_go(self._claims.pop(source))

    def _let_go(self, held: psycopg.Connection[Any]) -> None:
        """Give a lock back before its connection is closed, which the server may notice only a moment later: the next
        command would be told that this one is still under way."""
        with suppress(psycopg.Error):
            held.execute("SELECT pg_advisory_unlock_all()" if self.options.prepared else "ROLLBACK")
        with suppress(psycopg.Error):
            held.close()

    def _claimed(self, source: str) -> psycopg.Connection[Any]:
        key = lock_key(self.address.schema, "sync", source)
        with explained(self):
            connection = self._connect(self.address.conninfo, autocommit=True)
            if self.options.prepared:
                taken = connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
            else:  # a pooler takes the connection away at the end of each transaction: this one does not end
                connection.execute("BEGIN; SET LOCAL idle_in_transaction_session_timeout TO 0")
                taken = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (key,)).fetchone()
        if taken is not None and taken[0]:
            return connection
        connection.close()
        raise LockedError(
            f"another sync of {source} into {self.where} is under way ({self._holder_of(key) or 'process unknown'})",
            advice="wait for it to end, or stop it with Ctrl-C",
        )

    def _take_claims_again(self) -> None:
        """After a restart of the server: its locks are gone with its connections."""
        for source, connection in list(self._claims.items()):
            try:
                connection.execute("SELECT 1")
            except psycopg.Error:
                with suppress(psycopg.Error):
                    connection.close()
                self._claims[source] = self._claimed(source)
