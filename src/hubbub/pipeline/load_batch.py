"""Collects what was decoded until it is worth a transaction."""

from __future__ import annotations

import os
from collections import Counter

import msgspec

from hubbub.pipeline.archive import Archive, Position
from hubbub.pipeline.ledger import mark_at
from hubbub.pipeline.load_filters import Filters, select, select_rows
from hubbub.pipeline.run import Run
from hubbub.plugins.contracts import Decoded
from hubbub.records.models import LinkListing, Record, Rejected, Stub, Tombstone
from hubbub.records.rows import Rows, joined
from hubbub.store.batch import Batch

BATCH_ROWS = 10_000


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What one transaction held."""

    rows: int
    """Records, those that a filter kept out included."""
    filtered: int
    set_aside: int
    kinds: Counter[str]


class Pending:
    """What is decoded but not stored yet."""

    def __init__(self, run: Run, archive: Archive, *, key: tuple[str, str, int], filters: Filters, source: str) -> None:
        self._run = run
        self._archive = archive
        self._key = key
        self._filters = filters
        self._source = source
        self._clear()

    def _clear(self) -> None:
        self._records: list[Record] = []
        self._parts: list[Rows] = []
        self._in_rows = 0
        self.rejected: list[Rejected] = []
        self._rows = 0
        self._filtered = 0
        self._repaired = 0
        self._kinds: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()

    @property
    def full(self) -> bool:
        """True when it is time to flush."""
        return len(self._records) + self._in_rows + len(self.rejected) >= BATCH_ROWS

    def take(self, decoded: Decoded) -> None:
        """Add what came of some lines; the filters are applied here."""
        kept, filtered = select(decoded.records, self._filters)
        kinds = Counter(_kind(record) for record in kept if not isinstance(record, Stub | LinkListing))
        parts, left_out = select_rows(decoded.rows, self._filters)
        filtered += left_out
        for part in parts:
            kinds["tombstone" if part.withdrawn else part.kind] += len(part.rows)
        self._parts += parts
        self._in_rows += sum(len(part.rows) for part in parts)
        self._records += kept
        self.rejected += decoded.rejected
        self._rows += kinds.total() + filtered + decoded.filtered
        self._filtered += filtered + decoded.filtered
        self._repaired += decoded.repaired
        self._kinds += kinds
        self._unknown.update(decoded.unknown_fields)

    def flush(self, at: Position, *, done: bool = False, damaged: str | None = None) -> Counts:
        """Store it all in one transaction, with the mark that everything before `at` is stored."""
        tally = self._run.write(
            Batch(
                run_id=self._run.id,
                source=self._source,
                stream=self._archive.name.rpartition(os.sep)[2],
                records=self._records,
                rows=joined(self._parts),
                rejected=self.rejected,
                ledger=mark_at(at, archive=self._archive, key=self._key, done=done, damaged=damaged),
                filtered=self._filtered,
                repaired=self._repaired,
                unknown_fields=self._unknown,
            )
        )
        counts = Counts(rows=self._rows, filtered=tally.filtered, set_aside=tally.set_aside, kinds=self._kinds)
        self._clear()
        return counts


def _kind(record: Record) -> str:
    if isinstance(record, Tombstone):
        return "tombstone"
    assert not isinstance(record, Stub | LinkListing)
    return record.kind
