"""The ASGI application: hands requests to the pretend platforms, and makes the trouble that was asked for."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import MutableMapping, Sequence
from email.utils import formatdate
from random import Random
from typing import Any

import msgspec

from hubbub import clock
from hubbub.errors import ConfigError
from hubbub.simulator.clock import VirtualClock
from hubbub.simulator.delivery import Receive, Send, deliver, disconnect, drop, gone, send_reply
from hubbub.simulator.exchange import Ask, Platform, Reply, fields
from hubbub.simulator.fates import Fate
from hubbub.simulator.faults import Fault, Faults, Scenario
from hubbub.simulator.moments import Instant, instant

_EXCLUSIVE_S = 0.002
"""How long a request that excludes others takes at least, so that overlapping ones are seen to overlap."""
_JSON = "application/json; charset=UTF-8"
_TOKEN_ROUTES = frozenset({"token", "producthunt_token"})
_RATE_HEADERS = ("x-ratelimit-", "x-rate-limit-")


class Application:
    """All pretend platforms of one server, its clock, its statistics and its control door."""

    def __init__(
        self, platforms: Sequence[Platform], *, clock: VirtualClock, scenario: Scenario, horizon: float, seed: int = 0
    ) -> None:
        self.platforms = platforms
        self.clock = clock
        self.horizon = horizon
        """Epoch seconds at which the world's story ends."""
        self.scenario = scenario
        self.faults = Faults(seed=seed)
        self.base_url = ""
        self._dice = Random(f"{seed}/headers")  # noqa: S311 - which answers come bare, no secrets
        self._routes: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._busy: set[str] = set()
        self._left: int | None = None
        self._released = asyncio.Event()
        self.inflict(*scenario.faults)
        for fate in scenario.fates:
            self.befall(fate, at=-math.inf if fate.at is None else self._instant(fate.at))

    def inflict(self, *faults: Fault) -> None:
        """Put faults in force; each counts its requests from now."""
        for fault in faults:
            bounds = [None if bound is None else self._instant(bound) for bound in (fault.since, fault.until)]
            self.faults.add(fault, since=bounds[0], until=bounds[1])

    def befall(self, fate: Fate, *, at: float) -> None:
        """Let a community's fate begin at this time (epoch seconds)."""
        for platform in self.platforms:
            platform.befall(fate, at=at)

    def _instant(self, written: Instant) -> float:
        return instant(written, horizon=self.horizon, start=self.clock.start)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        if scope["type"] != "http":
            return
        ask = await self._ask(scope, receive)
        if ask.path.startswith("/__"):
            await send_reply(self._own(ask), send, head=ask.method == "HEAD")
            return
        platform, route = next(
            ((p, r) for p in self.platforms if (r := p.route(ask)) is not None), (self.platforms[0], "unknown")
        )
        self._routes[route] += 1
        if route not in _TOKEN_ROUTES and not await self._may_go_on(receive, send):
            return
        await self._serve(platform, route, ask=ask, receive=receive, send=send)

    async def _serve(self, platform: Platform, route: str, *, ask: Ask, receive: Receive, send: Send) -> None:
        fault = self.faults.pick(route, at=ask.at)
        if fault is not None and fault.action in ("reset", "stall"):
            self._statuses[fault.action] += 1
            if fault.action == "stall":
                await gone(receive, seconds=fault.seconds)
            drop(send)
            return
        if fault is not None and fault.action == "revoke":
            platform.revoke()
        if fault is not None and fault.action == "revoke_app":
            platform.withdraw(withdrawn=True)
        reply = await self._reply(platform, ask, fault)
        self._statuses[str(reply.status)] += 1
        await clock.sleep(self.scenario.latency_ms / 1000)
        reply = self._headers(reply, at=ask.at)
        await deliver(reply, fault, ask=ask, scenario=self.scenario, receive=receive, send=send)

    async def _reply(self, platform: Platform, ask: Ask, fault: Fault | None) -> Reply:
        if fault is not None and fault.action == "block":
            return platform.blocked()
        if fault is not None and fault.action == "status":
            reply = platform.failure(fault, ask=ask)
            extra = (("retry-after", fault.retry_after), ("location", fault.location))
            told = ((name, value) for name, value in extra if value is not None)
            return msgspec.structs.replace(reply, headers=(*reply.headers, *told))
        key = platform.exclusive(ask)
        if key is None:
            return platform.answer(ask)
        if key in self._busy:
            return platform.failure(Fault(action="status", status=429, html=False), ask=ask)
        self._busy.add(key)
        try:
            await clock.sleep(max(_EXCLUSIVE_S, self.scenario.latency_ms / 1000))
            return platform.answer(ask)
        finally:
            self._busy.discard(key)

    def _headers(self, reply: Reply, *, at: float) -> Reply:
        """The answer with a Date, as wrong as the scenario's clock is; some come without rate headers."""
        headers = reply.headers
        if self._dice.random() < self.scenario.limits.bare_share:
            headers = tuple(pair for pair in headers if not pair[0].startswith(_RATE_HEADERS))
        date = formatdate(at + self.scenario.clock.skew_s, usegmt=True)
        return msgspec.structs.replace(reply, headers=(("date", date), *headers))

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
        gone = asyncio.ensure_future(disconnect(receive))
        try:
            await asyncio.wait({release, gone}, return_when=asyncio.FIRST_COMPLETED)
            released = release.done()
        except asyncio.CancelledError:
            # The simulator stops: a held request breaks off, it gets no answer that would tell a lie.
            drop(send)
            raise
        finally:
            release.cancel()
            gone.cancel()
        if not released:
            drop(send)
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
            wanted = ask.query.get("platform")
            try:
                for platform in self.platforms:
                    if wanted in (None, platform.name):
                        merged |= platform.truth(ask.at, ask.query)
            except ConfigError as error:
                return _json({"error": str(error)}, status=400)
            return _json(merged)
        if ask.path == "/__control" and ask.method == "POST":
            return self._control(ask)
        return _json({"error": "known: GET /__stats, GET /__truth, POST /__control"}, status=404)

    def _control(self, ask: Ask) -> Reply:
        try:
            order = msgspec.json.decode(ask.body or b"{}", type=Order)
            self._trouble(order)
        except (msgspec.MsgspecError, ConfigError) as error:
            return _json({"error": str(error)}, status=400)
        if order.hold_after is not None:
            self._released.clear()
            self._left = order.hold_after
        if order.release:
            self.release()
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
            self.inflict(*([order.fail] if isinstance(order.fail, Fault) else order.fail))
        if order.revoke:
            for platform in self.platforms:
                platform.revoke()
        if order.revoke_app is not None:
            for platform in self.platforms:
                platform.withdraw(withdrawn=order.revoke_app)
        fates = [order.fates] if isinstance(order.fates, Fate) else order.fates
        for fate in fates:
            self.befall(fate, at=self.clock.now() if fate.at is None else self._instant(fate.at))


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
    """Kill all access tokens."""
    revoke_app: bool | None = None
    """True: the app's own credentials stop working, and its tokens with them; False: they work again."""
    fates: Fate | list[Fate] = []
    """What becomes of communities, from now unless they say when."""
    reset_stats: bool = False


def _json(data: Any, *, status: int = 200) -> Reply:
    return Reply(status=status, body=msgspec.json.encode(data), media_type=_JSON)
