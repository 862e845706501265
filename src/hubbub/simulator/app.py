"""The ASGI application: hands requests to the pretend platforms, and makes the trouble that was asked for."""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from email.utils import formatdate
from random import Random
from typing import Any

import msgspec

from hubbub import clock
from hubbub.simulator.clock import VirtualClock
from hubbub.simulator.exchange import Ask, Platform, Reply, fields
from hubbub.simulator.faults import Fault, Faults, Scenario

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_EXCLUSIVE_S = 0.002
"""How long a request that excludes others takes at least, so that overlapping ones are seen to overlap."""
_BLOCK_PAGE = (
    b"<!doctype html><html><head><title>Blocked</title></head><body><h1>whoa there, pardner!</h1>"
    b"<p>Your request has been blocked by network security. If you think this is a mistake, file a ticket.</p>"
    b"</body></html>"
)
_JSON = "application/json; charset=UTF-8"


class Application:
    """All pretend platforms of one server, its clock, its statistics and its control door."""

    def __init__(
        self, platforms: Sequence[Platform], *, clock: VirtualClock, scenario: Scenario, seed: int = 0
    ) -> None:
        self.platforms = platforms
        self.clock = clock
        self.scenario = scenario
        self.faults = Faults(scenario.faults, seed=seed)
        self.base_url = ""
        self._dice = Random(f"{seed}/headers")  # noqa: S311 - which answers come bare, no secrets
        self._routes: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._busy: set[str] = set()
        self._left: int | None = None
        self._released = asyncio.Event()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        if scope["type"] != "http":
            return
        ask = await self._ask(scope, receive)
        if ask.path.startswith("/__"):
            await _send(self._own(ask), send, headers=(), head=ask.method == "HEAD")
            return
        platform, route = next(
            ((p, r) for p in self.platforms if (r := p.route(ask)) is not None), (self.platforms[0], "unknown")
        )
        self._routes[route] += 1
        if route != "token" and not await self._may_go_on(receive, send):
            return
        await self._serve(platform, route, ask=ask, receive=receive, send=send)

    async def _serve(self, platform: Platform, route: str, *, ask: Ask, receive: Receive, send: Send) -> None:
        fault = self.faults.pick(route)
        if fault is not None and fault.action in ("reset", "stall"):
            self._statuses[fault.action] += 1
            if fault.action == "stall":
                await _gone(receive, seconds=fault.seconds)
            _drop(send)
            return
        if fault is not None and fault.action == "revoke":
            platform.revoke()
        reply = await self._reply(platform, ask, fault)
        self._statuses[str(reply.status)] += 1
        await clock.sleep(self.scenario.latency_ms / 1000)
        await self._deliver(reply, fault, ask=ask, send=send)

    async def _reply(self, platform: Platform, ask: Ask, fault: Fault | None) -> Reply:
        if fault is not None and fault.action == "block":
            return Reply(status=403, body=_BLOCK_PAGE, media_type="text/html; charset=UTF-8")
        if fault is not None and fault.action == "status":
            reply = platform.failure(fault.status, html=fault.html, ask=ask)
            extra = (("retry-after", fault.retry_after),) if fault.retry_after is not None else ()
            return msgspec.structs.replace(reply, headers=(*reply.headers, *extra))
        key = platform.exclusive(ask)
        if key is None:
            return platform.answer(ask)
        if key in self._busy:
            return platform.failure(429, html=False, ask=ask)
        self._busy.add(key)
        try:
            await clock.sleep(max(_EXCLUSIVE_S, self.scenario.latency_ms / 1000))
            return platform.answer(ask)
        finally:
            self._busy.discard(key)

    async def _deliver(self, reply: Reply, fault: Fault | None, *, ask: Ask, send: Send) -> None:
        body, headers = reply.body, [("date", formatdate(ask.at, usegmt=True)), *reply.headers]
        if self._dice.random() < self.scenario.limits.bare_share:
            headers = [pair for pair in headers if not pair[0].startswith("x-ratelimit-")]
        if fault is not None and fault.action == "truncate":
            body = body[: int(len(body) * fault.keep)]
        if (
            self.scenario.gzip
            and len(body) > 500
            and "gzip" in ask.headers.get("accept-encoding", "")
            and "json" in reply.media_type
        ):
            body = gzip.compress(body, 1, mtime=0)
            headers.append(("content-encoding", "gzip"))
        reply = msgspec.structs.replace(reply, body=body)
        if fault is not None and fault.action == "cut":
            await _send(reply, send, headers=headers, keep=fault.keep)
            _drop(send, flush=True)
        elif fault is not None and fault.action == "slow":
            await _send(reply, send, headers=headers, drip_s=fault.seconds)
        else:
            await _send(reply, send, headers=headers, head=ask.method == "HEAD")

    async def _ask(self, scope: MutableMapping[str, Any], receive: Receive) -> Ask:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        raw_query = scope["query_string"].decode("latin-1")
        is_form = "form-urlencoded" in headers.get("content-type", "")
        path = scope["path"]
        return Ask(
            method=scope["method"],
            path=path,
            raw_query=raw_query,
            query=fields(raw_query),
            form=fields(body.decode("utf-8", "replace")) if is_form else {},
            body=body,
            headers=headers,
            at=self.clock.now() if path.startswith("/__") else self.clock.tick(),
            base_url=self.base_url,
        )

    async def _may_go_on(self, receive: Receive, send: Send) -> bool:
        """Count a data request against `hold_after`; False when it was held until its client went away."""
        if self._left is None:
            return True
        if self._left > 0:
            self._left -= 1
            return True
        release = asyncio.ensure_future(self._released.wait())
        gone = asyncio.ensure_future(_disconnect(receive))
        try:
            await asyncio.wait({release, gone}, return_when=asyncio.FIRST_COMPLETED)
            released = release.done()
        except asyncio.CancelledError:
            # The simulator stops: a held request breaks off, it gets no answer that would tell a lie.
            _drop(send)
            raise
        finally:
            release.cancel()
            gone.cancel()
        if not released:
            _drop(send)
        return released

    def release(self) -> None:
        """Answer what was held, and hold nothing more."""
        self._left = None
        self._released.set()

    def _own(self, ask: Ask) -> Reply:
        if ask.path == "/__stats":
            counted = self._statuses if "statuses" in ask.query else self._routes
            return _json(dict(sorted(counted.items())))
        if ask.path == "/__truth":
            merged: dict[str, Any] = {}
            for platform in self.platforms:
                merged |= platform.truth(ask.at, ask.query)
            return _json(merged)
        if ask.path == "/__control" and ask.method == "POST":
            return self._control(ask)
        return _json({"error": "known: GET /__stats, GET /__truth, POST /__control"}, status=404)

    def _control(self, ask: Ask) -> Reply:
        try:
            order = msgspec.json.decode(ask.body or b"{}", type=Order)
        except msgspec.MsgspecError as error:
            return _json({"error": str(error)}, status=400)
        if order.hold_after is not None:
            self._released.clear()
            self._left = order.hold_after
        if order.release:
            self.release()
        self._trouble(order)
        self.clock.advance(order.advance)
        if order.now is not None:
            self.clock.set(order.now)
        if order.reset_stats:
            self._routes.clear()
            self._statuses.clear()
        return _json({"now": self.clock.now(), "held_after": self._left})

    def _trouble(self, order: Order) -> None:
        if order.clear:
            self.faults.clear()
        if order.fail is not None:
            self.faults.add(*([order.fail] if isinstance(order.fail, Fault) else order.fail))
        if order.revoke:
            for platform in self.platforms:
                platform.revoke()


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What POST /__control understands; several members may be sent at once."""

    hold_after: int | None = None
    """Answer this many more data requests (all but token requests), then none until released."""
    release: bool = False
    fail: Fault | list[Fault] | None = None
    """Faults to put in force, counted from now."""
    clear: bool = False
    """End all faults (before `fail` is obeyed)."""
    advance: float = 0.0
    """Seconds to move the clock."""
    now: float | None = None
    """Epoch seconds to set the clock to."""
    revoke: bool = False
    reset_stats: bool = False


def _json(data: Any, *, status: int = 200) -> Reply:
    return Reply(status=status, body=msgspec.json.encode(data), media_type=_JSON)


async def _send(
    reply: Reply,
    send: Send,
    *,
    headers: Sequence[tuple[str, str]],
    head: bool = False,
    keep: float | None = None,
    drip_s: float = 0.0,
) -> None:
    pairs = [("content-type", reply.media_type), ("content-length", str(len(reply.body))), *headers]
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
    await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
    if keep is not None:
        await send({"type": "http.response.body", "body": reply.body[: int(len(reply.body) * keep)], "more_body": True})
        return
    if drip_s:
        part = max(1, len(reply.body) // 10)
        for start in range(0, len(reply.body), part):
            await send({"type": "http.response.body", "body": reply.body[start : start + part], "more_body": True})
            await clock.sleep(drip_s / 10)
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.body", "body": b"" if head else reply.body})


def _drop(send: Send, *, flush: bool = False) -> None:
    """Break the connection under uvicorn's feet; in process there is none: ConnectionResetError."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("the simulator broke this connection on purpose")
    if flush:
        transport.close()
    else:
        transport.abort()


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _gone(receive: Receive, *, seconds: float) -> None:
    """Wait so long, or until the client goes away."""
    waiting = asyncio.ensure_future(_disconnect(receive))
    await asyncio.wait({waiting}, timeout=seconds)
    waiting.cancel()
