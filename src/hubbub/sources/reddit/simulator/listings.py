"""Listings of posts and comments: what is in them, and their pages (API reference, section 8)."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from hubbub.simulator.exchange import Ask
from hubbub.simulator.things import Comment, Person, Post
from hubbub.sources.reddit.simulator.comments import listed_json
from hubbub.sources.reddit.simulator.media import Addresses
from hubbub.sources.reddit.simulator.posts import post_json
from hubbub.sources.reddit.simulator.shapes import listing
from hubbub.sources.reddit.simulator.view import CAP, View, comment_id, post_id

Thing = Post | Comment
_SPANS = {"hour": 3600, "day": 86_400, "week": 604_800, "month": 2_678_400, "year": 31_622_400}
_RISING = 25


class Paging(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a listing is asked for."""

    limit: int = 25
    after: str = ""
    before: str = ""
    count: int = 0


def paging(ask: Ask) -> Paging:
    """Clamped to 100; nonsense becomes the default."""
    return Paging(
        limit=max(1, min(100, number(ask.value("limit"), default=25))),
        after=ask.value("after"),
        before=ask.value("before"),
        count=number(ask.value("count"), default=0),
    )


def number(text: str, *, default: int) -> int:
    """The whole number written there, else the default."""
    return int(text) if text.isascii() and text.isdigit() else default


def fullname(thing: Thing) -> str:
    """t3_ or t1_ and the id."""
    return f"t3_{post_id(thing)}" if isinstance(thing, Post) else f"t1_{comment_id(thing)}"


def thing_json(view: View, thing: Thing, addresses: Addresses) -> dict[str, Any]:
    """The thing as listings show it."""
    if isinstance(thing, Post):
        return {"kind": "t3", "data": post_json(view, thing, addresses)}
    return {"kind": "t1", "data": listed_json(view, thing)}


def shown_in_listings(view: View, thing: Thing) -> bool:
    """Whether a listing hands it out."""
    return view.listed(thing) if isinstance(thing, Post) else view.streamed(thing)


def page(
    view: View, things: Iterable[Thing], *, part: Paging, addresses: Addresses, on_top: Sequence[Post] = ()
) -> dict[str, Any]:
    """One page of an already capped list, hidden things among it: they take up room and are not handed out.

    A page may therefore be short, even empty, and still name an `after`. An anchor whose author deleted it has left the
    list, and the page after it is empty without an `after`, which looks like the end."""
    cut = _cut((thing for thing in things if not _left(view, thing)), part=part)
    if cut is None:
        return listing([], dist=0)
    anchor, chunk = part.before or part.after, cut.things
    shown = [thing for thing in chunk if shown_in_listings(view, thing)]
    after = None
    if chunk and cut.more:
        after = fullname(shown[-1] if shown else chunk[-1])
    top = [] if anchor else [post for post in on_top if view.listed(post)]
    children = [thing_json(view, thing, addresses) for thing in (*top, *shown)]
    before = fullname(shown[0]) if shown and part.count > 0 and not cut.first else None
    return listing(children, after=after, before=before, dist=len(children))


class Cut(NamedTuple):
    """A part of a listing."""

    things: list[Thing]
    first: bool
    """Whether the listing begins with it."""
    more: bool
    """Whether something comes after it."""


def _cut(kept: Iterator[Thing], *, part: Paging) -> Cut | None:
    """The part asked for, read no further than needed; None when the anchor is not in the listing."""
    if part.before:
        earlier: deque[Thing] = deque(maxlen=part.limit)
        for place, thing in enumerate(kept):
            if fullname(thing) == part.before:
                return Cut(list(earlier), first=place <= part.limit, more=True)
            earlier.append(thing)
        return None
    if part.after and not any(fullname(thing) == part.after for thing in kept):
        return None
    things = list(islice(kept, part.limit))
    return Cut(things, first=not part.after, more=next(kept, None) is not None)


def _left(view: View, thing: Thing) -> bool:
    return thing.deleted_at <= view.at or (isinstance(thing, Post) and not view.exists(thing))


def merged(lists: Sequence[Sequence[Thing]]) -> Iterator[Thing]:
    """Several newest-first lists as one, with one cap for all; merged as far as somebody reads."""
    return islice(heapq.merge(*lists, key=_age), CAP)


def newest_first(things: Iterable[Thing]) -> list[Thing]:
    """As listings have them, with their cap."""
    return sorted(things, key=_age)[:CAP]


def _age(thing: Thing) -> tuple[int, int]:
    return -thing.created_at, -thing.number


def ranked(view: View, things: Iterable[Thing], *, sort: str, span: str) -> Iterable[Thing]:
    """The list in another order than newest first."""
    if sort in ("top", "controversial"):
        since = view.at - _SPANS[span] if span in _SPANS else 0
        things = [t for t in things if t.created_at >= since]
    keys: dict[str, Callable[[Thing], tuple[float, int]]] = {
        "hot": lambda t: (-math.log10(max(1, view.score(t))) - t.created_at / 45_000, -t.number),
        "top": lambda t: (-view.score(t), -t.number),
        "controversial": lambda t: (abs(view.score(t) - 3), -t.number),
        "rising": lambda t: (-view.score(t) / (view.at - t.created_at + 3600), -t.number),
    }
    if sort not in keys:
        return things
    made = sorted(things, key=keys[sort])
    return made[:_RISING] if sort == "rising" else made


def written_by(view: View, person: Person, *, what: str) -> list[Thing]:
    """Posts, comments or both of an account, newest first, with one cap."""
    left_out = {"comments": Post, "submitted": Comment}.get(what)
    mine = view.world.written_by(person)
    return newest_first(t for t in mine if t.created_at <= view.at and type(t) is not left_out)
