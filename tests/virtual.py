"""Time that jumps: whoever waits long is there at once, and the pretend platform with him.

A week of watching takes minutes. Short waits (under `REAL_S`) stay real, so that requests under way are let finish."""

from __future__ import annotations

import asyncio
import heapq
import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from hubbub import clock

REAL_S = 0.2


class VirtualTime:
    """Stands in for `hubbub.clock`. With `control`, the address of a simulator in another process, that one's clock is
    moved along; a simulator in this process reads this one."""

    def __init__(self, *, start: float, control: str | None = None) -> None:
        self._began = time.monotonic()
        self._start = start
        self._jumped = 0.0
        self._control = control
        self._wakes: list[float] = []

    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began + self._jumped

    def now(self) -> int:
        return int(self._start + self.elapsed())

    def monotonic(self) -> float:
        return self._began + self.elapsed()

    def pause(self, seconds: float) -> None:
        time.sleep(max(0.0, min(seconds, REAL_S)))

    async def sleep(self, seconds: float) -> None:
        """Jump to the earliest wake of all who wait long."""
        if seconds < REAL_S:
            await asyncio.sleep(max(0.0, seconds))
            return
        wake = self.elapsed() + seconds
        heapq.heappush(self._wakes, wake)
        try:
            await asyncio.sleep(0.001)
            while (left := wake - self.elapsed()) > 0:
                if wake == self._wakes[0]:
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
        names = ("now", "monotonic", "pause", "sleep")
        before = {name: getattr(clock, name) for name in names}
        for name in names:
            setattr(clock, name, getattr(self, name))
        try:
            yield self
        finally:
            for name, function in before.items():
                setattr(clock, name, function)
