"""Walks through listings: pages, watermark, lookback, resuming, and what to do when a listing lies (reddit.md §8).

A walk goes from the newest item back to its floor. Every page's checkpoint holds the cursor, so that a walk that was
cut short goes on where it stopped; the watermark moves only when the walk is complete. After a resumed walk a fresh
one from the top brings what came in the meantime."""

from __future__ import annotations

import enum
from collections.abc import Callable, Generator
from typing import Any

import msgspec

from hubbub.errors import RemoteError, TransientRemoteError
from hubbub.http.messages import Request, Response
from hubbub.plugins.contracts import Checkpoint, RecallCheckpoint, Stream, SyncOptions
from hubbub.records.models import Comment, Door, Post, Tombstone
from hubbub.sources.reddit import api
from hubbub.sources.reddit.answers import Listing, Parsed, add_thing, listing_of, parse
from hubbub.sources.reddit.mapping import Look
from hubbub.sources.reddit.values import Gathered

TERMS = "reddit-api"
LOOKBACK_S = 2 * 86_400
"""How far behind the watermark every walk re-reads: posts approved late (spam filter, AutoModerator) appear at the
place of their creation, and scores and edits of the last days come along for nothing."""

_TRAIL = 10
_OLDER_ENOUGH = 3
"""So many items behind the floor end a walk: a single one may lie (a wrong clock, a strange order)."""
_EMPTY_PAGES = 10
_LISTING_END = 990
"""Items after which an empty page is the end of a listing rather than a vanished cursor."""
_LONGEST_WALK = 500


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """A listing to walk."""

    key: str
    """Of its checkpoint: "whatisthisbug/new"."""
    path: str
    route: str
    params: tuple[tuple[str, str], ...] = ()


class Walk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An unfinished walk: enough to go on from its last stored page."""

    cursor: str | None = None
    floor: int | None = None
    newest: int | None = None
    oldest: int | None = None
    items: int = 0
    trail: tuple[str, ...] = ()
    """The last fullnames seen, to find the way again when the cursor's item has vanished."""


class Mark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The checkpoint of a listing."""

    watermark: int | None = None
    floor: int | None = None
    """The oldest time without a gap up to the watermark; None when the listing was walked to its end."""
    reached: int | None = None
    """Creation time of the oldest item any walk has seen."""
    walk: Walk | None = None


def ask(request: Request, *, read: Callable[[Any, str], Any]) -> Generator[Any, Any, tuple[Response, Parsed, Any]]:
    """Ask once, and once more when the answer is damaged; returns the response, its JSON and what `read` made of it."""
    for attempt in (1, 2):
        response: Response = yield request
        api.check_status(response)
        try:
            parsed = parse(response.body, where=response.url)
            return response, parsed, read(parsed.value, response.url)
        except TransientRemoteError:
            if attempt == 2:
                raise
    raise AssertionError


def walk_listing(course: Course, *, options: SyncOptions) -> Stream:
    """Bring the store up to date with a listing that runs from new to old."""
    saved = yield RecallCheckpoint(course.key)
    mark = mark_of(saved)
    walk = mark.walk
    if walk is not None and options.full and walk.floor is not None:
        walk = None
    resumed = walk is not None
    pages_left = options.max_pages
    while True:
        mark, used = yield from _walk(course, mark=mark, walk=walk, options=options, pages_left=pages_left)
        if pages_left is not None:
            pages_left -= used
        if not resumed or mark.walk is not None or pages_left == 0:
            return
        resumed, walk = False, None


def look_at_listing(course: Course, *, limit: int | None) -> Stream:
    """Read the first `limit` items of a listing once, without a checkpoint; one page when no limit is given."""
    wanted = api.PAGE_SIZE if limit is None else limit
    cursor: str | None = None
    cursors: set[str] = set()
    while wanted > 0:
        request = _request(course, after=cursor, limit=min(wanted, api.PAGE_SIZE))
        response, parsed, listing = yield from ask(request, read=_read_listing)
        out = gather(response)
        add_children(listing, response=response, parsed=parsed, out=out)
        yield out.page()
        wanted -= len(listing.children)
        if listing.after is None:
            return
        if listing.after in cursors or len(cursors) > _LONGEST_WALK:
            raise _loop(course)
        cursor = listing.after
        cursors.add(cursor)


def gather(response: Response) -> Gathered:
    """An empty collection for what this live answer holds."""
    return Gathered(where=response.url, door=Door.LIVE, terms=TERMS)


def add_children(listing: Listing, *, response: Response, parsed: Parsed, out: Gathered) -> None:
    """Map every child of a live listing, as seen at the time of its answer."""
    look = look_of(response)
    entities = not api.has_raw_json(response.request)
    for child in listing.children:
        add_thing(child, look=look, out=out, dirty=parsed.dirty, entities=entities)


def look_of(response: Response) -> Look:
    """When a live answer was given."""
    return Look(door=Door.LIVE, terms=TERMS, observed_at=response.received_at)


def _walk(
    course: Course, *, mark: Mark, walk: Walk | None, options: SyncOptions, pages_left: int | None
) -> Generator[Any, Any, tuple[Mark, int]]:
    """One walk; returns the mark it left behind and the pages it took.

    A walk that begins here and ends at `pages_left` leaves no trace: a limit is a look at the newest pages, and the
    next sync begins at the top again. A resumed walk keeps its place."""
    begun_here = walk is None
    walk = walk or Walk(floor=_floor(mark, options=options))
    way = _Way(walk)
    used = 0
    while pages_left is None or used < pages_left:
        response, parsed, listing = yield from ask(_request(course, after=walk.cursor), read=_read_listing)
        used += 1
        out = gather(response)
        add_children(listing, response=response, parsed=parsed, out=out)
        mark = msgspec.structs.replace(mark, reached=_least(mark.reached, times=_times(out)), walk=None)
        asked, walk = walk.cursor, _further(walk, listing=listing, out=out)
        end, walk = way.judge(walk, listing=listing, asked=asked)
        if end in {_End.LOOP, _End.ENDLESS} or used >= _LONGEST_WALK:
            yield out.page(_checkpoint(course, mark))
            raise _loop(course) if end is _End.LOOP else _endless(course, pages=used)
        if end is _End.LISTING or _is_behind(walk.floor, out=out):
            now = min(options.started_at or response.received_at, response.received_at)
            note: str | None
            if end is not _End.LISTING and not _meets(mark, out=out):
                note = _LEFT_OUT.format(seconds=(walk.floor or 0) - (mark.watermark or 0))
            else:
                mark, note = _finish(mark, walk=walk, at_end=end is _End.LISTING, now=now)
            yield out.page(_checkpoint(course, mark), note=f"{course.path}: {note}" if note else None)
            return mark, used
        if not (begun_here and used == pages_left):
            mark = msgspec.structs.replace(mark, walk=walk)
        yield out.page(_checkpoint(course, mark))
    return mark, used


class _End(enum.Enum):
    NOT_YET = "not yet"
    LISTING = "end of the listing"
    LOOP = "loop"
    ENDLESS = "one empty page after the other"


class _Way:
    """The cursors one walk has followed, and what it makes of an empty page or a cursor met again."""

    def __init__(self, walk: Walk) -> None:
        self._followed = {walk.cursor} - {None}
        self._empty = 0
        self._lost: str | None = None
        """The cursor that brought an empty page: its item has vanished, or the listing ends there."""
        self._restarted = False

    def judge(self, walk: Walk, *, listing: Listing, asked: str | None) -> tuple[_End, Walk]:
        """Whether the walk ends here, and the walk to go on with."""
        if listing.after is not None:
            return self._follow(listing.after, empty=not listing.children), walk
        if listing.children or asked is None or walk.items >= _LISTING_END:
            return _End.LISTING, walk
        earlier = [name for name in walk.trail if name != asked]
        if self._lost is None and earlier:
            self._lost = asked
            return _End.NOT_YET, msgspec.structs.replace(walk, cursor=earlier[0])
        if self._restarted:
            return _End.LISTING, walk
        self._restarted, self._lost = True, None
        self._followed.clear()
        return _End.NOT_YET, Walk(floor=walk.floor)

    def _follow(self, cursor: str, *, empty: bool) -> _End:
        if cursor == self._lost:
            return _End.LISTING
        self._lost = None
        self._empty = self._empty + 1 if empty else 0
        if cursor in self._followed:
            return _End.LOOP
        self._followed.add(cursor)
        return _End.ENDLESS if self._empty > _EMPTY_PAGES else _End.NOT_YET


def _further(walk: Walk, *, listing: Listing, out: Gathered) -> Walk:
    times = _times(out)
    names = [child["data"].get("name") for child in listing.children if isinstance(child, dict) and _data(child)]
    trail = (*walk.trail, *(name for name in names if isinstance(name, str) and name))
    return msgspec.structs.replace(
        walk,
        cursor=listing.after,
        newest=max([*times, *([] if walk.newest is None else [walk.newest])], default=None),
        oldest=_least(walk.oldest, times=times),
        items=walk.items + len(listing.children),
        trail=trail[-_TRAIL:],
    )


_LEFT_OUT = (
    "--since stopped {seconds} s before the last sync's newest item: what came in between was not read, so the"
    " watermark stays; a sync without --since, or with an earlier one, reads it"
)


def _meets(mark: Mark, *, out: Gathered) -> bool:
    """True when a walk that ended with this page left no gap above the watermark: `--since` may end one earlier."""
    return mark.watermark is None or _is_behind(mark.watermark + 1, out=out)


def _least(known: int | None, *, times: list[int]) -> int | None:
    return min([*times, *([] if known is None else [known])], default=None)


def _finish(mark: Mark, *, walk: Walk, at_end: bool, now: int) -> tuple[Mark, str | None]:
    """The mark after a complete walk, and a finding when a gap is left that the listing no longer reaches."""
    newest = None if walk.newest is None else min(walk.newest, now)
    watermark = mark.watermark if newest is None else max(newest, mark.watermark or 0)
    note = None
    floor = walk.floor if mark.floor is None or walk.floor is None else min(mark.floor, walk.floor)
    if mark.watermark is not None and mark.floor is None and not at_end:
        floor = None
    if at_end:
        floor = None
        if mark.watermark is not None and walk.oldest is not None and walk.oldest > mark.watermark:
            note = (
                f"the listing ended {walk.oldest - mark.watermark} s before the last sync's newest item: what came in "
                "between is out of its reach (about 1,000 items); an archive may hold it"
            )
    return Mark(watermark=watermark, floor=floor, reached=mark.reached), note


def _floor(mark: Mark, *, options: SyncOptions) -> int | None:
    """How far back a fresh walk goes: to the watermark less the lookback, or further where `since` asks for older
    items than were ever reached; None is the end of the listing."""
    if options.full or mark.watermark is None:
        return options.since
    recent = mark.watermark - LOOKBACK_S
    if options.since is None:
        return recent
    if mark.floor is not None and options.since < mark.floor:
        return options.since
    return max(options.since, recent)


def _is_behind(floor: int | None, *, out: Gathered) -> bool:
    times = _times(out)
    return floor is not None and bool(times) and sum(t < floor for t in times) >= min(_OLDER_ENOUGH, len(times))


def _times(out: Gathered) -> list[int]:
    return [
        record.created_at
        for record in out.records
        if isinstance(record, Post | Comment | Tombstone) and record.created_at is not None
    ]


def _request(course: Course, *, after: str | None, limit: int = api.PAGE_SIZE) -> Request:
    request = api.listing(course.path, route=course.route, after=after, limit=limit)
    return msgspec.structs.replace(request, params=(*request.params, *course.params))


def _read_listing(value: Any, where: str) -> Listing:
    return listing_of(value, where=where)


def _checkpoint(course: Course, mark: Mark) -> Checkpoint:
    return Checkpoint(key=course.key, state=msgspec.json.encode(mark).decode())


def mark_of(saved: Checkpoint | None) -> Mark:
    """What a stored checkpoint of a listing says."""
    return Mark() if saved is None else msgspec.json.decode(saved.state, type=Mark)


def _data(child: dict[str, Any]) -> bool:
    return isinstance(child.get("data"), dict)


def _loop(course: Course) -> RemoteError:
    return RemoteError(
        f"{course.path}: the listing's cursor loops: it leads back to a page already read",
        advice="what was read is kept; the next sync starts from the top again",
    )


def _endless(course: Course, *, pages: int) -> RemoteError:
    return RemoteError(
        f"{course.path}: the listing does not end ({pages} pages read)",
        advice="what was read is kept; the next sync starts from the top again",
    )
