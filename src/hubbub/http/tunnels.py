"""The proxies of one client: each connection goes through the one that worked last, and on to the next when it fails.

With proxies there is no other way out: when none of them opens a connection, none is opened."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import httpcore2
import httpx2

from hubbub import clock
from hubbub.http.handshakes import TunnelError, ask_for, greet
from hubbub.http.proxies import Health, Proxy, failed, worked

TRIES = 3
"""How often a proxy is tried before a run leaves it out."""
_BETWEEN_TRIES_S = 0.2
_PATIENCE_S = 10.0
_MOST_NAMED = 3
_WITNESSES = 2
"""Proxies that must find a host dead before it is taken for dead, where that says nothing against them."""
_TROUBLE = (
    TunnelError,
    OSError,
    httpcore2.NetworkError,
    httpcore2.TimeoutException,
    httpcore2.ProtocolError,
)

Place = tuple[str, int]
"""Host (a name or an address) and port."""


class Tunnels:
    """Opens connections through proxies and counts how each fares. Lives in one event loop.

    With `blames=False` a host that cannot be reached behind a proxy says nothing against the proxy: pictures lie on
    many hosts, and some of them are dead."""

    def __init__(self, proxies: Sequence[Proxy], *, blames: bool = True) -> None:
        self._ring = tuple(proxies)
        self._at = 0
        self.blames = blames
        self.health: dict[Proxy, Health] = {proxy: Health() for proxy in proxies}
        """What was counted since this object was made."""

    def order(self) -> list[Proxy]:
        """Which to try, in this order: the current one and those behind it, those that failed last come last."""
        ring = [*self._ring[self._at :], *self._ring[: self._at]]
        return sorted(ring, key=lambda proxy: self.health[proxy].in_a_row > 0)

    async def connect(
        self, hosts: Sequence[str], port: int, *, timeout_s: float | None, options: Iterable[Any] | None = None
    ) -> tuple[httpcore2.AsyncNetworkStream, Proxy]:
        """A connection to the first of `hosts` that any proxy reaches, and the proxy that carries it.

        Raises httpcore2.ConnectError naming what went wrong with each, in words without secrets."""
        said: list[str] = []
        dead = 0
        for proxy in self.order():
            if not self.blames and dead >= _WITNESSES:
                break
            for host in hosts:
                began = clock.monotonic()
                try:
                    stream = await opened(proxy, to=(host, port), timeout_s=timeout_s or _PATIENCE_S, options=options)
                except _TROUBLE as error:
                    why = words(error)
                    said.append(f"{proxy.shown}: {why}")
                    if self.blames or not (isinstance(error, TunnelError) and error.unreached):
                        self._failed(proxy, why=why)
                        break
                    continue
                self._worked(proxy, latency_s=clock.monotonic() - began)
                return stream, proxy
            else:
                dead += 1
        more = f" and {len(said) - _MOST_NAMED} more" if len(said) > _MOST_NAMED else ""
        raise httpcore2.ConnectError(f"no proxy opens a connection ({'; '.join(said[:_MOST_NAMED])}{more})")

    def broke(self, proxy: Proxy, error: Exception) -> None:
        """A connection through this proxy failed while it was read."""
        if self.blames:
            self._failed(proxy, why=words(error))

    def _failed(self, proxy: Proxy, *, why: str) -> None:
        """Count a failure; the next connection goes through another proxy."""
        self.health[proxy] = failed(self.health[proxy], why=why, at=clock.now())
        if self._ring[self._at] == proxy:
            self._at = (self._at + 1) % len(self._ring)

    def _worked(self, proxy: Proxy, *, latency_s: float) -> None:
        self.health[proxy] = worked(self.health[proxy], latency_s=latency_s, at=clock.now())
        self._at = self._ring.index(proxy)


async def opened(
    proxy: Proxy, *, to: Place | None, timeout_s: float, options: Iterable[Any] | None = None
) -> httpcore2.AsyncNetworkStream:
    """A connection through one proxy; without `to` only as far as the proxy itself, logged in where it asks first.

    The proxy's own address is the user's choice and may be private. Raises what the library raises, or TunnelError."""
    stream: httpcore2.AsyncNetworkStream | None = None
    try:
        async with asyncio.timeout(timeout_s):
            stream = await httpcore2.AnyIOBackend().connect_tcp(
                proxy.host, proxy.port, timeout=timeout_s, socket_options=options
            )
            if proxy.scheme == "https":
                stream = await stream.start_tls(_trust(), proxy.host, timeout_s)
            await greet(stream, proxy, timeout_s=timeout_s)
        if to is not None:
            await _ask(stream, proxy, to=to, timeout_s=timeout_s)
    except BaseException:
        if stream is not None:
            await stream.aclose()
        raise
    return stream


async def _ask(stream: httpcore2.AsyncNetworkStream, proxy: Proxy, *, to: Place, timeout_s: float) -> None:
    """Ask for the tunnel; a proxy that is silent now waits for the host behind it."""
    try:
        async with asyncio.timeout(timeout_s):
            await ask_for(stream, proxy, host=to[0], port=to[1], timeout_s=timeout_s)
    except (TimeoutError, httpcore2.TimeoutException):
        raise TunnelError(f"it did not reach {to[0]}:{to[1]} in time", unreached=True) from None


async def examine(
    proxies: Iterable[Proxy],
    *,
    to: Mapping[Proxy, Place | None],
    timeout_s: float = _PATIENCE_S,
    tries: int = TRIES,
    sleep: Callable[[float], Awaitable[object]] = clock.sleep,
) -> dict[Proxy, Health]:
    """How each proxy fares when it is asked for a connection now, side by side; healthy at the first success.

    No request is made: opening a connection costs nothing of any budget."""
    proxies = list(dict.fromkeys(proxies))

    async def examined(proxy: Proxy) -> Health:
        health = Health()
        for number in range(tries):
            if number:
                await sleep(_BETWEEN_TRIES_S * number)
            began = clock.monotonic()
            try:
                stream = await opened(proxy, to=to.get(proxy), timeout_s=timeout_s)
            except _TROUBLE as error:
                health = failed(health, why=words(error), at=clock.now())
                continue
            await stream.aclose()
            return worked(health, latency_s=clock.monotonic() - began, at=clock.now())
        return health

    return dict(zip(proxies, await asyncio.gather(*(examined(proxy) for proxy in proxies)), strict=True))


def words(error: Exception) -> str:
    """What went wrong with a proxy, short and printable."""
    if isinstance(error, TimeoutError | httpcore2.TimeoutException):
        return "no answer in time"
    text = "".join(c if c.isprintable() else "?" for c in str(error))
    return text[:120] or type(error).__name__


@functools.cache
def _trust() -> ssl.SSLContext:
    """The certificates trusted for the way to an https proxy. Not the platforms' own context: that one offers HTTP/2,
    and a tunnel is asked for in HTTP/1.1."""
    return httpx2.create_ssl_context(trust_env=False)
