"""What a session knows to be there, so that the stubs of the same people and threads are not made over and over."""

from __future__ import annotations

from typing import Any

MOST = 1_000_000
"""Keys that are remembered."""


class Mentioned:
    """Keys per table and source that are known to have a row, as long as nobody else writes or deletes."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], set[Any]] = {}
        self._size = 0

    def fresh(self, table: str, source: str, keys: set[Any]) -> set[Any]:
        """Those of these keys that are not known yet; from now on they are."""
        if self._size > MOST:
            self.forget()
        known = self._known.setdefault((table, source), set())
        fresh = keys - known
        known |= fresh
        self._size += len(fresh)
        return fresh

    def forget(self) -> None:
        """Take nothing for known any more."""
        self._known.clear()
        self._size = 0
