from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hubbub.http.retry import RetryPolicy
from hubbub.pipeline.run import RunReport
from hubbub.pipeline.sync import sync
from hubbub.plugins.contracts import SourceSettings, SyncOptions, Target
from hubbub.store.engine import Store, open_store
from tests.pipeline import forum as platform

Sync = Callable[..., RunReport]


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that makes the forum known as a source; on the path of this process."""
    folder = platform.register(tmp_path)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return folder


@pytest.fixture
def forum() -> Iterator[platform.ForumServer]:
    with platform.serving() as server:
        yield server


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/hubbub.db"


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with open_store(database) as opened:
        yield opened


@pytest.fixture
def run_sync(forum: platform.ForumServer, plugins: Path) -> Sync:
    """Sync these forums (default: insects) into a store."""

    def run(store: Store, *names: str, only: frozenset[str] = frozenset(), **more: object) -> RunReport:
        return sync(
            store,
            [Target(source="forum", name=name) for name in names or ("insects",)],
            options=SyncOptions(only=only),
            settings={"forum": SourceSettings(values={}, base_url=forum.url)},
            policy=RetryPolicy(attempts=1, rate_attempts=1),
            **more,  # type: ignore[arg-type]
        )

    return run
