from __future__ import annotations

import itertools
from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from hubbub.sources.producthunt.days import (
    DAY_S,
    FIRST_DAYS,
    MOVING_DAYS,
    SLOW_DAYS,
    Closed,
    Due,
    day_of,
    due,
    instant,
    window_of,
    windows,
)

NOON = int(datetime(2026, 5, 20, 19, tzinfo=UTC).timestamp())
"""Noon in Los Angeles."""


def closed(at: int, *, whole_at: int | None = None) -> Closed:
    return Closed(at=at, whole_at=at if whole_at is None else whole_at)


def test_a_day_begins_at_midnight_in_los_angeles_in_winter_and_in_summer() -> None:
    assert instant(window_of(date(2026, 1, 15), span="day").begins) == "2026-01-15T08:00:00Z"
    assert instant(window_of(date(2026, 7, 15), span="day").begins) == "2026-07-15T07:00:00Z"


def test_days_on_which_clocks_change_have_23_and_25_hours() -> None:
    spring, autumn = (window_of(day, span="day") for day in (date(2026, 3, 8), date(2026, 11, 1)))
    assert (spring.ends - spring.begins, autumn.ends - autumn.begins) == (23 * 3_600, 25 * 3_600)


@given(st.integers(1_400_000_000, 1_900_000_000), st.integers(0, 100 * DAY_S), st.sampled_from(["day", "month"]))
def test_windows_lie_side_by_side_and_hold_both_ends(since: int, length: int, span: str) -> None:
    found = list(windows(since, since + length, span="day" if span == "day" else "month"))
    assert found[0].begins <= since < found[0].ends
    assert found[-1].begins <= since + length < found[-1].ends
    assert all(one.ends == other.begins for one, other in itertools.pairwise(found))


def test_a_first_sync_walks_a_month_of_days_oldest_first() -> None:
    found = due({}, now=NOON)
    assert len(found) == FIRST_DAYS + 1
    assert found == sorted(found, key=lambda each: each.window)
    assert {each.how for each in found} == {"whole"}
    assert found[-1].window.name == day_of(NOON).isoformat()


def simulated(*, syncs: int, every_s: int, until: int = NOON) -> dict[str, list[tuple[int, str]]]:
    """By window: when it was walked and how, by so many syncs that all went well."""
    known: dict[str, Closed] = {}
    walked: dict[str, list[tuple[int, str]]] = {}
    for at in range(until - (syncs - 1) * every_s, until + 1, every_s):
        for each in due(known, now=at, since=until - 60 * DAY_S):
            name = each.window.name
            before = known.get(name)
            whole = each.how == "whole" or before is None
            known[name] = closed(at, whole_at=at if whole or before is None else before.whole_at)
            walked.setdefault(name, []).append((at, each.how))
    return walked


def test_a_day_is_read_whole_when_it_is_over_and_once_a_day_until_nothing_moves() -> None:
    walked = simulated(syncs=24 * 20, every_s=3_600)
    window = window_of(day_of(NOON - 10 * DAY_S), span="day")
    first, *others = [at for at, how in walked[window.name] if how == "whole"]
    assert window.begins <= first < window.ends
    edges = [window.ends + number * DAY_S for number in range(MOVING_DAYS + 1)]
    assert len(others) == len(edges)
    assert all(edge <= at < edge + 3_600 for edge, at in zip(edges, others, strict=True))


def test_what_moves_is_looked_at_by_every_sync_and_what_does_not_by_one_a_month() -> None:
    walked = simulated(syncs=24 * 50, every_s=3_600)
    window = window_of(day_of(NOON - 45 * DAY_S), span="day")
    moving = [at for at, _ in walked[window.name] if at < window.ends + MOVING_DAYS * DAY_S]
    later = [at for at, _ in walked[window.name] if at >= window.ends + MOVING_DAYS * DAY_S + 3_600]
    assert len(moving) == (MOVING_DAYS + 1) * 24
    assert later
    assert all(at <= window.ends + (MOVING_DAYS + SLOW_DAYS) * DAY_S for at in later)


def test_a_window_that_was_not_closed_is_walked_however_old() -> None:
    since = NOON - 200 * DAY_S
    known = {each.window.name: closed(NOON - DAY_S) for each in due({}, now=NOON, since=since)}
    lost = day_of(since + 5 * DAY_S).isoformat()
    del known[lost]
    assert [each for each in due(known, now=NOON, since=since) if each.window.name == lost] == [
        Due(window_of(date.fromisoformat(lost), span="day"), "whole")
    ]


def test_without_a_time_a_sync_goes_on_from_where_the_store_begins() -> None:
    old = day_of(NOON - 90 * DAY_S).isoformat()
    names = [each.window.name for each in due({old: closed(NOON - 80 * DAY_S)}, now=NOON)]
    assert len(names) == 90, "all days since then that were never closed"
    assert old not in names


def test_full_walks_everything_since_the_first_day() -> None:
    found = due({"2026-05-01": closed(NOON)}, now=NOON, full=True)
    assert found[0].window.name == "2013-11-24"
    assert {each.how for each in found} == {"whole"}


def test_nothing_is_asked_of_days_before_product_hunt() -> None:
    assert due({}, now=NOON, since=0)[0].window.name == "2013-11-24"
