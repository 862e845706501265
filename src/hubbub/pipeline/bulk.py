"""What makes a large import cheap: indexes and search entries at its end, and no searches for cyclic garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hubbub.store import indexes, reads
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
        if path.is_file():
            plain = path.suffix in {".ndjson", ".jsonl", ".json"}
            rows += path.stat().st_size // (UNPACKED_BYTES_A_ROW if plain else PACKED_BYTES_A_ROW)
    return rows


@contextmanager
def bulk(store: Store, *, rows: int, search: bool) -> Iterator[None]:
    """Run the block as an import of about so many rows; with `search`, search entries are there after it.

    Interrupted, it leaves indexes and search entries to the next command that writes and to `db maintain`."""
    with ExitStack() as ends:
        ends.enter_context(no_cyclic_garbage())
        large = rows >= LARGE_ROWS and rows > reads.greatest_row(store)
        if large:
            ends.enter_context(indexes.left_out(store))
        else:
            indexes.build_left_out(store)
        before = store.search_later
        store.search_later = before or large or not search
        try:
            yield
        finally:
            store.search_later = before
        if search:
            catch_up(store)


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
