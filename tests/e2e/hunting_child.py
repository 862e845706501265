"""One sync from the pretend Product Hunt in a process of its own, so that it can be killed."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from hubbub.http.retry import RetryPolicy
from hubbub.pipeline.sync import sync
from hubbub.plugins.contracts import SourceSettings, SyncOptions, Target
from hubbub.store.engine import open_store
from tests.virtual import VirtualTime


def main(database: str, *, base_url: str, token: str, now: int, since: int, only: Iterable[str]) -> None:
    """Exit with the report's code; `now` is the time it is then (epoch seconds)."""
    with VirtualTime(start=now).installed(), open_store(database) as store:
        report = sync(
            store,
            [Target(source="producthunt", name="")],
            options=SyncOptions(since=since, only=frozenset(only)),
            settings={"producthunt": SourceSettings(values={"token": token}, base_url=base_url)},
            policy=RetryPolicy(attempts=1),
        )
    sys.exit(int(report.exit_code))
