"""A hand on a simulator that runs: its clock, its troubles, its counts."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from hubbub.errors import ConfigError
from hubbub.simulator.faults import Fault, Scenario


class Simulated:
    """A running pretend platform: where it is, and the means to make it behave badly."""

    def __init__(self, address: str) -> None:
        self.address = address
        """http://127.0.0.1:PORT"""

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

    def revoke(self) -> None:
        """Kill all access tokens."""
        self.control(revoke=True)

    def revoke_app(self, *, revoked: bool = True) -> None:
        """Take the app's credentials away, or give them back."""
        self.control(revoke_app=revoked)

    def requests(self, *, by: str = "route") -> dict[str, int]:
        """How many requests were made so far, by route or by "status"."""
        return self.asked("/__stats" + ("?statuses=1" if by == "status" else ""))

    def control(self, **order: Any) -> dict[str, Any]:
        """Give any order that `POST /__control` knows; raises ConfigError when it is refused."""
        made = self.asked("/__control", body=msgspec.json.encode(order))
        if "error" in made:
            raise ConfigError(f"the simulator does not understand: {made['error']}")
        return made

    def asked(self, path: str, *, body: bytes | None = None) -> dict[str, Any]:
        """The JSON behind a path of the simulator's own."""
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


def scenario_of(told: Scenario | Mapping[str, Any] | Path | str | None) -> Scenario | Path | None:
    """A scenario as the simulator takes it; raises ConfigError for a mapping that is none."""
    if isinstance(told, Mapping):
        try:
            return msgspec.convert(told, Scenario)
        except msgspec.ValidationError as error:
            raise ConfigError(f"the scenario is wrong: {error}") from error
    return Path(told) if isinstance(told, str) else told
