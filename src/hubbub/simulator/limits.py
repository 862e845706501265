"""Fixed windows of requests, counted per key, as platforms keep them."""

from __future__ import annotations

import msgspec


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a key stands in its window, this request included."""

    used: int
    remaining: float
    """Never below zero."""
    reset_s: int
    """Whole seconds until the window ends, at least 1."""
    refused: bool
    """True when this request is over the limit."""


class Windows:
    """Counts requests per key in fixed windows of virtual time: a window begins with a key's first request.

    `used` keeps rising while a client keeps asking after exhaustion, as the real counter does."""

    def __init__(self, *, requests: int, seconds: int = 600) -> None:
        self.requests = requests
        self.seconds = seconds
        self._counts: dict[str, tuple[float, int]] = {}

    def count(self, key: str, *, at: float) -> Standing:
        """Count one request of this key at this time."""
        began, used = self._counts.get(key, (at, 0))
        if not began <= at < began + self.seconds:
            began, used = at, 0
        used += 1
        self._counts[key] = (began, used)
        return self._standing(began, used, at=at)

    def used_up(self, key: str, *, at: float) -> Standing:
        """Use up the rest of the key's window."""
        began, used = self._counts.get(key, (at, 0))
        if not began <= at < began + self.seconds:
            began = at
        used = max(used, self.requests)
        self._counts[key] = (began, used)
        return self.count(key, at=at)

    def _standing(self, began: float, used: int, *, at: float) -> Standing:
        return Standing(
            used=used,
            remaining=float(max(0, self.requests - used)),
            reset_s=max(1, int(began + self.seconds - at)),
            refused=used > self.requests,
        )
