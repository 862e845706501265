"""Where a budget is kept: in this process, or in a place that several processes share which use one credential."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Protocol

import msgspec

from hubbub import clock
from hubbub.http import limits
from hubbub.http.access import BudgetReading
from hubbub.http.limits import Budget

LOST_S = 180.0
"""A process that has not touched the budget for so long is gone, and its requests under way with it."""
AWAY_S = 30.0
"""How long a shared place that failed is left alone."""


class Keeper(Protocol):
    """Holds the budget of one credential."""

    async def take(self, cost: float = 1.0) -> float:
        """Take leave for one request of this cost now (0.0), or how many seconds to wait before asking again."""
        ...

    async def give_back(self, reading: BudgetReading | None, cost: float = 1.0) -> None:
        """A request is over; what its answer says of the budget."""
        ...

    async def withdraw(self, cost: float = 1.0) -> None:
        """A request that had leave does not go after all."""
        ...

    async def hold(self, seconds: float) -> None:
        """After a 429: let nobody pass for so long."""
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...


class LocalKeeper:
    """The budget of one process."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    async def take(self, cost: float = 1.0) -> float:
        """Leave for one request, or how long to wait."""
        now = clock.monotonic()
        wait = limits.wait_s(self._budget, now, cost=cost)
        if wait <= 0:
            self._budget = limits.taken(self._budget, now, cost=cost)
        return max(0.0, wait)

    async def give_back(self, reading: BudgetReading | None, cost: float = 1.0) -> None:
        """One request is over."""
        self._budget = limits.answered(self._budget, reading, clock.monotonic(), cost=cost)

    async def withdraw(self, cost: float = 1.0) -> None:
        """A request that had leave never left."""
        self._budget = limits.untaken(self._budget, cost=cost)

    def learn(self, reading: BudgetReading | None, cost: float = 1.0) -> None:
        """What an answer says to a request that was not taken from here."""
        now = clock.monotonic()
        self._budget = limits.answered(limits.taken(self._budget, now, cost=cost), reading, now, cost=cost)

    async def hold(self, seconds: float) -> None:
        """Nobody passes for so long."""
        self._budget = limits.held(self._budget, seconds, clock.monotonic())

    def close(self) -> None:
        """Nothing to let go of."""


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept in a shared place: the budget, by the place's own clock, and who has requests under way."""

    budget: Budget
    under_way: dict[str, tuple[float, float]] = {}
    """Per process: what its requests cost that are sent and not yet answered, and when it was last heard of."""


class AwayError(Exception):
    """The shared place cannot be reached; `str` says where it is and why, without secrets."""


Step = Callable[[bytes | None, float], bytes | None]


class Place(Protocol):
    """Changes a value that several processes share."""

    where: str

    def change(self, step: Step) -> None:
        """Replace what is kept by what `step` makes of it and the time there (epoch seconds), or leave it for None;
        `step` may be called again when another process came in between. Raises AwayError."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class SharedKeeper:
    """A budget that several processes share. While its place is away each goes on alone, at half the pace."""

    def __init__(
        self, place: Place, *, fresh: Callable[[float], Budget], alone: Budget, warn: Callable[[str], None]
    ) -> None:
        """`fresh` opens a budget at a time of the place's clock, `alone` is of this process."""
        self._place = place
        self._fresh = fresh
        self._alone = LocalKeeper(alone)
        self._warn = warn
        self._name = uuid.uuid4().hex
        self._away_until: float | None = None
        self._turn = asyncio.Lock()
        self._under_way = 0.0
        """Taken from the shared budget for requests that are not over. It is written down as it stands, not counted up
        and down there: what could not be said while the place was away is said with the next change."""
        self._local = 0
        """Requests under way that were taken from the budget of this process alone."""

    async def take(self, cost: float = 1.0) -> float:
        """Leave for one request, or how long to wait."""
        taking = asyncio.ensure_future(self._take(cost))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            if await taking <= 0:
                await self.withdraw(cost)
            raise

    async def give_back(self, reading: BudgetReading | None, cost: float = 1.0) -> None:
        """One request is over. What its answer says is for all, wherever it was taken from."""
        async with self._turn:
            if self._local:
                self._local -= 1
                await self._alone.give_back(reading, cost)
            else:
                self._under_way = max(0.0, self._under_way - cost)
                self._alone.learn(reading, cost)
            await self._changed(lambda budget, now: limits.answered(budget, reading, now, cost=cost))

    async def withdraw(self, cost: float = 1.0) -> None:
        """Nobody uses the leave that was taken."""
        async with self._turn:
            if self._local:
                self._local -= 1
                await self._alone.withdraw(cost)
            else:
                self._under_way = max(0.0, self._under_way - cost)
                await self._changed(lambda budget, _: budget)

    async def hold(self, seconds: float) -> None:
        """Nobody passes for so long, in no process."""
        async with self._turn:
            await self._alone.hold(seconds)
            await self._changed(lambda budget, now: limits.held(budget, seconds, now))

    def close(self) -> None:
        """Let go of the connection."""
        self._place.close()

    async def _take(self, cost: float) -> float:
        async with self._turn:
            wait = 0.0

            def take(budget: Budget, now: float) -> Budget | None:
                nonlocal wait
                wait = limits.wait_s(budget, now, cost=cost)
                return None if wait > 0 else limits.taken(budget, now, cost=cost)

            if await self._changed(take, more=cost):
                self._under_way += cost if wait <= 0 else 0.0
                return wait
            wait = await self._alone.take(cost)
            self._local += wait <= 0
            return wait

    async def _changed(self, step: Callable[[Budget, float], Budget | None], *, more: float = 0.0) -> bool:
        """Take one step with the shared budget, with so much more of this process under way; a step to None
        changes nothing. False while the place is away."""
        if self._away_until is not None and clock.monotonic() < self._away_until:
            return False

        def change(kept: bytes | None, now: float) -> bytes | None:
            ledger = self._read(kept, now)
            budget = step(ledger.budget, now)
            if budget is None:
                return None
            mine = {self._name: (self._under_way + more, now)}
            return msgspec.json.encode(Ledger(budget=budget, under_way=ledger.under_way | mine))

        try:
            await asyncio.to_thread(self._place.change, change)
        except AwayError as error:
            if self._away_until is None:
                self._warn(f"{error}; going on alone at half the pace, so that others who share it have theirs")
            self._away_until = clock.monotonic() + AWAY_S
            return False
        self._away_until = None
        return True

    def _read(self, kept: bytes | None, now: float) -> Ledger:
        """What is kept, without processes that are gone; a new budget where there is none that can be read."""
        try:
            ledger = Ledger(budget=self._fresh(now)) if kept is None else msgspec.json.decode(kept, type=Ledger)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            ledger = Ledger(budget=self._fresh(now))
        alive = {name: each for name, each in ledger.under_way.items() if now - each[1] < LOST_S}
        count = sum(count for count, _ in alive.values())
        return Ledger(budget=msgspec.structs.replace(ledger.budget, in_flight=count), under_way=alive)
