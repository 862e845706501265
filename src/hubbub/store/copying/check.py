"""Whether a copy is the same as its source: rows of every table, and the digest over all content."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

import msgspec

from hubbub.errors import HubbubError
from hubbub.store.backend import StoreOptions
from hubbub.store.copying import layouts
from hubbub.store.digest import digest, digest_of
from hubbub.store.engine import Store, open_store
from hubbub.store.sqlite_backend import SqliteBackend

APART_ROWS = 200_000
"""From so many rows on the target is read in a process of its own: two digests at once take half the time."""

NO_HURRY = (
    "SELECT set_config(name, '0', true) FROM pg_settings"
    " WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')"
)
"""PostgreSQL: a snapshot is read as long as it takes."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What a store holds."""

    rows: dict[str, int]
    """Per table."""
    digest: str


def states(source: Store, target: Store, *, names: Sequence[str], clean: bool) -> tuple[State, State]:
    """What both stores hold; with `clean` as if NUL characters in the source were replaced."""
    rows, found = _rows(target, names), None
    with _digest_apart(target, wanted=sum(rows.values()) >= APART_ROWS) as waiting:
        ours = _source_state(source, names, clean=clean)
        with suppress(EOFError):
            found = None if waiting is None else waiting.recv()
    return ours, State(rows=rows, digest=found or digest(target))


def _rows(store: Store, names: Sequence[str]) -> dict[str, int]:
    with store.reading_raw() as db:
        return {name: layouts.count(db, name) for name in names}


def _source_state(source: Store, names: Sequence[str], *, clean: bool) -> State:
    with source.reading_raw() as db:
        if db.engine == "postgresql":
            db.execute(NO_HURRY)
        elif clean:
            raw: Any = db
            raw.text_factory = lambda text: layouts.without_nul(text.decode())
        return State(rows={name: layouts.count(db, name) for name in names}, digest=digest_of(db))


@contextmanager
def _digest_apart(store: Store, *, wanted: bool) -> Iterator[Any]:
    """Where the digest of a store will come from, made by another process; ends early when that fails."""
    if not wanted:
        yield None
        return
    processes = multiprocessing.get_context("spawn")
    here, there = processes.Pipe(duplex=False)
    process = processes.Process(target=_send_digest, args=(there, *_address(store)), daemon=True)
    process.start()
    there.close()
    try:
        yield here
    finally:
        process.terminate()
        process.join()
        process.close()
        here.close()


def _address(store: Store) -> tuple[str, StoreOptions]:
    backend: Any = store.backend
    if isinstance(backend, SqliteBackend):
        return f"sqlite:///{backend.path}", backend.options
    return backend.address.conninfo, msgspec.structs.replace(backend.options, schema=backend.address.schema)


def _send_digest(there: Connection, url: str, options: StoreOptions) -> None:
    """In the other process. What fails here fails again, and is explained, in the process that waits."""
    with (
        suppress(HubbubError, KeyboardInterrupt, BrokenPipeError),
        open_store(url, create=False, read_only=True, options=options) as store,
    ):
        there.send(digest(store))
