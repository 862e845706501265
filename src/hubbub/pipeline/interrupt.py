"""Ctrl-C and its kin: the first asks the run to stop in order, the second ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def _nothing() -> None:
    pass


def _interrupt() -> None:
    raise KeyboardInterrupt


class Interrupts:
    """Context manager that turns the first SIGINT, SIGTERM or SIGHUP into a wish (`requested`, and a call of
    `on_request`), the second into a call of `on_demand` (by default KeyboardInterrupt), and leaves the third to whoever
    was there before.

    Signals somebody chose to ignore (nohup) stay ignored. Outside the main thread it does nothing."""

    def __init__(
        self, on_request: Callable[[], None] = _nothing, *, on_demand: Callable[[], None] = _interrupt
    ) -> None:
        self.requested = False
        self._on_request = on_request
        self._on_demand = on_demand
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._caught)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _caught(self, _number: int, _frame: FrameType | None) -> None:
        if self.requested:
            self._restore()
            self._on_demand()
            return
        self.requested = True
        self._on_request()

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())
