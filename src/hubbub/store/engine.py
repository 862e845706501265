"""Opening a store, and the one object everything else holds of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from sqlalchemy import Connection

from hubbub import clock
from hubbub.errors import ConfigError, StoreAwayError
from hubbub.store import search_index, search_vector, upsert
from hubbub.store.backend import Backend, StoreOptions, Tell
from hubbub.store.batch import Batch, Tally
from hubbub.store.patience import patiently
from hubbub.store.session import Engine, Session
from hubbub.store.spill import Entry, Spill
from hubbub.store.sqlite_backend import SqliteBackend

PROBE_EVERY_S = 5.0
"""While batches wait on disk, the database is asked so often whether it is back."""


def open_store(url: str, *, create: bool = True, read_only: bool = False, options: StoreOptions | None = None) -> Store:
    """Open the store at `url` ("sqlite:///path", "postgresql://…"), making its place and schema when missing and
    `create` is set.

    Raises StorageError when the place, the database or its schema version will not do (nothing is changed then),
    LockedError when another process holds it, ConfigError when the address is none."""
    store = Store(backend_of(url, read_only=read_only, options=options or StoreOptions()), read_only=read_only)
    try:
        store.backend.open(create=create)
    except BaseException:
        store.close()
        raise
    return store


def backend_of(url: str, *, read_only: bool = False, options: StoreOptions | None = None) -> Backend:
    """The database a store's address names, not opened yet. Raises ConfigError when it names none."""
    options = options or StoreOptions()
    if not is_postgres(url):
        return SqliteBackend(url, read_only=read_only, options=options)
    try:
        from hubbub.store.postgres.backend import PostgresBackend  # noqa: PLC0415 - the driver is an extra
    except ImportError as err:
        raise ConfigError(
            "stores in PostgreSQL need the extra 'postgres'", advice="pip install 'hubbub[postgres]'"
        ) from err
    return PostgresBackend(url, read_only=read_only, options=options)


def is_postgres(url: str) -> bool:
    """Whether an address names a PostgreSQL server."""
    return url.startswith(("postgresql://", "postgres://"))


class Store:
    """An open store: one writer at a time, any number of readers on connections of their own."""

    def __init__(self, backend: Backend, *, read_only: bool) -> None:
        self.backend = backend
        self.read_only = read_only
        self.search_later = False
        """Set before a large import: batches leave the search index to `maintain_search`."""
        self._commits: dict[int, int] = {}
        """Per run begun here: batches that are known to be committed."""
        self._unheard: dict[tuple[int, int], Tally] = {}
        """Per run and commits before: the tally of a batch of which it is not known whether it was committed."""
        folder = backend.options.spill
        is_here = backend.engine == "sqlite"  # a file is never away
        self._spill = None if folder is None or read_only or is_here else Spill(folder, name=backend.key)
        self._probe_at = 0.0

    @property
    def engine(self) -> Engine:
        """Name of the database engine."""
        return self.backend.engine

    @property
    def where(self) -> str:
        """What to call the store in messages: a path, or an address without its password."""
        return self.backend.where

    @property
    def path(self) -> Path:
        """The file of a SQLite store."""
        assert isinstance(self.backend, SqliteBackend)
        return self.backend.path

    def tell(self, observer: Tell | None) -> None:
        """Hand slow queries and waits for the database to this observer from now on."""
        self.backend.tell = observer

    def close(self) -> None:
        """Let go of the database."""
        if self._spill is not None:
            self._spill.close()
        self.backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection for reads; driver errors become errors for people."""
        return self.backend.reading()

    def reading_raw(self) -> AbstractContextManager[Session]:
        """A session for bulk reads, of its own, inside one read transaction: a long reader holds up nobody."""
        return self.backend.reading_raw()

    def exclusive(self) -> AbstractContextManager[Session]:
        """The writer's session, outside any transaction, held by this thread."""
        return self.backend.exclusive()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """The writer's session inside a transaction that is committed at the end and rolled back on any error."""
        with self.backend.transaction() as db:
            db.index_now = not self.search_later
            yield db

    def size_bytes(self) -> int:
        """Bytes on disk, the write-ahead log included."""
        return self.backend.size_bytes()

    def claim(self, source: str) -> AbstractContextManager[None]:
        """Hold the one sync of this source into this store; raises LockedError naming who else does."""
        return self.backend.claim(source)

    @property
    def waiting(self) -> int:
        """Batches of this process that wait on disk for the database to come back."""
        return 0 if self._spill is None else self._spill.batches

    def write(self, batch: Batch) -> Tally:
        """Store one batch in ONE transaction: records, quarantine, checkpoints, ledger, run counters.

        Records that the database cannot take are set aside and counted; their neighbours are stored. A connection that
        is lost is made again for as long as the options say; a batch that was committed all the same is not counted
        twice. While the database is away batches wait on disk, where the options name a folder for that: the tally is
        of what this call committed, waiting batches included."""
        if self._spill is None:
            return self._stored(batch)
        if self.waiting and not self._probe():
            return self._spilled(batch)
        try:
            caught_up = self._catch_up(patience_s=0.0)
            caught_up.add(self._stored(batch, patience_s=self.backend.options.spill_after_s))
        except StoreAwayError:
            return self._spilled(batch)
        return caught_up

    def catch_up(self) -> Tally:
        """Store what waits on disk, with all patience. Raises StoreAwayError when the database stays away."""
        return self._catch_up(patience_s=self.backend.options.patience_s)

    def _catch_up(self, *, patience_s: float) -> Tally:
        tally = Tally()
        if self._spill is not None and self.waiting:
            self._spill.drain(lambda entry: tally.add(self._replayed(entry, patience_s=patience_s)))
        return tally

    def _replayed(self, entry: Entry, *, patience_s: float) -> Tally:
        return self._stored(entry.batch, known=entry.commits, patience_s=patience_s)

    def _probe(self) -> bool:
        """Whether it is time to ask a database that was away: once in a while, not for every batch."""
        return clock.monotonic() >= self._probe_at

    def _spilled(self, batch: Batch) -> Tally:
        assert self._spill is not None
        known = self._commits.get(batch.run_id, 0) + self.waiting
        self._spill.append(batch, commits=known)
        self._probe_at = clock.monotonic() + PROBE_EVERY_S
        return Tally()

    def _stored(self, batch: Batch, *, known: int | None = None, patience_s: float | None = None) -> Tally:
        try:
            return self._commit(batch, known=known, patience_s=patience_s)
        except self.backend.refusals as err:
            cleaned = self._without_unstorable(batch.spread())
            if cleaned is None:
                raise self.backend.explain(err) from err
            return self._commit(cleaned, known=known, patience_s=patience_s)

    def _commit(self, batch: Batch, *, known: int | None, patience_s: float | None) -> Tally:
        """One transaction; `known` is how many batches of the run were committed before, of a batch that waited."""
        done: list[Tally] = []
        replayed = known is not None
        before = self._commits.get(batch.run_id) if known is None else known

        def attempt() -> Tally:
            with self.transaction() as db:
                if (done or replayed) and before is not None and upsert.commits(db, batch.run_id) > before:
                    # The answer to a COMMIT was lost, not the batch.
                    return done[-1] if done else self._unheard.pop((batch.run_id, before), Tally())
                done.append(upsert.write_batch(db, batch, now=clock.now()))
            return done[-1]

        try:
            tally = patiently(self.backend, attempt, patience_s=patience_s)
        except StoreAwayError:
            if done and before is not None:
                self._unheard[batch.run_id, before] = done[-1]
            raise
        if before is not None and batch.run_id in self._commits:
            self._commits[batch.run_id] = before + 1
        return tally

    def _without_unstorable(self, batch: Batch) -> Batch | None:
        found: list[Batch | None] = []
        with suppress(_Undone), self.transaction() as db:
            found.append(upsert.without_unstorable(db, batch, now=clock.now(), refusals=self.backend.refusals))
            raise _Undone
        return found[0]

    def begin_run(self, *, command: str, target: str, started_at: int) -> int:
        """Record that a command that writes has begun; returns the run's number."""

        def attempt() -> int:
            with self.transaction() as db:
                row = db.execute(
                    "INSERT INTO runs (command, target, started_at, pid) VALUES (?, ?, ?, ?) RETURNING id",
                    (command, target, started_at, os.getpid()),
                ).fetchone()
                return int(row[0])

        if self._spill is not None:
            self._spill.drain_left(lambda entry: self._replayed(entry, patience_s=self.backend.options.patience_s))
        run_id = patiently(self.backend, attempt)
        self._commits[run_id] = 0
        return run_id

    def end_run(self, run_id: int, *, exit_code: int, summary: Mapping[str, Any], ended_at: int) -> None:
        """Record how a run ended; withdrawn words leave the search index and the write-ahead log for good."""
        text = msgspec.json.encode(summary, enc_hook=str, order="sorted").decode()

        def note(db: Session) -> None:
            db.execute(
                "UPDATE runs SET ended_at = ?, exit_code = ?, summary = ? WHERE id = ?",
                (ended_at, int(exit_code), text, run_id),
            )

        self._purge(note)
        self._commits.pop(run_id, None)

    def purge(self) -> None:
        """Let withdrawn words leave the search index and the write-ahead log for good, in the midst of a run that
        lasts: the end of a run does it by itself."""
        self._purge()

    def _purge(self, note: Callable[[Session], None] | None = None) -> None:
        search: Any = search_index if self.engine == "sqlite" else search_vector

        def attempt() -> bool:
            with self.transaction() as db:
                if note is not None:
                    note(db)
                purged: bool = search.purge_due(db)
                return purged

        self.backend.settle(purged=patiently(self.backend, attempt))

    def add_finding(self, *, run_id: int, severity: str, what: str) -> None:
        """Note something the user should know about a run."""

        def attempt() -> None:
            with self.transaction() as db:
                db.execute(
                    "INSERT INTO findings (run_id, severity, what, at) VALUES (?, ?, ?, ?)",
                    (run_id, severity, what, clock.now()),
                )

        patiently(self.backend, attempt)

    def mark_untrusted(self, run_id: int, *, why: str) -> None:
        """Note that records of this run may be wrong although they were stored."""

        def attempt() -> None:
            with self.transaction() as db:
                db.execute(
                    "UPDATE runs SET untrusted = coalesce(untrusted || '; ', '') || ? WHERE id = ?", (why, run_id)
                )

        patiently(self.backend, attempt)


class _Undone(Exception):  # noqa: N818 - no error: it rolls back a transaction that was only a trial
    """Ends a trial."""
