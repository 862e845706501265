"""What the two database engines do differently around a transaction: opening, locking, reading, explaining, closing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import msgspec
from sqlalchemy import Connection

from hubbub.errors import HubbubError
from hubbub.events import Event
from hubbub.store.session import Engine as EngineName
from hubbub.store.session import Session


class StoreOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a store is opened; most of it concerns PostgreSQL."""

    busy_timeout_s: float = 15.0
    """How long a write waits for another process before it gives up with LockedError."""
    schema: str = "hubbub"
    """PostgreSQL: the schema that holds the tables; `?schema=NAME` in the address beats it."""
    read_url: str | None = None
    """PostgreSQL: a replica that answers reads."""
    max_lag_s: float = 30.0
    """Reads go to the primary while the replica is further behind."""
    pool_size: int = 5
    """Connections kept for reads."""
    statement_timeout_s: float = 600.0
    """PostgreSQL: a statement that takes longer is ended by the server."""
    patience_s: float = 60.0
    """PostgreSQL: how long a lost connection is tried again before the command gives up."""
    spill: Path | None = None
    """PostgreSQL: folder in which batches wait while the database is away; None makes a run wait, then end."""
    spill_after_s: float = 5.0
    """How long a lost connection is tried again before batches are spilled."""
    prepared: bool = True
    """False behind PgBouncer in transaction mode: no prepared statements, no session locks."""
    partitions: int = 8
    """PostgreSQL: hash partitions of posts and comments of each source, fixed when a source first comes."""
    slow_query_ms: float | None = None
    """Statements that take longer are told to observers; None tells none."""
    slow_query_plan: bool = False
    """Tell the plan of a slow query as well."""


Tell = Callable[[Event], None]


class Backend(Protocol):
    """A database that holds a store."""

    engine: EngineName
    where: str
    """What messages call it: a path, or an address without its password."""
    key: str
    """Name of the store for files that belong to it."""
    refusals: tuple[type[Exception], ...]
    """What the driver raises for a value it cannot take."""
    options: StoreOptions
    tell: Tell | None
    """Where events go: slow queries, waits for the database."""

    def open(self, *, create: bool) -> None:
        """Check that the store is there and of this version; with `create`, make it where there is none."""

    def close(self) -> None:
        """Let go of every connection."""

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection for SQLAlchemy reads; driver errors become errors for people."""

    def reading_raw(self) -> AbstractContextManager[Session]:
        """A session of its own for bulk reads, inside one read transaction."""

    def exclusive(self) -> AbstractContextManager[Session]:
        """The writer's session, outside any transaction, held by this thread."""

    def transaction(self) -> AbstractContextManager[Session]:
        """The writer's session inside a transaction: committed at the end, rolled back on any error."""

    def explain(self, error: Exception) -> HubbubError:
        """The error a user should see for a driver's error: StoreAwayError where trying again may help."""

    def size_bytes(self) -> int:
        """Bytes on disk."""

    def settle(self, *, purged: bool) -> None:
        """What a run leaves to do at its end; `purged` when words were withdrawn."""

    def claim(self, source: str) -> AbstractContextManager[None]:
        """Hold the one sync of this source into this store; raises LockedError naming who else does."""
