"""Processes of this machine. Each worker has an executor of its own, so that one that is killed takes nobody along.

Of the standard library's pools neither survives a lost worker: `multiprocessing.Pool` waits for it for ever, and a
`ProcessPoolExecutor` breaks and ends all its other workers.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from typing import Any

from hubbub.engines.contracts import RETRIES, Finished, R, U


class _Worker:
    """One process, made when it is first needed and again when it has died."""

    def __init__(self) -> None:
        self._executor: ProcessPoolExecutor | None = None
        self._pid: Future[int] | None = None

    def submit(self, fn: Callable[[U], R], unit: U) -> Future[R]:
        if self._executor is None:
            # spawn: a forked copy of a process with threads (Arrow has some) may hang
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(1, mp_context=context, initializer=_settle)
            self._pid = self._executor.submit(os.getpid)
        return self._executor.submit(fn, unit)

    def send(self, number: int) -> None:
        """Send a signal to the process, if it runs."""

        def tell(pid: Future[int]) -> None:
            if not pid.cancelled() and pid.exception() is None:
                with suppress(ProcessLookupError):
                    os.kill(pid.result(), number)

        if self._pid is not None:
            self._pid.add_done_callback(tell)  # at once, or when a process that is just beginning says who it is

    def end(self) -> None:
        """Wait until the process has ended; one that died is buried."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
        self._executor = self._pid = None


class LocalPool:
    """So many processes."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._stopping = False
        self._running: dict[Future[Any], tuple[_Worker, int]] = {}

    def map_unordered(
        self, fn: Callable[[U], R], units: Sequence[U], *, memory_bytes: int = 0, retries: int = RETRIES
    ) -> Iterator[Finished[R]]:
        """See `Pool`."""
        count = min(self.workers, len(units), _fitting(memory_bytes))
        idle = [_Worker() for _ in range(count)]
        waiting = deque(range(len(units)))
        deaths: Counter[int] = Counter()
        try:
            while waiting or self._running:
                while waiting and idle and not self._stopping:
                    worker, at = idle.pop(), waiting.popleft()
                    self._running[worker.submit(fn, units[at])] = worker, at
                if not self._running:
                    break
                for future in wait(self._running, return_when=FIRST_COMPLETED).done:
                    worker, at = self._running.pop(future)
                    idle.append(worker)
                    try:
                        value: R = future.result()
                    except BrokenProcessPool:
                        worker.end()
                        deaths[at] += 1
                        if deaths[at] <= retries:
                            waiting.append(at)
                        else:
                            yield Finished(at=at, lost=f"the process that worked on it was killed {deaths[at]} times")
                    else:
                        yield Finished(at=at, value=value)
        finally:
            for worker, _ in self._running.values():  # only on the way out of an error, or a second Ctrl-C
                worker.send(signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
                worker.end()
            for worker in idle:
                worker.end()

    def stop(self) -> None:
        """See `Pool`."""
        self._stopping = True
        for worker, _ in tuple(self._running.values()):
            worker.send(signal.SIGTERM)


class LocalEngine:
    """The built-in engine `local`."""

    name = "local"
    elsewhere = False

    @contextmanager
    def open(self, *, workers: int | None, address: str | None) -> Iterator[LocalPool]:
        """One process unless more are asked for; there is nothing at an address."""
        assert address is None
        yield LocalPool(workers or 1)


def _fitting(memory_bytes: int) -> int:
    """How many units of this size the machine's memory holds, at least one."""
    if not memory_bytes or not hasattr(os, "sysconf"):
        return sys.maxsize
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, there // memory_bytes)


def _settle() -> None:
    """The manners of a worker: Ctrl-C is for the command, which says when to stop; without the command it ends."""
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


ENGINE = LocalEngine()
"""What the entry point names."""
