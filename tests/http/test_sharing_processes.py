"""Processes of their own, one credential, a real Valkey or PostgreSQL, and the simulator's limit: nobody meets it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hubbub.simulator.faults import Clock, Limits, Scenario
from tests.children import begun, ended
from tests.e2e.road import get_json, simulated

LIMITS = Limits(requests=40, window_s=3)
RESERVE = 0.1
SECONDS = 6.0
KEYS = ("reddit", "client_id", "client_secret", "username", "password")


@pytest.mark.parametrize("place", ["valkey", "postgres"])
def test_processes_share_one_limit_and_none_of_them_starves(place: str, request: pytest.FixtureRequest) -> None:
    share = str(request.getfixturevalue(place))
    scenario = Scenario(limits=LIMITS, clock=Clock(speed=1.0, step=0.0), latency_ms=20)
    with simulated(posts=1, comments=0, communities=("whatisthisbug",), scenario=scenario) as running:
        order: dict[str, Any] = {
            "given": {key: str(running[key]) for key in KEYS},
            "share": share,
            "reserve": RESERVE,
            "window_s": LIMITS.window_s,
            "seconds": SECONDS,
        }
        children = [begun("tests.http.sharing_child", order) for _ in range(3)]
        found = [ended(child) for child in children]
        statuses = get_json(running, "/__stats?statuses=1")
    assert "429" not in statuses, statuses
    assert [each["warnings"] for each in found] == [0, 0, 0]
    assert max(each["used"] for each in found) <= math.floor(LIMITS.requests * (1 - RESERVE))
    assert min(each["answers"] for each in found) > 0
    assert sum(each["answers"] for each in found) >= LIMITS.requests / 2
