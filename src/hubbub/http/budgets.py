"""Where a budget is kept: in this process, or in a place that several processes share which use one credential."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec

from hubbub import clock
from hubbub.http import limits
from hubbub.http.access import BudgetReading
from hubbub.http.limits import Budget

T = TypeVar("T")

LOST_S = 180.0
"""A process that has not touched the budget for so long is gone, and its requests under way with it."""
AWAY_S = 30.0
"""How long a shared place that failed is left alone."""


class Keeper(Protocol):
    """Holds the budget of one credential."""

    async def take(self) -> float:
        """Take leave for one request now (0.0), or how many seconds to wait before asking again."""
        ...

    async def give_back(self, reading: BudgetReading | None) -> None:
        """A request is over; what its answer says of the budget."""
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

    async def take(self) -> float:
        """Leave for one request, or how long to wait."""
        now = clock.monotonic()
        wait = limits.wait_s(self._budget, now)
        if wait <= 0:
            self._budget = limits.taken(self._budget, now)
        return max(0.0, wait)

    async def give_back(self, reading: BudgetReading | None) -> None:
        """One request is over."""
        self._budget = limits.answered(self._budget, reading, clock.monotonic())

    async def hold(self, seconds: float) -> None:
        """Nobody passes for so long."""
        self._budget = limits.held(self._budget, seconds, clock.monotonic())

    def close(self) -> None:
        """Nothing to let go of."""


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept in a shared place: the budget, by the place's own clock, and who has requests under way."""

    budget: Budget
    under_way: dict[str, tuple[int, float]] = {}
    """Per process: requests sent and not yet answered, and when it was last heard of."""


class AwayError(Exception):
    """The shared place cannot be reached; `str` says where it is and why, without secrets."""


class Place(Protocol):
    """Changes a value that several processes share."""

    where: str

    def change(self, step: Callable[[bytes | None, float], bytes]) -> None:
        """Replace what is kept by what `step` makes of it and the time there (epoch seconds); `step` may be called
        again when another process came in between. Raises AwayError."""
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
        self._local = 0
        """Requests under way that were not taken from the shared budget."""

    async def take(self) -> float:
        """Leave for one request, or how long to wait."""

        def step(ledger: Ledger, now: float) -> tuple[Ledger, float]:
            wait = limits.wait_s(ledger.budget, now)
            if wait > 0:
                return ledger, wait
            return self._noted(ledger, limits.taken(ledger.budget, now), change=1, now=now), 0.0

        wait = await self._changed(step)
        if wait is None:
            wait = await self._alone.take()
            self._local += wait <= 0
        return wait

    async def give_back(self, reading: BudgetReading | None) -> None:
        """One request is over."""
        if self._local:
            self._local -= 1
            await self._alone.give_back(reading)
            return

        def step(ledger: Ledger, now: float) -> tuple[Ledger, float]:
            return self._noted(ledger, limits.answered(ledger.budget, reading, now), change=-1, now=now), 0.0

        await self._changed(step)

    async def hold(self, seconds: float) -> None:
        """Nobody passes for so long, in no process."""

        def step(ledger: Ledger, now: float) -> tuple[Ledger, float]:
            return self._noted(ledger, limits.held(ledger.budget, seconds, now), change=0, now=now), 0.0

        if await self._changed(step) is None:
            await self._alone.hold(seconds)

    def close(self) -> None:
        """Let go of the connection."""
        self._place.close()

    async def _changed(self, step: Callable[[Ledger, float], tuple[Ledger, float]]) -> float | None:
        """What the step answers; None while the place is away."""
        if self._away_until is not None and clock.monotonic() < self._away_until:
            return None
        answer = 0.0

        def change(kept: bytes | None, now: float) -> bytes:
            nonlocal answer
            ledger, answer = step(self._read(kept, now), now)
            return msgspec.json.encode(ledger)

        try:
            await asyncio.to_thread(self._place.change, change)
        except AwayError as error:
            if self._away_until is None:
                self._warn(f"{error}; going on alone at half the pace, so that others who share it have theirs")
            self._away_until = clock.monotonic() + AWAY_S
            return None
        self._away_until = None
        return answer

    def _read(self, kept: bytes | None, now: float) -> Ledger:
        """What is kept, without processes that are gone; a new budget where there is none that can be read."""
        try:
            ledger = Ledger(budget=self._fresh(now)) if kept is None else msgspec.json.decode(kept, type=Ledger)
        except msgspec.MsgspecError:
            ledger = Ledger(budget=self._fresh(now))
        alive = {name: each for name, each in ledger.under_way.items() if now - each[1] < LOST_S}
        count = sum(count for count, _ in alive.values())
        return Ledger(budget=msgspec.structs.replace(ledger.budget, in_flight=count), under_way=alive)

    def _noted(self, ledger: Ledger, budget: Budget, *, change: int, now: float) -> Ledger:
        """The ledger with this budget, and with more or fewer requests of this process under way."""
        count = max(0, ledger.under_way.get(self._name, (0, now))[0] + change)
        return Ledger(budget=budget, under_way=ledger.under_way | {self._name: (count, now)})
