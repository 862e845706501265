"""Brings a store up to date with what live platforms show: once, or again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from hubbub import clock
from hubbub.errors import InterruptedRunError
from hubbub.events import Observer
from hubbub.http.access import Access
from hubbub.http.retry import RetryPolicy
from hubbub.pipeline.drive import Drive, Pooled
from hubbub.pipeline.egress import Egress
from hubbub.pipeline.plan import Stages, TargetPlan, distinct, plan_targets
from hubbub.pipeline.rechecking import recheck_plan
from hubbub.pipeline.run import Run, RunReport
from hubbub.pipeline.sweep import sweep_orphans
from hubbub.plugins import registry
from hubbub.plugins.agenda import PoolingSource, Watch
from hubbub.plugins.by_id import IdReader
from hubbub.plugins.contracts import SourcePlugin, SourceSettings, SyncOptions, Target
from hubbub.store.engine import Store


def sync(
    store: Store,
    targets: Sequence[Target],
    *,
    options: SyncOptions,
    settings: Mapping[str, SourceSettings],
    observers: Sequence[Observer] = (),
    policy: RetryPolicy | None = None,
    egress: Egress | None = None,
    watch: Watch | None = None,
    blobs: Path | None = None,
) -> RunReport:
    """Bring the store up to date with the targets and say what became of every record; with `watch` keep it so.

    `blobs` is where pictures lie: while it watches, those that nothing shows any more are removed there.

    `egress` says which proxies carry which source; without it every request goes out directly.

    Blocks; the first Ctrl-C or SIGTERM stops asking and stores what is there, the second ends at once. Errors of the
    platform, the network and the store are in the report. Raises UsageError and ConfigError before anything begins,
    LockedError while another process syncs one of the sources, StorageError when the run cannot be noted."""
    if not options.started_at:
        options = msgspec.structs.replace(options, started_at=clock.now())
    plugins: dict[str, SourcePlugin] = {name: registry.load("sources", name) for name in {t.source for t in targets}}

    def plan(target: Target, wanted: SyncOptions) -> Stages:
        return plugins[target.source].plan(target, wanted)

    plans = plan_targets(targets, options=options, plan=plan)
    pooled, others = _pooled(plans, plugins=plugins, options=options, watch=watch)
    if watch is not None and watch.recheck:
        others += [recheck_plan(name, each) for name, each in plugins.items() if isinstance(each, IdReader)]
    return carry_out(
        store,
        others,
        pooled=pooled,
        watch=watch,
        command="sync",
        target=" ".join(f"{each.source}:{each.name}" if each.name else each.source for each in distinct(targets)),
        settings=settings,
        observers=observers,
        policy=policy,
        egress=egress,
        tidy=partial(_tidy, store, blobs),
    )


def _tidy(store: Store, blobs: Path | None) -> None:
    """What was withdrawn leaves the files for good."""
    store.purge()
    if blobs is not None:
        sweep_orphans(store, blobs)


def carry_out(
    store: Store,
    plans: Sequence[TargetPlan],
    *,
    command: str,
    target: str,
    settings: Mapping[str, SourceSettings],
    pooled: Sequence[Pooled] = (),
    watch: Watch | None = None,
    observers: Sequence[Observer] = (),
    policy: RetryPolicy | None = None,
    egress: Egress | None = None,
    tidy: Callable[[], None] | None = None,
    details: Callable[[], Mapping[str, Any]] = dict,
) -> RunReport:
    """Run planned streams as one run of `command`; `details` is asked at the end for what only this command has to say,
    `tidy` called now and then while it watches.

    Blocks and raises as `sync` does."""
    names = sorted({*(plan.target.source for plan in plans), *(each.source for each in pooled)})
    empty = SourceSettings(values={})
    accesses: dict[str, Access] = {
        name: registry.load("sources", name).access(settings.get(name, empty)) for name in names
    }
    with ExitStack() as claims:
        for name in names:
            claims.enter_context(store.claim(name))
        with Run(store, command=command, target=target, observers=observers) as run:
            try:
                patience = policy or RetryPolicy()
                drive = Drive(store, run, accesses=accesses, policy=patience, watch=watch, egress=egress, tidy=tidy)
                asyncio.run(drive.run(plans, pooled))
            except asyncio.CancelledError:
                raise InterruptedRunError("stopped by the user", advice="the same command goes on from here") from None
            finally:
                run.details.update(details())
                if egress is not None:
                    egress.settle()
    return run.report()


def _pooled(
    plans: Sequence[TargetPlan],
    *,
    plugins: Mapping[str, SourcePlugin],
    options: SyncOptions,
    watch: Watch | None,
) -> tuple[list[Pooled], list[TargetPlan]]:
    """The targets that their sources sync together, and the plans of the others."""
    together: dict[str, list[TargetPlan]] = {}
    others: list[TargetPlan] = []
    for plan in plans:
        plugin = plugins[plan.target.source]
        if isinstance(plugin, PoolingSource) and plugin.pools(plan.target, options):
            together.setdefault(plan.target.source, []).append(plan)
        else:
            others.append(plan)
    pooled: list[Pooled] = []
    for source, some in together.items():
        plugin = plugins[source]
        assert isinstance(plugin, PoolingSource)
        targets = tuple(plan.target for plan in some)
        stems = {plan.target.name: plan.stem for plan in some}
        agenda = plugin.agenda(targets, options, watch)
        pooled.append(Pooled(source=source, targets=targets, stems=stems, agenda=agenda))
    return pooled, others
