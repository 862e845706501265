"""Runs an iterator in a thread of its own, a few items ahead of whoever takes them.

Unpacking and reading let go of the interpreter, so that they go on while the lines before are decoded and stored."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator
from contextlib import closing
from typing import TypeVar

T = TypeVar("T")

DEPTH = 4
"""Items that may lie ready; a piece of a file has up to a mebibyte."""


class _End:
    """What follows the last item: the error that ended the iterator, if any."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ahead(items: Generator[T], *, depth: int = DEPTH) -> Generator[T]:
    """The same items, in order, made by a thread; an error comes after the items before it.

    Whoever stops taking them ends the thread at its next item (close the iterator)."""
    ready: queue.Queue[T | _End] = queue.Queue(depth)
    stopped = threading.Event()

    def make() -> None:
        error: BaseException | None = None
        try:
            with closing(items):
                for item in items:
                    ready.put(item)
                    if stopped.is_set():
                        return
        except BaseException as caught:  # noqa: BLE001 - raised again where the items are taken
            error = caught
        ready.put(_End(error))

    thread = threading.Thread(target=make, name="readahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := ready.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        while thread.is_alive():  # it may wait for room
            try:
                ready.get(timeout=0.01)
            except queue.Empty:
                continue
        thread.join()
