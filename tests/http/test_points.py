"""A budget in points: what a request costs is held against what is left, and spent as fast as it is there."""

from __future__ import annotations

import json
import math

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from hubbub.http import limits
from hubbub.http.access import BudgetReading
from hubbub.http.messages import Request
from tests.http.loopback import access, asking, serving

POINTS, WINDOW_S = 6_250.0, 900.0


def opened(*, reserve: float = 0.0) -> limits.Budget:
    return limits.opened(POINTS * 60 / WINDOW_S, 0.0, reserve=reserve, burst=math.inf)


def left(budget: limits.Budget, remaining: float, *, now: float, cost: float) -> limits.Budget:
    reading = BudgetReading(remaining=remaining, used=POINTS - remaining, reset_s=WINDOW_S - now)
    return limits.answered(limits.taken(budget, now, cost=cost), reading, now, cost=cost)


def test_what_does_not_fit_into_what_is_left_waits_for_the_window_and_what_fits_goes() -> None:
    budget = left(opened(), 250, now=10.0, cost=700)
    assert limits.wait_s(budget, 10.0, cost=200) == 0
    assert 885 <= limits.wait_s(budget, 10.0, cost=300) <= 895


def test_a_window_is_spent_as_fast_as_it_can_be() -> None:
    budget = left(opened(), POINTS - 700, now=1.0, cost=700)
    for _ in range(7):
        assert limits.wait_s(budget, 1.0, cost=700) == 0
        budget = limits.taken(budget, 1.0, cost=700)
    assert limits.wait_s(budget, 1.0, cost=700) > 800, "the last one would not fit"


def test_what_costs_more_than_a_window_goes_first_in_a_fresh_one_instead_of_never() -> None:
    budget = left(opened(reserve=0.05), POINTS - 1, now=0.0, cost=1)
    wait = limits.wait_s(budget, 0.0, cost=9_000)
    assert 890 <= wait <= 905
    assert limits.wait_s(budget, wait, cost=9_000) == 0


@given(st.lists(st.floats(1, 2_000), min_size=1, max_size=60))
def test_the_window_is_never_overspent_when_prices_are_true(costs: list[float]) -> None:
    budget, now, remaining, resets_at = opened(), 0.0, POINTS, WINDOW_S
    for cost in costs:
        while (wait := limits.wait_s(budget, now, cost=cost)) > 0:
            now += wait
        if now >= resets_at:
            remaining, resets_at = POINTS, now + WINDOW_S
        remaining -= cost
        assert remaining >= 0
        reading = BudgetReading(remaining=remaining, used=POINTS - remaining, reset_s=resets_at - now)
        budget = limits.answered(limits.taken(budget, now, cost=cost), reading, now, cost=cost)


def test_a_budget_that_may_run_ahead_without_bounds_can_be_shared() -> None:
    """It is kept as JSON; what cannot be read from there is begun anew, as if nothing were spent."""
    budget = left(opened(), 1_250, now=10.0, cost=700)
    assert msgspec.json.decode(msgspec.json.encode(budget), type=limits.Budget) == budget


async def test_a_body_is_posted_as_it_is_and_stays_with_the_response() -> None:
    body = json.dumps({"query": "{ viewer { user { id } } }", "variables": {}}).encode()
    headers = (("content-type", "application/json"),)
    request = Request(method="POST", url="/graphql", body=body, headers=headers, cost=30)
    async with serving(lambda _: (200, dict(headers), b"{}")) as server, asking(access(server.url)) as client:
        response = await client.fetch(request)
    (seen,) = server.seen
    assert (seen.method, seen.body, seen.headers["content-type"]) == ("POST", body, "application/json")
    assert response.request.body == body
