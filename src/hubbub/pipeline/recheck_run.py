"""The command `hubbub recheck`: one pass as a run of its own, and what it would cost."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from hubbub import clock
from hubbub.errors import HubbubError, UsageError
from hubbub.events import Observer
from hubbub.http.retry import RetryPolicy
from hubbub.pipeline import absence
from hubbub.pipeline.egress import Egress
from hubbub.pipeline.plan import TargetPlan, label
from hubbub.pipeline.recheck import CLOSED, Recheck, RecheckOptions
from hubbub.pipeline.run import RunReport
from hubbub.pipeline.sync import carry_out
from hubbub.plugins import registry
from hubbub.plugins.by_id import IdReader
from hubbub.plugins.contracts import SourceSettings, StreamPlan, Target
from hubbub.plugins.due import RecallDue, Scope
from hubbub.store import due, reads
from hubbub.store.engine import Store


class RecheckPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a pass would cost, when nothing is missing."""

    rows: int
    requests: int
    minutes: int
    """At the platform's full budget, rounded up."""
    oldest_at: int | None
    """When the row was last observed that has waited longest."""
    closed: int
    """Communities that could not be read last time: each costs one look, its rows are not among `rows`."""


def plan_recheck(store: Store, targets: Sequence[Target], *, options: RecheckOptions) -> RecheckPlan:
    """Count what is due; asks nobody. Raises UsageError for a target that cannot be rechecked."""
    source, reader, scope = _scoped(targets)
    closed = tuple(sorted(key.removeprefix(CLOSED) for key in reads.checkpoints(store, source, CLOSED)))
    before = absence.due_before(options.now, within_s=options.within_s)
    asked = RecallDue(before=before, limit=0, scope=scope, without=closed)
    parts = [asked] + [msgspec.structs.replace(asked, other_doors=True)] * options.other_doors
    rows = [due.count_due(store, source, part) for part in parts]
    oldest = [at for part in parts if (at := due.oldest_due(store, source, part)) is not None]
    total = sum(rows) if options.limit is None else min(sum(rows), options.limit)
    requests = -(-total // reader.ids_a_request)
    return RecheckPlan(
        rows=total,
        requests=requests,
        minutes=-(-requests // reader.requests_a_minute),
        oldest_at=min(oldest, default=None),
        closed=len(closed),
    )


def recheck(
    store: Store,
    targets: Sequence[Target],
    *,
    options: RecheckOptions,
    settings: Mapping[str, SourceSettings],
    observers: Sequence[Observer] = (),
    policy: RetryPolicy | None = None,
    egress: Egress | None = None,
) -> RunReport:
    """One pass as a run of its own; `reddit` alone means all of its rows. Raises as `sync` does."""
    source, reader, scope = _scoped(targets)
    work = Recheck(reader, source=source, options=msgspec.structs.replace(options, scope=scope))

    def details() -> dict[str, Any]:
        with suppress(HubbubError):
            work.found.overdue = _overdue(store, source=source, options=work.options)
        return {"recheck": msgspec.to_builtins(work.found)}

    stages = ((StreamPlan(name="recheck", begin=work.stream),),)
    plan = TargetPlan(target=Target(source=source, name=""), stages=stages, stem=source)
    return carry_out(
        store,
        [plan],
        command="recheck",
        target=" ".join(label(each) for each in targets),
        settings=settings,
        observers=observers,
        policy=policy,
        egress=egress,
        details=details,
    )


def _overdue(store: Store, *, source: str, options: RecheckOptions) -> int:
    asked = RecallDue(before=options.now - options.within_s, limit=0, scope=options.scope)
    parts = [asked] + [msgspec.structs.replace(asked, other_doors=True)] * options.other_doors
    return sum(due.count_due(store, source, part) for part in parts)


def options_now(*, by: str | None = None, **given: Any) -> RecheckOptions:
    """Options of a pass that begins now; passes of one run share their word `by`, others have one of their own."""
    return RecheckOptions(now=clock.now(), by=by or uuid.uuid4().hex, **given)


def reader_of(source: str) -> IdReader:
    """The source of this name that answers by id. Raises UsageError for one that does not."""
    plugin = registry.load("sources", source)
    if not isinstance(plugin, IdReader):
        raise UsageError(f"{source} cannot be asked by id", advice="reddit can: write reddit:NAME")
    return plugin


def _scoped(targets: Sequence[Target]) -> tuple[str, IdReader, Scope]:
    sources = {target.source for target in targets}
    if len(sources) != 1:
        raise UsageError(f"one source at a time, the targets name {' and '.join(sorted(sources)) or 'none'}")
    (source,) = sources
    reader = reader_of(source)
    return source, reader, reader.scope_of(targets)
