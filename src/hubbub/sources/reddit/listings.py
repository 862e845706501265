"""Walks through listings: pages, watermark, lookback, resuming, and what to do when a listing lies (reddit.md §8).

A walk goes from the newest item back to its floor. Every page's checkpoint holds the cursor, so that a walk that was
cut short goes on where it stopped; the watermark moves only when the walk is complete. After a resumed walk a fresh
one from the top brings what came in the meantime."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import msgspec

from hubbub.errors import RemoteError, TransientRemoteError
from hubbub.http.messages import Request, Response
from hubbub.plugins.contracts import Checkpoint, RecallCheckpoint, Stream, SyncOptions
from hubbub.records.models import Door
from hubbub.sources.reddit import api
from hubbub.sources.reddit.answers import Listing, Parsed, add_thing, listing_of, parse
from hubbub.sources.reddit.mapping import Look
from hubbub.sources.reddit.values import Gathered
from hubbub.sources.reddit.way import LONGEST_WALK, End, Walk, Way, further, is_behind, least, times_of

TERMS = "reddit-api"
LOOKBACK_S = 2 * 86_400
"""How far behind the watermark every walk re-reads: posts approved late (spam filter, AutoModerator) appear at the
place of their creation, and scores and edits of the last days come along for nothing."""


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """A listing to walk."""

    key: str
    """Of its checkpoint: "whatisthisbug/new"."""
    path: str
    route: str
    params: tuple[tuple[str, str], ...] = ()


class Mark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The checkpoint of a listing."""

    watermark: int | None = None
    floor: int | None = None
    """The oldest time without a gap up to the watermark; None when the listing was walked to its end."""
    reached: int | None = None
    """Creation time of the oldest item any walk has seen."""
    heard_at: int | None = None
    """When the last complete reading began: all that the listing showed then is stored. Later than the watermark where
    little is written."""
    deep_at: int | None = None
    """The same of the last one that looked back for what was let through late."""
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
        request = page_of(course, after=cursor, limit=min(wanted, api.PAGE_SIZE))
        response, parsed, listing = yield from ask(request, read=read_listing)
        out = gather(response)
        add_children(listing, response=response, parsed=parsed, out=out)
        yield out.page()
        wanted -= len(listing.children)
        if listing.after is None:
            return
        if listing.after in cursors or len(cursors) > LONGEST_WALK:
            raise endless(course.path, end=End.LOOP)
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
    way = Way(walk)
    used = 0
    while pages_left is None or used < pages_left:
        response, parsed, listing = yield from ask(page_of(course, after=walk.cursor), read=read_listing)
        used += 1
        if walk.began_at is None:
            walk = msgspec.structs.replace(walk, began_at=response.received_at)
        out = gather(response)
        add_children(listing, response=response, parsed=parsed, out=out)
        mark = msgspec.structs.replace(mark, reached=least(mark.reached, times=times_of(out)), walk=None)
        asked, walk = walk.cursor, further(walk, listing=listing, out=out)
        end, walk = way.judge(walk, listing=listing, asked=asked)
        if end in {End.LOOP, End.ENDLESS} or used >= LONGEST_WALK:
            yield out.page(mark_at(course.key, mark))
            raise endless(course.path, end=end, pages=used)
        if end is End.LISTING or is_behind(walk.floor, out=out):
            now = min(options.started_at or response.received_at, response.received_at)
            note: str | None
            if end is not End.LISTING and not _meets(mark, out=out):
                note = _LEFT_OUT.format(seconds=(walk.floor or 0) - (mark.watermark or 0))
            else:
                mark, note = _finish(mark, walk=walk, at_end=end is End.LISTING, now=now)
            yield out.page(mark_at(course.key, mark), note=f"{course.path}: {note}" if note else None)
            return mark, used
        if not (begun_here and used == pages_left):
            mark = msgspec.structs.replace(mark, walk=walk)
        yield out.page(mark_at(course.key, mark))
    return mark, used


_LEFT_OUT = (
    "--since stopped {seconds} s before the last sync's newest item: what came in between was not read, so that the"
    " watermark stays; a sync without --since, or with an earlier one, reads it"
)


def _meets(mark: Mark, *, out: Gathered) -> bool:
    """True when a walk that ended with this page left no gap above the watermark: `--since` may end one earlier."""
    return mark.watermark is None or is_behind(mark.watermark + 1, out=out)


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
    heard_at = walk.began_at or now
    return Mark(watermark=watermark, floor=floor, reached=mark.reached, heard_at=heard_at, deep_at=heard_at), note


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


def page_of(course: Course, *, after: str | None, limit: int = api.PAGE_SIZE) -> Request:
    """The request for one page of a listing."""
    request = api.listing(course.path, route=course.route, after=after, limit=limit)
    return msgspec.structs.replace(request, params=(*request.params, *course.params))


def read_listing(value: Any, where: str) -> Listing:
    """The listing in an answer, for `ask`."""
    return listing_of(value, where=where)


def mark_at(key: str, mark: Mark) -> Checkpoint:
    """The checkpoint that says how far a listing is."""
    return Checkpoint(key=key, state=msgspec.json.encode(mark).decode())


def mark_of(saved: Checkpoint | None) -> Mark:
    """What a stored checkpoint of a listing says."""
    return Mark() if saved is None else msgspec.json.decode(saved.state, type=Mark)


def endless(path: str, *, end: End, pages: int = 0) -> RemoteError:
    """The error for a listing that leads nowhere."""
    why = (
        "the listing's cursor loops: it leads back to a page already read"
        if end is End.LOOP
        else f"the listing does not end ({pages} pages read)"
    )
    return RemoteError(f"{path}: {why}", advice="what was read is kept; the next sync starts from the top again")
