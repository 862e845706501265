"""PURE. What a sync of some communities will ask, told beforehand from what is stored."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from typing import Any

from hubbub.plugins.agenda import Estimate
from hubbub.plugins.contracts import Recall, RecallRipe, RecallSaved, RecallTotals, Ripe, SyncOptions
from hubbub.sources.reddit.api import INFO_SIZE, PAGE_SIZE
from hubbub.sources.reddit.comments import due_threads
from hubbub.sources.reddit.places import Place, Places
from hubbub.sources.reddit.schedule import COMMENT_AGES_S, HOUR_S, POST_AGES_S, grouped, refresh_of
from hubbub.sources.reddit.values import SOURCE_NAME

_LISTING_PAGES = 10
"""A listing shows about a thousand items."""
_WEEK_S = 7 * 24 * HOUR_S
_MOST_DUE = 100_000
_ABOUT_EVERY_S = _WEEK_S


def estimate(names: Sequence[str], *, options: SyncOptions, now: int) -> Generator[Recall, Any, list[Estimate]]:
    """What one sync of these communities costs, a line each kind of request.

    Of a community that was never synced only bounds are known: its listing has one to ten pages, and each of its posts
    at most one tree of ordinary size."""
    places = Places(names)
    saved = yield RecallSaved(tuple(key for place in places.open() for key in place.marks))
    for place in places.open():
        place.learn(saved)
    new = [place for place in places.open() if not place.is_settled or options.full]
    known = [place for place in places.open() if place not in new]
    abouts = 2 * sum(place.about_at is None or now - place.about_at >= _ABOUT_EVERY_S for place in places.open())
    posts = yield from _pages(known, kind="post", now=now)
    comments = yield from _pages(known, kind="comment", now=now)
    due = yield from _due(known, now=now)
    trees = len((yield from due_threads(Places([place.name for place in known]), options=options)))
    requests = math.ceil(due / INFO_SIZE)
    rows = [
        Estimate(what="descriptions and rules", least=abouts, most=abouts),
        Estimate(what="new posts", least=posts + len(new), most=posts + _LISTING_PAGES * len(new)),
        Estimate(what="new comments", least=comments + len(new), most=comments + len(new)),
        Estimate(what=f"refresh of {due:,} records", least=requests, most=requests),
        Estimate(what="comment trees", least=trees, most=trees + len(new) * _LISTING_PAGES * PAGE_SIZE),
    ]
    wanted = {"about": rows[:1], "posts": rows[1:2], "refresh": rows[3:4], "comments": [rows[2], rows[4]]}
    return [
        row for row in rows if not options.only or any(row in wanted[name] for name in options.only & wanted.keys())
    ]


def _pages(places: Sequence[Place], *, kind: str, now: int) -> Generator[Recall, Any, int]:
    """Pages of listings that bring what came since each community was last read, at the pace of the week before."""
    pages = 0
    by_name = {place.name: place for place in places}
    for group in grouped([place.name for place in places]):
        items = 0.0
        for name in group:
            place = by_name[name]
            heard = (place.posts if kind == "post" else place.comments).heard_at or now
            bounds = (heard - _WEEK_S, heard)
            totals: tuple[int, ...] = yield RecallTotals(
                source=SOURCE_NAME, kind=kind, community=place.key, bounds=bounds
            )
            items += totals[0] / _WEEK_S * max(0, now - heard)
        pages += max(1, min(_LISTING_PAGES * len(group), math.ceil(items / PAGE_SIZE)))
    return pages


def _due(places: Sequence[Place], *, now: int) -> Generator[Recall, Any, int]:
    keys = tuple(place.key for place in places)
    due = 0
    for kind, ages in (("post", POST_AGES_S), ("comment", COMMENT_AGES_S)):
        asked = RecallRipe(kind=kind, communities=keys, ages_s=ages, until=now, limit=_MOST_DUE)
        found: list[Ripe] = yield asked
        due += sum(refresh_of(each, ages_s=ages, now=now) is not None for each in found)
    return due
