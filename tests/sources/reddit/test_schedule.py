"""When to look again: the rules of polling, refreshing and grouping, over generated records and listings."""

from __future__ import annotations

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from hubbub.plugins.contracts import Ripe
from hubbub.sources.reddit.schedule import (
    AHEAD_S,
    BUSY_PER_H,
    COMMENT_AGES_S,
    HOUR_S,
    LATE,
    LEAN_AGES_S,
    LONGEST_PATH,
    MOST_TOGETHER,
    POST_AGES_S,
    Pace,
    Refresh,
    batches,
    comment_ages,
    grouped,
    next_poll,
    polled,
    refresh_of,
)

NOW = 1_780_000_000
ages = st.integers(0, 200 * HOUR_S)
dues = st.lists(
    st.tuples(ages, st.floats(0, 1)).map(lambda pair: (NOW - pair[0], NOW - int(pair[0] * pair[1]))), max_size=350
).map(lambda pairs: [Ripe(f"t1_{n}", made, seen) for n, (made, seen) in enumerate(pairs)])


def refreshes(found: list[Ripe]) -> list[Refresh]:
    made = (refresh_of(due, ages_s=COMMENT_AGES_S, now=NOW) for due in found)
    return [each for each in made if each is not None]


@given(dues)
def test_a_record_is_due_from_the_first_age_at_which_it_was_not_seen(found: list[Ripe]) -> None:
    for due in found:
        refresh = refresh_of(due, ages_s=COMMENT_AGES_S, now=NOW)
        missed = [due.created_at + age for age in COMMENT_AGES_S if due.observed_at < due.created_at + age]
        assert (None if refresh is None else refresh.due_at) == (missed[0] if missed else None)


@given(dues)
def test_who_does_not_wait_asks_for_all_that_is_due_and_never_twice(found: list[Ripe]) -> None:
    made = refreshes(found)
    asked = [*batches(made, now=NOW, patient=False)]
    ids = [key for batch in asked for key in batch]
    ripe = {each.id for each in made if each.due_at <= NOW}
    assert ripe <= set(ids)
    assert len(ids) == len(set(ids))
    assert len(asked) == math.ceil(len(ripe) / 100)


@given(dues)
def test_who_waits_sends_full_requests_and_lets_nothing_be_late_for_long(found: list[Ripe]) -> None:
    made = refreshes(found)
    asked = [*batches(made, now=NOW, patient=True)]
    ids = {key for batch in asked for key in batch}
    for each in made:
        if each.pressing <= -LATE:
            assert each.id in ids
    for batch in asked[:-1]:
        assert len(batch) == 100
    room = [each.id for each in made if each.id not in ids]
    if asked and len(asked[-1]) < 100:
        assert not room  # what is due soon went along


def test_a_request_with_room_takes_what_is_due_soon() -> None:
    late = Ripe("t1_late", NOW - 2 * HOUR_S, NOW - 2 * HOUR_S)
    soon = Ripe("t1_soon", NOW - HOUR_S + AHEAD_S // 8, NOW - HOUR_S + AHEAD_S // 8)
    assert [*batches(refreshes([soon, late]), now=NOW, patient=True)] == [("t1_late", "t1_soon")]
    assert [*batches(refreshes([soon]), now=NOW, patient=False)] == []


@given(st.floats(0.0001, 20), st.integers(60, 7_200))
def test_a_steady_listing_is_polled_before_a_page_overflows_and_never_later_than_allowed(
    per_s: float, fresh_s: int
) -> None:
    pace = polled(Pace(), at=NOW, fresh=100, span_s=100 / per_s)
    for _ in range(30):
        at = next_poll(pace, fresh_s=fresh_s)
        assert pace.polled_at is not None
        assert at - pace.polled_at <= fresh_s
        step = max(1, math.floor(at) - pace.polled_at)
        assert per_s * step <= 100 or step <= 5
        pace = polled(pace, at=pace.polled_at + step, fresh=round(per_s * step))


def test_a_listing_that_was_never_polled_is_polled_at_once() -> None:
    assert next_poll(Pace(), fresh_s=600) == 0


def test_comments_are_refreshed_once_where_there_are_very_many() -> None:
    assert comment_ages(Pace(per_s=(BUSY_PER_H + 1) / HOUR_S, polled_at=NOW)) == LEAN_AGES_S
    assert comment_ages(Pace(per_s=(BUSY_PER_H - 1) / HOUR_S, polled_at=NOW)) == COMMENT_AGES_S
    assert comment_ages(Pace()) == COMMENT_AGES_S


names = st.lists(st.text("abcdefghij_0123456789", min_size=2, max_size=21), unique=True, max_size=400)


@given(names, st.data())
def test_groups_hold_every_name_once_and_fit_an_address(given_names: list[str], data: st.DataObject) -> None:
    alone = frozenset(data.draw(st.sets(st.sampled_from(given_names)))) if given_names else frozenset()
    groups = grouped(given_names, alone=alone)
    assert sorted(itertools.chain(*groups)) == sorted(given_names)
    for group in groups:
        assert len(group) <= MOST_TOGETHER
        assert len("+".join(group)) <= LONGEST_PATH
        assert len(group) == 1 or not alone & set(group)


def test_ages_grow() -> None:
    for some in (POST_AGES_S, COMMENT_AGES_S):
        assert list(some) == sorted(set(some))
