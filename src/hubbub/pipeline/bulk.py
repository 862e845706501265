"""What makes a large import cheap: indexes and search entries at its end, and no searches for cyclic garbage."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from hubbub.store import indexes, reads, search_index
from hubbub.store.engine import Store
from hubbub.store.maintenance import catch_up

UNPACKED_BYTES_A_ROW = 2_000
PACKED_BYTES_A_ROW = 200
"""Lines of the archives; their packing makes them ten times smaller."""
LARGE_ROWS = 50_000
"""An import of fewer rows keeps everything in step."""


def expected_rows(paths: Sequence[Path]) -> int:
    """About how many records files hold, told by their sizes; files that cannot be looked at count nothing."""
    rows = 0
    for path in paths:
        with suppress(OSError):  # a name that is too long, a ring of links: the import itself says so
            if path.is_file():
                plain = path.suffix in {".ndjson", ".jsonl", ".json"}
                rows += path.stat().st_size // (UNPACKED_BYTES_A_ROW if plain else PACKED_BYTES_A_ROW)
    return rows


@contextmanager
def bulk(store: Store, *, rows: int, search: bool, index: bool = True) -> Iterator[Callable[[int], None]]:
    """Run the block as an import of about so many rows; with `search` and `index`, search entries and indexes are there
    after it. What it gives wants to be told of rows that were stored.

    Interrupted, it leaves them to the next command that writes and to `db maintain`."""
    with ExitStack() as ends:
        ends.enter_context(no_cyclic_garbage())
        large = rows >= LARGE_ROWS and rows > reads.greatest_row(store)
        if large:
            ends.enter_context(indexes.left_out(store, build_after=index))
        elif index:
            indexes.build_left_out(store)
        before = store.search_later
        store.search_later = before or large or not search
        try:
            yield SearchFollower(store).stored if large and search else _nothing
        finally:
            store.search_later = before
        if search:
            catch_up(store)


def _nothing(_rows: int) -> None:
    pass


class SearchFollower:
    """Makes search entries some way behind an import, while the process beside it decodes on."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting = 0
        self._above: dict[str, int] = {}

    def stored(self, rows: int) -> None:
        """Note that so many rows were stored; once in a while this takes long."""
        self._waiting += rows
        if self._waiting < search_index.CATCH_UP_ROWS or self._store.engine != "sqlite":
            return
        self._waiting = 0
        for kind in search_index.INDEXES:
            with self._store.transaction() as db:
                above = self._above.get(kind, search_index.FIRST)
                self._above[kind] = search_index.catch_up(db, kind, above=above) or above


@contextmanager
def no_cyclic_garbage() -> Iterator[None]:
    """Decoded rows are many and refer to nothing: looking through them for cycles finds none and costs a fifth."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
