"""What an engine fulfils: run one function over many units in other processes, and survive the loss of any of them.

An engine promises *at least once*: a unit whose worker died is run again, from its beginning. That its result is in
place exactly once is the work of the function, which writes under names that follow from the unit alone, or merges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Generic, Protocol, TypeVar, runtime_checkable

import msgspec

U = TypeVar("U")
R = TypeVar("R")

RETRIES = 3
"""How often a unit whose worker died is run again: a unit that kills every worker must not do so for ever."""


class Finished(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """One unit that will not be run again."""

    at: int
    """Its place in the sequence of units."""
    value: R | None = None
    """What the function returned."""
    lost: str | None = None
    """Why there is no value: its worker died again and again; else None."""


class Pool(Protocol):
    """Workers that are ready, for one `map_unordered`."""

    workers: int
    """How many units run side by side."""

    def map_unordered(
        self, fn: Callable[[U], R], units: Sequence[U], *, memory_bytes: int = 0, retries: int = RETRIES
    ) -> Iterator[Finished[R]]:
        """Run `fn` on every unit and hand out what came of each, as they end.

        `fn` is a function of a module and units are msgspec structs: both are sent to other processes. Each run needs
        `memory_bytes`; fewer units run side by side where there is less. An exception that `fn` raises ends it all."""
        ...

    def stop(self) -> None:
        """Begin no further unit and ask the running ones to end in order (as SIGTERM does); may be called from a signal
        handler. Those that never ended are not handed out."""
        ...


@runtime_checkable
class Engine(Protocol):
    """An engine, found in the entry-point group `hubbub.engines`."""

    name: str
    elsewhere: bool
    """True when workers may run on other machines, where an `address` names them."""

    def open(self, *, workers: int | None, address: str | None) -> AbstractContextManager[Pool]:
        """Make workers ready: at most so many, or as many as the engine thinks fit.

        Raises ConfigError when they cannot be had."""
        ...
