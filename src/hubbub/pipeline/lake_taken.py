"""What comes of some lines on their way into a lake: Arrow tables by kind, and lines set aside."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import msgspec

from hubbub.pipeline import lake_columns
from hubbub.pipeline.arrow import pa
from hubbub.records.models import Grouping, Observation, Rejected, Tombstone
from hubbub.records.rows import Rows, joined, records_of
from hubbub.store.storable import storable

KEPT_BYTES = 64 << 10
"""Of each line set aside at most this much is kept."""
KEPT_LINES = 10_000
"""Lines set aside beyond this many in one block are counted, not kept."""


class Sheet(msgspec.Struct, frozen=True):
    """Records of one kind."""

    kind: str
    table: Any
    size_bytes: int
    """What the table takes in memory: told here, as a table that has travelled takes a little less or more, and where a
    block is cut must not depend on that."""


class Taken(msgspec.Struct, kw_only=True):
    """What came of some lines in a row."""

    sheets: list[Sheet] = []
    aside: list[bytes] = []
    """Lines of quarantine."""
    set_aside: int = 0
    filtered: int = 0
    repaired: int = 0
    unknown_fields: dict[str, int] = {}


class Taking:
    """Takes what a source made of lines and turns it into `Taken`."""

    def __init__(self) -> None:
        self.found = Taken()
        self._parts: list[Rows] = []

    def observations(self, kind: str, records: Sequence[Observation | Grouping]) -> None:
        """Take observations of one kind; those with a value that no column takes are set aside."""
        try:
            self._add(kind, lake_columns.table_of_records(kind, records))
        except lake_columns.REFUSED:
            good = []
            for record in records:
                reason = _refusal(kind, record)
                if reason is None:
                    good.append(record)
                else:
                    self.reject([_rejected(record, reason)])
            if good:
                self._add(kind, lake_columns.table_of_records(kind, good))

    def rows(self, parts: Sequence[Rows]) -> None:
        """Take plain rows; they become columns all together, in `done`."""
        self._parts += parts

    def tombstones(self, stones: Sequence[Tombstone]) -> None:
        """Take tombstones of any kind."""
        self._add(lake_columns.TOMBSTONE, lake_columns.table_of_tombstones(stones))

    def reject(self, rejected: Sequence[Rejected]) -> None:
        """Set lines aside."""
        self.found.set_aside += len(rejected)
        self.found.aside += map(_line, rejected[: max(0, KEPT_LINES - len(self.found.aside))])

    def done(self) -> Taken:
        """All of it."""
        parts, self._parts = joined(self._parts), []
        for part in parts:
            kind = lake_columns.TOMBSTONE if part.withdrawn else part.kind
            try:
                self._add(kind, lake_columns.table_of_rows(part))
            except lake_columns.REFUSED:
                records: list[Any] = records_of(part)
                if part.withdrawn:
                    self.tombstones(records)
                else:
                    self.observations(part.kind, records)
        return self.found

    def _add(self, kind: str, table: pa.Table) -> None:
        self.found.sheets.append(Sheet(kind, table, table.nbytes))


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
