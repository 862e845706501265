"""PURE. One walk through a listing, page after page: what it has seen, where it goes on, and where it ends when the
listing lies (reddit.md §8)."""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from hubbub.records.models import Comment, Post, Tombstone
from hubbub.sources.reddit.answers import Listing
from hubbub.sources.reddit.values import Gathered

_TRAIL = 10
_OLDER_ENOUGH = 3
"""So many items behind the floor end a walk: a single one may lie (a wrong clock, a strange order)."""
_EMPTY_PAGES = 10
_LISTING_END = 990
"""Items after which an empty page is the end of a listing rather than a vanished cursor."""
LONGEST_WALK = 500


class Walk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An unfinished walk: enough to go on from its last stored page."""

    cursor: str | None = None
    floor: int | None = None
    newest: int | None = None
    oldest: int | None = None
    items: int = 0
    began_at: int | None = None
    """When its first page was answered (epoch seconds)."""
    trail: tuple[str, ...] = ()
    """The last fullnames seen, to find the way again when the cursor's item has vanished."""


class End(enum.Enum):
    """Why a walk is over, if it is."""

    NOT_YET = "not yet"
    LISTING = "end of the listing"
    LOOP = "loop"
    ENDLESS = "one empty page after the other"


class Way:
    """The cursors one walk has followed, and what it makes of an empty page or a cursor met again."""

    def __init__(self, walk: Walk) -> None:
        self._followed = {walk.cursor} - {None}
        self._empty = 0
        self._lost: str | None = None
        """The cursor that brought an empty page: its item has vanished, or the listing ends there."""
        self._restarted = False

    def judge(self, walk: Walk, *, listing: Listing, asked: str | None) -> tuple[End, Walk]:
        """Whether the walk ends here, and the walk to go on with."""
        if listing.after is not None:
            return self._follow(listing.after, empty=not listing.children), walk
        if listing.children or asked is None or walk.items >= _LISTING_END:
            return End.LISTING, walk
        earlier = [name for name in walk.trail if name != asked]
        if self._lost is None and earlier:
            self._lost = asked
            return End.NOT_YET, msgspec.structs.replace(walk, cursor=earlier[0])
        if self._restarted:
            return End.LISTING, walk
        self._restarted, self._lost = True, None
        self._followed.clear()
        return End.NOT_YET, Walk(floor=walk.floor)

    def _follow(self, cursor: str, *, empty: bool) -> End:
        if cursor == self._lost:
            return End.LISTING
        self._lost = None
        self._empty = self._empty + 1 if empty else 0
        if cursor in self._followed:
            return End.LOOP
        self._followed.add(cursor)
        return End.ENDLESS if self._empty > _EMPTY_PAGES else End.NOT_YET


def further(walk: Walk, *, listing: Listing, out: Gathered) -> Walk:
    """The walk after one more page, and what was made of it."""
    times = times_of(out)
    names = [child["data"].get("name") for child in listing.children if isinstance(child, dict) and _data(child)]
    trail = (*walk.trail, *(name for name in names if isinstance(name, str) and name))
    return msgspec.structs.replace(
        walk,
        cursor=listing.after,
        newest=max([*times, *([] if walk.newest is None else [walk.newest])], default=None),
        oldest=least(walk.oldest, times=times),
        items=walk.items + len(listing.children),
        trail=trail[-_TRAIL:],
    )


def least(known: int | None, *, times: list[int]) -> int | None:
    """The earliest of some times and one known before; None when there is none."""
    return min([*times, *([] if known is None else [known])], default=None)


def is_behind(floor: int | None, *, out: Gathered) -> bool:
    """Whether a page lies behind the floor of its walk."""
    times = times_of(out)
    return floor is not None and bool(times) and sum(t < floor for t in times) >= min(_OLDER_ENOUGH, len(times))


def times_of(out: Gathered) -> list[int]:
    """When the things of a page were made (epoch seconds)."""
    return [
        record.created_at
        for record in out.records
        if isinstance(record, Post | Comment | Tombstone) and record.created_at is not None
    ]


def _data(child: dict[str, Any]) -> bool:
    return isinstance(child.get("data"), dict)
