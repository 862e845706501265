"""Watching communities in virtual time: what is written is caught, what is withdrawn goes, and little is asked."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hubbub import clock
from hubbub.errors import ExitCode
from hubbub.events import Event, RequestDone
from hubbub.pipeline.sync import sync
from hubbub.plugins.agenda import Watch
from hubbub.plugins.contracts import SyncOptions, Target
from hubbub.simulator.faults import Clock, Fault, Limits, Scenario
from hubbub.simulator.server import Running
from hubbub.simulator.things import HORIZON
from hubbub.sources.reddit.simulator.platform import Reddit
from hubbub.sources.reddit.simulator.view import comment_id
from hubbub.store.engine import open_store
from tests.e2e.living import bytes_of_home, mark_world, word
from tests.e2e.road import access, get_json, simulated, store_url
from tests.store.making import rows
from tests.virtual import VirtualTime

HOUR_S = 3_600
DAYS = 2
START = HORIZON - DAYS * 24 * HOUR_S
WATCH = Watch(fresh_s=1_800)
NAMES = tuple(f"place{number}" for number in range(12))


class Watching:
    """What a client that watches asks, until it is told to stop."""

    def __init__(self, *, until: int, home: Path | None = None) -> None:
        """With a `home`, its bytes are kept as they were when the client was told to stop."""
        self._until = until
        self._home = home
        self.files = b""
        self._stopped = False
        self.routes: Counter[tuple[int, str]] = Counter()
        self.statuses: Counter[int | None] = Counter()

    def __call__(self, event: Event) -> None:
        if isinstance(event, RequestDone):
            self.routes[(clock.now() - START) // HOUR_S, event.route] += 1
            self.statuses[event.status] += 1
            if clock.now() > self._until and not self._stopped:
                self._stopped = True
                self.files = b"" if self._home is None else bytes_of_home(self._home)
                os.kill(os.getpid(), signal.SIGINT)

    def after(self, hour: int) -> Counter[str]:
        """Requests by route from that hour on."""
        found: Counter[str] = Counter()
        for (at, route), count in self.routes.items():
            found[route] += count * (at >= hour)
        return found


def watch(folder: Path, **scenario: Any) -> tuple[Watching, set[str], set[str], list[Any]]:
    """Two days of watching; what was asked, and ids lacking and ids wrongly live at the end, and tombstones."""
    seen = Watching(until=HORIZON - HOUR_S)
    given = Scenario(clock=Clock(start=START, speed=1.0, step=0.0), **scenario)
    with (
        VirtualTime(start=START).installed(),
        simulated(posts=8, comments=90, span_days=4, communities=NAMES, scenario=given) as running,
        open_store(store_url(folder)) as store,
    ):
        targets = [Target(source="reddit", name=name) for name in NAMES]
        report = sync(
            store,
            targets,
            options=SyncOptions(),
            settings=access(running),
            watch=WATCH,
            observers=[seen],
        )
        assert report.exit_code in {ExitCode.OK, ExitCode.REMOTE}, report.errors
        lacking, live = _compare(running, store)
        stones = rows(store, "SELECT id, reason FROM tombstones")
    return seen, lacking, live, stones


def _compare(running: Running, store: Any) -> tuple[set[str], set[str]]:
    truth = get_json(running, "/__truth")
    shown = {key for name in NAMES for kind in ("posts", "comments") for key in truth[name][kind]}
    blank = {key for name in NAMES for key in truth[name]["blank_comments"]}
    stored = {key for (key,) in rows(store, "SELECT id FROM posts WHERE observed_at IS NOT NULL")}
    stored |= {key for (key,) in rows(store, "SELECT id FROM comments WHERE observed_at IS NOT NULL")}
    live = {key for (key,) in rows(store, "SELECT id FROM comments WHERE withdrawn = 0 AND observed_at IS NOT NULL")}
    return shown - stored, live & blank


def test_a_dozen_communities_are_kept_in_step_for_little(tmp_path: Path) -> None:
    seen, lacking, _, stones = watch(tmp_path)
    assert not lacking
    assert seen.statuses[429] == 0
    assert stones
    steady = seen.after(24)
    hours = DAYS * 24 - 24 - 1
    # Twelve communities share one listing of posts and one of comments, each polled twice an hour.
    assert steady["new"] <= 2.4 * hours
    assert steady["community_comments"] <= 2.4 * hours
    assert steady.total() <= 8 * hours


def test_words_leave_the_files_while_the_watch_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark_world(monkeypatch)
    seen = Watching(until=HORIZON - HOUR_S, home=tmp_path)
    given = Scenario(clock=Clock(start=START, speed=1.0, step=0.0))
    with (
        VirtualTime(start=START).installed(),
        simulated(posts=8, comments=90, span_days=4, communities=NAMES, scenario=given) as running,
        open_store(store_url(tmp_path)) as store,
    ):
        targets = [Target(source="reddit", name=name) for name in NAMES]
        sync(store, targets, options=SyncOptions(), settings=access(running), watch=WATCH, observers=[seen])
        stones = dict(rows(store, "SELECT id, at FROM tombstones WHERE kind = 'comment'"))
    assert running.app is not None
    platform = running.app.platforms[0]
    assert isinstance(platform, Reddit)
    comments = {f"t1_{comment_id(c)}": c for place in platform.world.communities() for c in place.comments}
    by_then = HORIZON - 9 * HOUR_S  # the words of the last hours may wait for the next time
    gone = [comments[key] for key, at in stones.items() if comments[key].created_at > START and at < by_then]
    assert len(gone) > 3
    assert [each.number for each in gone if word(each)[4:].encode() in seen.files] == []


def test_a_platform_that_fails_now_and_then_costs_retries_and_nothing_else(tmp_path: Path) -> None:
    faults = (
        Fault(action="status", status=503, share=0.03),
        Fault(action="truncate", share=0.01),
        Fault(action="reset", share=0.01),
        Fault(action="revoke", nth=40, every=60),
    )
    seen, lacking, _, _ = watch(tmp_path, faults=faults, limits=Limits(bare_share=0.2))
    assert not lacking
    assert seen.statuses[503] > 0
    assert seen.statuses[429] == 0
