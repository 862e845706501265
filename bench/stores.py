"""Stores and servers that benchmarks write into."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec


def without_indexes(url: str) -> None:
    """Make an empty store with no index but the tables' keys, for a run that is compared with tools that have none.

    Everything about how that is done is in this one place."""
    from hubbub.store.engine import open_store

    with open_store(url) as store:
        drop_indexes(store)


def drop_indexes(store: Any) -> None:
    """Drop the indexes a store is shipped with, but not the tables' keys."""
    found = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
        "postgresql": "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema AND indexname LIKE 'ix_%'",
    }
    with store.transaction() as db:
        for (name,) in db.execute(found[store.engine]).fetchall():
            db.execute(f"DROP INDEX {name}")


class Server(msgspec.Struct, frozen=True):
    """An empty database of a PostgreSQL server of our own."""

    url: str
    pid: int
    """The server's first process: all others are its children."""


@contextmanager
def postgres() -> Iterator[Server]:
    """A server with a quarter of a small machine's memory; it ends with the block."""
    from tests import servers
    from tests.keeper import Watch

    servers.SETTINGS["shared_buffers"] = "2GB"
    watch = Watch()
    try:
        server = servers.PostgresServer(watch.keeper, name="bench")
        server.create()
        server.start()
        pid = int(server.sql("SELECT split_part(pg_read_file('postmaster.pid'), chr(10), 1)"))
        with server.database() as url:
            yield Server(url, pid)
    finally:
        watch.close()


def drop_schema(url: str) -> None:
    """Drop the schema that the address of a PostgreSQL store names."""
    import psycopg

    place, _, schema = url.partition("?schema=")
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())
