"""Drives the streams of live sources into the store: one client a source, one writer, bounded memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, closing, suppress
from functools import partial
from typing import Any

import msgspec

from hubbub import clock
from hubbub.errors import ExitCode, HubbubError, InterruptedRunError, RateLimitedError, UnavailableError
from hubbub.events import Event, Finding, StreamDone, Waiting
from hubbub.http.access import Access
from hubbub.http.retry import RetryPolicy
from hubbub.pipeline.asking import ENDS_SOURCE, Asking, fetch
from hubbub.pipeline.batch import batch_of
from hubbub.pipeline.egress import Egress
from hubbub.pipeline.interrupt import Interrupts
from hubbub.pipeline.plan import TargetPlan, label
from hubbub.pipeline.recalling import recall
from hubbub.pipeline.run import Run
from hubbub.pipeline.writer import Writer
from hubbub.plugins.agenda import Agenda, Outcomes, Rest, Watch
from hubbub.plugins.contracts import Page, Recall, Stream, StreamPlan, Target
from hubbub.store.engine import Store

AGAIN_S = 3_600
"""While it watches: how often targets are synced whose source does not say when."""
TIDY_EVERY_S = 6 * 3_600
"""While it watches: how often what was withdrawn leaves the files for good. A row may be looked at 36 hours after it
was deleted, and a pass may take an hour: the words and pictures are gone within 48 (design §7)."""
UNTOLD_S = 600
"""How long a source is left alone after it refused for want of budget and did not say until when."""


class Pooled(msgspec.Struct, frozen=True, kw_only=True):
    """Targets that one agenda serves."""

    source: str
    targets: tuple[Target, ...]
    stems: Mapping[str, str]
    """What the names of a target's streams begin with, by its name."""
    agenda: Agenda

    def name(self, each: StreamPlan) -> str:
        """What a stream is called in events and in the run's summary."""
        return each.name if each.target is None else f"{self.stems.get(each.target, each.target)}/{each.name}"

    def label(self, each: StreamPlan) -> str:
        """Whom a stream is for: `reddit:whatisthisbug`, or the source where it is for several."""
        return self.source if each.target is None else f"{self.source}:{each.target}"


class Drive:
    """One sync under way. Lives in one event loop."""

    def __init__(
        self,
        store: Store,
        run: Run,
        *,
        accesses: Mapping[str, Access],
        policy: RetryPolicy,
        watch: Watch | None = None,
        egress: Egress | None = None,
        tidy: Callable[[], None] | None = None,
    ) -> None:
        """`tidy` is called now and then while it watches, in the thread that writes."""
        self._store = store
        self._run = run
        self._accesses = accesses
        self._policy = policy
        self._watch = watch
        self._egress = egress or Egress()
        self._tidy = tidy
        self._tidied_at = 0
        self._sources: dict[str, Asking] = {}
        self._errors: dict[str, dict[str, HubbubError]] = {}
        """Per target, by stream: what its last reading ended with."""
        self._outcomes: dict[str, str] = {}
        self._stopping = asyncio.Event()

    async def run(self, plans: Sequence[TargetPlan], pooled: Sequence[Pooled] = ()) -> None:
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
                        way = await self._egress.route(name, to=access.base_url, tell=self._tell)
                        asking = Asking(name, access=access, tell=self._tell, policy=self._policy, tunnels=way)
                        exits.push_async_callback(asking.client.aclose)
                        self._sources[name] = asking
                    async with asyncio.TaskGroup() as group:
                        for each in pooled:
                            group.create_task(self._together(each, writer=writer))
                        for plan in plans:
                            group.create_task(self._target(plan, writer=writer))
                await writer.flush()
            except BaseExceptionGroup as group_error:
                with suppress(Exception):  # when the writer is what failed, its error is in the group already
                    await writer.flush()
                raise _gravest(group_error) from None
            finally:
                self._conclude(plans, pooled)

    def _tell(self, event: Event) -> None:
        """A client's findings belong into the run's report; its other events go to the observers only."""
        if isinstance(event, Finding):
            self._run.finding(event.severity, event.what)
        else:
            self._run.emit(event)

    def _stop(self) -> None:
        self._stopping.set()
        for source in self._sources.values():
            source.stop()

    async def _target(self, plan: TargetPlan, *, writer: Writer) -> None:
        source = self._sources[plan.target.source]
        while True:
            async with source.turns:
                await self._stages(plan, source=source, writer=writer)
            if self._watch is None:
                return
            await self._tidy_up(writer)
            if self._stopping.is_set() or not await self._may_go_on(source):
                return
            await self._rest(clock.now() + AGAIN_S)

    async def _tidy_up(self, writer: Writer) -> None:
        """Tidy when it is due; what fails (somebody else holds the store) is tried again after the next pass."""
        if self._tidy is None or clock.now() - self._tidied_at < TIDY_EVERY_S:
            return
        with suppress(HubbubError, OSError):
            await writer.ask(self._tidy)
            self._tidied_at = clock.now()

    async def _stages(self, plan: TargetPlan, *, source: Asking, writer: Writer) -> None:
        for stage in plan.stages:
            if self._stopping.is_set() or source.ended_by or self._unavailable(plan):
                return
            named = [(f"{plan.stem}/{each.name}", plan.label, each) for each in stage]
            await self._side_by_side(named, source=source, writer=writer)
            failed = self._errors.get(plan.label, {})
            if all(each.name in failed for each in stage):
                return  # what follows would only meet the same silence

    async def _together(self, pooled: Pooled, *, writer: Writer) -> None:
        """Follow an agenda to its end, or until the user stops it."""
        source = self._sources[pooled.source]
        answer: Any = None
        with closing(pooled.agenda) as agenda:
            while not self._stopping.is_set() and await self._may_go_on(source):
                try:
                    asked = agenda.send(answer)
                except StopIteration:
                    return
                if isinstance(asked, Rest):
                    await self._rest(asked.until - source.ahead_s)
                    answer = clock.now() + source.ahead_s
                elif isinstance(asked, tuple):
                    answer = await self._stage(pooled, asked, writer=writer)
                else:
                    answer = await writer.ask(partial(self._recalled, asked, source=source.name))

    async def _may_go_on(self, source: Asking) -> bool:
        """Whether a source may be asked on; while it watches, a spent budget is waited for."""
        error = source.ended_by
        if error is None:
            return True
        if self._watch is None or not isinstance(error, RateLimitedError):
            return False
        until = error.until or clock.now() + UNTOLD_S
        wait_s = max(0.0, until - clock.now())
        self._run.emit(Waiting(source=source.name, why=str(error), wait_s=wait_s, until=until))
        await self._rest(until)
        source.ended_by = None
        return True

    async def _rest(self, until: int) -> None:
        """Wait until then, or until the user stops it."""
        wait = until - clock.now()
        if wait <= 0:
            return
        tasks = {asyncio.ensure_future(clock.sleep(wait)), asyncio.ensure_future(self._stopping.wait())}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    async def _stage(self, pooled: Pooled, stage: Sequence[StreamPlan], *, writer: Writer) -> Outcomes:
        source = self._sources[pooled.source]
        named = [(pooled.name(each), pooled.label(each), each) for each in stage]
        await self._side_by_side(named, source=source, writer=writer)
        return {each.key: self._errors.get(whom, {}).get(each.name) for _, whom, each in named}

    async def _side_by_side(
        self, named: Sequence[tuple[str, str, StreamPlan]], *, source: Asking, writer: Writer
    ) -> None:
        """Run some streams (name, whom for, stream) to their ends and store all they bring."""
        async with asyncio.TaskGroup() as group:
            for name, whom, each in named:
                task = group.create_task(self._stream(each, name=name, whom=whom, source=source, writer=writer))
                source.tasks.add(task)
                task.add_done_callback(source.tasks.discard)
        await writer.flush()

    async def _stream(self, each: StreamPlan, *, name: str, whom: str, source: Asking, writer: Writer) -> None:
        outcome: str | None = "stopped"
        try:
            async with source.streams:
                with closing(each.begin()) as stream:
                    error = await self._follow(stream, name=name, source=source, writer=writer)
            outcome = None if error is None else str(error)
            if isinstance(error, ENDS_SOURCE):
                source.end(error)
            elif error is not None:
                self._errors.setdefault(whom, {})[each.name] = error
            else:
                self._forget(whom, each)
        finally:
            self._outcomes[name] = outcome or "done"
            self._run.emit(StreamDone(stream=name, error=outcome))

    def _forget(self, whom: str, each: StreamPlan) -> None:
        """A stream that went well takes back what its last reading ended with."""
        errors = self._errors.get(whom, {})
        errors.pop(each.name, None)
        if not errors:
            self._errors.pop(whom, None)

    async def _follow(self, stream: Stream, *, name: str, source: Asking, writer: Writer) -> HubbubError | None:
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
                answer = await fetch(source, asked)
                told = source.ended_by is not None

    def _recalled(self, asked: Recall, *, source: str) -> Any:
        """What the store knows once it has everything that was put before, what waits on disk included."""
        self._run.catch_up()
        return recall(self._store, asked, source=source)

    def _unavailable(self, plan: TargetPlan) -> bool:
        return any(isinstance(error, UnavailableError) for error in self._errors.get(plan.label, {}).values())

    def _conclude(self, plans: Sequence[TargetPlan], pooled: Sequence[Pooled]) -> None:
        """Note in the run what went wrong, where, and what was not begun."""
        for name, source in self._sources.items():
            if source.ended_by is not None:
                self._run.fail(source.ended_by, where=name)
        targets = [plan.target for plan in plans] + [target for each in pooled for target in each.targets]
        went_on = any(
            label(target) not in self._errors and not self._sources[target.source].ended_by
            for target in targets
            if target.source in self._sources
        )
        for where, errors in self._errors.items():
            for stream, error in errors.items():
                partly = went_on and isinstance(error, UnavailableError)
                self._run.fail(error, where=f"{where} ({stream})", as_code=ExitCode.PARTIAL if partly else None)
        if self._stopping.is_set() and self._watch is None:
            self._run.fail(InterruptedRunError("stopped by the user", advice="the same command goes on from here"))
        for name, source in self._sources.items():
            if source.client.kept is not None:
                hits, misses = source.client.kept
                self._run.finding(
                    "info", f"{name}: {hits} of {hits + misses} answers were kept ones, not asked for anew"
                )
        begun = {f"{plan.stem}/{each.name}": "not begun" for plan in plans for stage in plan.stages for each in stage}
        self._run.details["streams"] = begun | self._outcomes


def _leave_word(loop: asyncio.AbstractEventLoop, what: Callable[[], object]) -> None:
    loop.call_soon_threadsafe(what)


def _gravest(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error to go on with: what nobody foresaw before what has a name."""
    leaves = [_gravest(error) if isinstance(error, BaseExceptionGroup) else error for error in group.exceptions]
    return min(leaves, key=lambda error: isinstance(error, HubbubError))
