"""What befalls whole communities: they become private, banned, renamed or unknown at an instant, and come back."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Literal

import msgspec

from hubbub.simulator.moments import Instant

Standing = Literal[
    "open", "restricted", "private", "quarantined", "gated", "gold_only", "banned", "legal", "missing", "listing",
    "invalid", "renamed",
]  # fmt: skip


class Fate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of a community at an instant, until its next fate."""

    community: str
    """One of the world's, or any other name: that stands for a community without content."""
    state: Standing
    """open and restricted can be read; private, quarantined, gated, gold_only are forbidden (403); banned is 404 with a
    reason; legal is 451; missing is unknown to the platform (302); listing is unknown, and its about page an empty
    search; invalid is a plain 404; renamed answers under the name `to`, and its own name is missing."""
    at: Instant | None = None
    """None = from the beginning; in an order to a running simulator: from now."""
    to: str = ""
    """The new name of a renamed community."""


class Fates:
    """The fates of all communities, in the order of their instants."""

    def __init__(self) -> None:
        self._fates: list[tuple[float, Fate]] = []
        self._past: dict[str, list[tuple[float, Fate]]] = {}

    def add(self, fate: Fate, *, at: float) -> None:
        """One more, from this time on (epoch seconds); of several at one time the last one added counts."""
        for timeline in (self._fates, self._past.setdefault(fate.community.casefold(), [])):
            timeline.append((at, fate))
            timeline.sort(key=lambda pair: pair[0])

    def phase(self, at: float) -> tuple[int, int]:
        """The same value for all times between which no community's standing changes."""
        return len(self._fates), bisect_right(self._fates, at, key=lambda pair: pair[0])

    def of(self, name: str, *, at: float) -> Fate | None:
        """The fate in force; None when nothing ever befell it."""
        past = self._past.get(name.casefold(), [])
        count = bisect_right(past, at, key=lambda pair: pair[0])
        return past[count - 1][1] if count else None

    def behind(self, name: str, *, at: float) -> str:
        """Which community answers to a name: another one's when it was renamed to that."""
        for community in self.renamed():
            fate = self.of(community, at=at)
            if fate is not None and fate.state == "renamed" and fate.to.casefold() == name.casefold():
                return fate.community
        return name

    def renamed(self) -> Iterable[str]:
        """Those that are ever renamed."""
        return {fate.community.casefold() for _, fate in self._fates if fate.state == "renamed"}
