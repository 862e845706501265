"""The walk through Arctic Shift's pages of one community or person, from old to new.

The archive pages by creation time alone, so several items may share the second a page ends in: each question goes back
one second and what was seen there is known by its id. A page that brings nothing new is the end, unless it is full:
then one second holds more than a page, and is also read from its other end before the walk steps past it.

Every page's checkpoint holds the place, so a walk that was cut short goes on there; the watermark moves when the walk
is complete. What the archive cannot answer in time is asked again in smaller pieces."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import msgspec

from hubbub.errors import RemoteError, TransientRemoteError
from hubbub.http.messages import Request, Response
from hubbub.plugins.contracts import Checkpoint, Page, RecallCheckpoint, Stream, SyncOptions
from hubbub.records.models import Comment, Door, Post, Record, Tombstone
from hubbub.sources.reddit import arctic_api as api
from hubbub.sources.reddit.arctic_counts import Walked, check_counts
from hubbub.sources.reddit.dump import decode_lines
from hubbub.sources.reddit.values import ONE_DAY_S, REDDIT_BEGAN

LOOKBACK_S = 3 * ONE_DAY_S
"""How far behind the watermark every walk re-reads: the archive looks at each item again after 36 hours and only then
knows its score, its edits and whether it was withdrawn."""
_STEPS = 5
"""So many full pages in a row without anything new, each asked a second later, and the server does not page at all."""
_ANSWERS_TO_WIDEN = 4
_MOST_ANSWERS_TO_WIDEN = 64
"""After so many answers the walk asks for more again; twice as many each time it had to ask for less."""


class _Width(msgspec.Struct, frozen=True):
    """How much one question asks for."""

    limit: str
    span_s: int | None = None
    """Length of the stretch of time asked for; None is to the end."""

    @property
    def full(self) -> int:
        """From so many items on, the page may have been cut off by the limit."""
        return api.LEAST_OF_AUTO if self.limit == api.AUTO else int(self.limit)


_WIDTHS = (
    _Width(api.AUTO),
    _Width("100"),
    _Width("25"),
    _Width("100", 30 * ONE_DAY_S),
    _Width("25", ONE_DAY_S),
    _Width("10", 3_600),
)
"""From what is usually answered to the least worth asking for."""


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """What to walk through: one kind of item of one community or person."""

    key: str
    """Of its checkpoint: "whatisthisbug/posts"."""
    name: str
    """For people: "r/whatisthisbug"."""
    path: str
    route: str
    kind: str
    """post or comment."""
    of: tuple[str, str]
    """The parameter that names the community or the person."""
    community: str | None = None
    """Case-folded key of the community; None for a person."""


class Walk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An unfinished walk: enough to go on from its last stored page."""

    floor: int | None = None
    """Where it began; None is the beginning of the archive."""
    next: int | None = None
    """Everything created before this is read."""
    tail: tuple[str, ...] = ()
    """What was read already of the seconds that the next page may show again."""
    young_at: int | None = None
    """When it first read items that the archive had not looked at again: a later walk re-reads from there, however long
    this one takes to be finished."""


class Mark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The checkpoint of a course."""

    watermark: int | None = None
    floor: int | None = None
    """The oldest time without a gap up to the watermark; None is the beginning of the archive."""
    walk: Walk | None = None


def walk_archive(course: Course, *, options: SyncOptions) -> Stream:
    """Bring the store up to date with the archive, then compare it with the archive's own counts."""
    mark = mark_of((yield RecallCheckpoint(course.key)))
    walk = _begin(mark, options=options)
    way = _Way(course, options=options)
    pages = 0
    at_end = False
    while not at_end:
        if options.max_pages is not None and pages >= options.max_pages:
            return
        turn = yield from way.turn(walk)
        walk, at_end = _aged(turn.walk, now=way.now), turn.at_end
        pages += 1
        mark = _finished(mark, walk=walk, now=way.now) if at_end else msgspec.structs.replace(mark, walk=walk)
        page = _page(turn.fresh, where=way.where, now=way.now)
        yield msgspec.structs.replace(page, checkpoints=(_checkpoint(course, mark),), note=turn.note)
    walked = Walked(
        kind=course.kind,
        name=course.name,
        community=course.community,
        floor=walk.floor,
        now=way.now,
        full=options.full,
        found=mark.watermark is not None,
    )
    yield from check_counts(walked)


def mark_of(saved: Checkpoint | None) -> Mark:
    """What a stored checkpoint of a course says."""
    return Mark() if saved is None else msgspec.json.decode(saved.state, type=Mark)


class _Turn(msgspec.Struct, frozen=True):
    """What one page brought."""

    fresh: tuple[api.Item, ...]
    """Its items that the walk had not seen."""
    walk: Walk
    """The walk to go on with."""
    at_end: bool = False
    note: str | None = None


class _Way:
    """How one walk asks, and what it makes of the answers."""

    def __init__(self, course: Course, *, options: SyncOptions) -> None:
        self._course = course
        self._options = options
        self._narrowed = 0
        """Position in `_WIDTHS`."""
        self._answers = 0
        """Since the width was changed."""
        self._patience = _ANSWERS_TO_WIDEN // 2
        self._quiet = 0
        """Stretches of time in a row that held nothing: the next one is twice as long."""
        self._steps = 0
        self.where = ""
        self.now = options.started_at

    def turn(self, walk: Walk) -> Generator[Any, Any, _Turn]:
        """Read one page."""
        width, before, found = yield from self._ask(walk)
        fresh = _fresh(found, walk=walk)
        is_full = len(found) >= width.full
        if fresh or not is_full:
            self._steps = 0
        if is_full and not fresh:
            return (yield from self._step_past(walk, seen=found))
        if is_full or before is None:
            return _Turn(fresh, _further(walk, found=found), at_end=not fresh)
        # The whole stretch is read, up to its end.
        self._quiet = 0 if fresh else self._quiet + 1
        return _Turn(fresh, _further(walk, found=found, to=before), at_end=before > self.now)

    def _ask(self, walk: Walk) -> Generator[Any, Any, tuple[_Width, int | None, tuple[api.Item, ...]]]:
        """A page as wide as the archive can answer, and the end of the stretch it was asked for."""
        while True:
            width = _WIDTHS[self._narrowed]
            after = None if walk.next is None else walk.next - 1
            before = None
            if width.span_s is not None:
                after = REDDIT_BEGAN if after is None else after
                before = after + 2 + (width.span_s << min(self._quiet, 12))
            request = self._request(limit=width.limit, after=after, before=before)
            try:
                found = yield from self._fetch(request)
            except api.TooMuchError as error:
                self._narrow(error)
                continue
            self._answers += 1
            if self._narrowed and self._answers >= self._patience:
                self._narrowed, self._answers = self._narrowed - 1, 0
            return width, before, found

    def _narrow(self, error: api.TooMuchError) -> None:
        self._answers = self._quiet = 0
        self._patience = min(self._patience * 2, _MOST_ANSWERS_TO_WIDEN)
        self._narrowed += 1
        if self._narrowed == len(_WIDTHS):
            raise self._gave_up("an hour", said=str(error))

    def _gave_up(self, stretch: str, *, said: str) -> TransientRemoteError:
        return TransientRemoteError(
            f"{self._course.name}: the archive runs out of time even for {stretch} of {self._course.kind}s: {said}",
            advice="what was read is kept; the same command goes on from here, better at another time of day",
        )

    def _step_past(self, walk: Walk, *, seen: Sequence[api.Item]) -> Generator[Any, Any, _Turn]:
        """A full page without anything new: one second holds more than a page. Read it from both ends, as much as the
        archive will give, and go on behind it."""
        self._steps += 1
        if self._steps > _STEPS or walk.next is None:
            raise RemoteError(
                f"{self._course.name}: the archive answers the same {self._course.kind}s whatever time is asked for",
                advice="what was read is kept; the next sync tries from here again",
            )
        first = yield from self._second(walk.next, sort="asc")
        last = yield from self._second(walk.next, sort="desc")
        ahead = msgspec.structs.replace(walk, tail=(*walk.tail, *(item.key for item in (*seen, *first))))
        crowd = tuple({item.key: item for item in last if item.created_at == walk.next}.values())
        note = None
        if len(crowd) >= api.LEAST_OF_AUTO and _fresh(crowd, walk=ahead):
            note = (
                f"{len(crowd)} {self._course.kind}s or more were created in the second {walk.next}: the archive's "
                "pages reach no deeper into it, a monthly dump holds all of them"
            )
        fresh = _fresh((*first, *last), walk=walk)
        return _Turn(fresh, _further(walk, found=(*seen, *fresh), to=walk.next + 1), note=note)

    def _second(self, second: int, *, sort: str) -> Generator[Any, Any, tuple[api.Item, ...]]:
        """What the archive gives of one second, from its first or its last item on."""
        found = yield from self._between(second - 1, second + 1, sort=sort)
        if any(item.created_at != second for item in found):
            # So the bounds are part of the stretch, and its neighbours took room.
            found += yield from self._between(second, second, sort=sort)
        return found

    def _between(self, after: int, before: int, *, sort: str) -> Generator[Any, Any, tuple[api.Item, ...]]:
        for limit in (api.AUTO, str(api.LEAST_OF_AUTO)):
            request = self._request(limit=limit, after=after, before=before, sort=sort)
            try:
                return (yield from self._fetch(request))
            except api.TooMuchError as error:
                said = str(error)
        raise self._gave_up(f"a single second ({after})", said=said)

    def _request(self, *, limit: str, after: int | None, before: int | None, sort: str = "asc") -> Request:
        course = self._course
        return api.search(
            course.path, route=course.route, of=course.of, limit=limit, sort=sort, after=after, before=before
        )

    def _fetch(self, request: Request) -> Generator[Any, Any, tuple[api.Item, ...]]:
        """Ask once, and once more when the answer is damaged."""
        for attempt in (1, 2):
            response: Response = yield request
            self.where = response.url
            self.now = max(response.received_at, self._options.started_at)
            try:
                return api.read_items(response)
            except TransientRemoteError:
                if attempt == 2:
                    raise
        raise AssertionError


def _begin(mark: Mark, *, options: SyncOptions) -> Walk:
    """The walk to go on with, or a fresh one when it would not reach as far back as is asked for."""
    floor = _floor(mark, options=options)
    held = mark.walk
    if held is not None and (held.floor is None or (floor is not None and held.floor <= floor)):
        return held
    return Walk(floor=floor, next=floor)


def _floor(mark: Mark, *, options: SyncOptions) -> int | None:
    """Where a fresh walk begins: the watermark less the lookback, or earlier where `since` asks for what was never
    reached; None is the beginning of the archive."""
    if options.full or mark.watermark is None:
        return options.since
    recent = mark.watermark - LOOKBACK_S
    if options.since is None:
        return recent
    if mark.floor is not None and options.since < mark.floor:
        return options.since
    return max(options.since, recent)


def _fresh(found: Sequence[api.Item], *, walk: Walk) -> tuple[api.Item, ...]:
    """Items that this walk has not seen, each once; what lies before its place is read."""
    known = set(walk.tail)
    least = 0 if walk.next is None else walk.next - 1
    return tuple(
        {
            item.key: item
            for item in found
            if item.key not in known and (item.created_at is None or item.created_at >= least)
        }.values()
    )


def _further(walk: Walk, *, found: Sequence[api.Item], to: int | None = None) -> Walk:
    """The walk behind these items, or at `to` when everything before that is read."""
    # The last one, not the latest: were a page out of order, the latest would promise what nobody has read.
    last = next((item.created_at for item in reversed(found) if item.created_at is not None), None)
    place = max((time for time in (walk.next, last if to is None else to) if time is not None), default=None)
    if place is None:
        return walk
    # A second that is over keeps its ids as long as the next question can show it again.
    stays = walk.tail if walk.next is not None and place - 1 <= walk.next else ()
    tail = dict.fromkeys(stays)
    tail.update((item.key, None) for item in found if item.created_at is None or item.created_at >= place - 1)
    return msgspec.structs.replace(walk, next=place, tail=tuple(tail))


def _aged(walk: Walk, *, now: int) -> Walk:
    """The walk, with the present noted when it has come to items that may still change."""
    if walk.young_at is not None or walk.next is None or walk.next <= now - LOOKBACK_S:
        return walk
    return msgspec.structs.replace(walk, young_at=now)


def _finished(mark: Mark, *, walk: Walk, now: int) -> Mark:
    """The mark after a complete walk; the watermark never passes the present, nor the time from which on items were
    read too early."""
    if walk.next is None or (walk.next == walk.floor and mark.watermark is None and not walk.tail):
        return Mark(watermark=mark.watermark, floor=mark.floor)
    floor = walk.floor
    if mark.watermark is not None and floor is not None and floor <= mark.watermark:
        floor = None if mark.floor is None else min(mark.floor, floor)
    latest = now if walk.young_at is None else min(now, walk.young_at)
    return Mark(watermark=max(min(walk.next, latest), mark.watermark or 0), floor=floor)


def _page(found: Sequence[api.Item], *, where: str, now: int) -> Page:
    """The items as records, by the rules for the lines of a dump: they are the same lines."""
    decoded = decode_lines([item.line for item in found], where=where, first_line=1, now=now)
    return Page(
        records=tuple(_as_mirrored(record) for record in decoded.spread()),
        rejected=tuple(msgspec.structs.replace(each, door=Door.MIRROR) for each in decoded.rejected),
        repaired=decoded.repaired,
        filtered=decoded.filtered,
        unknown_fields=decoded.unknown_fields,
    )


def _as_mirrored(record: Record) -> Record:
    if isinstance(record, Post | Comment | Tombstone):
        return msgspec.structs.replace(record, door=Door.MIRROR)
    return record


def _checkpoint(course: Course, mark: Mark) -> Checkpoint:
    return Checkpoint(key=course.key, state=msgspec.json.encode(mark).decode())
