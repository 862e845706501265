"""The budget of points: what an application may spend in a window, whichever of its tokens it uses."""

from __future__ import annotations

import msgspec


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where the application stands after a request."""

    limit: int
    remaining: int
    """Below zero when the request was refused: by so much it did not fit."""
    reset_s: int
    """Whole seconds until the window ends."""
    refused: bool = False


class Points:
    """Counts points in fixed windows of virtual time; a window begins with its first request.

    That a refused request costs nothing, so that a cheaper one may still fit, is an assumption."""

    def __init__(self, *, points: int, seconds: int) -> None:
        self.limit = points
        self.seconds = seconds
        self.spent = 0
        """All in all, over all windows."""
        self.refused = 0
        """Requests that did not fit."""
        self._began: float | None = None
        self._used = 0

    def spend(self, price: int, *, at: float) -> Standing:
        """Take so many points for a request at this time, or refuse it."""
        self._turn(at)
        if price > self.limit - self._used:
            self.refused += 1
            return self._standing(at, remaining=self.limit - self._used - price, refused=True)
        self._used += price
        self.spent += price
        return self._standing(at, remaining=self.limit - self._used)

    def use_up(self, *, at: float) -> Standing:
        """Let the rest of the window be gone, as if another program of the same application had spent it."""
        self._turn(at)
        self._used = self.limit
        return self._standing(at, remaining=0)

    def _turn(self, at: float) -> None:
        if self._began is None or not self._began <= at < self._began + self.seconds:
            self._began, self._used = at, 0

    def _standing(self, at: float, *, remaining: int, refused: bool = False) -> Standing:
        began = at if self._began is None else self._began
        reset_s = max(1, int(began + self.seconds - at))
        return Standing(limit=self.limit, remaining=remaining, reset_s=reset_s, refused=refused)
