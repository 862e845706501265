"""The virtual clock: where the pretend platform's time begins, how fast it runs, and what each request adds."""

from __future__ import annotations

import threading

from hubbub import clock


class VirtualClock:
    """Epoch seconds of the pretend platform: `start` + real time x `speed` + `step` for every request served.

    `read` gives the time elapsed on a real clock; tests hand in their own."""

    def __init__(self, start: float, *, speed: float = 1.0, step: float = 0.7) -> None:
        self.start = start
        self.speed = speed
        self.step = step
        self._began = clock.monotonic()
        self._added = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Seconds since the epoch, as the platform sees it."""
        with self._lock:
            return self.start + (clock.monotonic() - self._began) * self.speed + self._added

    def tick(self) -> float:
        """Count one request; returns the time at which it is answered."""
        with self._lock:
            self._added += self.step
        return self.now()

    def advance(self, seconds: float) -> None:
        """Jump ahead (back, when negative)."""
        with self._lock:
            self._added += seconds

    def set(self, at: float) -> None:
        """Jump to this time."""
        self.advance(at - self.now())
