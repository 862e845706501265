"""The async shell around the pure rules: token, budget, cool-down, attempt, retry, and one event for each."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Self

import msgspec

from hubbub import clock
from hubbub.errors import AuthError, BlockedError, RateLimitedError, RemoteError, TransientRemoteError
from hubbub.events import Event, Finding, Observer, RequestDone, Retrying
from hubbub.http.access import Access, BudgetReading
from hubbub.http.addresses import REDIRECTS, absolute, host_and_port, next_hop, origin, place, without_user
from hubbub.http.dial import Resolve
from hubbub.http.exchange import AttemptError, Received, Sender, Sink, Wire
from hubbub.http.gate import Gate
from hubbub.http.limits import CoolDownRules
from hubbub.http.memory import memory_of
from hubbub.http.messages import Request, Response
from hubbub.http.places import keeper_of
from hubbub.http.retry import RETRIED_STATUSES, Cause, Failure, RetryPolicy, decide, http_date, retry_after_s
from hubbub.http.tokens import Held, Tokens
from hubbub.http.tunnels import Tunnels

_OLDEST_DATE = 1_119_000_000
"""June 2005, when Reddit opened: a `Date` before it is a broken clock, not a time of observation."""
_POLICY = RetryPolicy()
_COOL_DOWN = CoolDownRules()


class Client:
    """Asks one source. Safe for many tasks of one event loop; close it with aclose()."""

    def __init__(
        self,
        access: Access,
        *,
        source: str,
        observers: Sequence[Observer] = (),
        concurrency: int = 20,
        policy: RetryPolicy = _POLICY,
        cool_down: CoolDownRules = _COOL_DOWN,
        trust_env: bool = False,
        resolve: Resolve | None = None,
        check_url: Callable[[str], None] | None = None,
        api: bool = True,
        via: Callable[[Sender], Sender] | None = None,
        tunnels: Tunnels | None = None,
    ) -> None:
        """`resolve` looks names up instead of the system; `check_url` raises for an address that must not be asked,
        and sees every hop; `api=False` takes HTML for an answer like any other (media hosts); `via` puts a recorder or
        a replay in front of the network; `tunnels` leads every connection through proxies, none past them."""
        if access.patience_s > policy.max_wait_s:
            policy = msgspec.structs.replace(policy, max_wait_s=access.patience_s)
        self._access = access
        self._source = source
        self._observers = tuple(observers)
        self._policy = policy
        self._check_url = check_url
        self._api = api
        self._origin = origin(access.base_url)
        self._slots = asyncio.Semaphore(concurrency)
        self._token_slot = asyncio.Semaphore(1)
        self._serial: dict[str, asyncio.Lock] = {}
        self._random = random.Random()  # noqa: S311  jitter, not a secret
        self._gate = Gate(
            source,
            keeper=keeper_of(access, source=source, warn=self._warn),
            policy=policy,
            rules=cool_down,
            emit=self._emit,
        )
        wire: Sender = Wire(
            policy,
            concurrency=concurrency,
            user_agent=access.user_agent,
            trust_env=trust_env,
            resolve=resolve,
            tunnels=tunnels,
        )
        self._wire = wire if via is None else via(wire)
        self._tokens = (
            None if access.token is None else Tokens(access.token, self._fetch_token, rotated=self._say_rotated)
        )
        self._memory = memory_of(access, source=source, warn=self._warn)
        self.requests = 0
        """Attempts made so far, token requests included."""
        self.ahead_s = 0
        """By how much the platform's clock is ahead of ours, as its last answer said."""

    async def fetch(self, request: Request, *, sink: Sink | None = None) -> Response:
        """The platform's answer after retries: 2xx, 3xx, or a 4xx that is an answer (not 401, 408, 429).

        With `sink`, the body of a 200 goes there and `Response.body` is empty. Raises AuthError, RateLimitedError,
        BlockedError, TransientRemoteError (retries used up) or RemoteError (retrying is no use)."""
        if self._check_url is not None:
            self._check_url(request.url)  # as written: joining would make an address of anything
        if self._memory is not None and sink is None:
            return await self._memory.answer(request, ask=self._ask)
        return await self._ask(request, sink=sink)

    async def _fetch_token(self, request: Request) -> Response:
        """A token request stands in no queue: those in it may wait for what it brings."""
        return await self._ask(request, slots=self._token_slot)

    async def _ask(
        self, request: Request, *, sink: Sink | None = None, slots: asyncio.Semaphore | None = None
    ) -> Response:
        async with self._in_turn(request.serial):
            url = absolute(request.url, request.params, base=self._access.base_url)
            for _ in range(request.follow + 1):
                response = await self._persist(request, url=url, sink=sink, slots=slots or self._slots)
                if response.status not in REDIRECTS or not request.follow or request.method != "GET":
                    return response
                before, url = url, next_hop(response.url, response.header("location"))
                if origin(url) != origin(before):
                    request = _for_strangers(request)
        raise RemoteError(f"{place(url)} redirects more than {request.follow} times")

    @property
    def kept(self) -> tuple[int, int] | None:
        """How many requests were answered from what was kept, and how many were not; None when nothing is kept."""
        return None if self._memory is None else (self._memory.hits, self._memory.misses)

    @property
    def scopes(self) -> tuple[str, ...] | None:
        """What the current token allows; None without a token, or when the platform did not say."""
        return None if self._tokens is None else self._tokens.scopes

    async def aclose(self) -> None:
        """Close every connection."""
        if self._memory is not None:
            self._memory.close()
        self._gate.close()
        await self._wire.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @contextlib.asynccontextmanager
    async def _in_turn(self, serial: str | None) -> AsyncIterator[None]:
        if serial is None:
            yield
            return
        async with self._serial.setdefault(serial, asyncio.Lock()):
            yield

    async def _persist(self, request: Request, *, url: str, sink: Sink | None, slots: asyncio.Semaphore) -> Response:
        """Attempts until there is an answer; obeys the retry rules."""
        state = _Tries(slots)
        if self._check_url is not None:
            self._check_url(url)
        while True:
            held = await self._bearer(request, url)
            attempt = state.failed + state.rate_hits + 1
            try:
                response = await self._attempt(request, url=url, held=held, sink=sink, attempt=attempt, state=state)
            except AttemptError as error:
                await self._after(error.failure, request, url=url, state=state)
                continue
            if response.status != 401 or not request.authorize or origin(url) != self._origin:
                return response
            held = state.held
            if held is not None and held.given:
                raise AuthError(
                    f"{place(url)} refused the token (401)",
                    advice="it is mistyped or no longer valid: make a new one and put it into the settings",
                )
            if held is None or self._tokens is None or state.renewed:
                raise AuthError(
                    f"{place(url)} refused the credentials (401){' even with a new token' if held else ''}",
                    advice="the platform gives tokens and does not take them: the application's access was revoked, or "
                    "the account is locked; look at both on the web"
                    if held
                    else "check the credentials in the settings and what they may read",
                )
            state.renewed = True
            await self._tokens.renewed(held.number)

    async def _attempt(
        self, request: Request, *, url: str, held: Held | None, sink: Sink | None, attempt: int, state: _Tries
    ) -> Response:
        cost = request.cost if self._is_paid(request, url) else 0.0
        left_s = max(self._policy.total_s - state.elapsed_s(), 0.05)
        queued = clock.monotonic()
        async with state.slots:
            # Those before it wait for the budget, too: that is no delay of the host, and leaves this one its retries.
            state.queued_s += clock.monotonic() - queued
            state.queued_s += await self._gate.enter(host_and_port(url), cost=cost, patience_s=left_s)
            state.held = await self._live(held, url=url, cost=cost)
            started = clock.monotonic()
            response: Response | None = None
            reading: BudgetReading | None = None
            status: int | None = None
            healthy: bool | None = None
            size = 0
            try:
                self.requests += 1
                headers, deadline_s = _headers(request, state.held), min(self._policy.attempt_s, left_s)
                received = await self._wire.send(request, url=url, headers=headers, deadline_s=deadline_s, sink=sink)
                status, size = received.status, received.raw_bytes
                response = self._response(request, url=url, received=received)
                reading = self._access.read_budget(response)
                healthy = status not in RETRIED_STATUSES
            except AttemptError as error:
                status = error.failure.status
                healthy = error.failure.cause is not Cause.CONNECTION
                raise
            finally:
                try:
                    await self._gate.leave(host_and_port(url), cost=cost, reading=reading, healthy=healthy)
                finally:
                    self._emit(
                        RequestDone(
                            source=self._source,
                            route=request.route,
                            status=status,
                            elapsed_s=clock.monotonic() - started,
                            body_bytes=size,
                            attempt=attempt,
                        )
                    )
        reset_s = None if reading is None or reading.remaining >= 1 else reading.reset_s
        self._judge(response, url=url, reset_s=reset_s)
        return response

    def _judge(self, response: Response, *, url: str, reset_s: float | None) -> None:
        """Raise for statuses that are no answers: AttemptError for the retry rules, BlockedError for a block page."""
        status = response.status
        said = http_date(response.header("date"))  # however wrong: the two are told by one clock
        asked = retry_after_s(response.header("retry-after"), server_now=response.received_at if said is None else said)
        if status == 429 or status in RETRIED_STATUSES:
            cause = Cause.RATE_LIMITED if status == 429 else Cause.STATUS
            why = f"{place(url)} answered {status}"
            raise AttemptError(Failure(cause=cause, why=why, status=status, retry_after_s=asked, reset_s=reset_s))
        if not self._api or "html" not in (response.header("content-type") or "").lower():
            return
        if status == 403:
            raise BlockedError(
                f"{place(url)} turned us away with a block page (403)",
                advice="the platform's edge blocks this address or user agent; what is stored is whole, "
                "try again later with an honest user agent from another network",
            )
        if status == 200:
            why = f"{place(url)} answered with a web page instead of data"
            raise AttemptError(Failure(cause=Cause.BODY, why=why, status=status))

    async def _after(self, failure: Failure, request: Request, *, url: str, state: _Tries) -> None:
        """Wait as the rules say, or raise what the caller shall see."""
        limited = failure.cause is Cause.RATE_LIMITED
        state.rate_hits += limited
        state.failed += not limited
        verdict = decide(
            failure,
            self._policy,
            attempt=state.failed,
            rate_hits=state.rate_hits,
            elapsed_s=state.elapsed_s(),
            waited_s=state.waited_s,
            rng=self._random.random(),
        )
        if verdict.wait_s is None:
            raise _final(failure, until_s=verdict.until_s)
        if limited:
            state.waited_s += verdict.wait_s
            if self._is_paid(request, url):
                await self._gate.hold(verdict.wait_s)
        self._emit(Retrying(source=self._source, route=request.route, why=failure.why, wait_s=verdict.wait_s))
        await clock.sleep(verdict.wait_s)

    async def _live(self, held: Held | None, *, url: str, cost: float) -> Held | None:
        """The token to go with, which may have died while the request waited its turn."""
        if held is None or self._tokens is None:
            return None
        try:
            return await self._tokens.live(held)
        except BaseException:
            await self._gate.withdraw(host_and_port(url), cost=cost)
            raise

    async def _bearer(self, request: Request, url: str) -> Held | None:
        if self._tokens is None or not request.authorize or origin(url) != self._origin:
            return None
        return await self._tokens.current()

    def _is_paid(self, request: Request, url: str) -> bool:
        """True for what draws on the API's budget. Token requests have a limit of their own (Reddit: section 5)."""
        return request.authorize and origin(url) == self._origin

    def _response(self, request: Request, *, url: str, received: Received) -> Response:
        now = clock.now()
        said = next((http_date(value) for name, value in received.headers if name == "date"), None)
        believed = said if said is not None and _OLDEST_DATE <= said <= now + 86400 else now
        if origin(url) == self._origin:
            self.ahead_s = believed - now
        return Response(
            request=_without_secrets(request),
            url=without_user(url),
            status=received.status,
            headers=received.headers,
            body=received.body,
            received_at=believed,
        )

    def _say_rotated(self) -> None:
        self._warn(f"{self._source} replaced the refresh token; the one in the settings may be refused by the next run")

    def _warn(self, what: str) -> None:
        self._emit(Finding(severity="warning", what=what))

    def _emit(self, event: Event) -> None:
        for observer in self._observers:
            observer(event)


class _Tries:
    """What happened to one request so far."""

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self.slots = slots
        self.started = clock.monotonic()
        self.failed = 0
        self.rate_hits = 0
        self.waited_s = 0.0
        """Waits after a 429."""
        self.queued_s = 0.0
        """Waits for a slot, a turn and the budget."""
        self.renewed = False
        self.held: Held | None = None
        """The token that was sent: perhaps newer than when the request began to wait its turn."""

    def elapsed_s(self) -> float:
        """Time spent, without the waits that the platform asked for."""
        return max(0.0, clock.monotonic() - self.started - self.waited_s - self.queued_s)


def _final(failure: Failure, *, until_s: float | None) -> RemoteError | RateLimitedError:
    if failure.cause is Cause.RATE_LIMITED:
        until = None if until_s is None else clock.now() + int(until_s) + 1
        return RateLimitedError(f"{failure.why}: too many requests", until=until, advice="run the same command later")
    if failure.cause is Cause.FINAL:
        return RemoteError(failure.why)
    if failure.cause is Cause.CONNECTION:
        advice = "check the network and the address; the same command goes on where it stopped"
    else:
        advice = "the platform is failing: run the same command later, it goes on where it stopped"
    return TransientRemoteError(failure.why, advice=advice)


def _headers(request: Request, held: Held | None) -> dict[str, str]:
    headers = dict(request.headers)
    return headers if held is None else headers | {"authorization": f"Bearer {held.value}"}


def _for_strangers(request: Request) -> Request:
    """The request as another host may see it."""
    kept = tuple(pair for pair in request.headers if pair[0].lower() not in {"authorization", "cookie"})
    return msgspec.structs.replace(request, headers=kept)


def _without_secrets(request: Request) -> Request:
    """The request as a Response may carry it around: no form (passwords), no authorization header."""
    if not request.form and not request.headers:
        return request
    kept = tuple(pair for pair in request.headers if pair[0].lower() != "authorization")
    form = request.form if request.authorize else ()
    return msgspec.structs.replace(request, form=form, headers=kept)
