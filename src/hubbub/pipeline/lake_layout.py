"""Where a row of a lake lies: hive-style folders `kind=comment/month=2024-01`, whose names hold any value safely."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from hubbub.errors import UsageError
from hubbub.pipeline.arrow import pa, pc

PARTITIONS = ("kind", "community", "month")
"""What a lake can be partitioned by, in the order of its folders; `kind` always is."""
DEFAULT = ("kind", "month")
NOWHERE = "__HIVE_DEFAULT_PARTITION__"
"""Name of the folder of rows without a value; every reader of hive layouts gives null for it."""
LONGEST_VALUE = 120
"""Characters of a folder's value: with its name it stays below the 255 bytes file systems take."""
_PLAIN = re.compile(r"[a-z0-9_-]")
_YEAR_MONTHS = 12
_LAST = 253_402_300_800
"""The year 10000."""


def partitions(words: Sequence[str]) -> tuple[str, ...]:
    """The partitions asked for, in their order, `kind` included. Raises UsageError for one there is not."""
    for word in words:
        if word not in PARTITIONS:
            raise UsageError(f"a lake is not partitioned by {word!r}; write {', '.join(PARTITIONS)}")
    return tuple(name for name in PARTITIONS if name in {"kind", *words})


def segment(value: str | None) -> str:
    """A value as part of a folder's name: percent-encoded as Hive, Spark and Arrow read it, whatever it holds.

    A name nobody could have is cut, with a digest that keeps it apart; the column `community_name` holds it in full."""
    if not value:
        return NOWHERE
    parts = [_encoded(char) for char in value]
    text = "".join(parts)
    if len(text) <= LONGEST_VALUE:
        return text
    mark = "--" + hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    while sum(map(len, parts)) > LONGEST_VALUE - len(mark):
        parts.pop()
    return "".join(parts) + mark


def _encoded(char: str) -> str:
    if _PLAIN.match(char):
        return char
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))


def month(created_at: int | None) -> str | None:
    """`2024-01` of a time, None for no time and for years without four digits."""
    if created_at is None or not 0 <= created_at < _LAST:
        return None
    day = datetime.fromtimestamp(created_at, tz=UTC)
    return f"{day.year:04d}-{day.month:02d}"


def split(table: pa.Table, *, kind: str, by: Sequence[str]) -> Iterator[tuple[str, pa.Table]]:
    """The rows of a table by the folder they belong to, without the columns the folder tells."""
    if "community" not in by:
        times = pc.min_max(table["created_at"]).as_py()
        if "month" not in by or (not table["created_at"].null_count and month(times["min"]) == month(times["max"])):
            yield _folder(by, kind=kind, community=None, created_at=times["min"]), table
            return
    ordered, groups = _grouped(table, by=by)
    at = 0
    for community, count in groups:
        some = ordered.slice(at, count)
        at += count
        created_at = some["created_at"][0].as_py()
        yield _folder(by, kind=kind, community=community, created_at=created_at), some


def _grouped(table: pa.Table, *, by: Sequence[str]) -> tuple[pa.Table, list[tuple[str | None, int]]]:
    """The rows sorted by partition, else in their order, and the community and number of rows of each partition."""
    keys = []
    if "community" in by:
        table = _with_place(table)
        keys.append("community")
    if "month" in by:
        times = table["created_at"]
        sane = pc.if_else(pc.and_(pc.greater_equal(times, 0), pc.less(times, _LAST)), times, None)
        moments = sane.cast(pa.timestamp("s", tz="UTC"))
        months = pc.add(pc.multiply(pc.year(moments), _YEAR_MONTHS), pc.month(moments))
        table = table.append_column("month", months)
        keys.append("month")
    ordered = table.take(pc.sort_indices(table, sort_keys=[(key, "ascending") for key in keys]))
    # not `group_by`: where a key is null its groups come in another order than the rows
    values = zip(*(ordered[key].to_pylist() for key in keys), strict=True)
    groups = [(key[0], len(list(some))) for key, some in itertools.groupby(values)]
    if "community" not in by:
        groups = [(None, count) for _, count in groups]
    return ordered.drop_columns(keys), groups


def _with_place(table: pa.Table) -> pa.Table:
    """The table with a community to part it by: none is null, never empty, or two parts would share a folder."""
    if "community" in table.column_names:
        at, place = table.column_names.index("community"), table["community"]
        return table.set_column(at, "community", pc.if_else(pc.equal(place, ""), None, place))
    # the row of a community is in it; people are in none
    own = table["id"] if "community_type" in table.column_names else pa.nulls(len(table), pa.string())
    return table.append_column("community", own)


def _folder(by: Sequence[str], *, kind: str, community: str | None, created_at: int | None) -> str:
    values = {"kind": kind, "community": segment(community), "month": month(created_at) or NOWHERE}
    return "/".join(f"{name}={values[name]}" for name in by)
