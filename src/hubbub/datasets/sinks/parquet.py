"""Parquet with Zstandard, times as UTC timestamps; the same rows give the same bytes under one version of Arrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hubbub.plugins.contracts import Column

ROW_GROUP = 32_768
"""Most rows of a row group, which is what is held in memory at once."""
GROUP_CHARACTERS = 16_000_000
"""A row group ends earlier when its texts are longer than this together."""
_TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "json": pa.string(),
    "integer": pa.int64(),
    "real": pa.float64(),
    "boolean": pa.bool_(),
    "time": pa.timestamp("ms", tz="UTC"),
}


class ParquetSink:
    """Writes `<kind>.parquet`."""

    name = "parquet"
    suffix = ".parquet"

    def write(self, path: Path, columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> int:
        """Write rows to a new file, a row group at a time; returns how many."""
        schema = pa.schema([(column.name, _TYPES[column.type]) for column in columns])
        count = 0
        with path.open("xb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for group in _groups(iter(rows)):
                arrays = [
                    _array(column, values) for column, values in zip(columns, zip(*group, strict=True), strict=True)
                ]
                writer.write_batch(pa.record_batch(arrays, schema=schema), row_group_size=ROW_GROUP)
                count += len(group)
        return count


def _groups(rows: Iterator[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    group: list[Sequence[Any]] = []
    characters = 0
    for row in rows:
        group.append(row)
        characters += sum(len(value) for value in row if isinstance(value, str))
        if len(group) == ROW_GROUP or characters > GROUP_CHARACTERS:
            yield group
            group, characters = [], 0
    if group:
        yield group


def _array(column: Column, values: Sequence[Any]) -> pa.Array:
    if column.type == "time":
        values = [None if value is None else value * 1000 for value in values]
    return pa.array(values, type=_TYPES[column.type])


SINK = ParquetSink()
