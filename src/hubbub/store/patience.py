"""Trying a transaction again when the database, not the transaction, was at fault.

A lost connection, a restart, a fail-over, a serialization failure. Safe because a batch is a merge, and because a batch
that was committed although nobody heard of it is told apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hubbub import clock
from hubbub.errors import StoreAwayError
from hubbub.events import StoreAway
from hubbub.store.backend import Backend

T = TypeVar("T")

FIRST_WAIT_S = 0.05
LONGEST_WAIT_S = 5.0


def patiently(backend: Backend, attempt: Callable[[], T], *, patience_s: float | None = None) -> T:
    """The result of `attempt`, tried again after passing failures with growing waits until patience is spent.

    Raises what the last try raised."""
    until = clock.monotonic() + (backend.options.patience_s if patience_s is None else patience_s)
    wait_s = FIRST_WAIT_S
    while True:
        try:
            return attempt()
        except StoreAwayError as error:
            if clock.monotonic() + wait_s > until:
                raise
            if backend.tell is not None:
                backend.tell(StoreAway(where=backend.where, why=str(error), wait_s=wait_s))
        clock.pause(wait_s)
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)
