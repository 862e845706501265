"""What a request goes through that has to wait its turn: it says so, keeps its retries, and leaves with a live token."""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest

from hubbub import clock
from hubbub.errors import RateLimitedError, TransientRemoteError
from hubbub.events import Event, RequestDone, Waiting
from hubbub.http import limits
from hubbub.http.access import BudgetReading
from hubbub.http.budgets import LocalKeeper
from hubbub.http.gate import Gate
from hubbub.http.limits import CoolDownRules
from hubbub.http.messages import Request
from hubbub.http.retry import RetryPolicy

from .loopback import QUICK, Answer, Seen, access, asking, serving, token_flow


def spent(reset_s: float) -> dict[str, str]:
    return {"x-ratelimit-remaining": "0", "x-ratelimit-used": "100", "x-ratelimit-reset": str(reset_s)}


GOOD = {"x-ratelimit-remaining": "900", "x-ratelimit-used": "100", "x-ratelimit-reset": "300"}


async def test_a_long_wait_is_told_once_with_why_and_until_when(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("hubbub.clock.sleep", sleep)
    monkeypatch.setattr("hubbub.clock.monotonic", lambda: sum(slept))
    events: list[Event] = []
    keeper = LocalKeeper(limits.opened(100, 0.0))
    gate = Gate("reddit", keeper=keeper, policy=RetryPolicy(), rules=CoolDownRules(), emit=events.append)
    await gate.enter("host", cost=1.0, patience_s=10)
    await gate.leave("host", cost=1.0, reading=BudgetReading(remaining=0, used=9, reset_s=299.5), healthy=True)
    before = clock.now()
    waited = await gate.enter("host", cost=1.0, patience_s=10)
    assert waited == pytest.approx(299.5)
    (told,) = events
    assert isinstance(told, Waiting)
    assert "budget" in told.why
    assert before + 299 <= told.until <= clock.now() + 301


async def test_a_wait_that_turns_out_longer_is_told_again() -> None:
    """Another process may use up what is left while this one waits its turn."""
    events: list[Event] = []
    waits = iter([3.0, 500.0])

    class Elsewhere(LocalKeeper):
        async def take(self, cost: float = 1.0) -> float:
            return next(waits)

    policy = RetryPolicy(max_wait_s=400)
    keeper = Elsewhere(limits.opened(100, 0.0))
    gate = Gate("reddit", keeper=keeper, policy=policy, rules=CoolDownRules(), emit=events.append)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("hubbub.clock.sleep", lambda _: asyncio.sleep(0))
        with pytest.raises(RateLimitedError) as caught:
            await gate.enter("host", cost=1.0, patience_s=10)
    assert [event.wait_s for event in events if isinstance(event, Waiting)] == [3.0]
    assert caught.value.until is not None
    assert caught.value.until >= clock.now() + 499


@pytest.mark.parametrize("concurrency", [1, 10])
async def test_waiting_behind_others_leaves_a_request_its_retries(concurrency: int) -> None:
    """The budget's waits of those before it are no delay of the host."""
    count = itertools.count(1)

    def answer(_: Seen) -> Answer:
        n = next(count)
        if n == 1:
            return 200, spent(1.5), b"{}"
        return (503, GOOD, b"") if n in {4, 6} else (200, GOOD, b"{}")

    policy = RetryPolicy(attempts=3, backoff_s=0.005, attempt_s=0.5, total_s=1.2, max_wait_s=5.0, silence_s=0.4)
    async with serving(answer) as server, asking(access(server.url), policy=policy, concurrency=concurrency) as client:
        await client.fetch(Request(url="/first"))
        answers = await asyncio.gather(*(client.fetch(Request(url=f"/{n}")) for n in range(6)))
    assert [each.status for each in answers] == [200] * 6


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_a_refused_token_costs_no_request_but_those_that_were_under_way(concurrency: int) -> None:
    """Those that waited behind them go with its successor, and the successor is not asked for at the end of the queue."""
    tokens = itertools.count(1)

    def answer(seen: Seen) -> Answer:
        if seen.target == "/api/v1/access_token":
            return 200, {}, json.dumps({"access_token": f"t{next(tokens)}"}).encode()
        return (401, {}, b"{}") if seen.headers["authorization"] == "Bearer t1" else (200, {}, b"{}")

    events: list[Event] = []
    async with serving(answer) as server:
        to = access(server.url, token=token_flow(server.url))
        async with asking(to, events=events, concurrency=concurrency) as client:
            await asyncio.gather(*(client.fetch(Request(url=f"/{n}", route="data")) for n in range(20)))
    statuses = [event.status for event in events if isinstance(event, RequestDone) and event.route == "data"]
    assert statuses.count(401) <= concurrency
    assert statuses.count(200) == 20
    assert next(tokens) == 3, "two tokens were asked for"


async def test_a_token_that_grows_old_while_a_request_waits_is_renewed_before_it_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passed, tokens = [0.0], itertools.count(1)
    real = clock.monotonic
    monkeypatch.setattr("hubbub.clock.monotonic", lambda: real() + passed[0])

    def answer(seen: Seen) -> Answer:
        if seen.target == "/api/v1/access_token":
            return 200, {}, json.dumps({"access_token": f"t{next(tokens)}"}).encode()
        return (200, spent(1.2), b"{}") if seen.headers["authorization"] == "Bearer t1" else (200, GOOD, b"{}")

    async with (
        serving(answer) as server,
        asking(access(server.url, token=token_flow(server.url, expires_in_s=600))) as client,
    ):
        await client.fetch(Request(url="/a"))
        waiting = asyncio.ensure_future(client.fetch(Request(url="/b")))
        await asyncio.sleep(0.1)
        passed[0] = 600.0
        assert (await waiting).status == 200
    assert [seen.headers["authorization"] for seen in server.seen if seen.method == "GET"] == ["Bearer t1", "Bearer t2"]


async def test_one_probe_asks_a_host_that_failed_and_the_others_wait_for_its_answer() -> None:
    """Fifty tasks that wait for a host cost it one request, not fifty."""
    up, came = [False], asyncio.Event()

    def answer(_: Seen) -> Answer:
        if up[0]:
            came.set()
        return (200, {}, b"{}") if up[0] else (503, {}, b"")

    rules = CoolDownRules(after_failures=2, first_s=0.3, longest_s=0.3, probe_s=2.0)
    policy = RetryPolicy(attempts=1, attempt_s=2.0, total_s=5.0, max_wait_s=5.0)
    async with serving(answer) as server, asking(access(server.url), policy=policy, cool_down=rules) as client:
        for _ in range(2):
            with pytest.raises(TransientRemoteError):
                await client.fetch(Request(url="/a"))
        up[0], server.delay_s = True, 0.1
        before = len(server.seen)
        waiting = [asyncio.ensure_future(client.fetch(Request(url="/b"))) for _ in range(8)]
        await came.wait()
        assert (len(server.seen) - before, server.most_under_way) == (1, 1)
        answers = await asyncio.gather(*waiting)
    assert {each.status for each in answers} == {200}


@pytest.mark.parametrize("hours", [-26, -1, 1, 23, 100])
async def test_a_platform_whose_clock_is_far_off_is_waited_for_by_its_own_clock(hours: int) -> None:
    """`Retry-After` as a date is a time of the clock that says `Date`."""
    from email.utils import formatdate  # noqa: PLC0415 - read beside what it makes

    there = clock.now() + hours * 3600
    count = itertools.count(1)

    def answer(_: Seen) -> Answer:
        date = {"date": formatdate(there, usegmt=True), "retry-after": formatdate(there + 1, usegmt=True)}
        return (429, date, b"") if next(count) == 1 else (200, date, b"{}")

    policy = RetryPolicy(rate_floor_s=0.005, max_wait_s=5.0, attempt_s=0.5, total_s=QUICK.total_s)
    async with serving(answer) as server, asking(access(server.url), policy=policy) as client:
        began = clock.monotonic()
        response = await client.fetch(Request(url="/a"))
        assert 0.9 <= clock.monotonic() - began <= 3
    assert response.received_at <= clock.now() + 86_400
