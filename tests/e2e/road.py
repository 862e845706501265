"""The road in a few words: a simulated platform, a store, and the commands between them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hubbub.http.retry import RetryPolicy
from hubbub.pipeline.run import RunReport
from hubbub.pipeline.sync import sync
from hubbub.plugins import registry
from hubbub.plugins.contracts import SourceSettings, SyncOptions, Target
from hubbub.simulator.server import Options, Running
from hubbub.store.engine import Store

HASTY = RetryPolicy()
"""The product's own patience; tests that meet faults pass a shorter one."""


@contextmanager
def simulated(**options: Any) -> Iterator[Running]:
    """The pretend Reddit on a free port of loopback."""
    with Running(Options(routes=[registry.load("simulators", "reddit")], **options)) as running:
        yield running


def access(running: Running) -> dict[str, SourceSettings]:
    """Settings with the credentials of the simulator's ready line."""
    keys = ("client_id", "client_secret", "username", "password")
    values = {key: str(running[key]) for key in keys}
    return {"reddit": SourceSettings(values=values, base_url=str(running["reddit"]))}


def sync_all(
    store: Store, running: Running, *, names: Sequence[str] = ("whatisthisbug",), options: SyncOptions | None = None
) -> RunReport:
    """`hubbub sync reddit:NAME…` against the simulator."""
    targets = [Target(source="reddit", name=name) for name in names]
    return sync(store, targets, options=options or SyncOptions(), settings=access(running), policy=HASTY)


def get_json(running: Running, path: str) -> Any:
    """One of the simulator's control pages."""
    with urllib.request.urlopen(running.url + path, timeout=30) as answer:
        return json.load(answer)


def store_url(folder: Path) -> str:
    """The address of a store in this folder."""
    return f"sqlite:///{folder / 'hubbub.db'}"
