"""How a proxy is asked for a tunnel: CONNECT of HTTP (RFC 9110 §9.3.6) and SOCKS5 (RFC 1928, login of RFC 1929).

The proxy is told a host and a port and carries bytes; what goes through is between us and that host."""

from __future__ import annotations

import base64
import re
from ipaddress import IPv4Address, IPv6Address, ip_address

import httpcore2

from hubbub.http.proxies import Proxy

_LONGEST_HEAD = 16_384
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: |\r)")
_UNREACHED = frozenset({502, 503, 504})
"""Answers to CONNECT that say the proxy works and the host behind it does not."""
_SOCKS_UNREACHED = {3: "network unreachable", 4: "host unreachable", 5: "connection refused", 6: "no answer in time"}
_SOCKS_OTHER = {1: "general failure", 2: "not allowed", 7: "it cannot connect", 8: "no such kind of address"}
_NO_LOGIN, _LOGIN, _NONE_FITS = 0, 2, 0xFF


class TunnelError(Exception):
    """The proxy opened no tunnel; `unreached` when it says that the host behind it cannot be reached."""

    def __init__(self, why: str, *, unreached: bool = False) -> None:
        super().__init__(why)
        self.unreached = unreached


async def greet(stream: httpcore2.AsyncNetworkStream, proxy: Proxy, *, timeout_s: float) -> None:
    """Log in where that comes before any destination (SOCKS5). Raises TunnelError."""
    if proxy.scheme != "socks5":
        return
    ways = bytes((_NO_LOGIN,)) if proxy.username is None else bytes((_NO_LOGIN, _LOGIN))
    await stream.write(b"\x05" + bytes((len(ways),)) + ways, timeout_s)
    version, way = await _exactly(stream, 2, timeout_s=timeout_s)
    if version != 5:
        raise TunnelError("it does not speak SOCKS5")
    if way == _NONE_FITS or way not in ways:
        asks = "asks for a user name and password" if proxy.username is None else "accepts no way to log in of ours"
        raise TunnelError(f"it {asks}")
    if way == _LOGIN:
        user, word = (proxy.username or "").encode(), (proxy.password or "").encode()
        await stream.write(b"\x01" + bytes((len(user),)) + user + bytes((len(word),)) + word, timeout_s)
        if (await _exactly(stream, 2, timeout_s=timeout_s))[1] != 0:
            raise TunnelError("it refuses the user name or password")


async def ask_for(
    stream: httpcore2.AsyncNetworkStream, proxy: Proxy, *, host: str, port: int, timeout_s: float
) -> None:
    """Have the proxy connect to `host` (a name or an address); afterwards the stream is that connection.

    Raises TunnelError in words without secrets."""
    if proxy.scheme == "socks5":
        await _socks(stream, host=host, port=port, timeout_s=timeout_s)
    else:
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        await _connect(stream, proxy, place=place, timeout_s=timeout_s)


async def _connect(stream: httpcore2.AsyncNetworkStream, proxy: Proxy, *, place: str, timeout_s: float) -> None:
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if proxy.username is not None:
        login = base64.b64encode(f"{proxy.username}:{proxy.password or ''}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {login}")
    await stream.write("\r\n".join([*lines, "", ""]).encode(), timeout_s)
    head = b""
    while b"\r\n\r\n" not in head:
        piece = await stream.read(4096, timeout_s)
        head += piece
        if not piece:
            raise TunnelError("it closed the connection without an answer")
        if len(head) > _LONGEST_HEAD:
            raise TunnelError("its answer has no end")
    found = _STATUS.match(head)
    if found is None:
        raise TunnelError("it does not speak HTTP")
    status = int(found[1])
    if 200 <= status < 300:
        if not head.endswith(b"\r\n\r\n"):
            raise TunnelError("it sent data before it was asked anything")
        return
    if status == 407:
        gave = "refuses the user name or password" if proxy.username else "asks for a user name and password"
        raise TunnelError(f"it {gave} (407)")
    if status in _UNREACHED:
        raise TunnelError(f"it cannot reach {place} ({status})", unreached=True)
    raise TunnelError(f"it opens no tunnel to {place} ({status})")


async def _socks(stream: httpcore2.AsyncNetworkStream, *, host: str, port: int, timeout_s: float) -> None:
    await stream.write(b"\x05\x01\x00" + _socks_place(host) + port.to_bytes(2, "big"), timeout_s)
    version, reply, _, kind = await _exactly(stream, 4, timeout_s=timeout_s)
    if version != 5:
        raise TunnelError("it does not speak SOCKS5")
    if reply in _SOCKS_UNREACHED:
        raise TunnelError(f"it cannot reach {host}:{port} ({_SOCKS_UNREACHED[reply]})", unreached=True)
    if reply != 0:
        raise TunnelError(f"it opens no tunnel to {host}:{port} ({_SOCKS_OTHER.get(reply, f'code {reply}')})")
    length = {1: 4, 4: 16}.get(kind)
    if length is None:
        length = (await _exactly(stream, 1, timeout_s=timeout_s))[0]
    await _exactly(stream, length + 2, timeout_s=timeout_s)


def _socks_place(host: str) -> bytes:
    address = _address(host)
    if address is not None:
        return bytes((1 if address.version == 4 else 4,)) + address.packed
    name = host.encode("ascii")
    return b"\x03" + bytes((len(name),)) + name


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


async def _exactly(stream: httpcore2.AsyncNetworkStream, count: int, *, timeout_s: float) -> bytes:
    got = b""
    while len(got) < count:
        piece = await stream.read(count - len(got), timeout_s)
        if not piece:
            raise TunnelError("it closed the connection in the middle of an answer")
        got += piece
    return got
