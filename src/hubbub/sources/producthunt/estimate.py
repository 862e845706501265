"""What a sync of Product Hunt will cost in points, told from what is stored. PURE."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from typing import Any

import msgspec

from hubbub.plugins.agenda import Estimate
from hubbub.plugins.contracts import (
    Checkpoint,
    Recall,
    RecallCheckpoint,
    RecallCounts,
    RecallSaved,
    StoredCount,
    SyncOptions,
)
from hubbub.sources.producthunt.agenda import Place, walks
from hubbub.sources.producthunt.api import PAGE_SIZE
from hubbub.sources.producthunt.comments import PREFIX, Settled
from hubbub.sources.producthunt.days import Closed, Due
from hubbub.sources.producthunt.groupings import WHOLE_EVERY_S, Walked
from hubbub.sources.producthunt.prices import KEY, Prices, size_for
from hubbub.sources.producthunt.queries import (
    COLLECTIONS,
    COMMENTS,
    LAUNCH_IDS,
    LAUNCHES,
    MEMBERS,
    PULSE,
    REPLIES,
    TOPIC,
    TOPICS,
    Template,
)

MOST_PAGES_A_DAY = 5
"""Pages of a day that was never read; how many a day has is not documented (producthunt.md §10)."""
MOST_TOPIC_PAGES = 50
LIKELY = 3
"""Comments that are no replies, of a launch of which nothing is known: a bound that is of use, not the worst."""


def estimate(places: Sequence[Place], *, options: SyncOptions, now: int) -> Generator[Recall, Any, list[Estimate]]:
    """Points by kind of question. Of a day that was never read only bounds are known."""
    prices = Prices((yield RecallCheckpoint(KEY)))
    rows: dict[str, list[tuple[float, float]]] = {"topics": [], "posts": [], "collections": [], "comments": []}
    for place in places:
        if place.kind == "collection":
            rows["posts"].append((prices.of(MEMBERS, size=PAGE_SIZE), MOST_PAGES_A_DAY * _page(prices, LAUNCHES)))
            continue
        found: list[tuple[Due, Closed | None]] = yield from walks(place, options=options, now=now)
        rows["posts"] += [_walk(each, closed, prices=prices) for each, closed in found]
        if place.kind == "topic":
            rows["topics"].append((prices.of(TOPIC), prices.of(TOPIC)))
            continue
        rows["topics"].append((yield from _groupings(TOPICS, "topics", prices=prices, options=options, now=now)))
        least, most = yield from _groupings(COLLECTIONS, "collections", prices=prices, options=options, now=now)
        inside = PAGE_SIZE * prices.of(MEMBERS, size=PAGE_SIZE)
        rows["collections"].append((least, most * (1 + inside / prices.of(COLLECTIONS, size=PAGE_SIZE))))
        lacking: list[StoredCount] = yield RecallCounts("", lacking=True, live=True)
        marks: dict[str, Checkpoint] = yield RecallSaved(tuple(PREFIX + each.post_id for each in lacking))
        settled = {
            key.removeprefix(PREFIX): msgspec.json.decode(mark.state, type=Settled) for key, mark in marks.items()
        }
        rows["comments"] += [
            _thread(each, prices=prices)
            for each in lacking
            if each.post_id not in settled or each.comment_count - each.stored != settled[each.post_id].lacking
        ]
        # Of launches that are not stored yet nobody knows how much is said about them.
        unread = sum(closed is None for _, closed in found)
        rows["comments"].append((0.0, unread * MOST_PAGES_A_DAY * PAGE_SIZE * _page(prices, COMMENTS, LIKELY)))
    return [
        Estimate(what=name, least=math.ceil(sum(low for low, _ in some)), most=math.ceil(sum(high for _, high in some)))
        for name, some in rows.items()
        if not options.only or name in options.only
    ]


def _page(prices: Prices, template: Template, size: int = PAGE_SIZE) -> float:
    return prices.of(template, size=size)


def _walk(due: Due, closed: Closed | None, *, prices: Prices) -> tuple[float, float]:
    template = LAUNCHES if due.how == "whole" else PULSE
    if closed is None:
        return _page(prices, template), MOST_PAGES_A_DAY * (_page(prices, template) + _page(prices, LAUNCH_IDS))
    pages, rest = divmod(len(closed.ids), PAGE_SIZE)
    walked = pages * _page(prices, template) + _page(prices, template, size_for(rest + 3, most=PAGE_SIZE))
    again = (pages + 1) * _page(prices, LAUNCH_IDS) if due.how == "whole" else 0.0
    return walked, walked + again


def _groupings(
    template: Template, key: str, *, prices: Prices, options: SyncOptions, now: int
) -> Generator[Recall, Any, tuple[float, float]]:
    saved: Checkpoint | None = yield RecallCheckpoint(key)
    whole_at = 0 if saved is None else msgspec.json.decode(saved.state, type=Walked).whole_at
    page = _page(prices, template)
    return page, page * (MOST_TOPIC_PAGES if options.full or now - whole_at >= WHOLE_EVERY_S else 2)


def _thread(given: StoredCount, *, prices: Prices) -> tuple[float, float]:
    lacking = given.comment_count - given.stored
    pages = math.ceil(lacking / PAGE_SIZE)
    least = _page(prices, COMMENTS, size_for(lacking + 1, most=PAGE_SIZE))
    # At worst every other comment is a reply below one of its own.
    return least, pages * _page(prices, COMMENTS) + lacking / 2 * _page(prices, REPLIES, 3)
