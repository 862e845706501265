"""Where every attempt waits its turn: first until its host is not cooling down, then until the budget lets it pass."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from hubbub import clock
from hubbub.errors import RateLimitedError, TransientRemoteError
from hubbub.events import Event, Waiting
from hubbub.http import limits
from hubbub.http.access import BudgetReading
from hubbub.http.budgets import Keeper
from hubbub.http.retry import RetryPolicy

_LOOK_AGAIN_S = 5.0
"""Answers on their way may change how long to wait."""
_WORTH_SAYING_S = 2.0
_LONGER_S = 10.0


class Gate:
    """Where the budget of one Access is asked, and the cool-downs of the hosts it asks."""

    def __init__(
        self,
        source: str,
        *,
        keeper: Keeper,
        policy: RetryPolicy,
        rules: limits.CoolDownRules,
        emit: Callable[[Event], None],
    ) -> None:
        self._source = source
        self._policy = policy
        self._rules = rules
        self._emit = emit
        self._keeper = keeper
        self._hosts: dict[str, limits.CoolDown] = {}
        self._turn = asyncio.Lock()

    async def enter(self, host: str, *, cost: float, patience_s: float) -> float:
        """Wait until a request to `host` may leave; returns the seconds waited for its turn and the budget. Pair it
        with leave() or withdraw().

        `cost` is what the request takes from the budget, 0 where it takes nothing. Raises RateLimitedError when the
        budget asks for more than `max_wait_s`, TransientRemoteError when the host cools down for longer than
        `patience_s`."""
        await self._cooled(host, patience_s)
        if not cost:
            return 0.0
        began = clock.monotonic()
        try:
            async with self._turn:
                await self._paid(cost)
        except BaseException:
            self._hosts[host] = limits.released(self._hosts[host])
            raise
        return clock.monotonic() - began

    async def leave(self, host: str, *, cost: float, reading: BudgetReading | None, healthy: bool | None) -> None:
        """A request that entered is over; `healthy` is None when it was broken off and says nothing of the host."""
        now = clock.monotonic()
        if cost:
            await self._keeper.give_back(reading, cost)
        state = self._hosts.get(host, limits.CoolDown())
        if healthy is None:
            self._hosts[host] = limits.released(state)
        else:
            self._hosts[host] = limits.succeeded(state) if healthy else limits.failed(state, self._rules, now)

    async def withdraw(self, host: str, *, cost: float) -> None:
        """A request that entered does not go after all."""
        self._hosts[host] = limits.released(self._hosts.get(host, limits.CoolDown()))
        if cost:
            await self._keeper.withdraw(cost)

    async def hold(self, seconds: float) -> None:
        """After a 429: let nobody pass for so long."""
        await self._keeper.hold(seconds)

    def close(self) -> None:
        """Let go of what the budget is kept in."""
        self._keeper.close()

    async def _cooled(self, host: str, patience_s: float) -> None:
        waited, said = 0.0, _Said()
        while (wait := limits.cool_s(self._hosts.get(host, limits.CoolDown()), self._rules, clock.monotonic())) > 0:
            if waited + wait > patience_s:
                raise TransientRemoteError(f"{host} failed too often in a row and is left alone for {wait:.0f} s")
            self._say(f"{host} failed several times in a row", wait, said=said)
            # A probe that comes back early opens the way for the others.
            step = min(wait, max(0.05, self._rules.first_s / 20))
            await clock.sleep(step)
            waited += step
        self._hosts[host] = limits.sent(self._hosts.get(host, limits.CoolDown()), self._rules, clock.monotonic())

    async def _paid(self, cost: float) -> None:
        waited, said = 0.0, _Said()
        while (wait := await self._keeper.take(cost)) > 0:
            if waited + wait > self._policy.max_wait_s:
                until = clock.now() + int(wait) + 1
                raise RateLimitedError(
                    f"the budget of {self._source} is spent for {wait:.0f} s", until=until, advice="come back then"
                )
            self._say("the platform's budget", wait, said=said)
            step = min(wait, _LOOK_AGAIN_S)
            await clock.sleep(step)
            waited += step

    def _say(self, why: str, wait: float, *, said: _Said) -> None:
        """Tell of a long wait once, and again when it turns out to be much longer."""
        until = clock.now() + math.ceil(wait)
        if wait >= _WORTH_SAYING_S and until > said.until + _LONGER_S:
            said.until = until
            self._emit(Waiting(source=self._source, why=why, wait_s=wait, until=until))


class _Said:
    """What was told of one wait."""

    def __init__(self) -> None:
        self.until = 0
