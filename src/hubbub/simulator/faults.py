"""Scenarios: the clock's pace, the limits, and which request meets which trouble."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random
from typing import Literal

import msgspec

from hubbub.errors import ConfigError

Action = Literal["status", "block", "truncate", "cut", "reset", "stall", "slow", "revoke"]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of trouble and the requests that meet it, counted among those of its route."""

    action: Action
    """What happens instead of the plain answer.

    status: an error in the platform's shape; block: the edge's block page (403 HTML); truncate: 200 with half a body,
    correctly framed; cut: the connection closes in mid-body; reset: it breaks before any answer; stall: no answer for
    `seconds`, then a reset; slow: the body drips over `seconds`; revoke: all tokens die, this request's included."""
    route: str = "*"
    """Route name, with * as wildcard."""
    nth: int = 1
    """The first matching request that meets it."""
    times: int | None = 1
    """How many in a row; None = all from then on."""
    every: int | None = None
    """Begin again every so many matching requests."""
    share: float | None = None
    """Instead of counting: this share of matching requests, by seeded dice."""
    status: int = 503
    html: bool = True
    """HTML body, else the platform's JSON."""
    retry_after: str | None = None
    """Value of a Retry-After header."""
    seconds: float = 1.0
    keep: float = 0.5
    """Share of the body that still arrives (truncate, cut)."""


class Clock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How virtual time passes."""

    start: int | str | None = None
    """Epoch seconds or ISO 8601; negative = so many seconds before the world's horizon; None = the horizon itself, from
    where nothing changes."""
    speed: float = 1.0
    step: float = 0.7
    """Seconds added by each request, so that a well-paced client never waits."""

    def begins_at(self, horizon: int) -> float:
        """Epoch seconds; raises ConfigError when `start` is no time."""
        if self.start is None:
            return float(horizon)
        if isinstance(self.start, int):
            return float(self.start if self.start >= 0 else horizon + self.start)
        try:
            return datetime.fromisoformat(self.start).timestamp()
        except ValueError as error:
            raise ConfigError(f"clock.start of the scenario is no time: {self.start!r}") from error


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The platform's limits."""

    requests: int = 1000
    window_s: int = 600
    token_requests: int = 300
    bare_share: float = 0.0
    """Share of answers that come without rate headers."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the simulator behaves besides its world."""

    clock: Clock = Clock()
    limits: Limits = Limits()
    latency_ms: float = 0.0
    gzip: bool = True
    strange: bool = False
    """Answers hold fields and values nobody has met before."""
    faults: tuple[Fault, ...] = ()


def load_scenario(path: Path) -> Scenario:
    """A scenario from a TOML or JSON file; raises ConfigError naming the file and what is wrong in it."""
    try:
        raw = path.read_bytes()
        data = msgspec.json.decode(raw) if path.suffix == ".json" else tomllib.loads(raw.decode())
        return msgspec.convert(data, Scenario)
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise ConfigError(f"scenario {path}: {error}") from error


def meets(fault: Fault, *, seen: int, dice: Random) -> bool:
    """Whether the `seen`-th matching request (from 1) meets this fault."""
    if fault.share is not None:
        return dice.random() < fault.share
    since = seen - fault.nth
    if since < 0:
        return False
    if fault.every:
        since %= fault.every
    return fault.times is None or since < fault.times


class Faults:
    """The faults in force, and how many matching requests each has seen."""

    def __init__(self, faults: Sequence[Fault] = (), *, seed: int = 0) -> None:
        self._dice = Random(f"{seed}/faults")  # noqa: S311 - trouble on demand, no secrets
        self._rules: list[tuple[Fault, list[int]]] = []
        self.add(*faults)

    def add(self, *faults: Fault) -> None:
        """Put more in force; each counts from now."""
        self._rules.extend((fault, [0]) for fault in faults)

    def clear(self) -> None:
        """End all trouble."""
        self._rules.clear()

    def pick(self, route: str) -> Fault | None:
        """The trouble this request meets, the first in order when there are several."""
        picked = None
        for fault, seen in self._rules:
            if fnmatchcase(route, fault.route):
                seen[0] += 1
                if meets(fault, seen=seen[0], dice=self._dice) and picked is None:
                    picked = fault
        return picked
