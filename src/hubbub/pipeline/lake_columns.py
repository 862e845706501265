"""Records as Arrow columns: the schema of every kind in a lake, and how values become columns of it.

The schema of a kind never depends on the data: every file of a kind has the same columns in the same order. Times are
whole seconds since the epoch (int64, UTC), flags booleans, media and rules JSON text; unknown is null.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from typing import Any, get_type_hints

import msgspec

from hubbub.pipeline.arrow import pa, pc
from hubbub.records.facets import FACET_FIELDS, FACET_TIME, FACETS_OF, Facet
from hubbub.records.grouping import GROUPING_FIELDS, GROUPING_TYPES
from hubbub.records.models import Comment, Community, Grouping, Observation, Post, Tombstone, User
from hubbub.records.rows import Rows

RECORDS: dict[str, type[Any]] = {kind.kind: kind for kind in (Post, Comment, User, Community)} | GROUPING_TYPES
TOMBSTONE = "tombstone"
KINDS = (*RECORDS, TOMBSTONE)
"""The kinds a lake holds, each with a schema of its own."""
_TOMBSTONE = {
    "source": str,
    "record_kind": str,
    "id": str,
    "reason": str,
    "withdrawn_at": int,
    "detail": str,
    "community": str,
    "community_name": str,
    "post_id": str,
    "parent_id": str,
    "created_at": int,
    "door": str,
    "terms": str,
}
_JSON = frozenset({"media", "rules"})
_COUNTS = ("comment_count", "crosspost_count", "member_count", "active_count", "follower_count", "post_count")
TEXT_TIMES = ("author_at", "content_at", "extra_at")
"""The facet times that the `text_at` of a plain row stands for."""
REFUSED = (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError, ValueError)
"""What a value raises that no column takes."""

_encode = msgspec.json.Encoder().encode


def _scalar(hint: Any) -> pa.DataType:
    parts = {part for part in getattr(hint, "__args__", (hint,)) if part is not type(None)} | {hint}
    for kind, found in ((bool, pa.bool_()), (int, pa.int64()), (float, pa.float64())):
        if kind in parts:
            return found
    return pa.string()


@functools.cache
def schema(kind: str) -> pa.Schema:
    """The columns of a kind and their types."""
    if kind == TOMBSTONE:
        return pa.schema([(name, _scalar(hint)) for name, hint in _TOMBSTONE.items()])
    hints = get_type_hints(RECORDS[kind])
    if kind in GROUPING_FIELDS:
        names = ["source", "id", "observed_at", *GROUPING_FIELDS[kind], "door", "terms"]
        return pa.schema([(name, _scalar(hints[name])) for name in names])
    facets = FACET_FIELDS[kind]
    names = [
        "source",
        "id",
        "observed_at",
        *(FACET_TIME[facet] for facet in facets),
        *(name for fields in facets.values() for name in fields),
        *(["author_gone"] if Facet.AUTHOR in facets else []),
        "door",
        "terms",
    ]
    return pa.schema([(name, pa.string() if name in _JSON else _scalar(hints[name])) for name in names])


def table(kind: str, columns: Mapping[str, Sequence[Any]], *, constants: Mapping[str, Any], rows: int) -> pa.Table:
    """Columns of values as a table of the kind's schema; what neither holds is null.

    Flags may be booleans or 0 and 1. Raises one of `REFUSED` for a value that fits no column."""
    wanted = schema(kind)
    arrays = []
    for field in wanted:
        if field.name in columns:
            arrays.append(_array(columns[field.name], field.type))
        elif constants.get(field.name) is not None:
            arrays.append(pa.repeat(_scalar_of(constants[field.name], field.type), rows))
        else:
            arrays.append(pa.nulls(rows, field.type))
    made = pa.Table.from_arrays(arrays, schema=wanted)
    _check(made)
    return made


def _array(values: Sequence[Any], wanted: pa.DataType) -> pa.Array:
    if isinstance(values, pa.Array):
        return values
    if wanted == pa.bool_():
        try:
            return pa.array(values, wanted)
        except pa.ArrowInvalid:
            return pa.array(values, pa.int8()).cast(wanted)
    return pa.array(values, wanted)


def _scalar_of(value: Any, wanted: pa.DataType) -> pa.Scalar:
    if wanted == pa.bool_():
        value = bool(value)
    return pa.scalar(str(value) if wanted == pa.string() else value, wanted)


def _check(made: pa.Table) -> None:
    """Refuse what the schema of a store refuses."""
    for name in _COUNTS:
        if name in made.column_names and (pc.min(made[name]).as_py() or 0) < 0:
            raise ValueError(f"{name} is negative")
    if "upvote_ratio" in made.column_names:
        bounds = pc.min_max(made["upvote_ratio"]).as_py()
        if not 0 <= (bounds["min"] or 0) <= (bounds["max"] or 0) <= 1:
            raise ValueError("upvote_ratio is not within 0..1")


def table_of_rows(rows: Rows) -> pa.Table:
    """Plain rows, live or withdrawn, as a table."""
    count = len(rows.rows)
    columns: dict[str, Any] = dict(zip(rows.columns, zip(*rows.rows, strict=True), strict=True))
    constants = dict(rows.fixed)
    if rows.withdrawn:
        columns["withdrawn_at"] = columns.pop("observed_at")
        constants["record_kind"] = rows.kind
        constants["reason"] = constants.pop("tombstone")
        constants["detail"] = constants.pop("tombstone_detail")
        return table(TOMBSTONE, columns, constants=constants, rows=count)
    text_at = pa.array(columns.pop("text_at"), pa.int64())
    columns |= dict.fromkeys(TEXT_TIMES, text_at)
    return table(rows.kind, columns, constants={"author_gone": False} | constants, rows=count)


@functools.cache
def _getter(kind: str) -> operator.attrgetter[tuple[Any, ...]]:
    return operator.attrgetter("stated", *schema(kind).names)


def table_of_records(kind: str, records: Sequence[Observation | Grouping]) -> pa.Table:
    """Observations of one kind as a table. A facet that one does not state has the time 0, as in a store."""
    if kind in GROUPING_FIELDS:
        whole = {name: [getattr(record, name) for record in records] for name in schema(kind).names}
        return table(kind, whole, constants={}, rows=len(records))
    stated, *values = zip(*map(_getter(kind), records), strict=True)
    columns: dict[str, Any] = dict(zip(schema(kind).names, values, strict=True))
    for name in _JSON & columns.keys():
        columns[name] = [_encode(value).decode() if value else None for value in columns[name]]
    if any(mask != FACETS_OF[kind] for mask in set(stated)):
        for facet in FACET_FIELDS[kind]:
            times = columns[FACET_TIME[facet]]
            columns[FACET_TIME[facet]] = [at if mask & facet else 0 for at, mask in zip(times, stated, strict=True)]
    return table(kind, columns, constants={}, rows=len(records))


def table_of_tombstones(stones: Sequence[Tombstone]) -> pa.Table:
    """Tombstones as a table: the place of what is gone, who withdrew it and when; never its text or author."""
    fields = {"record_kind": "kind", "withdrawn_at": "at"}  # `kind` is a folder, `at` a word of SQL
    columns = {name: [getattr(stone, fields.get(name, name)) for stone in stones] for name in _TOMBSTONE}
    return table(TOMBSTONE, columns, constants={}, rows=len(stones))
