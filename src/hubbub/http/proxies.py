"""Proxies as plain values: an address, what may be shown of it, how it has fared. Pure.

A proxy is a way out and nothing else: a platform's budget belongs to the credential, whatever carries its requests.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

import msgspec

Scheme = Literal["http", "https", "socks5"]
_SCHEMES: dict[str, Scheme] = {"http": "http", "https": "https", "socks5": "socks5", "socks5h": "socks5"}
"""As typed: of the two spellings of SOCKS5 one looks names up here, the other there, which decides nothing here."""
SCHEMES = tuple(dict.fromkeys(_SCHEMES.values()))
_LONGEST_FIELD = 255
"""Bytes of a user name or password that SOCKS5 can carry (RFC 1929)."""

State = Literal["untested", "healthy", "failing"]


class Proxy(msgspec.Struct, frozen=True, kw_only=True):
    """Where a proxy is and how to log in to it. Printing it never shows the password."""

    scheme: Scheme
    host: str
    port: int
    username: str | None = None
    password: str | None = None

    @property
    def shown(self) -> str:
        """Its address as anybody may see it: `http://user:***@host:port`."""
        user = "" if self.username is None else f"{quote(self.username, safe='')}:***@"
        return f"{self.scheme}://{user}{self.place}"

    @property
    def url(self) -> str:
        """Its whole address, the password included; for the file of the list and for nothing else."""
        user = ""
        if self.username is not None:
            user = f"{quote(self.username, safe='')}:{quote(self.password or '', safe='')}@"
        return f"{self.scheme}://{user}{self.place}"

    @property
    def place(self) -> str:
        """`host:port`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"Proxy({self.shown})"


def read_proxy(text: str) -> Proxy:
    """The proxy at an address: `http://`, `https://` or `socks5://`, `[USER:PASSWORD@]HOST:PORT`; http when no scheme
    is given.

    Raises ValueError in words that quote nothing of the address: what is malformed may hold a password anywhere."""
    whole = text.strip()
    if not whole.isprintable() or any(c.isspace() for c in whole):
        raise ValueError("the address holds a blank or a control character")
    parts = urlsplit(whole if "://" in whole else f"http://{whole}")
    scheme = _SCHEMES.get(parts.scheme.lower())
    if scheme is None:
        raise ValueError(f"its scheme is none of {', '.join(SCHEMES)}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("its port is no number below 65536") from None
    if not host or not port:
        raise ValueError("it names no host or no port; write http://HOST:PORT")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("something stands behind the port; write http://[USER:PASSWORD@]HOST:PORT")
    username = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    if any(len((part or "").encode()) > _LONGEST_FIELD for part in (username, password)) or username == "":
        raise ValueError("its user name or password is empty or too long")
    if ":" in (username or "") and scheme != "socks5":
        raise ValueError("its user name holds a colon, which HTTP proxies cannot take")
    return Proxy(scheme=scheme, host=_host(host), port=port, username=username, password=password)


def _host(host: str) -> str:
    try:
        return str(ip_address(host))
    except ValueError:
        return host.encode("idna").decode()  # UnicodeError is a ValueError


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How a proxy has fared so far."""

    successes: int = 0
    """Connections it opened."""
    failures: int = 0
    """Connections it did not open, or broke."""
    in_a_row: int = 0
    """Failures since its last success."""
    last_error: str | None = None
    """Stays after a success: it tells what to look for when it happens again."""
    latency_s: float | None = None
    """How long the last connection took to open."""
    checked_at: int | None = None
    """When it last succeeded or failed: epoch seconds."""

    @property
    def state(self) -> State:
        """In one word."""
        if self.checked_at is None:
            return "untested"
        return "failing" if self.in_a_row else "healthy"


def worked(health: Health, *, latency_s: float, at: int) -> Health:
    """The health after a connection was opened."""
    return msgspec.structs.replace(
        health, successes=health.successes + 1, in_a_row=0, latency_s=latency_s, checked_at=at
    )


def failed(health: Health, *, why: str, at: int) -> Health:
    """The health after a connection was refused or broke."""
    return msgspec.structs.replace(
        health, failures=health.failures + 1, in_a_row=health.in_a_row + 1, last_error=why, checked_at=at
    )


def summed(before: Health, after: Health) -> Health:
    """What was kept, and what was counted since from nothing, as one account."""
    if after.checked_at is None:
        return before
    return Health(
        successes=before.successes + after.successes,
        failures=before.failures + after.failures,
        in_a_row=after.in_a_row if after.successes else before.in_a_row + after.in_a_row,
        last_error=after.last_error or before.last_error,
        latency_s=before.latency_s if after.latency_s is None else after.latency_s,
        checked_at=max(after.checked_at, before.checked_at or 0),
    )
