"""The launches of one window of time: every one it shows, however its pages shift meanwhile (producthunt.md §7)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from typing import Any
from zlib import crc32

import msgspec

from hubbub.errors import RemoteError
from hubbub.http.messages import Response
from hubbub.plugins.contracts import Checkpoint, Page, Stream
from hubbub.plugins.due import RecallThreads
from hubbub.records.models import Door, Reason, Tombstone
from hubbub.sources.producthunt import api, queries
from hubbub.sources.producthunt.days import DAY_S, MOVING_DAYS, Closed, Due, instant
from hubbub.sources.producthunt.gathering import SOURCE, Gathered, id_of, ids_of
from hubbub.sources.producthunt.mapping import TERMS, post_of
from hubbub.sources.producthunt.prices import Prices, size_for
from hubbub.sources.producthunt.queries import LAUNCH_IDS, LAUNCHES, POSTS_BY_ID, PULSE, PULSES_BY_ID, Template

MOST_PAGES = 400
"""Of one window: a date filter that stopped working must not walk the whole site (§9)."""
CHECKS = 3
"""How often the ids of a window are looked through after a walk, while unknown ones turn up."""
SPARE = 3
"""Launches that are asked for beyond those a window is known to have."""


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """Whose launches are walked."""

    prefix: str
    """Of the checkpoints of its windows: "day/", "topic/ai/"."""
    topic: str | None = None
    """Slug; None for all topics."""

    def key(self, name: str) -> str:
        """Of a window's checkpoint."""
        return f"{self.prefix}{name}"


class _Walk:
    """One walk under way."""

    def __init__(self, due: Due, *, course: Course, closed: Closed | None, prices: Prices) -> None:
        self.due = due
        self.course = course
        self.closed = closed
        self.prices = prices
        self.began_at: int | None = None
        self.seen: dict[str, int] = {}
        """The launches it showed, and a check sum of where each is to be found (0: not told)."""
        self.whole: set[str] = set()
        """Those of which everything was asked for."""

    def variables(self, first: int, after: str | None) -> dict[str, Any]:
        window = self.due.window
        return {
            "first": first,
            "after": after,
            "postedAfter": instant(window.begins),
            "postedBefore": instant(window.ends),
            "topic": self.course.topic,
        }

    def first(self, expected: int, met: int) -> int:
        """How many to ask for: a page is paid by its size, whatever comes."""
        return size_for(expected - met + SPARE, most=api.PAGE_SIZE) if expected > met else api.PAGE_SIZE

    @property
    def is_moving(self) -> bool:
        """Whether something may still appear in it or leave it between two pages."""
        return (self.began_at or 0) < self.due.window.ends + MOVING_DAYS * DAY_S


Touched = Callable[[Iterable[str]], None]
"""Told the ids whose numbers were given."""


def walk_window(due: Due, *, course: Course, closed: Closed | None, prices: Prices, touched: Touched) -> Stream:
    """Read the launches of a window and close it.

    Raises RemoteError when its pages do not come to an end."""
    walk = _Walk(due, course=course, closed=closed, prices=prices)
    yield from _pages(walk, LAUNCHES if due.how == "whole" else PULSE)
    known = _places(closed)
    if due.how == "pulse":
        changed = [key for key, place in walk.seen.items() if known.get(key) != place]
        yield from read_posts(changed, prices=prices)
    if due.how == "whole" and walk.is_moving:
        yield from _check(walk)
    absent, stones = yield from _absent(walk, known)
    touched(walk.seen)
    now = walk.began_at or 0
    ids = tuple(sorted((walk.seen.keys() | absent.keys()), key=lambda key: (len(key), key)))
    places = known | {key: place for key, place in walk.seen.items() if place}
    state = Closed(
        at=now,
        whole_at=now if due.how == "whole" or closed is None else closed.whole_at,
        looked_at=0 if closed is None else closed.looked_at,
        ids=ids,
        places=tuple(places.get(key, 0) for key in ids),
        absent=absent,
    )
    yield Page(records=stones, checkpoints=(closed_at(course, due.window.name, state), prices.mark()))


def closed_at(course: Course, name: str, state: Closed) -> Checkpoint:
    """The checkpoint of a window that was walked to its end."""
    return Checkpoint(key=course.key(name), state=msgspec.json.encode(state).decode())


def _pages(walk: _Walk, template: Template) -> Stream:
    """Every page of the window by one query; what comes is stored, ids alone are only noted."""
    expected = len(walk.closed.ids) if walk.closed is not None else 0
    after: str | None = None
    met = 0
    for _ in range(MOST_PAGES):
        size = walk.first(expected, met)
        response: Response = yield api.ask(template, walk.variables(size, after), prices=walk.prices, size=size)
        nodes, cursor = _nodes(response, template=template, size=size, prices=walk.prices)
        if walk.began_at is None:
            walk.began_at = response.received_at
        fresh = [key for key in ids_of(nodes) if key not in walk.seen]
        met += len(nodes)
        walk.seen.update({key: place for key, place in _placed(nodes) if key in fresh})
        if template is not LAUNCH_IDS:
            out = Gathered(response)
            out.take("post", nodes, post_of)
            if template is LAUNCHES:
                walk.whole.update(ids_of(nodes))
            yield out.page()
        # A page without a new id is as good as none: ordinals that move bring the same ones again (§7).
        if cursor is None or cursor == after or not fresh:
            return
        after = cursor
    name = walk.due.window.name
    raise RemoteError(
        f"the launches of {name} do not come to an end: {MOST_PAGES} pages were read",
        advice="the platform's date filter may not be working; the window stays open and is walked again",
    )


def _places(closed: Closed | None) -> dict[str, int]:
    """The launches a window is known to have, and the check sum of each's address."""
    if closed is None:
        return {}
    return dict(zip(closed.ids, closed.places or (0,) * len(closed.ids), strict=True))


def _placed(nodes: Iterable[Mapping[str, Any]]) -> list[tuple[str, int]]:
    told = ((id_of(node), node.get("url")) for node in nodes)
    return [
        (key, crc32(url.partition("?")[0].encode()) if isinstance(url, str) else 0)
        for key, url in told
        if key is not None
    ]


def _nodes(
    response: Response, *, template: Template, size: int, prices: Prices
) -> tuple[list[dict[str, Any]], str | None]:
    api.learn(prices, template, response, size=size)
    return api.connection(api.data_of(response).get("posts"), where=response.url)


def _check(walk: _Walk) -> Stream:
    """Look through the ids once more: a launch that left moved another past the cursor, and one that came is on top."""
    for _ in range(CHECKS):
        before = set(walk.seen)
        yield from _ids_again(walk)
        strange = [key for key in walk.seen if key not in before and key not in walk.whole]
        if not strange:
            return
        yield from read_posts(strange, prices=walk.prices)
        walk.whole.update(strange)


def _ids_again(walk: _Walk) -> Stream:
    after: str | None = None
    expected, met = len(walk.seen), 0
    for _ in range(MOST_PAGES):
        size = walk.first(expected, met)
        response: Response = yield api.ask(LAUNCH_IDS, walk.variables(size, after), prices=walk.prices, size=size)
        nodes, cursor = _nodes(response, template=LAUNCH_IDS, size=size, prices=walk.prices)
        walk.seen.update({key: place for key, place in _placed(nodes) if key not in walk.seen})
        met += len(nodes)
        if cursor is None or cursor == after or not nodes:
            return
        after = cursor


def read_posts(
    ids: Sequence[str], *, prices: Prices, template: Template = POSTS_BY_ID
) -> Generator[Any, Any, dict[str, int]]:
    """Ask for launches by id and store them; returns when each of those was asked for that did not come."""
    missing: dict[str, int] = {}
    for at in range(0, len(ids), queries.MOST_ALIASES):
        part = ids[at : at + queries.MOST_ALIASES]
        response: Response = yield api.ask_by_id(template, part, prices=prices)
        nodes = by_id(response, part, template=template, prices=prices)
        out = Gathered(response)
        out.take("post", nodes, post_of)
        yield out.page()
        came = set(ids_of(nodes))
        missing.update((key, response.received_at) for key in part if key not in came)
    return missing


def by_id(response: Response, ids: Sequence[str], *, template: Template, prices: Prices) -> list[dict[str, Any]]:
    """The nodes of an answer to a query by id, without those that are null. Raises as `api.data_of` does."""
    api.learn(prices, template, response, size=len(ids))
    data = api.data_of(response)
    nodes = (data.get(f"r{at}") for at in range(len(ids)))
    return [node for node in nodes if isinstance(node, dict) and id_of(node) in ids]


def _absent(walk: _Walk, known: Collection[str]) -> Generator[Any, Any, tuple[dict[str, int], list[Tombstone]]]:
    """What the window showed once and shows no more: asked for by id. Null twice, a sync apart, is gone (§10)."""
    lacking = [key for key in known if key not in walk.seen]
    missing: dict[str, int] = yield from read_posts(lacking, prices=walk.prices, template=PULSES_BY_ID)
    before = walk.closed.absent if walk.closed is not None else {}
    began_at = walk.began_at or 0
    stones = [_gone(key, at=at) for key, at in missing.items() if before.get(key, began_at) < began_at]
    gone = {stone.id: stone.at for stone in stones}
    # What was said about a launch goes with it: the platform shows it nowhere else.
    said: dict[str, frozenset[str]] = (yield RecallThreads(tuple(gone))) if gone else {}
    for post, ids in said.items():
        stones += gone_comments(sorted(ids), post_id=post, at=gone[post])
    return {key: before.get(key, at) for key, at in missing.items() if key not in gone}, stones


def _gone(key: str, *, at: int, kind: Any = "post", post_id: str | None = None) -> Tombstone:
    return Tombstone(
        source=SOURCE, kind=kind, id=key, door=Door.LIVE, reason=Reason.GONE, at=at, terms=TERMS, post_id=post_id
    )


def gone_comments(ids: Iterable[str], *, post_id: str, at: int) -> list[Tombstone]:
    """Tombstones of comments that two whole listings of their post did not show, or whose post is gone."""
    return [_gone(key, at=at, kind="comment", post_id=post_id) for key in ids]
