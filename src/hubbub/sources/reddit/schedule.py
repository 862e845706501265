"""PURE. When to look again: how soon a listing is polled, and at which ages a record is refreshed.

The rules and what they cost are measured in docs/explanation/sync.md. A listing is polled when about eighty new
items are due, so that a page of a hundred holds them all, and before anything waits longer than the user allows. A
record is refreshed at growing ages; what a listing shows on the way counts as a refresh and costs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from hubbub.plugins.contracts import Ripe
from hubbub.sources.reddit.api import INFO_SIZE

HOUR_S = 3_600
POST_AGES_S = tuple(HOUR_S * hours for hours in (1, 2, 4, 8, 16, 32, 64, 128))
COMMENT_AGES_S = tuple(HOUR_S * hours for hours in (1, 6, 36, 144))
LEAN_AGES_S = (24 * HOUR_S,)
"""Of comments where so many come that four refreshes each would cost more than reading them did."""
BUSY_PER_H = 500
"""Comments an hour from which a community's are refreshed once."""
LATE = 0.3
"""A refresh may be late by this share of the age: long enough to share a request with others."""
AHEAD_S = 4 * HOUR_S
"""A request that is not full takes what is due within this time."""

PER_POLL = 78
"""New items a poll should bring: a page holds a hundred, and they do not come evenly."""
SOONEST_S = 5.0
_WEIGHT = 0.3
"""How much one poll changes what is believed of a listing's pace."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a listing grows, as far as polls have shown."""

    per_s: float | None = None
    polled_at: int | None = None
    shown: float = 1.0
    """Share of a page that is shown: what is removed or hidden takes up room in a listing and is left out."""


def polled(pace: Pace, *, at: int, fresh: int, span_s: float | None = None, shown: float | None = None) -> Pace:
    """The pace after a poll at `at` that brought `fresh` new items; `shown` is the share of a full page that it showed,
    `span_s` how much time the page covered: it tells the pace of a listing that was never polled before."""
    share = pace.shown if shown is None else _WEIGHT * max(shown, 0.1) + (1 - _WEIGHT) * pace.shown
    if pace.polled_at is None:
        return Pace(per_s=fresh / span_s if span_s else None, polled_at=at, shown=share)
    measured = fresh / max(1, at - pace.polled_at)
    per_s = measured if pace.per_s is None else _WEIGHT * measured + (1 - _WEIGHT) * pace.per_s
    return Pace(per_s=per_s, polled_at=at, shown=share)


def next_poll(pace: Pace, *, fresh_s: int) -> float:
    """When the listing is to be polled next (epoch seconds): 0 when it never was."""
    if pace.polled_at is None:
        return 0.0
    wait = float(fresh_s)
    if pace.per_s:
        wait = min(wait, max(SOONEST_S, PER_POLL * pace.shown / pace.per_s))
    return pace.polled_at + wait


def comment_ages(pace: Pace) -> tuple[int, ...]:
    """The ages at which a community's comments are refreshed, by how many there are."""
    return LEAN_AGES_S if pace.per_s is not None and pace.per_s * HOUR_S > BUSY_PER_H else COMMENT_AGES_S


class Refresh(msgspec.Struct, frozen=True, order=True):
    """A record to be refreshed; the most pressing comes first."""

    pressing: float
    """Less is more pressing: how late it is in parts of the age it was due at, negative when it is late."""
    id: str
    due_at: int


def refresh_of(due: Ripe, *, ages_s: Sequence[int], now: int) -> Refresh | None:
    """When a record is due: at the first age it has reached or will reach since it was last seen; None when it is too
    old for any. One refresh is as good as all that were missed."""
    for age in ages_s:
        if due.observed_at < due.created_at + age:
            at = due.created_at + age
            return Refresh((at - now) / age, due.id, at)
    return None


def batches(refreshes: Sequence[Refresh], *, now: int, patient: bool) -> Iterator[tuple[str, ...]]:
    """The ids to ask for now, a request each, the most pressing first.

    `patient`: what does not fill a request waits until one of its records is late by `LATE`. A request that goes out
    with room takes what is due soon."""
    ripe = sorted(each for each in refreshes if each.due_at <= now)
    soon = sorted((each for each in refreshes if each.due_at > now), key=lambda each: each.due_at)
    while len(ripe) >= INFO_SIZE:
        yield tuple(each.id for each in ripe[:INFO_SIZE])
        ripe = ripe[INFO_SIZE:]
    if ripe and not (patient and ripe[0].pressing > -LATE):
        yield tuple(each.id for each in (ripe + soon)[:INFO_SIZE])


LONGEST_PATH = 2_000
"""Characters of a `+` list: longer addresses were refused (redditp issue 90, Infinity issue 617)."""
MOST_TOGETHER = 100


def grouped(names: Sequence[str], *, alone: frozenset[str] = frozenset()) -> list[tuple[str, ...]]:
    """The names in groups that one listing may serve; those in `alone` have one to themselves."""
    groups: list[tuple[str, ...]] = [(name,) for name in names if name in alone]
    group: list[str] = []
    for name in names:
        if name in alone:
            continue
        if group and (len(group) >= MOST_TOGETHER or sum(map(len, group)) + len(group) + len(name) > LONGEST_PATH):
            groups.append(tuple(group))
            group = []
        group.append(name)
    return [*groups, *([tuple(group)] if group else [])]
