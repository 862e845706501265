"""Drives the streams of live sources into the store: one client a source, one writer, bounded memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, closing, suppress
from functools import partial
from typing import Any

import msgspec

from hubbub import clock
from hubbub.errors import (
    AuthError,
    BlockedError,
    ExitCode,
    HubbubError,
    InterruptedRunError,
    RateLimitedError,
    UnavailableError,
)
from hubbub.events import Event, Finding, Observer, StreamDone
from hubbub.http.access import Access
from hubbub.http.client import Client
from hubbub.http.messages import Request
from hubbub.http.retry import RetryPolicy
from hubbub.pipeline.batch import batch_of
from hubbub.pipeline.interrupt import Interrupts
from hubbub.pipeline.plan import Stages, TargetPlan, plan_targets
from hubbub.pipeline.run import Run, RunReport
from hubbub.pipeline.writer import Writer
from hubbub.plugins import registry
from hubbub.plugins.contracts import (
    Answer,
    Page,
    Recall,
    RecallCheckpoint,
    RecallCheckpoints,
    RecallCounts,
    RecallKnown,
    RecallTotals,
    SourcePlugin,
    SourceSettings,
    Stream,
    StreamPlan,
    SyncOptions,
    Target,
)
from hubbub.plugins.due import RecallDue, RecallDueCount
from hubbub.store import due, reads
from hubbub.store.engine import Store

TARGETS_AT_ONCE = 4
"""Targets of one source that run side by side; the rest wait their turn, so that some are finished early."""

ENDS_SOURCE = (AuthError, BlockedError, RateLimitedError)
"""Errors after which asking the same source again is pointless or rude."""


def sync(
    store: Store,
    targets: Sequence[Target],
    *,
    options: SyncOptions,
    settings: Mapping[str, SourceSettings],
    observers: Sequence[Observer] = (),
    policy: RetryPolicy | None = None,
) -> RunReport:
    """Bring the store up to date with the targets and say what became of every record.

    Blocks; the first Ctrl-C or SIGTERM stops asking and stores what is there, the second ends at once. Errors of the
    platform, the network and the store are in the report. Raises UsageError and ConfigError before anything begins,
    LockedError while another process syncs one of the sources, StorageError when the run cannot be noted."""
    if not options.started_at:
        options = msgspec.structs.replace(options, started_at=clock.now())
    plugins: dict[str, SourcePlugin] = {name: registry.load("sources", name) for name in {t.source for t in targets}}

    def plan(target: Target, wanted: SyncOptions) -> Stages:
        return plugins[target.source].plan(target, wanted)

    plans = plan_targets(targets, options=options, plan=plan)
    target = " ".join(each.label for each in plans)
    return carry_out(store, plans, command="sync", target=target, settings=settings, observers=observers, policy=policy)


def carry_out(
    store: Store,
    plans: Sequence[TargetPlan],
    *,
    command: str,
    target: str,
    settings: Mapping[str, SourceSettings],
    observers: Sequence[Observer] = (),
    policy: RetryPolicy | None = None,
    details: Callable[[], Mapping[str, Any]] = dict,
) -> RunReport:
    """Run planned streams as one run of `command`; `details` is asked at the end for what only this command has to say.

    Blocks and raises as `sync` does."""
    names = sorted({plan.target.source for plan in plans})
    empty = SourceSettings(values={})
    accesses: dict[str, Access] = {
        name: registry.load("sources", name).access(settings.get(name, empty)) for name in names
    }
    with ExitStack() as claims:
        for name in names:
            claims.enter_context(store.claim(name))
        with Run(store, command=command, target=target, observers=observers) as run:
            try:
                asyncio.run(_Sync(store, run, accesses=accesses, policy=policy or RetryPolicy()).drive(plans))
            except asyncio.CancelledError:
                raise _interrupted() from None
            finally:
                run.details.update(details())
    return run.report()


class _Source:
    """A source during one sync: its client, and the error that ended it, if one did."""

    def __init__(self, name: str, *, client: Client) -> None:
        self.name = name
        self.client = client
        self.ended_by: HubbubError | None = None
        self.turns = asyncio.Semaphore(TARGETS_AT_ONCE)
        self.tasks: set[asyncio.Task[Any]] = set()

    def end(self, error: HubbubError) -> None:
        """Ask this source nothing more; its streams stop, but for the one that found out."""
        if self.ended_by is None:
            self.ended_by = error
        self.stop(spare=asyncio.current_task())

    def stop(self, *, spare: asyncio.Task[Any] | None = None) -> None:
        for task in self.tasks - {spare}:
            task.cancel()


class _Sync:
    """One sync under way. Lives in one event loop."""

    def __init__(self, store: Store, run: Run, *, accesses: Mapping[str, Access], policy: RetryPolicy) -> None:
        self._store = store
        self._run = run
        self._accesses = accesses
        self._policy = policy
        self._sources: dict[str, _Source] = {}
        self._errors: dict[str, list[tuple[str, HubbubError]]] = {}
        """Per target: (stream, what ended it)."""
        self._outcomes: dict[str, str] = {}
        self._stopping = False

    async def drive(self, plans: Sequence[TargetPlan]) -> None:
        """Run everything; returns when all that could be had is stored."""
        loop, whole = asyncio.get_running_loop(), asyncio.current_task()
        assert whole is not None
        # Signal handlers run in the midst of anything: all they may do is to leave word with the loop.
        interrupts = Interrupts(
            lambda: _leave_word(loop, self._stop),
            on_demand=lambda: _leave_word(loop, whole.cancel),
        )
        with closing(Writer(self._run)) as writer, interrupts:
            try:
                async with AsyncExitStack() as exits:
                    for name, access in self._accesses.items():
                        client = Client(access, source=name, observers=[self._tell], policy=self._policy)
                        exits.push_async_callback(client.aclose)
                        self._sources[name] = _Source(name, client=client)
                    async with asyncio.TaskGroup() as group:
                        for plan in plans:
                            group.create_task(self._target(plan, writer=writer))
                await writer.flush()
            except BaseExceptionGroup as group_error:
                with suppress(Exception):  # when the writer is what failed, its error is in the group already
                    await writer.flush()
                raise _gravest(group_error) from None
            finally:
                self._conclude(plans)

    def _tell(self, event: Event) -> None:
        """A client's findings belong into the run's report; its other events go to the observers only."""
        if isinstance(event, Finding):
            self._run.finding(event.severity, event.what)
        else:
            self._run.emit(event)

    def _stop(self) -> None:
        self._stopping = True
        for source in self._sources.values():
            source.stop()

    async def _target(self, plan: TargetPlan, *, writer: Writer) -> None:
        source = self._sources[plan.target.source]
        async with source.turns:
            for stage in plan.stages:
                if self._stopping or source.ended_by or self._unavailable(plan):
                    return
                async with asyncio.TaskGroup() as group:
                    for each in stage:
                        task = group.create_task(self._stream(plan, each, source=source, writer=writer))
                        source.tasks.add(task)
                        task.add_done_callback(source.tasks.discard)
                await writer.flush()
                if self._failed_all(plan, stage):
                    return

    async def _stream(self, plan: TargetPlan, each: StreamPlan, *, source: _Source, writer: Writer) -> None:
        name = stream_name(plan, each)
        outcome: str | None = "stopped"
        try:
            with closing(each.begin()) as stream:
                error = await self._follow(stream, name=name, source=source, writer=writer)
            outcome = None if error is None else str(error)
            if isinstance(error, ENDS_SOURCE):
                source.end(error)
            elif error is not None:
                self._errors.setdefault(plan.label, []).append((each.name, error))
        finally:
            self._outcomes[name] = outcome or "done"
            self._run.emit(StreamDone(stream=name, error=outcome))

    async def _follow(self, stream: Stream, *, name: str, source: _Source, writer: Writer) -> HubbubError | None:
        """Drive one stream to its end; returns the error it ended with. Raises what stopped the writer."""
        answer: Any = None
        told = False
        while True:
            try:
                asked = stream.throw(answer) if isinstance(answer, HubbubError) else stream.send(answer)
            except StopIteration:
                return source.ended_by if told else None
            except HubbubError as error:
                return error
            if isinstance(asked, Page):
                batch = batch_of(asked, run_id=self._run.id, source=source.name, stream=name)
                await writer.put(batch, missing=asked.missing, note=asked.note)
                answer = None
            elif isinstance(asked, Recall):
                answer = await writer.ask(partial(self._recalled, asked, source=source.name))
            elif told:  # it may store what it has, but it may not ask on
                return source.ended_by
            else:
                answer = await _fetch(source, asked)
                told = source.ended_by is not None

    def _recalled(self, asked: Recall, *, source: str) -> Any:
        """What the store knows once it has everything that was put before, what waits on disk included."""
        self._run.catch_up()
        return recall(self._store, asked, source=source)

    def _unavailable(self, plan: TargetPlan) -> bool:
        return any(isinstance(error, UnavailableError) for _, error in self._errors.get(plan.label, ()))

    def _failed_all(self, plan: TargetPlan, stage: Sequence[StreamPlan]) -> bool:
        """True when nothing of a stage came to its end: what follows would only meet the same silence."""
        failed = {name for name, _ in self._errors.get(plan.label, ())}
        return all(each.name in failed for each in stage)

    def _conclude(self, plans: Sequence[TargetPlan]) -> None:
        """Note in the run what went wrong, where, and what was not begun."""
        for name, source in self._sources.items():
            if source.ended_by is not None:
                self._run.fail(source.ended_by, where=name)
        went_on = any(
            plan.label not in self._errors and not self._sources[plan.target.source].ended_by
            for plan in plans
            if plan.target.source in self._sources
        )
        for where, errors in self._errors.items():
            for stream, error in errors:
                partly = went_on and isinstance(error, UnavailableError)
                self._run.fail(error, where=f"{where} ({stream})", as_code=ExitCode.PARTIAL if partly else None)
        if self._stopping:
            self._run.fail(_interrupted())
        begun = {stream_name(plan, each): "not begun" for plan in plans for stage in plan.stages for each in stage}
        self._run.details["streams"] = begun | self._outcomes


def stream_name(plan: TargetPlan, each: StreamPlan) -> str:
    """Name of a stream in events, counters and the run's summary: "whatisthisbug/posts"."""
    return f"{plan.stem}/{each.name}"


def recall(store: Store, asked: Recall, *, source: str) -> Any:
    """What the store knows of a stream's question (contracts.py says what each is answered)."""
    match asked:
        case RecallCheckpoint(key=key):
            return reads.checkpoint(store, source, key)
        case RecallCheckpoints(prefix=prefix):
            return reads.checkpoints(store, source, prefix)
        case RecallKnown(kind=kind, ids=ids):
            return reads.known_ids(store, source, kind, ids)
        case RecallCounts(community=community):
            return reads.stored_counts(store, source, community)
        case RecallTotals():
            return reads.stored_totals(store, asked)
        case RecallDue() | RecallDueCount():
            return due.recalled(store, asked, source=source)


async def _fetch(source: _Source, asked: Request | tuple[Request, ...]) -> Answer | tuple[Answer, ...]:
    """The answer to each request, in order; an error that ends the source also stops its other streams."""
    if isinstance(asked, Request):
        answers: tuple[Answer, ...] = (await _fetch_one(source.client, asked),)
    else:
        results = await asyncio.gather(*(_fetch_one(source.client, each) for each in asked))
        answers = tuple(results)
    for answer in answers:
        if isinstance(answer, ENDS_SOURCE):
            source.end(answer)
    return answers[0] if isinstance(asked, Request) else answers


async def _fetch_one(client: Client, request: Request) -> Answer:
    try:
        return await client.fetch(request)
    except HubbubError as error:
        return error


def _leave_word(loop: asyncio.AbstractEventLoop, what: Callable[[], object]) -> None:
    loop.call_soon_threadsafe(what)


def _interrupted() -> InterruptedRunError:
    return InterruptedRunError("stopped by the user", advice="the same command goes on from here")


def _gravest(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error to go on with: what nobody foresaw before what has a name."""
    leaves = [_gravest(error) if isinstance(error, BaseExceptionGroup) else error for error in group.exceptions]
    return min(leaves, key=lambda error: isinstance(error, HubbubError))
