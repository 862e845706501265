"""Opening connections: to addresses that somebody else has looked up and judged, and watched for unasked answers.

The checked address is the dialled one, so a name that changes between check and dial gains nothing. The library keeps
bytes that follow an answer and takes them for the answer to the next question: such a connection is not used again.
A proxy is asked for the checked address, too, never for the name
(docs/decisions/0033-a-proxy-is-asked-for-checked-addresses.md)."""

from __future__ import annotations

import asyncio
import functools
import select
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import httpcore2
import httpx2

from hubbub.http.tunnels import Tunnels

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Addresses to dial for a host and port, in order; raises a HubbubError when it must not be dialled at all."""

_STATUS_LINE = b"HTTP/1"


class _Watched(httpcore2.AsyncNetworkStream):
    """A connection that calls itself used up once a second status line came along with the answer."""

    def __init__(
        self, inner: httpcore2.AsyncNetworkStream, *, broke: Callable[[Exception], None] | None = None
    ) -> None:
        """`broke` is told when the connection fails while it is read."""
        self._inner = inner
        self._last = b""
        self._broke = broke
        self._socket: Any = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  the library's own
        try:
            data = await self._inner.read(max_bytes, timeout)
        except (httpcore2.NetworkError, httpcore2.TimeoutException) as error:
            if self._broke is not None:
                self._broke(error)
            raise
        self._last = data
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109  the library's own
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  the library's own
    ) -> httpcore2.AsyncNetworkStream:
        try:
            return _Watched(await self._inner.start_tls(ssl_context, server_hostname, timeout), broke=self._broke)
        except BaseException:
            # The library forgets the socket when a deadline falls into the handshake.
            await self._inner.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        # The pool asks this of an idle connection and closes it when there is something to read.
        if info == "is_readable":
            return self._overrun() or self._has_more()
        return self._inner.get_extra_info(info)

    def _has_more(self) -> bool:
        # Asked of every connection for every request: the library's own way to its socket costs as much as a request.
        if self._socket is None:
            self._socket = self._inner.get_extra_info("socket")
        if self._socket is None or not hasattr(select, "poll"):
            return bool(self._inner.get_extra_info("is_readable"))
        if (descriptor := self._socket.fileno()) < 0:
            return True
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def _overrun(self) -> bool:
        # Only the last read can hold bytes behind the answer. A body that quotes a status line costs one reconnection.
        return self._last.find(_STATUS_LINE, 1) != -1


class _Backend(httpcore2.AsyncNetworkBackend):
    """Opens watched connections; with `resolve`, only to what it returns, and no name is looked up a second time. With
    `tunnels` all of them go through proxies."""

    def __init__(self, resolve: Resolve | None, *, tunnels: Tunnels | None) -> None:
        self._resolve = resolve
        self._tunnels = tunnels
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(  # noqa: PLR0917  the library's own signature
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  the library's own
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await self._addresses(host, port)
        if self._tunnels is not None:
            stream, proxy = await self._tunnels.connect(addresses, port, timeout_s=timeout, options=socket_options)
            return _Watched(stream, broke=functools.partial(self._tunnels.broke, proxy))
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return _Watched(
                    await self._inner.connect_tcp(
                        address, port, timeout=timeout, local_address=local_address, socket_options=socket_options
                    )
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> httpcore2.AsyncNetworkStream:
        raise httpcore2.ConnectError(f"a local socket is never dialled ({path!r})")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        if self._resolve is None:
            return [host]
        try:
            return await self._resolve(host, port)
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error


@functools.cache
def _trust() -> ssl.SSLContext:
    """The certificates we trust; reading them costs 40 ms, so once a process."""
    return httpx2.create_ssl_context(trust_env=False)


class Transport(httpx2.AsyncHTTPTransport):
    """The library's transport with its connections opened here."""

    def __init__(
        self, resolve: Resolve | None, *, limits: httpx2.Limits, http2: bool, tunnels: Tunnels | None = None
    ) -> None:
        context = _trust()
        super().__init__(verify=context, limits=limits, http2=http2, trust_env=False)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=context,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            http1=True,
            http2=http2,
            network_backend=_Backend(resolve, tunnels=tunnels),
        )
