"""Stores to test: `store` is one of each engine in turn, `url` the address of a SQLite file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hubbub.store.engine import Store, open_store

ENGINES = ("sqlite", "postgresql")
ONLY_SQLITE = pytest.mark.parametrize("any_url", ["sqlite"], indirect=True)
ONLY_POSTGRES = pytest.mark.parametrize("any_url", ["postgresql"], indirect=True)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/home/hubbub.db"


@pytest.fixture(params=ENGINES)
def any_url(request: pytest.FixtureRequest, url: str) -> str:
    """The address of a new store of either engine."""
    if request.param == "sqlite":
        return url
    address: str = request.getfixturevalue("postgres")
    return address


@pytest.fixture
def store(any_url: str) -> Iterator[Store]:
    with open_store(any_url) as opened:
        yield opened
