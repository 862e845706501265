"""A watch of Product Hunt keeps in step with its world, at the pace it was asked for, until it is stopped."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

from hubbub import clock
from hubbub.events import Event, RequestDone
from hubbub.pipeline.sync import sync
from hubbub.plugins.agenda import Watch
from hubbub.plugins.contracts import SyncOptions, Target
from hubbub.store.engine import open_store
from tests.e2e.hunting import DAY_S, END, HOUR_S, PLENTY, hunted, settings_of
from tests.store.making import rows

WATCHED_S = 11 * HOUR_S
FRESH_S = HOUR_S


def test_a_watch_stores_what_comes_and_looks_no_oftener_than_it_was_told(tmp_path: Path) -> None:
    begins = END - DAY_S
    asked: Counter[str] = Counter()
    stopped = False

    def see(event: Event) -> None:
        nonlocal stopped
        if isinstance(event, RequestDone):
            asked[event.route] += 1
            if clock.now() >= begins + WATCHED_S and not stopped:
                stopped = True
                os.kill(os.getpid(), signal.SIGINT)

    with (
        hunted(days=1, span_days=5, launches=6, comments=30, points=PLENTY) as (running, _),
        open_store(f"sqlite:///{tmp_path}/hubbub.db") as store,
    ):
        report = sync(
            store,
            [Target(source="producthunt", name="")],
            options=SyncOptions(since=begins - DAY_S),
            settings=settings_of(running),
            watch=Watch(fresh_s=FRESH_S),
            observers=[see],
        )
        shown = running.truth(since=str(begins - DAY_S), until=str(begins + WATCHED_S - FRESH_S))["posts"]
        stored = {key for (key,) in rows(store, "SELECT id FROM posts WHERE withdrawn = 0 AND title IS NOT NULL")}
    assert report.errors == ()
    assert shown
    assert shown.keys() <= stored
    assert WATCHED_S / FRESH_S <= asked["Viewer"] <= WATCHED_S / FRESH_S + 1, "one round an hour, and the first"
