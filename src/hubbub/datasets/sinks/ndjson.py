"""NDJSON: one JSON object a line, UTF-8, text byte for byte as stored, times as ISO 8601."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from hubbub.datasets.times import iso
from hubbub.plugins.contracts import Column


class NdjsonSink:
    """Writes `<kind>.ndjson`."""

    name = "ndjson"
    suffix = ".ndjson"

    def write(self, path: Path, columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> int:
        """Write rows to a new file; returns how many."""
        names = [column.name for column in columns]
        kinds = [column.type for column in columns]
        encoder = msgspec.json.Encoder()
        buffer = bytearray()
        count = 0
        with path.open("xb") as file:
            for row in rows:
                pairs = zip(names, kinds, row, strict=True)
                encoder.encode_into({name: _value(kind, value) for name, kind, value in pairs}, buffer)
                buffer += b"\n"
                file.write(buffer)
                buffer.clear()
                count += 1
        return count


def _value(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == "time":
        return iso(value)
    if kind == "json":
        return msgspec.Raw(value.encode())
    return value


SINK = NdjsonSink()
