"""The pace against a model of the platform: fixed windows, whole seconds, slow and bare answers, others, restarts."""

from __future__ import annotations

import heapq
import math
from collections import Counter

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubbub.http import limits
from hubbub.http.access import BudgetReading
from hubbub.http.limits import Budget

LENGTH_S = 600.0
SIZE = 200
PER_MINUTE = SIZE * 60 / LENGTH_S


class Platform:
    """Counts ours and others' requests in fixed windows, and refuses what is beyond."""

    def __init__(self, *, others_a_window: float = 0.0) -> None:
        self.ours: Counter[int] = Counter()
        self.refused = 0
        self._others = others_a_window

    def answer(self, at: float) -> BudgetReading:
        window = int(at // LENGTH_S)
        self.ours[window] += 1
        used = self.ours[window] + int(self._others * (at % LENGTH_S) / LENGTH_S)
        self.refused += used > SIZE
        left_s = math.floor((window + 1) * LENGTH_S - at)  # whole seconds, cut off
        return BudgetReading(remaining=max(0, SIZE - used), used=used, reset_s=left_s)


class Flight(msgspec.Struct, order=True, frozen=True):
    """A request under way: counted at `arrives`, answered at `back`."""

    at: float
    number: int
    back: float | None
    """When its answer is here, while it is on its way there."""
    reading: BudgetReading | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    begins: float
    there_s: list[float]
    back_s: list[float]
    slots: int
    reserve: float
    others: float = 0.0
    bare_every: int = 1_000_000
    killed_at: frozenset[int] = frozenset()


cases = st.builds(
    Case,
    begins=st.floats(0, LENGTH_S),
    there_s=st.lists(st.floats(0.01, 8), min_size=1, max_size=7),
    back_s=st.lists(st.floats(0.01, 8), min_size=1, max_size=5),
    slots=st.integers(1, 40),
    reserve=st.sampled_from([0.0, 0.05, 0.3]),
    bare_every=st.integers(2, 30),
)
quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def run(case: Case, *, sends: int) -> tuple[Platform, float]:
    """Send so many requests as fast as the pace allows; the platform and the time it took."""
    platform = Platform(others_a_window=case.others)
    now, budget, sent = case.begins, opened(case, case.begins), 0
    flights: list[Flight] = []
    out = 0
    while sent < sends or out:
        wait = limits.wait_s(budget, now) if sent < sends and out < case.slots else math.inf
        if wait <= 0:
            budget, sent, out = limits.taken(budget, now), sent + 1, out + 1
            arrives = now + case.there_s[sent % len(case.there_s)]
            back = arrives + case.back_s[sent % len(case.back_s)]
            heapq.heappush(flights, Flight(arrives, sent, back))
            if sent in case.killed_at:  # what is under way still counts at the platform; nobody hears the answers
                budget, out = opened(case, now), 0
                flights = [msgspec.structs.replace(each, number=-each.number) for each in flights if each.back]
        elif flights and flights[0].at <= now + wait:
            flight = heapq.heappop(flights)
            now = max(now, flight.at)
            if flight.back is not None:
                reading = platform.answer(now)
                if flight.number > 0:
                    heapq.heappush(flights, Flight(flight.back, flight.number, None, reading))
            else:
                out -= 1
                bare = flight.number % case.bare_every == 0
                budget = limits.answered(budget, None if bare else flight.reading, now)
        else:
            now += max(wait, 0.001)  # a clock has grains
    return platform, now - case.begins


def opened(case: Case, now: float) -> Budget:
    return limits.opened(PER_MINUTE, now, reserve=case.reserve)


@quick
@given(cases)
def test_our_own_pace_never_meets_the_limit_nor_touches_the_reserve(case: Case) -> None:
    platform, _ = run(case, sends=3 * SIZE)
    assert platform.refused == 0
    assert max(platform.ours.values()) <= math.floor(SIZE * (1 - case.reserve))


@quick
@given(cases, st.floats(0, 0.5))
def test_others_who_use_the_credential_steadily_do_not_drive_us_over_the_limit(case: Case, others: float) -> None:
    case = msgspec.structs.replace(
        case, others=others * SIZE, reserve=max(case.reserve, 0.05), slots=min(case.slots, 8)
    )
    platform, _ = run(case, sends=3 * SIZE)
    assert platform.refused == 0


@quick
@given(cases, st.sets(st.integers(1, 3 * SIZE), max_size=2))
def test_a_restart_in_any_window_knows_nothing_and_still_never_meets_the_limit(case: Case, killed: set[int]) -> None:
    """Each death may leave as many requests in the air as there are slots, and nobody learns of their answers."""
    slots = min(case.slots, 5)
    case = msgspec.structs.replace(case, killed_at=frozenset(killed), reserve=max(case.reserve, 0.05), slots=slots)
    platform, _ = run(case, sends=3 * SIZE)
    assert platform.refused == 0


@pytest.mark.parametrize("slots", [1, 4, 40])
def test_hardly_anything_of_a_window_is_left_unused(slots: int) -> None:
    case = Case(begins=100.0, there_s=[0.1], back_s=[0.2], slots=slots, reserve=0.05)
    platform, took_s = run(case, sends=5 * 190)
    assert took_s <= 5.05 * LENGTH_S
    assert [platform.ours[window] for window in (1, 2, 3)] == [190, 190, 190]


def test_a_probe_whose_answer_never_comes_does_not_hold_the_others_for_ever() -> None:
    budget = limits.taken(limits.opened(100, 0.0), 0.0)
    assert limits.wait_s(budget, 1.0) > 0
    assert limits.wait_s(budget, limits.PROBE_S) == 0


def test_a_platform_without_headers_is_asked_side_by_side_once_it_has_answered() -> None:
    budget = limits.answered(limits.taken(limits.opened(100, 0.0), 0.0), None, 0.1)
    budget = limits.taken(budget, 0.2)
    assert limits.wait_s(budget, 0.2) == 0
    assert limits.wait_s(limits.taken(budget, 700.0), 700.0) == 0


def test_a_place_whose_clock_is_set_back_does_not_stop_everybody_for_as_long() -> None:
    """Another server takes over, an hour behind: the window is unknown again, and one request asks."""
    budget = limits.answered(
        limits.taken(limits.opened(100, 7_200.0), 7_200.0), BudgetReading(remaining=0, used=1_000, reset_s=500), 7_200.0
    )
    budget = limits.held(budget, 300, 7_200.0)
    assert limits.wait_s(budget, 7_200.0) > 400
    assert limits.wait_s(budget, 3_600.0) == 0
    budget = limits.taken(budget, 3_600.0)
    assert limits.wait_s(budget, 3_600.0) > 0, "the others wait for its answer"
    budget = limits.answered(budget, BudgetReading(remaining=0, used=1_001, reset_s=499), 3_601.0)
    assert limits.wait_s(budget, 3_601.0) == 500
