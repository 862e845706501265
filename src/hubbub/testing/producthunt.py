"""A pretend Product Hunt in a thread of this process, and a hand on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from hubbub.plugins.registry import load
from hubbub.simulator.faults import Scenario
from hubbub.simulator.server import Options, Running
from hubbub.testing.hand import Simulated, scenario_of


class SimulatedProductHunt(Simulated):
    """A running pretend Product Hunt: where it is, what opens it, and the means to make it behave badly."""

    def __init__(self, running: Running) -> None:
        super().__init__(running.url)
        self.token: str = running["producthunt_token"]
        """The developer token: its holder is the owner, whom `viewer` shows."""
        self.client_id: str = running["producthunt_client_id"]
        self.client_secret: str = running["producthunt_client_secret"]

    @property
    def environment(self) -> dict[str, str]:
        """Variables that let `hubbub sync producthunt` read it."""
        return {"HUBBUB_PRODUCTHUNT__BASE_URL": self.address, "HUBBUB_PRODUCTHUNT__TOKEN": self.token}

    def truth(self, **query: str) -> dict[str, Any]:
        """What a perfect client could see now; with `deletions="1"` what it must have forgotten."""
        made: dict[str, Any] = self.asked("/__truth?" + urlencode({"platform": "producthunt"} | query))
        told: dict[str, Any] = made.get("producthunt", made)
        return told


@contextmanager
def simulated_producthunt(
    *,
    span_days: int = 30,
    seed: int = 7,
    scenario: Scenario | Mapping[str, Any] | Path | str | None = None,
) -> Iterator[SimulatedProductHunt]:
    """A pretend Product Hunt on loopback for as long as the context lasts, for fixtures of any scope.

    There are launches on each of the last `span_days` days; the same `seed` gives the same world. A scenario is one,
    what its TOML file would hold, that file, or the name of one that comes with hubbub; its table `producthunt` says
    how many launches a day has, and what is not known of the real platform. Raises ConfigError for a scenario that is
    wrong, or without the extra `demo`."""
    options = Options(
        routes=[load("simulators", "producthunt")],
        seed=seed,
        posts=0,
        comments=0,
        span_days=span_days,
        scenario=scenario_of(scenario),
    )
    with Running(options) as running:
        yield SimulatedProductHunt(running)
