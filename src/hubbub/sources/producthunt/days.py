"""PURE. Which windows of time are walked, how, and in what order (producthunt.md §9, §10).

A window is a day in Los Angeles, where Product Hunt's days begin (for a topic, a month there). It is *closed* by a walk
that ended as it should; a window that is not closed, or of late, is walked again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

PACIFIC = ZoneInfo("America/Los_Angeles")
BEGAN = date(2013, 11, 24)
"""The day of the first launches."""
FIRST_DAYS = 30
"""How far back a first sync goes that is not told."""
MOVING_DAYS = 7
"""Votes, comments and featuring still move for so long: what moves is looked at by every sync, all of it once a day.
The reference recommends three days (§10); votes move for longer, and a look at what moves costs little."""
SLOW_DAYS = 30
SLOW_A_SYNC = 1
"""Of so many days before those, so many are looked at again by every sync, each at most once a day."""
DAY_S = 86_400

How = Literal["whole", "pulse"]
"""Whether a walk asks for everything, or only for what moves."""


class Window(msgspec.Struct, frozen=True, order=True):
    """A span of launches, from midnight to midnight there."""

    begins: int
    """Epoch seconds; inclusive."""
    ends: int
    """Exclusive."""
    name: str
    """"2026-05-31", or "2026-05" where it is a month."""


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a window that was walked to its end."""

    at: int
    """When the walk began (epoch seconds)."""
    whole_at: int
    """When the last walk began that asked for everything."""
    ids: tuple[str, ...] = ()
    """The launches it showed."""
    places: tuple[int, ...] = ()
    """A check sum of the address of each: it carries the launch's name, so that another one tells of a new name."""
    looked_at: int = 0
    """When the last such walk began after which all its threads were looked through; less than `whole_at` while that is
    still to be done."""
    absent: Mapping[str, int] = {}
    """Launches it showed once and shows no more -> when they were first not to be had."""


class Due(msgspec.Struct, frozen=True):
    """A walk to be made."""

    window: Window
    how: How


def window_of(day: date, *, span: Literal["day", "month"]) -> Window:
    """The window a day lies in."""
    if span == "day":
        return Window(_midnight(day), _midnight(day + timedelta(days=1)), day.isoformat())
    first = day.replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    return Window(_midnight(first), _midnight(after), f"{first:%Y-%m}")


def windows(since: int, until: int, *, span: Literal["day", "month"] = "day") -> Iterator[Window]:
    """All windows that have a part between two times, oldest first."""
    day = day_of(since)
    while True:
        window = window_of(day, span=span)
        if window.begins > until:
            return
        yield window
        day = day_of(window.ends)


def day_of(at: int) -> date:
    """The day it is in Los Angeles at a time."""
    return datetime.fromtimestamp(at, UTC).astimezone(PACIFIC).date()


def due(
    known: Mapping[str, Closed],
    *,
    now: int,
    since: int | None = None,
    full: bool = False,
    span: Literal["day", "month"] = "day",
) -> list[Due]:
    """The walks of one sync, oldest window first: old ones no longer shift.

    `known` are the windows that were closed, by name. Without `since` it begins where the store does, or some weeks
    back; `full` walks everything again, from the first day where `since` does not say."""
    begin = max(since if since is not None else _beginning(known, now=now, full=full), _midnight(BEGAN))
    found: list[Due] = []
    slow: list[tuple[int, Window]] = []
    for window in windows(begin, now, span=span):
        closed = known.get(window.name)
        settles = window.ends + MOVING_DAYS * DAY_S
        if full or closed is None:
            found.append(Due(window, "whole"))
        elif closed.at < settles:
            passed = any(closed.whole_at < edge <= now for edge in range(window.ends, settles + 1, DAY_S))
            found.append(Due(window, "whole" if passed else "pulse"))
        elif window.ends > now - (MOVING_DAYS + SLOW_DAYS) * DAY_S and now - closed.at >= DAY_S:
            slow.append((closed.at, window))
    found += [Due(window, "pulse") for _, window in sorted(slow)[:SLOW_A_SYNC]]
    return sorted(found, key=lambda each: each.window)


def _beginning(known: Mapping[str, Closed], *, now: int, full: bool) -> int:
    if full:
        return _midnight(BEGAN)
    first = now - FIRST_DAYS * DAY_S
    names = sorted(known)
    return min(first, _midnight(_first_day(names[0]))) if names else first


def _first_day(name: str) -> date:
    return date.fromisoformat(name if len(name) > 7 else f"{name}-01")


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=PACIFIC).timestamp())


def instant(at: int) -> str:
    """A time as the API takes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
