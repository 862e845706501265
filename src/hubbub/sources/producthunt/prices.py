"""What a query costs, learned from what the platform says is left (producthunt.md §3). Plain state of one sync.

Product Hunt prices queries in points and does not say how. What was left before an answer, less what is left after it,
is the price, unless somebody else spent in between: then it is more. So the greatest of the last ten counts. Where a
window ended in between nothing is learned."""

from __future__ import annotations

from collections import deque

import msgspec

from hubbub.plugins.contracts import Checkpoint
from hubbub.sources.producthunt.queries import Template

KEY = "prices"
REMEMBERED = 10
POINTS, WINDOW_S = 6_250, 900
"""What an application may spend in a window, and how long one is."""
MARGIN = 1.1
"""By how much a guess is raised: the platform's own count may differ."""


class _Remembered(msgspec.Struct, frozen=True):
    """The checkpoint of the prices."""

    prices: dict[str, float]


class Prices:
    """Prices by query and page size, of one sync."""

    def __init__(self, saved: Checkpoint | None = None) -> None:
        """`saved` is what an earlier sync has learned."""
        known = {} if saved is None else msgspec.json.decode(saved.state, type=_Remembered).prices
        self._seen: dict[str, deque[float]] = {key: deque([price], maxlen=REMEMBERED) for key, price in known.items()}
        self._left: float | None = None
        self._resets_in_s: float | None = None
        self.spent: float = 0.0
        """Points that the answers so far cost."""

    def of(self, template: Template, *, size: int = 0) -> float:
        """The points a request is expected to take."""
        seen = self._seen.get(_key(template, size))
        if seen:
            return max(seen)
        guess = MARGIN * (template.base + template.each * size)
        return guess * max((self._dearness(template, other) for other in self._sizes(template)), default=1.0)

    def learn(self, template: Template, *, size: int = 0, left: float | None, resets_in_s: float | None = None) -> None:
        """Note what is left after an answer, and in how many seconds the window ends."""
        before, self._left = self._left, left
        ended, self._resets_in_s = self._is_new(resets_in_s), resets_in_s
        if left is None or before is None or ended:
            return
        if (price := before - left) > 0:
            self._seen.setdefault(_key(template, size), deque(maxlen=REMEMBERED)).append(price)
            self.spent += price

    def _is_new(self, resets_in_s: float | None) -> bool:
        """Whether a window ended in between: less time is left in one window with each answer."""
        before = self._resets_in_s
        return before is not None and resets_in_s is not None and resets_in_s > before

    def _sizes(self, template: Template) -> list[int]:
        named = (key.rpartition("/") for key in self._seen)
        return [int(size) for name, _, size in named if name == template.name]

    def _dearness(self, template: Template, size: int) -> float:
        """By how much the guess for another size of page was wrong, when it was too low."""
        return max(1.0, max(self._seen[_key(template, size)]) / (template.base + template.each * size))

    def mark(self) -> Checkpoint:
        """What was learned, to be remembered."""
        prices = {key: max(prices) for key, prices in sorted(self._seen.items())}
        return Checkpoint(key=KEY, state=msgspec.json.encode(_Remembered(prices)).decode())


def size_for(wanted: int, *, most: int) -> int:
    """The page to ask for where about so many nodes are wanted: a connection is paid by the page, whatever comes."""
    return max(1, min(most, wanted))


def _key(template: Template, size: int) -> str:
    return f"{template.name}/{size}"
