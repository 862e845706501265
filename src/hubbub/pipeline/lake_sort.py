"""What came of some lines, sorted into the kinds of a lake; what must not come in stays out."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hubbub.pipeline.lake_taken import Taking
from hubbub.pipeline.load_filters import Filters, select, select_rows
from hubbub.plugins.contracts import Decoded
from hubbub.records.forgotten import KEEPER, KEY_PREFIX, candidates, is_profile
from hubbub.records.merge import as_forgotten
from hubbub.records.models import (
    Collection,
    Grouping,
    LinkListing,
    Observation,
    Record,
    Rejected,
    Stub,
    Tombstone,
    Topic,
)
from hubbub.records.rows import records_of


class Blocked:
    """The records that the user asked to forget, or not to let in at all."""

    def __init__(self, listed: Mapping[str, Mapping[str, int]]) -> None:
        self._listed = listed
        keys = listed.get(f"{KEEPER}/user", {})
        self._key = next((identity.removeprefix(KEY_PREFIX) for identity in keys), None)

    @property
    def any(self) -> bool:
        """True when there are any at all."""
        return any(self._listed.values())

    def since(self, source: str, kind: str | None, identity: str | None) -> int | None:
        """Since when a record is blocked; None when it is not."""
        if not self._listed or not identity or not kind:
            return None
        listed = self._listed.get(f"{source}/{kind}", {})
        forms = candidates(self._key, source, kind=kind, identity=identity) if listed else ()
        return min((at for form in forms if (at := listed.get(form)) is not None), default=None)

    def judge(self, record: Observation | Grouping) -> Observation | Grouping | Tombstone:
        """The record, or its tombstone when it is blocked, or its author or community is.

        A topic or collection is never blocked; a collection loses an owner who is."""
        if not self._listed or isinstance(record, Topic):
            return record
        if isinstance(record, Collection):
            gone = self.since(record.source, "user", record.owner) is not None
            return msgspec.structs.replace(record, owner=None) if gone else record
        place = getattr(record, "community", None)
        keys = ((record.kind, record.id), ("user", getattr(record, "author", None)), ("community", place))
        times = [at for kind, identity in keys if (at := self.since(record.source, kind, identity)) is not None]
        if not times:
            return record
        stone = as_forgotten(record, min(times))
        forgotten = is_profile(place) and self.since(record.source, "community", place) is not None
        return msgspec.structs.replace(stone, community=None) if forgotten else stone


def sort_into(taking: Taking, decoded: Decoded, *, filters: Filters, blocked: Blocked) -> None:
    """Have everything taken that a filter asks for. Mentions are not kept in a lake."""
    kept, filtered = select(decoded.records, filters)
    parts, left_out = select_rows(decoded.rows, filters)
    records: list[Record] = [record for record in kept if not isinstance(record, Stub | LinkListing)]
    if blocked.any:
        records += [record for part in parts for record in records_of(part)]
        parts = ()
    kinds: dict[str, list[Observation | Grouping]] = {}
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
