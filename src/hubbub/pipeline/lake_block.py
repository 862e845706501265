"""Writes one block of a lake: tables become slices of bounded size, slices Parquet files, and all of them take their
place together."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from hubbub.pipeline.arrow import pa, pq
from hubbub.pipeline.lake import OURS, BlockMark, Lake, Unit, writing
from hubbub.pipeline.lake_layout import split
from hubbub.pipeline.lake_taken import KEPT_LINES, Taken

SLICE_BYTES = 128 << 20
"""Of rows held in memory, before they are written."""
ROW_GROUP = 122_880
"""Most rows of a row group: what DuckDB, too, hands to one thread at a time."""
_UNIQUE = frozenset({"id", "parent_id", "permalink", "title", "body", "url", "media", "extra", "rules", "description"})
"""Columns in which hardly a value comes twice: a dictionary of them would be built and thrown away."""


class Block:
    """A block that is being written. `close` and `wait` put it in place, `drop` leaves nothing of it.

    Files are written by `thread`, one slice at a time, while the caller goes on: Arrow compresses without holding the
    interpreter."""

    def __init__(self, lake: Lake, unit: Unit, number: int, *, thread: ThreadPoolExecutor) -> None:
        self.number = number
        self.kinds: Counter[str] = Counter()
        self.filtered = 0
        self.set_aside = 0
        self._lake = lake
        self._unit = unit
        self._thread = thread
        self._tables: dict[str, list[pa.Table]] = {}
        self._bytes = 0
        self._slices = 0
        self._moves: list[tuple[Path, str]] = []
        self._writing: Future[None] | None = None
        self._aside: list[bytes] = []

    def take(self, found: Taken) -> None:
        """Take what came of its next lines."""
        self.filtered += found.filtered
        self.set_aside += found.set_aside
        self._aside += found.aside[: max(0, KEPT_LINES - len(self._aside))]
        for sheet in found.sheets:
            self.kinds[sheet.kind] += len(sheet.table)
            self._tables.setdefault(sheet.kind, []).append(sheet.table)
            self._bytes += sheet.size_bytes
            if self._bytes >= SLICE_BYTES:
                self._cut()

    def close(self) -> None:
        """Begin to put everything in place; `wait` tells when it is."""
        self._cut()
        self._after(self._put)

    def wait(self) -> None:
        """Wait until all that was begun is done; raises what went wrong with it."""
        if self._writing is not None:
            self._writing.result()

    def drop(self) -> None:
        """Leave nothing of it."""
        if self._writing is not None:
            self._writing.exception()
        for path, _ in self._moves:
            path.unlink(missing_ok=True)

    def _cut(self) -> None:
        """Hand what was taken so far to the thread, once it is done with what it had."""
        if not self._tables:
            return
        self.wait()
        self._after(partial(self._write, self._tables, self._slices))
        self._tables, self._bytes, self._slices = {}, 0, self._slices + 1

    def _after(self, do: Callable[[], None]) -> None:
        """Have the thread do something unless what it did before went wrong."""
        before = self._writing

        def then() -> None:
            if before is not None:
                before.result()
            do()

        self._writing = self._thread.submit(then)

    def _put(self) -> None:
        if self._aside:
            name = f"{self._unit.name}-{self.number:06d}.ndjson"
            self._save(
                name, f"{OURS}/quarantine/{name}", lambda path: path.write_bytes(b"\n".join(self._aside) + b"\n")
            )
        mark = BlockMark(
            parts=tuple(place for _, place in self._moves),
            kinds=dict(self.kinds),
            filtered=self.filtered,
            set_aside=self.set_aside,
        )
        self._unit.put(self.number, self._moves, mark)

    def _write(self, tables: Mapping[str, list[pa.Table]], number: int) -> None:
        name = f"part-{self._unit.name}-{self.number:06d}-{number:02d}"
        for kind, some in tables.items():
            parts = split(pa.concat_tables(some), kind=kind, by=self._lake.partition_by)
            for at, (folder, table) in enumerate(parts):
                self._save(f"{name}-{kind}-{at}", f"{folder}/{name}.parquet", partial(_parquet, table=table))

    def _save(self, name: str, place: str, write: Callable[[Path], object]) -> None:
        path = self._lake.temporary(name)
        self._moves.append((path, place))
        with writing(path):
            write(path)
            with path.open("rb+") as file:
                os.fsync(file.fileno())


def _parquet(path: Path, *, table: pa.Table) -> None:
    repeated = [name for name in table.column_names if name not in _UNIQUE]
    strings = [name for name in repeated if pa.types.is_string(table.schema.field(name).type)]
    pq.write_table(table, path, compression="zstd", use_dictionary=strings, row_group_size=ROW_GROUP)
