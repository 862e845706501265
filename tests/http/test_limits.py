from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hubbub.http import limits
from hubbub.http.access import BudgetReading
from hubbub.http.limits import Budget, CoolDown, CoolDownRules


def spend(budget: Budget, *, count: int, step_s: float, now: float = 0.0) -> tuple[Budget, float, float]:
    """Ask `count` times, each answer with true headers of a window of 1000 in 600 s; returns the longest wait too."""
    longest = 0.0
    for n in range(1, count + 1):
        wait = limits.wait_s(budget, now)
        longest = max(longest, wait)
        now += wait
        budget = limits.taken(budget, now)
        now += step_s
        reading = BudgetReading(remaining=1000.0 - n, used=float(n), reset_s=600 - now)
        budget = limits.answered(budget, reading, now)
    return budget, now, longest


def test_a_client_slower_than_the_even_pace_never_waits() -> None:
    _, _, longest = spend(limits.opened(100, 0.0), count=800, step_s=0.7)
    assert longest == 0


def test_a_fast_client_gets_a_burst_then_the_even_pace_and_leaves_the_reserve() -> None:
    budget, now, longest = spend(limits.opened(100, 0.0), count=60, step_s=0.0)
    assert now == 0
    assert longest == 0
    _, now, _ = spend(budget, count=800, step_s=0.0)
    assert 400 < now < 600
    assert 800 / now < 950 / 600 * 1.2


def test_the_reserve_is_left_to_others() -> None:
    reading = BudgetReading(remaining=40, used=960, reset_s=100)
    budget = limits.answered(limits.taken(limits.opened(100, 0.0), 0.0), reading, 0.0)
    assert limits.wait_s(budget, 0.0) == pytest.approx(101)  # whole seconds: the fraction was cut off
    assert limits.wait_s(budget, 101.0) == 0


def test_nothing_remaining_waits_for_the_reset() -> None:
    reading = BudgetReading(remaining=0, used=1000, reset_s=42)
    budget = limits.answered(limits.taken(limits.opened(100, 0.0), 0.0), reading, 0.0)
    assert limits.wait_s(budget, 0.0) == pytest.approx(43)
    assert limits.wait_s(budget, 43.0) == 0


def test_requests_on_their_way_count() -> None:
    budget = limits.opened(100, 0.0)
    for _ in range(61):
        budget = limits.taken(budget, 0.0)
    assert limits.wait_s(budget, 0.0) > 0


def test_without_headers_the_default_is_counted_down() -> None:
    budget, sent, now = limits.opened(100, 0.0), 0, 0.0
    while now < 600:
        now += limits.wait_s(budget, now)
        budget = limits.answered(limits.taken(budget, now), None, now)
        sent += 1
    assert 940 <= sent <= 960


def test_an_answer_that_was_overtaken_does_not_give_requests_back() -> None:
    budget = limits.taken(limits.taken(limits.opened(100, 0.0), 0.0), 0.0)
    late = BudgetReading(remaining=500, used=500, reset_s=300)
    early = BudgetReading(remaining=501, used=499, reset_s=300)
    budget = limits.answered(limits.answered(budget, late, 1.0), early, 1.0)
    assert budget.used == 500


def test_a_429_holds_everybody_back_and_the_window_is_not_forgotten() -> None:
    budget = limits.answered(limits.opened(100, 0.0), BudgetReading(remaining=60, used=940, reset_s=300), 0.0)
    held = limits.held(budget, 400, 0.0)
    assert limits.wait_s(held, 0.0) == 400
    assert limits.wait_s(limits.held(budget, 4, 0.0), 5.0) == limits.wait_s(budget, 5.0) > 4


def test_a_new_window_starts_afresh() -> None:
    budget = limits.answered(limits.opened(100, 0.0), BudgetReading(remaining=100, used=900, reset_s=2), 0.0)
    budget = limits.answered(budget, BudgetReading(remaining=999, used=1, reset_s=599), 3.0)
    assert budget.used == 1
    assert limits.wait_s(budget, 3.0) == 0


numbers = st.floats(allow_nan=True, allow_infinity=True) | st.floats(-10, 2000)


@given(st.lists(st.tuples(numbers, st.none() | numbers, numbers), max_size=20))
@example([(0.0, None, 0.0), (1.7078084781192e308, None, 0.0)])
@example([(1.7e308, 1.7e308, 1.7e308)])
def test_no_reading_breaks_the_pace_or_asks_for_a_wait_without_end(
    readings: list[tuple[float, float | None, float]],
) -> None:
    budget, now = limits.opened(100, 0.0), 0.0
    for remaining, used, reset in readings:
        budget = limits.taken(budget, now)
        budget = limits.answered(budget, BudgetReading(remaining=remaining, used=used, reset_s=reset), now)
        wait = limits.wait_s(budget, now)
        assert math.isfinite(wait)
        assert wait >= 0
        if (
            remaining <= 0
            and math.isfinite(remaining + reset)
            and (used is None or (math.isfinite(used) and used >= 0))
        ):
            assert wait >= 0.99  # never a hot loop
        now += 0.1


RULES = CoolDownRules(after_failures=3, first_s=10, longest_s=40, probe_s=30)


def test_a_host_is_left_alone_after_failures_in_a_row_and_one_probe_reopens_it() -> None:
    state = CoolDown()
    for _ in range(3):
        assert limits.cool_s(state, RULES, 0.0) == 0
        state = limits.failed(state, RULES, 0.0)
    assert limits.cool_s(state, RULES, 0.0) == 10
    assert limits.cool_s(state, RULES, 10.0) == 0
    probing = limits.sent(state, RULES, 10.0)
    assert limits.cool_s(probing, RULES, 10.1) > 0
    assert limits.cool_s(limits.succeeded(probing), RULES, 10.2) == 0
    assert limits.cool_s(limits.failed(probing, RULES, 11.0), RULES, 11.0) == 20


def test_a_success_between_failures_keeps_the_host_open() -> None:
    state = CoolDown()
    for _ in range(10):
        state = limits.succeeded(limits.failed(limits.failed(state, RULES, 0.0), RULES, 0.0))
    assert limits.cool_s(state, RULES, 0.0) == 0


def test_a_lost_probe_does_not_lock_the_host_for_ever() -> None:
    state = CoolDown()
    for _ in range(3):
        state = limits.failed(state, RULES, 0.0)
    state = limits.sent(state, RULES, 10.0)
    assert limits.cool_s(state, RULES, 41.0) == 0
    assert limits.cool_s(limits.released(state), RULES, 12.0) == 0


def test_a_shorter_hold_does_not_cut_a_longer_one_short() -> None:
    budget = limits.held(limits.held(limits.opened(100, 0.0), 50, 0.0), 5, 1.0)
    assert limits.wait_s(budget, 1.0) == pytest.approx(49)


@given(per_minute=st.integers(1, 600), gap_s=st.floats(0.1, 5), count=st.integers(2, 50))
def test_a_gap_is_kept_between_any_two_requests_even_in_a_burst(per_minute: int, *, gap_s: float, count: int) -> None:
    budget, now, left = limits.opened(per_minute, 0.0, gap_s=gap_s), 0.0, []
    for _ in range(count):
        now += limits.wait_s(budget, now)
        left.append(now)
        budget = limits.answered(limits.taken(budget, now), None, now)
    assert all(after - before >= gap_s * 0.999 for before, after in itertools.pairwise(left))
