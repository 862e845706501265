"""Items made ahead come in order, with their error behind them, and nobody is left waiting."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing

import pytest

from hubbub.pipeline.readahead import ahead


def test_all_items_come_in_order() -> None:
    assert list(ahead(iter_of(1_000), depth=3)) == list(range(1_000))


def test_an_error_comes_after_the_items_before_it() -> None:
    seen: list[int] = []
    with pytest.raises(ValueError, match="broken"):
        seen.extend(ahead(iter_of(5, broken=True)))
    assert seen == [0, 1, 2, 3, 4]


def test_whoever_stops_early_ends_the_thread() -> None:
    closed = threading.Event()
    with closing(ahead(iter_of(10**9, closed=closed), depth=2)) as items:
        assert next(items) == 0
    assert closed.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == "readahead"]


def iter_of(count: int, *, broken: bool = False, closed: threading.Event | None = None) -> Generator[int]:
    try:
        yield from range(count)
    finally:
        if closed is not None:
            closed.set()
    if broken:
        raise ValueError("broken")
