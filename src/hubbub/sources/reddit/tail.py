"""The newest end of a listing, for one community or for many at once: read from the top down to where the last reading
began.

Reddit takes `/r/a+b+c/new` for one listing, so that a hundred small communities cost what one costs. Its thousand
items are shared then: where they do not reach back far enough, each community is read by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from typing import Any, Literal

import msgspec

from hubbub.errors import HubbubError, RemoteError, TransientRemoteError, UnavailableError
from hubbub.plugins.contracts import Checkpoint, Page, Stream
from hubbub.records.models import Comment, Post, Tombstone
from hubbub.sources.reddit import api
from hubbub.sources.reddit.listings import (
    LOOKBACK_S,
    Course,
    Mark,
    add_children,
    ask,
    endless,
    gather,
    mark_at,
    page_of,
    read_listing,
)
from hubbub.sources.reddit.places import Place, Places
from hubbub.sources.reddit.schedule import Pace, polled
from hubbub.sources.reddit.strays import note_strays
from hubbub.sources.reddit.values import Gathered
from hubbub.sources.reddit.way import LONGEST_WALK, End, Walk, Way, further, is_behind, times_of

OVERLAP_S = 120
"""How far before the last reading's beginning the next one goes: listings come from a cache that is half a minute old
(reddit.md §8)."""

_SHORT = 500
"""A listing that ends with fewer items was read whole: the platform's own limit lies higher, what it hides included."""


class Tail:
    """A listing of some communities, and how fast it grows."""

    def __init__(self, what: Literal["new", "comments"], members: Sequence[Place]) -> None:
        self.what = what
        self.members = tuple(members)
        self.pace = Pace()

    @property
    def name(self) -> str:
        """For messages: the community, or how many there are."""
        first = self.members[0].name
        return first if len(self.members) == 1 else f"{first}+{len(self.members) - 1} more"

    def mark(self, place: Place) -> Mark:
        """How far a member is in this listing."""
        return place.posts if self.what == "new" else place.comments

    def key(self, place: Place) -> str:
        """Of that mark's checkpoint."""
        return place.posts_key if self.what == "new" else place.comments_key

    def halves(self) -> tuple[Tail, Tail]:
        """The same in two parts."""
        middle = len(self.members) // 2
        return Tail(self.what, self.members[:middle]), Tail(self.what, self.members[middle:])


def read_tail(tail: Tail, *, places: Places, deep: bool = False) -> Stream:
    """Read what came since the last reading; `deep` looks back for posts that were let through late.

    A member that turns out to be closed is left out and noted in it. Without an earlier reading the first page is read
    and what follows counts from there."""
    try:
        complete = yield from _read(tail, places=places, deep=deep)
    except TransientRemoteError:
        raise
    except (UnavailableError, RemoteError) as error:
        if len(tail.members) == 1:
            if not isinstance(error, UnavailableError):
                raise
            yield from _shut(tail.members[0], what=tail.what, error=error)
            return
        complete = False
    if complete or len(tail.members) == 1:
        return
    errors: list[HubbubError] = []
    for half in tail.halves():
        try:
            yield from read_tail(half, places=places, deep=deep)
        except TransientRemoteError:
            raise
        except RemoteError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def _shut(place: Place, *, what: str, error: UnavailableError) -> Stream:
    """What a listing says that is not to be had: the community is closed, or only its comments are not listed."""
    if what == "new" or place.posts.heard_at is None:
        place.closed = error
        raise error
    yield Page(note=f"the newest comments of {place.name} could not be read, comment counts are compared: {error}")


def _read(tail: Tail, *, places: Places, deep: bool) -> Generator[Any, Any, bool]:
    """One reading; returns whether it reached back to the earlier one of every member."""
    floors = {place.key: _floor(tail.mark(place), deep=deep) for place in tail.members}
    lowest = min((floor for floor in floors.values() if floor is not None), default=None)
    course = Course(
        key="", path=f"/r/{'+'.join(place.name for place in tail.members)}/{tail.what}", route=_ROUTES[tail.what]
    )
    walk = Walk(floor=lowest)
    way, seen = Way(walk), _Seen()
    for used in range(1, LONGEST_WALK + 1):
        response, parsed, listing = yield from ask(page_of(course, after=walk.cursor), read=read_listing)
        out = gather(response)
        add_children(listing, response=response, parsed=parsed, out=out)
        if walk.began_at is None:
            walk = msgspec.structs.replace(walk, began_at=response.received_at)
        seen.take(out, tail=tail)
        if used == 1 and listing.after is not None:
            seen.shown = len(listing.children) / api.PAGE_SIZE
        yield from note_strays(out.records, places=places)
        asked, walk = walk.cursor, further(walk, listing=listing, out=out)
        end, walk = way.judge(walk, listing=listing, asked=asked)
        if end in {End.LOOP, End.ENDLESS}:
            yield out.page()
            raise endless(course.path, end=end, pages=used)
        behind = lowest is None or is_behind(lowest, out=out)
        if end is not End.LISTING and not behind:
            yield out.page()
            continue
        complete = behind or walk.oldest is None or walk.oldest <= (lowest or 0) or walk.items < _SHORT
        yield from _conclude(tail, walk=walk, seen=seen, out=out, whole=(complete, deep))
        return complete
    raise endless(course.path, end=End.ENDLESS, pages=LONGEST_WALK)


_ROUTES = {"new": "new", "comments": "community_comments"}


def _floor(mark: Mark, *, deep: bool) -> int | None:
    """How far back a reading goes; a listing that showed an item younger than the overlap was that fresh."""
    if mark.heard_at is None:
        return None
    return mark.heard_at - LOOKBACK_S if deep else max(mark.heard_at - OVERLAP_S, mark.watermark or 0)


class _Seen:
    """What one reading has met of each community."""

    def __init__(self) -> None:
        self.newest: dict[str, int] = {}
        self.fresh: Counter[str] = Counter()
        self.page_span_s: int | None = None
        self.items = 0
        self.shown: float | None = None
        """Share of its room that the first page showed, where another follows."""

    def take(self, out: Gathered, *, tail: Tail) -> None:
        """Count the things of one page."""
        known = {place.key: tail.mark(place).heard_at for place in tail.members}
        if self.page_span_s is None and (times := times_of(out)):
            self.page_span_s = max(1, max(times) - min(times))
            self.items = len(times)
        for record in out.records:
            if not isinstance(record, Post | Comment | Tombstone) or record.created_at is None:
                continue
            key = record.community or ""
            self.newest[key] = max(self.newest.get(key, 0), record.created_at)
            heard = known.get(key)
            self.fresh[key] += heard is not None and record.created_at > heard


def _conclude(tail: Tail, *, walk: Walk, seen: _Seen, out: Gathered, whole: tuple[bool, bool]) -> Stream:
    """Move the marks of all members on with the last page, unless the listing did not reach back far enough."""
    complete, deep = whole
    began = walk.began_at or 0
    alone = len(tail.members) == 1
    note: str | None = None
    checkpoints: list[Checkpoint] = []
    marks: list[tuple[Place, Mark]] = []
    if complete or alone:
        for place in tail.members:
            mark = tail.mark(place)
            if mark.heard_at is None:
                mark = msgspec.structs.replace(mark, floor=walk.oldest)
            marks.append((place, _moved(mark, newest=seen.newest.get(place.key), began=began, deep=deep)))
            checkpoints.append(mark_at(tail.key(place), marks[-1][1]))
    if alone and not complete:
        place, lost_s = tail.members[0], (walk.oldest or 0) - (walk.floor or 0)
        note = (
            f"/r/{place.name}/{tail.what}: the listing ended {lost_s} s before the last sync: what came in between "
            "is out of its reach (about 1,000 items)"
        )
        note += "; comment counts are compared" if tail.what == "comments" else "; an archive may hold it"
        place.recount = True
    yield out.page(*checkpoints, note=note)
    for place, mark in marks:
        if tail.what == "new":
            place.posts = mark
        else:
            place.comments = mark
            place.pace = _paced(place.pace, at=began, fresh=seen.fresh[place.key], seen=seen if alone else None)
    if marks:
        tail.pace = _paced(tail.pace, at=began, fresh=seen.fresh.total(), seen=seen)


def _paced(pace: Pace, *, at: int, fresh: int, seen: _Seen | None) -> Pace:
    if pace.polled_at is None and seen is not None and seen.page_span_s is not None:
        return polled(pace, at=at, fresh=seen.items, span_s=seen.page_span_s, shown=seen.shown)
    return polled(pace, at=at, fresh=fresh, shown=None if seen is None else seen.shown)


def _moved(mark: Mark, *, newest: int | None, began: int, deep: bool) -> Mark:
    watermark = max((at for at in (mark.watermark, newest) if at is not None), default=None)
    return msgspec.structs.replace(
        mark,
        watermark=watermark if watermark is None else min(watermark, max(began, mark.watermark or 0)),
        heard_at=max(began, mark.heard_at or 0),
        deep_at=began if deep else mark.deep_at,
    )
