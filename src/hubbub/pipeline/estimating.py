"""What a sync will cost, told from the store without a single request."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from hubbub import clock
from hubbub.pipeline.plan import distinct
from hubbub.pipeline.recalling import recall
from hubbub.plugins import registry
from hubbub.plugins.agenda import Estimate, PoolingSource
from hubbub.plugins.contracts import SyncOptions, Target
from hubbub.store.engine import Store


class SyncEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a sync of some targets will ask."""

    source: str
    targets: tuple[str, ...]
    requests: tuple[Estimate, ...]
    """Empty where the source cannot tell."""
    per_minute: int
    """Requests (or points) a minute the platform allows."""
    measure: str = "requests"
    """What the platform counts: requests, points."""

    @property
    def least(self) -> int:
        """Requests, at least."""
        return sum(each.least for each in self.requests)

    @property
    def most(self) -> int:
        """Requests, at most."""
        return sum(each.most for each in self.requests)

    def minutes(self, requests: int) -> int:
        """How long so many take at the pace the platform allows."""
        return math.ceil(requests / self.per_minute)


def estimate_sync(store: Store, targets: Sequence[Target], *, options: SyncOptions) -> list[SyncEstimate]:
    """What a sync of these targets will ask of each source; raises UsageError for a target no source knows."""
    options = msgspec.structs.replace(options, started_at=options.started_at or clock.now())
    grouped: dict[tuple[str, bool], list[Target]] = {}
    for target in distinct(targets):
        plugin = registry.load("sources", target.source)
        plugin.plan(target, options)
        pools = isinstance(plugin, PoolingSource) and plugin.pools(target, options)
        grouped.setdefault((target.source, pools), []).append(target)
    found = []
    for (source, pools), some in grouped.items():
        plugin = registry.load("sources", source)
        requests = _asked(store, some, plugin=plugin, options=options) if pools else ()
        per_minute = plugin.requests_a_minute if isinstance(plugin, PoolingSource) else 0
        names = tuple(target.name for target in some)
        measure = getattr(plugin, "measure", "requests")
        found.append(
            SyncEstimate(source=source, targets=names, requests=requests, per_minute=per_minute, measure=measure)
        )
    return found


def _asked(
    store: Store, targets: Sequence[Target], *, plugin: PoolingSource, options: SyncOptions
) -> tuple[Estimate, ...]:
    asking = plugin.estimate(targets, options)
    answer = None
    while True:
        try:
            asked = asking.send(answer)
        except StopIteration as stop:
            return tuple(stop.value)
        answer = recall(store, asked, source=targets[0].source)
