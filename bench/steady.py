"""Watching communities for days of virtual time: requests an hour by kind, and the share of what was shown that was
caught."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from tests.e2e.road import access, simulated
from tests.virtual import QUIET_S, VirtualTime

from hubbub import clock
from hubbub.events import Event, RequestDone
from hubbub.pipeline.sync import sync
from hubbub.plugins.agenda import Watch
from hubbub.plugins.contracts import SyncOptions, Target
from hubbub.simulator.faults import Clock, Limits, Scenario
from hubbub.simulator.things import HORIZON, Size
from hubbub.simulator.world import World
from hubbub.sources.reddit.simulator.platform import Reddit
from hubbub.sources.reddit.simulator.view import View, comment_id
from hubbub.store import reads
from hubbub.store.engine import open_store

HOUR_S = 3_600
SILENT_S = 7_200
"""The simulated world falls silent so long before its end."""


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """Communities to be watched."""

    communities: int
    posts: int
    """A day, in each."""
    comments: int
    """A day, in each, on the whole: talk gathers behind posts, so that the measured hours may have more of it."""
    warm_h: int = 24
    measured_h: int = 22
    fresh_s: int = 600
    quiet_s: float = QUIET_S
    """See `tests.virtual`."""
    most_per_h: float
    """Requests an hour that are aimed at."""


CASES: dict[str, Watched] = {
    "A: 150 posts + 900 comments a day, 10 minutes": Watched(communities=1, posts=150, comments=900, most_per_h=15),
    "A, 30 minutes": Watched(communities=1, posts=150, comments=900, fresh_s=1_800, most_per_h=7),
    "B: 100 posts + 5,700 comments an hour": Watched(
        communities=1, posts=2_400, comments=85_500, warm_h=27, measured_h=8, most_per_h=150
    ),
    "C: 200 small communities in two listings each, 10 minutes": Watched(
        communities=200, posts=3, comments=15, measured_h=8, most_per_h=31
    ),
    "C: 2,000 small communities, 10 minutes": Watched(
        communities=2_000, posts=3, comments=15, measured_h=8, quiet_s=60.0, most_per_h=310
    ),
}


def watched(*, case: str) -> dict[str, Any]:
    """One case, in virtual time: figures of the measured hours, which follow the warm ones."""
    given = CASES[case]
    days = -(-(given.warm_h + given.measured_h) // 24) + 2
    size = Size(posts=given.posts * days, comments=given.comments * days, span_days=days)
    names = tuple(f"place{number}" for number in range(given.communities))
    start = HORIZON - SILENT_S - (given.warm_h + given.measured_h) * HOUR_S
    time = VirtualTime(start=start, quiet_s=given.quiet_s)
    routes: Counter[str] = Counter()
    refused, stopped = 0, False
    begins, ends = start + given.warm_h * HOUR_S, HORIZON - SILENT_S

    def see(event: Event) -> None:
        nonlocal refused, stopped
        if isinstance(event, RequestDone):
            refused += event.status == 429
            if clock.now() >= ends and not stopped:
                stopped = True
                os.kill(os.getpid(), signal.SIGINT)
            elif begins <= clock.now() < ends:
                routes[event.route] += 1

    # The first reading of thousands of communities would only wait for the budget, in virtual time.
    scenario = Scenario(clock=Clock(start=start, speed=1.0, step=0.0), limits=Limits(requests=10**9))
    with (
        time.installed(),
        tempfile.TemporaryDirectory() as folder,
        simulated(
            posts=size.posts, comments=size.comments, span_days=days, communities=names, scenario=scenario
        ) as running,
        open_store(f"sqlite:///{Path(folder) / 'watched.db'}") as store,
    ):
        assert running.app is not None
        platform = running.app.platforms[0]
        assert isinstance(platform, Reddit)
        platform.world.communities()  # grown beforehand: no answer waits for it
        targets = [Target(source="reddit", name=name) for name in names]
        watch = Watch(fresh_s=given.fresh_s, recheck=False)
        report = sync(store, targets, options=SyncOptions(), settings=access(running), watch=watch, observers=[see])
        if not stopped:
            message = f"the watch of {case} ended {ends - clock.now()} virtual s before its time: its figures are void"
            raise RuntimeError(message)
        shown = [*_shown(platform.world, begins=begins, ends=ends - given.fresh_s)]
        caught = len(reads.known_ids(store, "reddit", "comment", shown))
    if report.errors:
        print(report.errors, file=sys.stderr)
    hours = given.measured_h
    kinds = {"new": "new", "community_comments": "stream", "info": "info", "comments": "trees", "branch": "trees"}
    by_kind: Counter[str] = Counter()
    for route, count in routes.items():
        by_kind[kinds.get(route, "other")] += count
    return {
        "requests/h": routes.total() / hours,
        "aimed at": given.most_per_h,
        **{f"{kind}/h": by_kind[kind] / hours for kind in ("stream", "new", "info", "trees", "other")},
        "comments shown/h": len(shown) / (hours - given.fresh_s / HOUR_S),
        "captured %": 100 * caught / max(1, len(shown)),
        "429": refused,
        "errors": len(report.errors),
    }


def _shown(world: World, *, begins: int, ends: int) -> Iterator[str]:
    """The comments made in a time that some listing showed, if only for a moment: not those below hidden posts."""
    for community in world.communities():
        for comment in community.comments:
            if begins <= comment.created_at < ends and View(world, comment.created_at).listed(comment.post):
                yield f"t1_{comment_id(comment)}"
