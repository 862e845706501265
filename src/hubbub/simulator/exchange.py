"""One request and one answer as plain data, and what a pretend platform must be able to do with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl

import msgspec

from hubbub.simulator.fates import Fate
from hubbub.simulator.faults import Fault


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the pretend platform sees it."""

    method: str
    path: str
    """Percent-decoded, as sent: with or without a last slash."""
    raw_query: str = ""
    query: Mapping[str, str] = {}
    form: Mapping[str, str] = {}
    body: bytes = b""
    headers: Mapping[str, str] = {}
    """Names in lower case."""
    at: float = 0.0
    """Virtual time, epoch seconds."""
    base_url: str = ""
    """The simulator's own address, without a last slash."""

    def value(self, name: str, default: str = "") -> str:
        """A parameter from the query or, failing that, from the form."""
        return self.query.get(name) or self.form.get(name) or default


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of the pretend platform."""

    status: int = 200
    body: bytes = b""
    media_type: str = "application/json; charset=UTF-8"
    headers: tuple[tuple[str, str], ...] = ()


class Platform(Protocol):
    """A pretend platform: what it answers, without any I/O."""

    name: str

    def route(self, ask: Ask) -> str | None:
        """Name of the route for statistics and faults; None when the path belongs to another platform."""
        ...

    def answer(self, ask: Ask) -> Reply:
        """What the platform would say."""
        ...

    def exclusive(self, ask: Ask) -> str | None:
        """A key of which only one request may be under way at a time; None when any number may."""
        ...

    def failure(self, fault: Fault, *, ask: Ask) -> Reply:
        """An error of the fault's status in the platform's own shape."""
        ...

    def blocked(self) -> Reply:
        """What the edge shows to a client that it turns away."""
        ...

    def revoke(self) -> None:
        """Make all access tokens worthless at once."""
        ...

    def withdraw(self, *, withdrawn: bool) -> None:
        """Take the app's own credentials away, or give them back."""
        ...

    def befall(self, fate: Fate, *, at: float) -> None:
        """Let a community's fate begin at this time (epoch seconds)."""
        ...

    def ready(self, base_url: str) -> dict[str, Any]:
        """What the ready line says of this platform: addresses, credentials, communities."""
        ...

    def truth(self, at: float, query: Mapping[str, str]) -> dict[str, Any]:
        """What a perfect client would get now."""
        ...


class SimulatorRoutes(Protocol):
    """A plug-in that builds a pretend platform (entry-point group `hubbub.simulators`)."""

    name: str

    def build(self, *, world: Any, **options: Any) -> Platform:
        """The platform over this world."""
        ...


def fields(encoded: str) -> dict[str, str]:
    """A query string or a form; of a name given twice the last counts."""
    return dict(parse_qsl(encoded, keep_blank_values=True))
