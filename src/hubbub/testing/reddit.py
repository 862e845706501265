"""A pretend Reddit in a thread of this process, and a hand on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec

from hubbub.plugins.registry import load
from hubbub.simulator.fates import Fate
from hubbub.simulator.faults import Scenario
from hubbub.simulator.server import Options, Running
from hubbub.simulator.things import COMMUNITIES
from hubbub.testing.hand import Simulated, scenario_of


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What opens the pretend Reddit, and nothing else."""

    client_id: str
    client_secret: str
    username: str
    password: str
    refresh_token: str


class SimulatedReddit(Simulated):
    """A running pretend Reddit: where it is, what opens it, what is in it, and the means to make it behave badly."""

    def __init__(self, running: Running) -> None:
        super().__init__(running.url)
        self.credentials = msgspec.convert(
            {name: running[name] for name in Credentials.__struct_fields__}, type=Credentials
        )
        self.communities: tuple[str, ...] = tuple(running["communities"])

    @property
    def praw_options(self) -> dict[str, Any]:
        """Arguments for `praw.Reddit` and `asyncpraw.Reddit`, besides the user agent."""
        held = self.credentials
        return {
            "reddit_url": self.address,
            "oauth_url": self.address,
            "client_id": held.client_id,
            "client_secret": held.client_secret,
            "username": held.username,
            "password": held.password,
            "check_for_updates": False,
        }

    @property
    def environment(self) -> dict[str, str]:
        """Variables that let `hubbub sync reddit:NAME` read it."""
        held = self.credentials
        return {
            "HUBBUB_REDDIT__BASE_URL": self.address,
            "HUBBUB_REDDIT__CLIENT_ID": held.client_id,
            "HUBBUB_REDDIT__CLIENT_SECRET": held.client_secret,
        }

    def befall(self, *fates: Fate) -> None:
        """Let communities close, come back and so on: now, or when the fate says."""
        self.control(fates=fates)

    def truth(self, **query: str) -> dict[str, Any]:
        """What a perfect client could see now, by community; with `deletions="1"` what it must have forgotten."""
        return self.asked("/__truth?" + urlencode(query))


@contextmanager
def simulated_reddit(
    *,
    communities: Sequence[str] = COMMUNITIES,
    posts: int = 20,
    comments: int = 200,
    span_days: int = 120,
    seed: int = 7,
    scenario: Scenario | Mapping[str, Any] | Path | str | None = None,
) -> Iterator[SimulatedReddit]:
    """A pretend Reddit on loopback for as long as the context lasts, for fixtures of any scope.

    `posts` and `comments` are made in each community within `span_days`; the same `seed` gives the same world. A
    scenario is one, what its TOML file would hold, that file, or the name of one that comes with hubbub. Raises
    ConfigError for a scenario that is wrong, or without the extra `demo`."""
    options = Options(
        routes=[load("simulators", "reddit")],
        seed=seed,
        posts=posts,
        comments=comments,
        communities=tuple(communities),
        span_days=span_days,
        scenario=scenario_of(scenario),
    )
    with Running(options) as running:
        yield SimulatedReddit(running)
