"""Time that jumps: when all that is left to do is to wait long, the wait is over at once, for the pretend platform too.

A week of watching takes minutes. Short waits (under `REAL_S`) stay real. Something else is going on while a request or
a question to the store is under way; when these wait themselves (for the budget, for a host that failed), that nobody
looks at the clock any more tells it."""

from __future__ import annotations

import asyncio
import functools
import heapq
import json
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hubbub import clock
from hubbub.http.client import Client
from hubbub.pipeline.writer import Writer

REAL_S = 0.2
QUIET_S = 0.1
"""Nobody has looked at the clock for so long: what is under way waits as well."""


class VirtualTime:
    """Stands in for `hubbub.clock`. With `control`, the address of a simulator in another process, that one's clock is
    moved along; a simulator in this process reads this one. `quiet_s`: see `QUIET_S`; more of it where answers take
    long to make."""

    def __init__(self, *, start: float, control: str | None = None, quiet_s: float = QUIET_S) -> None:
        self._began = time.monotonic()
        self._start = start
        self._jumped = 0.0
        self._control = control
        self._quiet_s = quiet_s
        self._wakes: list[float] = []
        self._looked_at = self._began
        self._under_way = 0

    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began + self._jumped

    def now(self) -> int:
        """Epoch seconds."""
        self._looked_at = time.monotonic()
        return int(self._start + self.elapsed())

    def monotonic(self) -> float:
        """Seconds on the same clock."""
        self._looked_at = time.monotonic()
        return self._began + self.elapsed()

    def pause(self, seconds: float) -> None:
        time.sleep(max(0.0, min(seconds, REAL_S)))

    async def sleep(self, seconds: float) -> None:
        """Wait, or jump to the earliest wake of all who wait long once nothing else goes on."""
        if seconds < REAL_S:
            await asyncio.sleep(max(0.0, seconds))
            return
        wake = self.elapsed() + seconds
        heapq.heappush(self._wakes, wake)
        try:
            idle = 0
            while (left := wake - self.elapsed()) > 0:
                idle = 0 if self._under_way else idle + 1
                if wake == self._wakes[0] and (idle > 2 or time.monotonic() - self._looked_at > self._quiet_s):
                    self.jump(left)
                else:
                    await asyncio.sleep(0.001)
        finally:
            self._wakes.remove(wake)
            heapq.heapify(self._wakes)

    def jump(self, seconds: float) -> None:
        """Move on, the other process too."""
        self._jumped += seconds
        if self._control is not None:
            body = json.dumps({"advance": seconds}).encode()
            with urllib.request.urlopen(f"{self._control}/__control", data=body, timeout=30) as answer:
                answer.read()

    @contextmanager
    def installed(self) -> Iterator[VirtualTime]:
        """In the place of `hubbub.clock` for a while."""
        patched: list[tuple[Any, str, Any]] = [
            *((clock, name, getattr(self, name)) for name in ("now", "monotonic", "pause", "sleep")),
            *((kind, name, self._counted(getattr(kind, name))) for kind, name in _WORK),
        ]
        before = [(place, name, getattr(place, name)) for place, name, _ in patched]
        for place, name, function in patched:
            setattr(place, name, function)
        try:
            yield self
        finally:
            for place, name, function in before:
                setattr(place, name, function)

    def _counted(self, work: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(work)
        async def counted(*given: Any, **named: Any) -> Any:
            self._under_way += 1
            try:
                return await work(*given, **named)
            finally:
                self._under_way -= 1

        return counted


_WORK: tuple[tuple[Any, str], ...] = ((Client, "fetch"), (Writer, "put"), (Writer, "ask"))
