"""Units for an engine's own tests, and what workers do with them. Loads next to nothing: every worker loads it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import msgspec


class Marked(msgspec.Struct, frozen=True, kw_only=True):
    """A unit for an engine's own tests."""

    number: int
    folder: str
    deaths: int = 0
    """How often its worker dies before it works."""


def squared(unit: Marked) -> int:
    """The square of the number, once its worker has died often enough."""
    for attempt in range(unit.deaths):
        if first_time(Path(unit.folder) / f"{unit.number}-{attempt}"):
            os.kill(os.getpid(), signal.SIGKILL)
    return unit.number**2


def failing(unit: Marked) -> int:
    """Has a bug for every number but 1."""
    if unit.number != 1:
        raise ZeroDivisionError(str(unit.number))
    return 1


def waiting(unit: Marked) -> str:
    """Says that it began, then waits for a signal to end in order."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    (Path(unit.folder) / f"{unit.number}").touch()
    signal.sigwait([signal.SIGTERM])
    return "ended in order"


def first_time(marker: Path) -> bool:
    """Whether nobody has been here yet."""
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True
