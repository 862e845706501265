"""What a source fulfils that asks for several targets together: one agenda for all of them.

An agenda is a generator like a stream, one step up: it decides which streams run when, without clock or I/O."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

from hubbub.errors import HubbubError
from hubbub.plugins.contracts import Recall, StreamPlan, SyncOptions, Target


class Rest(msgspec.Struct, frozen=True):
    """Nothing to ask until then (epoch seconds)."""

    until: int


Outcomes = Mapping[str, HubbubError | None]
"""By the key of a stream: the error it ended with, if any."""

Agenda = Generator[tuple[StreamPlan, ...] | Recall | Rest, Any, None]
"""How several targets of a source are synced together, step by step. It yields

- streams to run side by side, and is sent how they ended (`Outcomes`) once all they brought is stored;
- a `Recall`, and is sent what the store knows;
- a `Rest` (only while it watches), and is sent the time (epoch seconds) when it is over."""


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """How a sync goes on instead of ending."""

    fresh_s: int = 600
    """How long something new may stay unseen."""
    recheck: bool = True
    """Whether everything that is stored is looked at again in time for what was deleted."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What one kind of request will cost a sync, in the platform's own measure."""

    what: str
    """In words: "new posts", "comment trees"."""
    least: int
    most: int
    """The same as `least` where it is known."""


@runtime_checkable
class PoolingSource(Protocol):
    """A source that asks for several targets together, where its platform lets it."""

    requests_a_minute: int
    """What the platform allows one credential, in the measure of its estimates: requests, unless it has a `measure`."""

    def pools(self, target: Target, options: SyncOptions) -> bool:
        """Whether this target may go with others; raises UsageError as `plan` does."""
        ...

    def agenda(self, targets: Sequence[Target], options: SyncOptions, watch: Watch | None) -> Agenda:
        """How to sync these targets together, once or (with `watch`) until nobody wants it any more."""
        ...

    def estimate(self, targets: Sequence[Target], options: SyncOptions) -> Generator[Recall, Any, list[Estimate]]:
        """What a sync of these targets will ask, told from what is stored; asks the platform nothing."""
        ...
