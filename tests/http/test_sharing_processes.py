"""Processes of their own, one credential, a real Valkey or PostgreSQL, and the simulator's limit: nobody meets it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import pytest

from hubbub.simulator.faults import Clock, Limits, Scenario
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
        children = [begun(order) for _ in range(3)]
        found = [ended(child) for child in children]
        statuses = get_json(running, "/__stats?statuses=1")
    assert "429" not in statuses, statuses
    assert [each["warnings"] for each in found] == [0, 0, 0]
    assert max(each["used"] for each in found) <= math.floor(LIMITS.requests * (1 - RESERVE))
    assert min(each["answers"] for each in found) > 0
    assert sum(each["answers"] for each in found) >= LIMITS.requests / 2


def begun(order: dict[str, Any]) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "tests.http.sharing_child"]
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    child.stdin.write(json.dumps(order))
    child.stdin.close()
    child.stdin = None
    return child


def ended(child: subprocess.Popen[str]) -> dict[str, int]:
    with child:
        out, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    found: dict[str, int] = json.loads(out)
    return found
