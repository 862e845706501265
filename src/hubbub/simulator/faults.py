"""Scenarios: the clock's pace, the limits, and which request meets which trouble."""

from __future__ import annotations

import math
import tomllib
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any, Literal

import msgspec

from hubbub.errors import ConfigError
from hubbub.simulator.fates import Fate
from hubbub.simulator.moments import Instant, instant

Action = Literal["status", "block", "truncate", "clip", "cut", "hang", "reset", "stall", "slow", "revoke", "revoke_app"]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of trouble and the requests that meet it, counted among those of its route."""

    action: Action
    """What happens instead of the plain answer.

    status: an error in the platform's shape; block: the edge's block page (403 HTML); truncate: 200 with half a body,
    correctly framed; clip: the same, cut after it was compressed; cut: a length is told, and the connection closes
    before it is reached; hang: the same, with silence for `seconds` in mid-body first; reset: it breaks before any
    answer; stall: no answer for `seconds`, then a reset; slow: the body drips over `seconds`; revoke: all tokens die,
    this request's included; revoke_app: the app's credentials die with them, until they are given back."""
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
    since: Instant | None = None
    """Requests before this instant of the virtual clock are not met, and not counted."""
    until: Instant | None = None
    """Nor those from this instant on."""
    status: int = 503
    html: bool = True
    """HTML body, else the platform's JSON."""
    plain: bool = False
    """A body of plain text instead."""
    reason: str = ""
    """In JSON: why, in the platform's words, with all members that come with it (Reddit: private, banned,
    insufficient_scope, invalid_grant and others)."""
    rated: bool = False
    """With the rate headers that ordinary answers carry; on a 429 they tell of a used-up window."""
    retry_after: str | None = None
    """Value of a Retry-After header."""
    location: str | None = None
    """Value of a Location header."""
    seconds: float = 1.0
    keep: float = 0.5
    """Share of the body that still arrives (truncate, clip, cut, hang)."""


class Clock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How virtual time passes."""

    start: Instant | None = None
    """None = the world's horizon, from where nothing changes."""
    speed: float = 1.0
    step: float = 0.7
    """Seconds added by each request, so that a well-paced client never waits."""
    skew_s: float = 0.0
    """How far the Date of answers is ahead of the platform's own clock; behind, when negative."""

    def begins_at(self, horizon: int) -> float:
        """Epoch seconds; raises ConfigError when `start` is no time."""
        return float(horizon) if self.start is None else instant(self.start, horizon=horizon, start=horizon)


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The platform's limits."""

    requests: int = 1000
    window_s: int = 600
    token_requests: int = 300
    bare_share: float = 0.0
    """Share of answers that come without rate headers."""
    token_lives_s: int = 86_400
    """How long access tokens work; real ones lived 3,600 s until 2021."""
    points: int = 6250
    """What an application may spend on GraphQL queries of Product Hunt in a window, all its tokens together."""
    points_window_s: int = 900


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the simulator behaves besides its world."""

    clock: Clock = Clock()
    limits: Limits = Limits()
    latency_ms: float = 0.0
    """Real milliseconds before each answer."""
    bytes_per_s: float | None = None
    """Real pace at which bodies come; None = as fast as they can."""
    gzip: bool = True
    strange: bool = False
    """Answers hold fields and values nobody has met before."""
    faults: tuple[Fault, ...] = ()
    fates: tuple[Fate, ...] = ()
    producthunt: dict[str, Any] = {}
    """Switches of the pretend Product Hunt, which knows them."""


def load_scenario(path: Path) -> Scenario:
    """A scenario from a TOML or JSON file, or one of those that come with hubbub, by its bare name (`rough-day`).

    Raises ConfigError naming the file and what is wrong in it."""
    bundled = files("hubbub.simulator") / "scenarios" / f"{path}.toml"
    try:
        raw = bundled.read_bytes() if path.name == str(path) and bundled.is_file() else path.read_bytes()
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

    def __init__(self, *, seed: int = 0) -> None:
        self._dice = Random(f"{seed}/faults")  # noqa: S311 - trouble on demand, no secrets
        self._rules: list[_Rule] = []

    def add(self, fault: Fault, *, since: float | None = None, until: float | None = None) -> None:
        """Put one more in force between two times (epoch seconds); it counts from now."""
        self._rules.append(_Rule(fault, -math.inf if since is None else since, math.inf if until is None else until))

    def clear(self) -> None:
        """End all trouble."""
        self._rules.clear()

    def pick(self, route: str, *, at: float) -> Fault | None:
        """The trouble a request at this time meets, the first in order when there are several."""
        picked = None
        for rule in self._rules:
            if rule.since <= at < rule.until and fnmatchcase(route, rule.fault.route):
                rule.seen += 1
                if meets(rule.fault, seen=rule.seen, dice=self._dice) and picked is None:
                    picked = rule.fault
        return picked


class _Rule(msgspec.Struct):
    """A fault, when it is in force, and how many matching requests it has seen then."""

    fault: Fault
    since: float
    until: float
    seen: int = 0
