"""A pretend Reddit in a thread of this process, and a hand on it."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec

from hubbub.errors import ConfigError
from hubbub.plugins.registry import load
from hubbub.simulator.fates import Fate
from hubbub.simulator.faults import Fault, Scenario
from hubbub.simulator.server import Options, Running
from hubbub.simulator.things import COMMUNITIES


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What opens the pretend Reddit, and nothing else."""

    client_id: str
    client_secret: str
    username: str
    password: str
    refresh_token: str


class SimulatedReddit:
    """A running pretend Reddit: where it is, what opens it, what is in it, and the means to make it behave badly."""

    def __init__(self, running: Running) -> None:
        self.address: str = running.url
        """http://127.0.0.1:PORT: both the OAuth API and the site that gives tokens."""
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

    @property
    def now(self) -> float:
        """Its time, epoch seconds."""
        return float(self.control()["now"])

    def advance(self, seconds: float) -> None:
        """Move its clock ahead."""
        self.control(advance=seconds)

    def move_to(self, at: float) -> None:
        """Set its clock, epoch seconds."""
        self.control(now=at)

    def fail(self, *faults: Fault) -> None:
        """Put faults in force, counted from the next request."""
        self.control(fail=faults)

    def recover(self) -> None:
        """End all faults."""
        self.control(clear=True)

    def befall(self, *fates: Fate) -> None:
        """Let communities close, come back and so on: now, or when the fate says."""
        self.control(fates=fates)

    def revoke(self) -> None:
        """Kill all access tokens."""
        self.control(revoke=True)

    def revoke_app(self, *, revoked: bool = True) -> None:
        """Take the app's credentials away, or give them back."""
        self.control(revoke_app=revoked)

    def truth(self, **query: str) -> dict[str, Any]:
        """What a perfect client could see now, by community; with `deletions="1"` what it must have forgotten."""
        return self._asked("/__truth?" + urlencode(query))

    def requests(self, *, by: str = "route") -> dict[str, int]:
        """How many requests were made so far, by route or by "status"."""
        return self._asked("/__stats" + ("?statuses=1" if by == "status" else ""))

    def control(self, **order: Any) -> dict[str, Any]:
        """Give any order that `POST /__control` knows; raises ConfigError when it is refused."""
        made = self._asked("/__control", body=msgspec.json.encode(order))
        if "error" in made:
            raise ConfigError(f"the simulator does not understand: {made['error']}")
        return made

    def _asked(self, path: str, *, body: bytes | None = None) -> dict[str, Any]:
        request = urllib.request.Request(self.address + path, data=body)  # noqa: S310 - our own address on loopback
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Anyway())
        with opener.open(request, timeout=30) as reply:
            made: dict[str, Any] = msgspec.json.decode(reply.read())
        return made


class _Anyway(urllib.request.HTTPErrorProcessor):
    """Hands out error answers like others: what is wrong stands in their body."""

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:
        del request
        return response


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
    if isinstance(scenario, Mapping):
        try:
            scenario = msgspec.convert(scenario, Scenario)
        except msgspec.ValidationError as error:
            raise ConfigError(f"the scenario is wrong: {error}") from error
    options = Options(
        routes=[load("simulators", "reddit")],
        seed=seed,
        posts=posts,
        comments=comments,
        communities=tuple(communities),
        span_days=span_days,
        scenario=Path(scenario) if isinstance(scenario, str) else scenario,
    )
    with Running(options) as running:
        yield SimulatedReddit(running)
