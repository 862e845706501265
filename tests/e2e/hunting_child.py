"""One sync from the pretend Product Hunt in a process of its own: to be killed, or to share a budget with others."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from typing import Any

from hubbub import clock
from hubbub.http import limits
from hubbub.http.access import BudgetOptions
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


def share(order: dict[str, Any]) -> list[str]:
    """Read launches within a budget that others use as well, in real time; returns what went wrong."""
    limits.WINDOW_S = float(order["window_s"])
    ahead = order["now"] - time.time()
    clock.now = lambda: int(time.time() + ahead)
    settings = SourceSettings(
        values={"token": order["token"]},
        base_url=order["base_url"],
        budget=BudgetOptions(share=order["share"], reserve=0.0),
    )
    with open_store(order["store"], create=True) as store:
        report = sync(
            store,
            [Target(source="producthunt", name="")],
            options=SyncOptions(since=order["since"], only=frozenset({"posts"})),
            settings={"producthunt": settings},
            policy=RetryPolicy(),
        )
        return list(report.errors)


if __name__ == "__main__":
    json.dump({"errors": share(json.load(sys.stdin))}, sys.stdout)
