"""What came of some lines, sorted into the kinds of a lake; what must not come in stays out."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hubbub.pipeline.lake_taken import Taking
from hubbub.pipeline.load_filters import Filters, select, select_rows
from hubbub.plugins.contracts import Decoded
from hubbub.records.merge import as_forgotten
from hubbub.records.models import LinkListing, Observation, Record, Rejected, Stub, Tombstone
from hubbub.records.rows import records_of


class Blocked:
    """The records that the user asked to forget, or not to let in at all."""

    def __init__(self, listed: Mapping[str, Mapping[str, int]]) -> None:
        self._listed = listed

    @property
    def any(self) -> bool:
        """True when there are any at all."""
        return any(self._listed.values())

    def since(self, source: str, kind: str | None, identity: str | None) -> int | None:
        """Since when a record is blocked; None when it is not."""
        return self._listed.get(f"{source}/{kind}", {}).get(identity or "") if self._listed else None

    def judge(self, record: Observation) -> Observation | Tombstone:
        """The record, its tombstone when it is blocked, or the record without an author who is."""
        if not self._listed:
            return record
        at = self.since(record.source, record.kind, record.id)
        if at is not None:
            return as_forgotten(record, at)
        author = getattr(record, "author", None)
        if author is not None and self.since(record.source, "user", author) is not None:
            gone = {"author": None, "author_name": None, "author_id": None, "author_flair": None}
            return msgspec.structs.replace(record, author_gone=True, **gone)
        return record


def sort_into(taking: Taking, decoded: Decoded, *, filters: Filters, blocked: Blocked) -> None:
    """Have everything taken that a filter asks for. Mentions are not kept in a lake."""
    kept, filtered = select(decoded.records, filters)
    parts, left_out = select_rows(decoded.rows, filters)
    records: list[Record] = [record for record in kept if not isinstance(record, Stub | LinkListing)]
    if blocked.any:
        records += [record for part in parts for record in records_of(part)]
        parts = ()
    kinds: dict[str, list[Observation]] = {}
    stones: list[Tombstone] = []
    for record in records:
        assert not isinstance(record, Stub | LinkListing)
        judged = record if isinstance(record, Tombstone) else blocked.judge(record)
        if isinstance(judged, Tombstone):
            stones.append(judged)
        else:
            kinds.setdefault(judged.kind, []).append(judged)
    for kind, some in kinds.items():
        taking.observations(kind, some)
    if stones:
        taking.tombstones(stones)
    taking.rows(parts)
    if decoded.rejected:
        taking.reject([_without_blocked(item, blocked) for item in decoded.rejected])
    found = taking.found
    found.filtered += filtered + left_out + decoded.filtered
    found.repaired += decoded.repaired
    for name, count in decoded.unknown_fields.items():
        found.unknown_fields[name] = found.unknown_fields.get(name, 0) + count


def _without_blocked(item: Rejected, blocked: Blocked) -> Rejected:
    """The same without its bytes when they may hold what had to go."""
    return item if blocked.since(item.source, item.kind, item.id) is None else msgspec.structs.replace(item, raw=b"")
