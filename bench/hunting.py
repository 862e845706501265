"""`python -m bench producthunt`: a week of Product Hunt, in virtual time: points, requests, and what is lacking.

Every case lives through the same week of the same world, beginning a day before it with an empty store. A story that
has ended stands still, so after the last two runs exact equality with it can be asked for: two, since what is gone is
gone once it was not to be had twice."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
from tests.virtual import VirtualTime

from bench.judging import Held, hubbub_holds, judged, peer_holds
from bench.peers.producthuntdb import Pattern, ProductHuntDB
from hubbub.pipeline.sync import sync
from hubbub.plugins.contracts import SourceSettings, SyncOptions, Target
from hubbub.simulator.exchange import Ask, Reply
from hubbub.simulator.things import HORIZON
from hubbub.sources.producthunt.simulator.platform import ProductHunt
from hubbub.store.engine import open_store
from hubbub.testing import SimulatedProductHunt, simulated_producthunt

HOUR_S = 3_600
CLOSING_RUNS = 2
BY_QUERY = "points by query"
QUIET_S = 0.004
"""See `tests.virtual`: one stream at a time, and nobody else."""


class Hunt(msgspec.Struct, frozen=True, kw_only=True):
    """Who reads, and how often."""

    pattern: Pattern | None = None
    """Of ProductHuntDB; None = hubbub."""
    every_h: int = 1


class World(msgspec.Struct, frozen=True, kw_only=True):
    """How much there is to read."""

    launches_a_day: int = 30
    history_days: int = 30
    warm_h: int = 24
    """From the first run, which reads the history, to the measured time."""
    measured_h: int = 168


WEEK = World()
CASES: dict[str, Hunt] = {
    "hubbub sync, hourly": Hunt(),
    "ProductHuntDB's pattern, hourly": Hunt(pattern=Pattern()),
    "the same, --posts-only": Hunt(pattern=Pattern(posts_only=True)),
    "ProductHuntDB's pattern, nightly (its playbook)": Hunt(pattern=Pattern(), every_h=24),
    "the same query with comments (ours), hourly": Hunt(pattern=Pattern(posts_only=True, comments=True)),
    "the same over the whole week (ours), every 3 hours": Hunt(
        pattern=Pattern(posts_only=True, comments=True, days=8), every_h=3
    ),
    "hubbub sync, nightly": Hunt(every_h=24),
}


def hunted(*, case: str, world: Mapping[str, int] | None = None) -> dict[str, Any]:
    """One case in virtual time: its figures, and under `BY_QUERY` where its points went."""
    return lived(CASES[case], world=WEEK if world is None else msgspec.convert(world, World))


def lived(hunt: Hunt, *, world: World) -> dict[str, Any]:
    """The week as one reader lives it."""
    begins = HORIZON - world.measured_h * HOUR_S
    start = begins - world.warm_h * HOUR_S
    time = VirtualTime(start=start, quiet_s=QUIET_S)
    scenario = {
        "clock": {"start": start, "speed": 1.0, "step": 0.0},
        "producthunt": {"launches_a_day": world.launches_a_day},
    }
    days = world.history_days + -(-(world.measured_h + world.warm_h) // 24)
    with (
        time.installed(),
        _ledger() as spent,
        tempfile.TemporaryDirectory() as folder,
        simulated_producthunt(span_days=days, scenario=scenario) as simulated,
        _reader(hunt, simulated, folder=Path(folder), time=time) as (run, holds),
    ):
        failed = 0
        for at in _runs(start, every_s=hunt.every_h * HOUR_S):
            time.jump(max(0.0, at - time.now()))
            failed += run(time.now())
            if at <= begins:  # what is read by then is older than what is measured
                warm_points = Counter(spent)
                warm_requests, warm_refused = _asked(simulated)
        requests, refused = _asked(simulated)
        truth = simulated.truth(since=str(begins), until=str(HORIZON))
        gone = simulated.truth(deletions="1")
        figures = judged(holds(), truth=truth, gone=gone)
    points = Counter(spent)
    points.subtract(warm_points)
    cost = {"points": points.total(), "requests": requests - warm_requests}
    counts = {"post": figures["launches"], "complete post": figures["complete"]}
    return {
        "points": points.total(),
        **{f"{what}/{of}": some / count for of, count in counts.items() if count for what, some in cost.items()},
        "429": refused - warm_refused,
        "failed runs": failed,
        **figures,
        BY_QUERY: {name.removeprefix("graphql:"): n for name, n in points.most_common() if n},
    }


def _runs(start: int, *, every_s: int) -> Iterator[int]:
    """When a run is due; the last ones come once the story has ended."""
    at = start
    while at < HORIZON:
        yield at
        at += every_s
    yield from (HORIZON + number * HOUR_S for number in range(CLOSING_RUNS))


Reader = tuple[Callable[[float], int], Callable[[], Held]]
"""A run, which returns how often it failed, and what is kept after it."""


@contextmanager
def _reader(hunt: Hunt, simulated: SimulatedProductHunt, *, folder: Path, time: VirtualTime) -> Iterator[Reader]:
    if hunt.pattern is None:
        access = {"producthunt": SourceSettings(values={"token": simulated.token}, base_url=simulated.address)}
        with open_store(f"sqlite:///{folder / 'hunted.db'}", create=True) as store:

            def run(_now: float) -> int:
                report = sync(store, [Target(source="producthunt", name="")], options=SyncOptions(), settings=access)
                return len(report.errors)

            yield run, lambda: hubbub_holds(store)
        return
    peer = ProductHuntDB(address=simulated.address, token=simulated.token, pattern=hunt.pattern, pause=time.jump)

    def again(now: float) -> int:
        before = peer.broken_off
        peer.sync(now)
        return peer.broken_off - before

    try:
        yield again, lambda: peer_holds(peer)
    finally:
        peer.close()


@contextmanager
def _ledger() -> Iterator[Counter[str]]:
    """Points by route, told by the pretend platform itself, whoever asks it."""
    spent: Counter[str] = Counter()
    answer = ProductHunt.answer

    def noted(platform: ProductHunt, ask: Ask) -> Reply:
        before = platform.points.spent
        reply = answer(platform, ask)
        spent[platform.route(ask) or ""] += platform.points.spent - before
        return reply

    with patch.object(ProductHunt, "answer", noted):
        yield spent


def _asked(simulated: SimulatedProductHunt) -> tuple[int, int]:
    """Questions so far, and how many of them were refused."""
    asked = sum(count for route, count in simulated.requests().items() if route.startswith("graphql"))
    return asked, simulated.requests(by="status").get("429", 0)
