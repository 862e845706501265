"""Request and Response as plain data: what a source asks and what it is answered, free of any HTTP library."""

from __future__ import annotations

from typing import Literal

import msgspec


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One question to a platform. Redirects are answers: the client follows none unless `follow` says so."""

    method: Literal["GET", "POST"] = "GET"
    url: str
    """Absolute, or a path that the client joins to the source's base address."""
    params: tuple[tuple[str, str], ...] = ()
    form: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    """What is posted instead of a form, as `headers` says what it is; never holds a secret."""
    headers: tuple[tuple[str, str], ...] = ()
    route: str = ""
    """A short name for logs and counters ("new", "comments", "morechildren"); never holds user data."""
    authorize: bool = True
    """Send the source's bearer token (only ever to the source's own API host)."""
    serial: str | None = None
    """Requests of one client with the same word here are never under way at the same time."""
    max_bytes: int = 64 * 1024 * 1024
    """Largest body accepted, compressed or not; beyond it the request fails as remote."""
    cost: float = 1.0
    """What it takes from the source's budget, in the budget's own measure: one request, or so many points."""
    follow: int = 0
    """How many redirects to follow."""


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """The platform's final answer to one request; any status the retry rules leave standing."""

    request: Request
    url: str
    """The address that answered, without secrets."""
    status: int
    headers: tuple[tuple[str, str], ...]
    """Names in lower case, in the order received."""
    body: bytes
    received_at: int
    """The platform's own `Date`, else our clock: epoch seconds UTC. This is the `observed_at` of what the body says."""

    def header(self, name: str) -> str | None:
        """The first header of that name (given in lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)
