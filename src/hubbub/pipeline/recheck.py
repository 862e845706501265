"""Asks a platform again for what is stored of it, so that nothing outlives its deletion there (design §7).

`Recheck.stream` is one pass over the rows that are due, oldest observation first, a hundred a request. It is a stream
like any other: `recheck` runs it as a command of its own, and a sync that goes on for long may begin one now and then
beside its own streams: `Recheck(reader_of("reddit"), source="reddit", options=options_now(by=RUN, limit=1000)).stream`.
"""

from __future__ import annotations

import uuid
from collections.abc import Generator, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from hubbub import clock
from hubbub.errors import RemoteError, UsageError
from hubbub.events import Observer
from hubbub.http.retry import RetryPolicy
from hubbub.pipeline import absence
from hubbub.pipeline.absence import Verdict
from hubbub.pipeline.plan import TargetPlan, label
from hubbub.pipeline.run import RunReport
from hubbub.pipeline.sync import carry_out
from hubbub.plugins import registry
from hubbub.plugins.by_id import IdReader, LookedUp, Marks, Reach
from hubbub.plugins.contracts import (
    Asked,
    Checkpoint,
    Page,
    RecallCheckpoints,
    SourceSettings,
    Stream,
    StreamPlan,
    Target,
)
from hubbub.plugins.due import DueRow, RecallDue, RecallDueCount, Scope
from hubbub.records.models import Door, Reason, Tombstone
from hubbub.store import due, reads
from hubbub.store.engine import Store

WITHIN_S = 48 * 3_600
"""What is deleted on the platform is gone here after so long (reddit.md §19)."""

CLOSED = "closed:"
"""A checkpoint under this and a community's key remembers that it could not be read."""


class RecheckOptions(msgspec.Struct, frozen=True, kw_only=True):
    """One pass."""

    now: int
    """Epoch seconds UTC."""
    by: str
    """A word of its own for each run: two absences in one run are two only when an hour apart."""
    within_s: int = WITHIN_S
    scope: Scope = Scope()
    other_doors: bool = False
    """Also rows that came in by dumps, mirrors and files, after those of the live API."""
    limit: int | None = None
    """Ids to ask for at most."""


class Rechecked(msgspec.Struct, kw_only=True):
    """What a pass has found out so far."""

    asked: int = 0
    """Ids."""
    shown: int = 0
    withdrawn: int = 0
    """Came without their content: deleted or removed."""
    unreadable: int = 0
    missed: int = 0
    """Left out for the first time; the next pass decides."""
    gone: int = 0
    """Left out again: tombstones."""
    undecided: int = 0
    """Nothing is known: a request failed, or the community could not be read."""
    closed: dict[str, int] = {}
    """Communities that cannot be read -> rows of theirs that were not asked for."""


class Recheck:
    """One pass over what is due in one source."""

    def __init__(self, reader: IdReader, *, source: str, options: RecheckOptions) -> None:
        self.found = Rechecked()
        self._reader = reader
        self._source = source
        self._options = options
        self._round = reader.ids_a_request * reader.requests_a_round
        self._closed: set[str] = set()
        self._failed: dict[str, Exception] = {}

    def stream(self) -> Stream:
        """Ask, judge and store, round by round. Raises RemoteError at the end when some requests failed."""
        yield from self._look_at_closed()
        for others in (False, True)[: 1 + self._options.other_doors]:
            yield from self._pass(other_doors=others)
        if self._failed:
            first = next(iter(self._failed.values()))
            raise RemoteError(
                f"{len(self._failed)} of {self.found.asked} ids could not be asked for; the first: {first}",
                advice="nothing is concluded from that; the next pass asks for them again",
            )

    def _pass(self, *, other_doors: bool) -> Stream:
        """All rows of one kind of door that are due; requests are filled before they are sent."""
        waiting: list[DueRow] = []
        after = (0, "")
        while True:
            rows: list[DueRow] = yield self._due(after=after, other_doors=other_doors, limit=self._round)
            waiting += absence.worth_asking(
                rows, now=self._options.now, by=self._options.by, closed=frozenset(self._closed)
            )
            while len(waiting) >= self._round or (not rows and waiting):
                some = self._within_limit(waiting[: self._round])
                del waiting[: self._round]
                if not some:
                    return
                yield from self._ask(some)
                waiting = [row for row in waiting if row.community not in self._closed]
            if not rows:
                return
            after = (rows[-1].observed_at, rows[-1].id)

    def _within_limit(self, rows: list[DueRow]) -> list[DueRow]:
        limit = self._options.limit
        return rows if limit is None else rows[: max(0, limit - self.found.asked)]

    def _ask(self, rows: Sequence[DueRow]) -> Stream:
        by_id = {row.id: row for row in rows}
        self.found.asked += len(by_id)
        looked: LookedUp = yield from self._reader.look_up([*by_id], told=partial(_seen_again, by_id))
        self.found.shown += len(looked.shown)
        self.found.withdrawn += len(looked.withdrawn)
        self.found.unreadable += len(looked.unreadable)
        self.found.undecided += len(looked.failed)
        self._failed.update(looked.failed)
        missing = [by_id[key] for key in looked.missing]
        if not missing:
            return
        seen = frozenset(by_id[key].community for key in looked.shown)
        unsure = absence.without_sight(missing, seen=seen)
        reached: dict[str, Reach] = {}
        if unsure:
            reached = yield from self._reader.reach(unsure)
        yield self._judged(missing, looked=looked, seen=seen, reached=reached)
        for place, reach in reached.items():
            if reach.is_open is False:
                yield from self._close(place, words=reach.words)

    def _judged(
        self,
        missing: Iterable[DueRow],
        *,
        looked: LookedUp,
        seen: frozenset[str | None],
        reached: Mapping[str, Reach],
    ) -> Page:
        """The page that remembers first absences and buries what was missing twice."""
        stones: list[Tombstone] = []
        first: list[Checkpoint] = []
        for row in missing:
            at = looked.missing[row.id]
            reach = reached.get(row.community or "")
            is_open = row.community in seen or (reach is not None and reach.is_open is True)
            match absence.judge(row, at=at, by=self._options.by, is_open=is_open):
                case Verdict.FIRST:
                    self.found.missed += 1
                    first.append(absence.remembered(row, at=at, by=self._options.by))
                case Verdict.GONE:
                    self.found.gone += 1
                    stones.append(_stone(row, source=self._source, at=at))
                case Verdict.NONE:
                    self.found.undecided += 1
        forgotten = tuple(absence.key_of(stone.id) for stone in stones)
        return Page(records=stones, checkpoints=first, forgotten=forgotten)

    def _look_at_closed(self) -> Stream:
        """One look at each community that could not be read last time and has rows that are due."""
        known: dict[str, Checkpoint] = yield RecallCheckpoints(CLOSED)
        rows: dict[str, int] = {}
        for key in known:
            place = key.removeprefix(CLOSED)
            rows[place] = yield from self._rows_of(place)
        wanted = [place for place in rows if rows[place]]
        reached: dict[str, Reach] = yield from self._reader.reach(wanted)
        for place, reach in reached.items():
            if reach.is_open:
                yield Page(forgotten=(CLOSED + place,))
            else:
                yield from self._close(place, words=reach.words)

    def _close(self, place: str, *, words: str) -> Stream:
        """Leave a community alone for the rest of the pass, say so, and remember it."""
        if place in self._closed:
            return
        self._closed.add(place)
        rows = yield from self._rows_of(place)
        self.found.closed[place] = rows
        state = msgspec.json.encode({"at": self._options.now, "words": words}).decode()
        yield Page(
            checkpoints=(Checkpoint(key=CLOSED + place, state=state),),
            note=f"{words}: {rows} rows of {place} not rechecked, none of them taken for deleted",
        )

    def _rows_of(self, place: str) -> Generator[Asked, Any, int]:
        """How many rows of a community are due in this pass."""
        scope = self._options.scope
        if scope.communities and place not in scope.communities and not scope.authors:
            return 0
        total = 0
        for others in (False, True)[: 1 + self._options.other_doors]:
            asked = self._due(after=(0, ""), other_doors=others, limit=0)
            total += yield RecallDueCount(msgspec.structs.replace(asked, scope=Scope(communities=(place,)), without=()))
        return total

    def _due(self, *, after: tuple[int, str], other_doors: bool, limit: int) -> RecallDue:
        return RecallDue(
            before=absence.due_before(self._options.now, within_s=self._options.within_s),
            limit=limit,
            after=after,
            other_doors=other_doors,
            scope=self._options.scope,
            without=tuple(sorted(self._closed)),
        )


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
) -> RunReport:
    """One pass as a run of its own; `reddit` alone means all of its rows. Raises as `sync` does."""
    source, reader, scope = _scoped(targets)
    work = Recheck(reader, source=source, options=msgspec.structs.replace(options, scope=scope))
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
        details=lambda: {"recheck": msgspec.to_builtins(work.found)},
    )


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


def _seen_again(rows: Mapping[str, DueRow], looked: LookedUp) -> Marks:
    """Absences that an answer refutes, forgotten with the records it brought."""
    came = looked.shown | looked.withdrawn | looked.unreadable
    return Marks(forgotten=[absence.key_of(key) for key in sorted(came) if rows[key].missed is not None])


def _stone(row: DueRow, *, source: str, at: int) -> Tombstone:
    kind: Any = row.kind
    return Tombstone(
        source=source,
        kind=kind,
        id=row.id,
        door=Door.LIVE,
        reason=Reason.GONE,
        at=at,
        detail="missing twice",
        community=row.community,
    )
