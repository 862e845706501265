"""Writes one block of a lake: rows become slices of bounded size, slices Parquet files, and all of them take their
place together."""

from __future__ import annotations

import base64
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from hubbub.pipeline import lake_columns
from hubbub.pipeline.arrow import pa, pq
from hubbub.pipeline.lake import OURS, BlockMark, Lake, Unit, writing
from hubbub.pipeline.lake_layout import split
from hubbub.records.models import Observation, Rejected, Tombstone
from hubbub.records.rows import Rows, joined, records_of
from hubbub.store.rows import storable

SLICE_BYTES = 128 << 20
"""Of rows held in memory, before they are written."""
ROW_GROUP = 122_880
"""Most rows of a row group: what DuckDB, too, hands to one thread at a time."""
KEPT_BYTES = 64 << 10
"""Of each line set aside at most this much is kept."""
KEPT_LINES = 10_000
"""Lines set aside beyond this many in one block are counted, not kept."""
ROWS_AT_ONCE = 4_096
"""Enough that a column costs little, few enough that they are still in the processor's cache when it is made."""
MOST_WAITING = 32
"""Pieces of a file, each up to a mebibyte unless it is one long line, after which fewer rows become columns, too."""
_UNIQUE = frozenset({"id", "parent_id", "permalink", "title", "body", "url", "media", "extra", "rules", "description"})
"""Columns in which hardly a value comes twice: a dictionary of them would be built and thrown away."""


class Block:
    """A block that is being written. `close` puts it in place, `drop` leaves nothing of it.

    Files are written by `thread`, one slice at a time, while the caller decodes on: Arrow compresses without holding
    the interpreter."""

    def __init__(self, lake: Lake, unit: Unit, number: int, *, thread: ThreadPoolExecutor) -> None:
        self.number = number
        self.kinds: Counter[str] = Counter()
        self.filtered = 0
        self.set_aside = 0
        self._lake = lake
        self._unit = unit
        self._thread = thread
        self._parts: list[Rows] = []
        self._waiting = 0
        """Pieces of a file that `_parts` came from."""
        self._tables: dict[str, list[pa.Table]] = {}
        self._bytes = 0
        self._slices = 0
        self._moves: list[tuple[Path, str]] = []
        self._writing: Future[None] | None = None
        self._aside: list[bytes] = []

    def observations(self, kind: str, records: Sequence[Observation]) -> None:
        """Take observations of one kind; those with a value that no column takes are set aside."""
        try:
            self._take(kind, lake_columns.table_of_records(kind, records))
        except lake_columns.REFUSED:
            good = []
            for record in records:
                reason = _refusal(kind, record)
                if reason is None:
                    good.append(record)
                else:
                    self.reject([_rejected(record, reason)])
            if good:
                self._take(kind, lake_columns.table_of_records(kind, good))

    def rows(self, parts: Sequence[Rows]) -> None:
        """Take plain rows; they become columns when there are enough of them."""
        self._parts += parts
        self._waiting += 1
        if self._waiting >= MOST_WAITING or sum(len(part.rows) for part in self._parts) >= ROWS_AT_ONCE:
            self._convert()

    def tombstones(self, stones: Sequence[Tombstone]) -> None:
        """Take tombstones of any kind."""
        self._take(lake_columns.TOMBSTONE, lake_columns.table_of_tombstones(stones))

    def reject(self, rejected: Sequence[Rejected]) -> None:
        """Set lines aside."""
        self.set_aside += len(rejected)
        self._aside += map(_line, rejected[: max(0, KEPT_LINES - len(self._aside))])

    def close(self) -> None:
        """Put everything in place."""
        self._convert()
        self._cut()
        self._wait()
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

    def drop(self) -> None:
        """Leave nothing of it."""
        if self._writing is not None:
            self._writing.exception()
        for path, _ in self._moves:
            path.unlink(missing_ok=True)

    def _convert(self) -> None:
        parts, self._parts, self._waiting = joined(self._parts), [], 0
        for part in parts:
            kind = lake_columns.TOMBSTONE if part.withdrawn else part.kind
            try:
                self._take(kind, lake_columns.table_of_rows(part))
            except lake_columns.REFUSED:
                records: list[Any] = records_of(part)
                if part.withdrawn:
                    self.tombstones(records)
                else:
                    self.observations(part.kind, records)

    def _take(self, kind: str, table: pa.Table) -> None:
        self.kinds[kind] += len(table)
        self._tables.setdefault(kind, []).append(table)
        self._bytes += table.nbytes
        if self._bytes >= SLICE_BYTES:
            self._cut()

    def _cut(self) -> None:
        """Hand what was taken so far to the thread, once it is done with what it had."""
        if not self._tables:
            return
        self._wait()
        self._writing = self._thread.submit(self._write, self._tables, self._slices)
        self._tables, self._bytes, self._slices = {}, 0, self._slices + 1

    def _wait(self) -> None:
        if self._writing is not None:
            before, self._writing = self._writing, None
            before.result()

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


def _refusal(kind: str, record: Any) -> str | None:
    """Why no column takes a record; None when they do."""
    reason = storable(record)
    if reason is None:
        try:
            lake_columns.table_of_records(kind, [record])
        except lake_columns.REFUSED as error:
            reason = f"it fits no column: {error}"
    return reason


def _rejected(record: Any, reason: str) -> Rejected:
    return Rejected(
        reason=reason,
        raw=repr(record).encode("utf-8", "backslashreplace"),
        source=record.source,
        door=record.door,
        where="lake",
        kind=record.kind,
        id=record.id,
    )


def _line(item: Rejected) -> bytes:
    kept = item.raw[:KEPT_BYTES]
    try:
        raw = {"raw": kept.decode()}
    except UnicodeDecodeError:
        raw = {"raw_base64": base64.b64encode(kept).decode()}
    said = {
        "where": item.where,
        "reason": item.reason,
        "source": item.source,
        "door": str(item.door),
        "kind": item.kind,
        "id": item.id,
        "raw_bytes": len(item.raw),
        **raw,
    }
    try:
        return msgspec.json.encode(said)
    except UnicodeEncodeError:  # what is set aside may be just that: text that is none
        return msgspec.json.encode(
            {name: _whole(value) if isinstance(value, str) else value for name, value in said.items()}
        )


def _whole(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
