"""PURE. Which streams of which targets a sync runs, and in what order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from hubbub.errors import UsageError
from hubbub.plugins.contracts import StreamPlan, SyncOptions, Target

Stages = tuple[tuple[StreamPlan, ...], ...]


class TargetPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One target and the stages of streams it runs, first to last."""

    target: Target
    stages: Stages
    stem: str
    """What the names of its streams begin with: its name, or its label where two sources are asked for one name."""

    @property
    def label(self) -> str:
        """`reddit:whatisthisbug`, as the user may type it."""
        return label(self.target)


def label(target: Target) -> str:
    """`reddit:whatisthisbug`, as the user may type it."""
    return f"{target.source}:{target.name}" if target.name else target.source


def distinct(targets: Sequence[Target]) -> tuple[Target, ...]:
    """The targets in the order typed, each once; names differ by more than the case of their letters."""
    seen: dict[tuple[str, str], Target] = {}
    for target in targets:
        seen.setdefault((target.source, target.name.casefold()), target)
    return tuple(seen.values())


def narrow(stages: Stages, only: frozenset[str]) -> Stages:
    """The streams named in `only` (all, when it is empty), without stages that become empty."""
    kept = (tuple(plan for plan in stage if not only or plan.name in only) for stage in stages)
    return tuple(stage for stage in kept if stage)


def plan_targets(
    targets: Sequence[Target],
    *,
    options: SyncOptions,
    plan: Callable[[Target, SyncOptions], Stages],
) -> tuple[TargetPlan, ...]:
    """What to run for each distinct target, by what its source plans for it.

    Raises UsageError for no target, or for a name in `options.only` that is a stream of none of them."""
    if not targets:
        raise UsageError("nothing to sync", advice="name a target, for example reddit:whatisthisbug")
    everything = msgspec.structs.replace(options, only=frozenset())
    known: set[str] = set()
    plans: list[TargetPlan] = []
    chosen = distinct(targets)
    names = Counter(target.name.casefold() for target in chosen)
    for target in chosen:
        wanted = plan(target, options)
        stem = target.name if target.name and names[target.name.casefold()] == 1 else label(target)
        known.update(each.name for stage in (*plan(target, everything), *wanted) for each in stage)
        plans.append(TargetPlan(target=target, stages=narrow(wanted, options.only), stem=stem))
    if unknown := sorted(options.only - known):
        raise UsageError(f"no stream is named {', '.join(unknown)}", advice=f"known here: {', '.join(sorted(known))}")
    return tuple(plans)
