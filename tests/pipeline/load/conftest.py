from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hubbub.events import Event
from hubbub.pipeline.load import LoadOptions, load_files
from hubbub.pipeline.run import RunReport
from hubbub.store.engine import Store, open_store

Load = Callable[..., RunReport]


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/hubbub.db"


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with open_store(database) as opened:
        yield opened


@pytest.fixture
def load(store: Store) -> Load:
    """Import files into the store of the test."""

    def run(*paths: Path, into: Store = store, seen: list[Event] | None = None, **options: object) -> RunReport:
        observers = [] if seen is None else [seen.append]
        return load_files(into, paths, options=LoadOptions(**options), observers=observers)  # type: ignore[arg-type]

    return run
