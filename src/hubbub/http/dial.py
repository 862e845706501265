"""Connecting to addresses that somebody else has looked up and judged: the checked address is the dialled one."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import httpcore2
import httpx2

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Addresses to dial for a host and port, in order; raises a HubbubError when it must not be dialled at all."""


class _CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections only to what `resolve` returns; no name is ever looked up a second time."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(  # noqa: PLR0917  the library's own signature
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  the library's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            addresses = await self._resolve(host, port)
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._inner.connect_tcp(
                    address, port, timeout=timeout, local_address=local_address, socket_options=socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> httpcore2.AsyncNetworkStream:
        raise httpcore2.ConnectError(f"a local socket is never dialled ({path!r})")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class CheckedTransport(httpx2.AsyncHTTPTransport):
    """The library's transport with its connections opened by way of `resolve`."""

    def __init__(self, resolve: Resolve, *, limits: httpx2.Limits, http2: bool) -> None:
        super().__init__(limits=limits, http2=http2, trust_env=False)
        context: ssl.SSLContext = httpx2.create_ssl_context(trust_env=False)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=context,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            http1=True,
            http2=http2,
            network_backend=_CheckedBackend(resolve),
        )
