"""Asks a platform again for what is stored of it, so that nothing outlives its deletion there (design §7).

`Recheck.stream` is one pass over the rows that are due, oldest observation first, a hundred a request. It is a stream
like any other: `recheck_run` makes a command of it, and a sync that goes on for long may begin one now and then
beside its own streams: `Recheck(reader_of("reddit"), source="reddit", options=options_now(by=RUN, limit=1000)).stream`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from hubbub.errors import RemoteError
from hubbub.pipeline import absence
from hubbub.pipeline.absence import Verdict
from hubbub.plugins.by_id import IdReader, LookedUp, Marks, Reach
from hubbub.plugins.contracts import (
    Asked,
    Checkpoint,
    Page,
    RecallCheckpoints,
    Stream,
)
from hubbub.plugins.due import DueRow, RecallDue, RecallDueCount, Scope
from hubbub.records.models import Door, Reason, Tombstone

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
    overdue: int | None = None
    """Rows that have waited longer than they should, counted at the end; None when the store could not say."""


class Recheck:
    """One pass over what is due in one source."""

    def __init__(self, reader: IdReader, *, source: str, options: RecheckOptions) -> None:
        self.found = Rechecked()
        self._reader = reader
        self._source = source
        self.options = options
        self._round = reader.ids_a_request * reader.requests_a_round
        self._closed: set[str] = set()
        self._failed: dict[str, Exception] = {}

    def stream(self) -> Stream:
        """Ask, judge and store, round by round. Raises RemoteError at the end when some requests failed."""
        yield from self._look_at_closed()
        for others in (False, True)[: 1 + self.options.other_doors]:
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
                rows, now=self.options.now, by=self.options.by, closed=frozenset(self._closed)
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
        limit = self.options.limit
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
            match absence.judge(row, at=at, by=self.options.by, is_open=is_open):
                case Verdict.FIRST:
                    self.found.missed += 1
                    first.append(absence.remembered(row, at=at, by=self.options.by))
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
        state = msgspec.json.encode({"at": self.options.now, "words": words}).decode()
        yield Page(
            checkpoints=(Checkpoint(key=CLOSED + place, state=state),),
            note=f"{words}: {rows} rows of {place} not rechecked, none of them taken for deleted",
        )

    def _rows_of(self, place: str) -> Generator[Asked, Any, int]:
        """How many rows of a community are due in this pass."""
        scope = self.options.scope
        if scope.communities and place not in scope.communities and not scope.authors:
            return 0
        total = 0
        for others in (False, True)[: 1 + self.options.other_doors]:
            asked = self._due(after=(0, ""), other_doors=others, limit=0)
            total += yield RecallDueCount(msgspec.structs.replace(asked, scope=Scope(communities=(place,)), without=()))
        return total

    def _due(self, *, after: tuple[int, str], other_doors: bool, limit: int) -> RecallDue:
        return RecallDue(
            before=absence.due_before(self.options.now, within_s=self.options.within_s),
            limit=limit,
            after=after,
            other_doors=other_doors,
            scope=self.options.scope,
            without=tuple(sorted(self._closed)),
        )


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
