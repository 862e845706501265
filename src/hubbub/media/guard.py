"""Whether an address found in somebody's post may be asked at all: judged as written, and again after the name lookup.

Every hop of a redirect is judged, and the addresses judged are the ones dialled (http/dial.py)."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from hubbub.errors import UnavailableError
from hubbub.media.networks import as_address, is_public, plain_host

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""All addresses of a name, as text."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.ASCII | re.IGNORECASE)
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_PORTS = frozenset({80, 443, 8080, 8443})
"""Where web servers are; a picture on another port is a probe of something else."""
_LOCAL_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home.arpa", "onion")
_LONGEST_LABEL = 63
_LONGEST_HOST = 253


class RefusedError(UnavailableError):
    """The address is not asked; nothing was sent to it. The message is the reason kept with the media row."""


class Guard:
    """Judges addresses. With `allow_private` any host on any port will do (the demo's simulator); `allowed` names
    `host:port` pairs that are fine although they are private."""

    def __init__(
        self, *, allow_private: bool = False, allowed: frozenset[str] = frozenset(), lookup: Lookup | None = None
    ) -> None:
        self._allow_private = allow_private
        self._allowed = allowed
        self._lookup = _system_lookup if lookup is None else lookup

    def check_url(self, url: str) -> None:
        """Raises RefusedError unless the address as written may be asked; looks up no name."""
        found = _SCHEME.match(url)
        if found is None or found[1].lower() not in {"http", "https"}:
            raise RefusedError(f"not a web address ({found[1].lower() if found else 'no scheme'})")
        if _UNSAFE.search(url):
            raise RefusedError("the address holds a blank, a backslash or a control character")
        try:
            parts = urlsplit(url)
            port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        except ValueError:
            raise RefusedError("the address cannot be read") from None
        if "@" in parts.netloc:
            raise RefusedError("the address holds a user name")
        self._check_host(parts.hostname or "", port)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """The addresses to dial for a host; raises RefusedError when any of them is not public, OSError when the
        name is not known. One bad address spoils the answer: mixed answers are how rebinding works."""
        addresses = list(dict.fromkeys(await self._lookup(host, port)))
        if not self._free(host, port):
            for text in addresses:
                if not is_public(ip_address(text.partition("%")[0])):
                    raise RefusedError(f"not public: {host} is {text}")
        return addresses

    def _free(self, host: str, port: int) -> bool:
        return self._allow_private or f"{host}:{port}" in self._allowed

    def _check_host(self, host: str, port: int) -> None:
        name = plain_host(host)
        if not name:
            raise RefusedError("the address names no host")
        if "%" in name:
            raise RefusedError("the host is spelled in disguise")
        if len(name) > _LONGEST_HOST or any(not 0 < len(label) <= _LONGEST_LABEL for label in name.split(".")):
            raise RefusedError("the host name is not one")
        if self._free(name, port):
            return
        if port not in _PORTS:
            raise RefusedError(f"port {port} is not one of the web's")
        if name in _LOCAL_NAMES or name.endswith(tuple(f".{suffix}" for suffix in _LOCAL_NAMES)):
            raise RefusedError(f"not public: {name}")
        try:
            address = as_address(name)
        except ValueError:
            raise RefusedError("the host is neither a name nor an address") from None
        if address is not None and not is_public(address):
            raise RefusedError(f"not public: {name}")


async def _system_lookup(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
