"""One attempt of one request: send, receive within limits, see that the answer is whole. Knows no retries."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Protocol
from urllib.parse import urlsplit

import httpx2
import msgspec

from hubbub.http.bodies import ACCEPT_ENCODING, Body, BodyError, TooLargeError, check_json
from hubbub.http.dial import Resolve, Transport
from hubbub.http.messages import Request
from hubbub.http.retry import RETRIED_STATUSES, Cause, Failure, RetryPolicy
from hubbub.http.tunnels import Tunnels

_ERROR_BODY_BYTES = 1 << 20
_DROPPED_HEADERS = frozenset({"set-cookie", "set-cookie2", "authorization", "proxy-authorization"})
"""Never handed on: nobody needs them and they may hold secrets."""


class Sink(Protocol):
    """Where a body goes that is not kept in memory."""

    def begin(self) -> None:
        """A good answer begins: forget what an earlier attempt wrote."""
        ...

    def write(self, data: bytes) -> None:
        """The next piece; a HubbubError raised here ends the request."""
        ...


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    raw_bytes: int


class Sender(Protocol):
    """Sends one request once; the Wire is one, so are the recorder and its replay."""

    async def send(
        self, request: Request, *, url: str, headers: Mapping[str, str], deadline_s: float, sink: Sink | None
    ) -> Received:
        """The whole answer; raises AttemptError."""
        ...

    async def aclose(self) -> None:
        """Let go of every connection."""
        ...


class AttemptError(Exception):
    """The attempt failed; what that means is for the retry rules."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.why)
        self.failure = failure


class Wire:
    """A pool of connections with every limit set; sends one request at a time and checks the answer."""

    def __init__(
        self,
        policy: RetryPolicy,
        *,
        concurrency: int,
        user_agent: str,
        trust_env: bool = False,
        resolve: Resolve | None = None,
        tunnels: Tunnels | None = None,
    ) -> None:
        """With `tunnels` every connection goes through its proxies, whatever the environment says."""
        own = not trust_env or tunnels is not None
        limits = httpx2.Limits(
            max_connections=concurrency, max_keepalive_connections=concurrency, keepalive_expiry=60.0
        )
        self._client = httpx2.AsyncClient(
            http2=True,
            limits=limits,
            timeout=httpx2.Timeout(policy.silence_s, connect=policy.connect_s, pool=None),
            follow_redirects=False,
            trust_env=not own,
            transport=Transport(resolve, limits=limits, http2=True, tunnels=tunnels) if own else None,
            headers={"user-agent": user_agent, "accept-encoding": ACCEPT_ENCODING},
        )
        # A collector has no session: cookies would only tie its requests together and carry secrets about.
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    async def send(
        self, request: Request, *, url: str, headers: Mapping[str, str], deadline_s: float, sink: Sink | None
    ) -> Received:
        """The whole answer; raises AttemptError. `deadline_s` bounds everything from the dial to the last byte."""
        host = urlsplit(url).netloc.rpartition("@")[2] or url[:80]
        try:
            async with asyncio.timeout(deadline_s):
                return await self._send(request, url=url, headers=headers, sink=sink)
        except TimeoutError:
            raise _failed(Cause.CONNECTION, f"{host} did not finish within {deadline_s:.3g} s") from None
        except httpx2.TimeoutException as error:
            raise _failed(Cause.CONNECTION, f"{host} fell silent ({type(error).__name__})") from None
        except httpx2.ConnectError as error:
            raise _failed(Cause.CONNECTION, f"{host} cannot be reached: {_words(error)}") from None
        except httpx2.LocalProtocolError:
            # Its text may quote what we sent, the token included.
            raise _failed(Cause.CONNECTION, f"the request to {host} could not be sent") from None
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
            raise _failed(Cause.FINAL, f"{host} is not an address that can be asked") from None
        except httpx2.HTTPError as error:
            raise _failed(Cause.CONNECTION, f"{host}: {_words(error)}") from None
        except BodyError as error:
            raise _failed(Cause.BODY, f"{host}: {error}") from None
        except TooLargeError as error:
            raise _failed(Cause.FINAL, f"{host}: {error}") from None

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _send(self, request: Request, *, url: str, headers: Mapping[str, str], sink: Sink | None) -> Received:
        outgoing = self._client.build_request(
            request.method,
            url,
            headers=dict(headers),
            data=dict(request.form) if request.form else None,
            content=request.body or None,
        )
        response = await self._client.send(outgoing, stream=True)
        try:
            return await _receive(response, request, sink=sink)
        finally:
            await response.aclose()


async def _receive(response: httpx2.Response, request: Request, *, sink: Sink | None) -> Received:
    names = tuple((key.decode("latin-1").lower(), value.decode("latin-1")) for key, value in response.headers.raw)
    _check_head(response.status_code, names, asked_whether=_asks_whether(request))
    into = sink if response.status_code == 200 else None
    largest = request.max_bytes if response.status_code < 300 else min(request.max_bytes, _ERROR_BODY_BYTES)
    body = Body(",".join(value for name, value in names if name == "content-encoding"), max_bytes=largest)
    pieces: list[bytes] = []
    if into is not None:
        into.begin()
    async for chunk in response.aiter_raw():
        for piece in body.feed(chunk):
            if into is None:
                pieces.append(piece)
            else:
                into.write(piece)
    if response.status_code != 304:  # its headers speak of the body it does not send (RFC 9110 §15.4.5)
        body.end()
        _check_length(names, body, status=response.status_code, method=request.method)
    whole = b"".join(pieces)
    if response.status_code == 200 and into is None and _is_json(names):
        check_json(whole)
    kept = tuple(pair for pair in names if pair[0] not in _DROPPED_HEADERS)
    return Received(status=response.status_code, headers=kept, body=whole, raw_bytes=body.raw_bytes)


def _asks_whether(request: Request) -> bool:
    """True for a request that asks whether an older answer still holds."""
    return any(name.lower() in {"if-none-match", "if-modified-since"} for name, _ in request.headers)


def _check_head(status: int, headers: tuple[tuple[str, str], ...], *, asked_whether: bool) -> None:
    """Refuse answers whose frame cannot be trusted, or that answer a question we did not ask."""
    names = {name for name, _ in headers}
    if "transfer-encoding" in names and "content-length" in names:
        raise BodyError("the answer states its length in two ways")
    if status == 206:
        raise BodyError("a part was sent where the whole was asked for")
    if (status == 304 and not asked_whether) or not 200 <= status < 600:
        raise _failed(Cause.FINAL, f"the answer has the status {status}, which no rule knows", status=status)
    if status >= 500 and status not in RETRIED_STATUSES:
        raise _failed(Cause.FINAL, f"the platform answered {status}", status=status)


def _check_length(headers: tuple[tuple[str, str], ...], body: Body, *, status: int, method: str) -> None:
    stated = next((value for name, value in headers if name == "content-length"), None)
    if stated is None or method == "HEAD" or status == 204:
        return
    if not (stated.isascii() and stated.isdigit()) or int(stated) != body.raw_bytes:
        raise BodyError(f"{body.raw_bytes} bytes came where {stated[:20]!r} were announced")


def _is_json(headers: tuple[tuple[str, str], ...]) -> bool:
    return any(name == "content-type" and "json" in value.lower() for name, value in headers)


def _failed(cause: Cause, why: str, *, status: int | None = None) -> AttemptError:
    return AttemptError(Failure(cause=cause, why=why, status=status))


def _words(error: Exception) -> str:
    """The library's own words, short and printable."""
    text = "".join(c if c.isprintable() else "?" for c in str(error))
    return text[:160] or type(error).__name__
