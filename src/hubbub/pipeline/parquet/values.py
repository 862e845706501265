"""Values of Arrow columns as the values of dump lines: epoch seconds, plain JSON, text as bytes would have it."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from hubbub.plugins.contracts import DumpColumns

_encoder = msgspec.json.Encoder()
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_EARLIEST_DATE_LENGTH = len("2020-01-01")
_FLAGS: dict[str | float, bool] = {"true": True, "True": True, "false": False, "False": False, 0: False, 1: True}


def values_of(column: Any, *, name: str, columns: DumpColumns) -> list[Any]:
    """The values of one column, row by row, ready for `encoded`."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        used = pc.unique(column.indices)
        held = values_of(column.dictionary.take(used), name=name, columns=columns)
        by_number = dict(zip(used.to_pylist(), held, strict=True))
        return [by_number[number] for number in column.indices.to_pylist()]
    values = _plain_values(column)
    if name in columns.times:
        return [_moment(value) for value in values]
    if name in columns.objects:
        return [_unfolded(value) for value in values]
    if name in columns.flags:
        return [_FLAGS.get(value, value) if isinstance(value, str | int | float) else value for value in values]
    return values


def _plain_values(column: Any) -> list[Any]:
    kind = column.type
    values: list[Any]
    if is_text(kind):
        values = _texts(column)
    elif pa.types.is_timestamp(kind):
        per_second = _PER_SECOND[kind.unit]
        values = [None if tick is None else tick // per_second for tick in column.cast(pa.int64()).to_pylist()]
    elif pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        values = column.to_pylist()
    else:
        values = [plain(value) for value in column.to_pylist()]
    return values


def encoded(fields: dict[str, Any]) -> bytes:
    """The line of a dump with these fields."""
    try:
        return _encoder.encode(fields)
    except UnicodeEncodeError:  # bytes that are no UTF-8 came through as lone surrogates: whoever decodes mends them
        return json.dumps(fields, default=_bare, separators=(",", ":")).encode()


def plain(value: Any) -> Any:
    """A value as JSON has it: fields without a value are left out, times are epoch seconds, NaN is null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        if value and all(isinstance(item, tuple) for item in value):  # how Arrow hands out maps
            return {str(key): plain(item) for key, item in value if item is not None}
        return [plain(item) for item in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, date):
        at = value if isinstance(value, datetime) else datetime.combine(value, time())
        return math.floor((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    return value if value is None or isinstance(value, str | int) else str(value)


def is_text(kind: pa.DataType) -> bool:
    """True for texts and for bytes, which older writers make of texts."""
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def _texts(column: Any) -> list[Any]:
    """Texts, also of columns that say they are bytes; what is no UTF-8 comes as lone surrogates."""
    if not (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)):
        try:
            texts: list[Any] = column.to_pylist()
        except UnicodeDecodeError:
            column = column.cast(pa.large_binary())
        else:
            return texts
    return [None if value is None else value.decode("utf-8", "surrogateescape") for value in column.to_pylist()]


def _moment(value: Any) -> Any:
    """Epoch seconds of a text such as "2024-01-31 23:59:59" (UTC unless it says otherwise); else the value itself."""
    if not isinstance(value, str) or len(value) < _EARLIEST_DATE_LENGTH or "-" not in value[1:]:
        return value
    try:
        at = datetime.fromisoformat(value.strip().removesuffix(" UTC"))
    except ValueError:
        return value
    return math.floor((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def _unfolded(value: Any) -> Any:
    """The object that a text spells in JSON; else the value itself."""
    if not isinstance(value, str) or value[:1] not in {"{", "["}:
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return value


def _bare(value: Any) -> str:
    return str(value)
