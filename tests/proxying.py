"""Real proxies on loopback: CONNECT and SOCKS5, with and without a login, to be killed in mid-run."""

from __future__ import annotations

import base64
import select
import socket
import ssl
import threading
from contextlib import suppress
from typing import Literal, Self

Kind = Literal["http", "https", "socks5"]
_TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"
_OPENED = {"http": _TUNNEL, "https": _TUNNEL, "socks5": b"\x05\x00\x00\x01" + bytes(6)}


class ProxyServer:
    """One proxy in a thread. `asked` holds the (host, port) of every tunnel that was asked for, as it was asked for."""

    def __init__(
        self,
        kind: Kind = "http",
        *,
        login: tuple[str, str] | None = None,
        refuse: int | None = None,
        stalls: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`refuse` is the status (or SOCKS reply) every tunnel is answered with; one that `stalls` never answers."""
        self.kind = kind
        self.login = login
        self.refuse = refuse
        self.asked: list[tuple[str, int]] = []
        self.connections = 0
        self._tls = tls
        self._stalls = stalls
        self._open: set[socket.socket] = set()
        self._serving: list[threading.Thread] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        user = "" if self.login is None else f"{self.login[0]}:{self.login[1]}@"
        return f"{self.kind}://{user}127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """Stop listening and break every connection."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(timeout=5)
        for each in list(self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._serving:
            thread.join(timeout=5)

    def _accept(self) -> None:
        while True:
            try:
                inner, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(inner,), daemon=True)
            self._serving.append(thread)
            thread.start()

    def _serve(self, inner: socket.socket) -> None:
        inner.settimeout(10)
        self._open.add(inner)
        outer: socket.socket | None = None
        try:
            if self._tls is not None:
                inner = self._tls.wrap_socket(inner, server_side=True)
                self._open.add(inner)
            place = self._socks(inner) if self.kind == "socks5" else self._http(inner)
            if place is not None:
                self.asked.append(place)
                if self._stalls:
                    inner.recv(1)
                    return
                outer = socket.create_connection(place, timeout=5)
                self._open.add(outer)
                inner.sendall(_OPENED[self.kind])
                relay(inner, outer)
        except (OSError, ValueError, IndexError):
            pass  # whoever asked went away, asked nonsense or for nobody, or this proxy was killed
        finally:
            for each in (inner, outer):
                if each is not None:
                    self._open.discard(each)
                    each.close()

    def _http(self, inner: socket.socket) -> tuple[str, int] | None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = inner.recv(4096)
            if not piece:
                return None
            head += piece
        first, *lines = head.partition(b"\r\n\r\n")[0].decode().split("\r\n")
        method, target, _ = first.split(" ")
        if method != "CONNECT":
            inner.sendall(b"HTTP/1.1 405 Tunnels only\r\nContent-Length: 0\r\n\r\n")
            return None
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if self.login is not None:
            wanted = "Basic " + base64.b64encode(":".join(self.login).encode()).decode()
            if headers.get("proxy-authorization") != wanted:
                inner.sendall(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
                return None
        if self.refuse is not None:
            self.asked.append(("refused", 0))
            inner.sendall(f"HTTP/1.1 {self.refuse} No\r\nContent-Length: 0\r\n\r\n".encode())
            return None
        host, _, port = target.rpartition(":")
        return host.strip("[]"), int(port)

    def _socks(self, inner: socket.socket) -> tuple[str, int] | None:
        _, count = exactly(inner, 2)
        ways = exactly(inner, count)
        way = 0 if self.login is None else 2
        if way not in ways:
            inner.sendall(b"\x05\xff")
            return None
        inner.sendall(bytes((5, way)))
        if self.login is not None:
            user = exactly(inner, exactly(inner, 2)[1]).decode()
            word = exactly(inner, exactly(inner, 1)[0]).decode()
            inner.sendall(b"\x01\x00" if (user, word) == self.login else b"\x01\x01")
            if (user, word) != self.login:
                return None
        kind = exactly(inner, 4)[3]
        if kind == 3:
            host = exactly(inner, exactly(inner, 1)[0]).decode()
        else:
            family = socket.AF_INET if kind == 1 else socket.AF_INET6
            host = socket.inet_ntop(family, exactly(inner, 4 if kind == 1 else 16))
        port = int.from_bytes(exactly(inner, 2), "big")
        if self.refuse is not None:
            self.asked.append((host, port))
            inner.sendall(bytes((5, self.refuse, 0, 1)) + bytes(6))
            return None
        return host, port


def exactly(stream: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        piece = stream.recv(count - len(got))
        if not piece:
            raise OSError("closed")
        got += piece
    return got


def relay(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until either side ends."""
    while True:
        pending = [each for each in (one, other) if isinstance(each, ssl.SSLSocket) and each.pending()]
        ready = pending or select.select([one, other], [], [], 30)[0]
        if not ready:
            return
        for each in ready:
            data = each.recv(65536)
            if not data:
                return
            (other if each is one else one).sendall(data)
