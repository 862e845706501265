"""Pretend platforms for the tests of programs that read them: a pytest plug-in, `pytest_plugins = ["hubbub.testing"]`.

The fixtures `reddit_simulator` and `producthunt_simulator` start them on loopback and stop them after the test. Needs
pytest and the extra `demo`. It asserts nothing, and may be imported before pytest loads it: PYTEST_DONT_REWRITE."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from hubbub.simulator.fates import Fate
from hubbub.simulator.faults import Clock, Fault, Limits, Scenario
from hubbub.testing.producthunt import SimulatedProductHunt, simulated_producthunt
from hubbub.testing.reddit import Credentials, SimulatedReddit, simulated_reddit

__all__ = [
    "Clock",
    "Credentials",
    "Fate",
    "Fault",
    "Limits",
    "Scenario",
    "SimulatedProductHunt",
    "SimulatedReddit",
    "producthunt_simulator",
    "reddit_simulator",
    "simulated_producthunt",
    "simulated_reddit",
]


@pytest.fixture
def reddit_simulator() -> Iterator[Callable[..., SimulatedReddit]]:
    """Call it to start a pretend Reddit; takes what `simulated_reddit` takes."""
    with ExitStack() as running:

        def start(**options: Any) -> SimulatedReddit:
            return running.enter_context(simulated_reddit(**options))

        yield start


@pytest.fixture
def producthunt_simulator() -> Iterator[Callable[..., SimulatedProductHunt]]:
    """Call it to start a pretend Product Hunt; takes what `simulated_producthunt` takes."""
    with ExitStack() as running:

        def start(**options: Any) -> SimulatedProductHunt:
            return running.enter_context(simulated_producthunt(**options))

        yield start
