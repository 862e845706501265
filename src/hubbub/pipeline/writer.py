"""The one thread that writes: pages go in from many streams and are committed one by one, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from hubbub.pipeline.run import Run
from hubbub.store.batch import Batch

T = TypeVar("T")

ROOM = 8
"""Pages that may wait; with one more in the hands of each stream this bounds the memory of a sync."""


class Writer:
    """Stores batches through a run, each in a transaction of its own, in the order in which they were put.

    The first batch that fails is the last that was tried: what was queued behind it is dropped, because its
    checkpoints may stand on the lost one, and every later call raises that error. Belongs to one event loop."""

    def __init__(self, run: Run, *, room: int = ROOM) -> None:
        self._run = run
        self._room = asyncio.Semaphore(room)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="writer")
        self._error: BaseException | None = None
        self._abandoned = False

    async def put(self, batch: Batch, *, missing: int = 0, note: str | None = None) -> None:
        """Queue a batch, and what to count and note once it is stored; waits while the queue is full.

        Raises the error that stopped the writer."""
        await self._room.acquire()
        try:
            self._check()
            done = asyncio.get_running_loop().run_in_executor(
                self._thread, lambda: self._store(batch, missing=missing, note=note)
            )
        except BaseException:
            self._room.release()
            raise
        done.add_done_callback(lambda _: self._room.release())

    async def ask(self, question: Callable[[], T]) -> T:
        """The answer to a question put to the store after everything queued so far is committed.

        Raises the error that stopped the writer, or the question's own."""

        def answer() -> T:
            self._check()
            return question()

        return await asyncio.get_running_loop().run_in_executor(self._thread, answer)

    async def flush(self) -> None:
        """Wait until everything queued so far is committed; raises the error that stopped the writer."""
        await self.ask(lambda: None)

    def close(self) -> None:
        """End the thread; a batch being written is finished, one still queued is dropped. Never raises."""
        self._abandoned = True
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _store(self, batch: Batch, *, missing: int, note: str | None) -> None:
        if self._error is not None or self._abandoned:
            return
        try:
            self._run.write(batch)
            self._run.miss(missing)
            if note is not None:
                self._run.finding("warning", f"{batch.stream}: {note}")
        except BaseException as error:  # noqa: BLE001 - kept, and raised where batches come from
            self._error = error

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
