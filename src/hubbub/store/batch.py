"""What the pipeline hands to the store in one transaction, and what the store says became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from hubbub.plugins.contracts import Checkpoint
from hubbub.records.models import Record, Rejected
from hubbub.records.rows import Rows, records_of


class LedgerMark(msgspec.Struct, frozen=True, kw_only=True):
    """How far an import of one file is: committed with the rows it claims."""

    digest: str
    """Content hash of the file (hex sha256)."""
    filters: str
    """Canonical JSON of the filters it is imported under."""
    mapping_version: int
    path: str
    size_bytes: int
    offset: int
    """Bytes of the decompressed stream that are dealt with; always a line border."""
    lines: int
    frame_offset: int = 0
    """Compressed bytes before the frame that `offset` lies in, where the format has frames."""
    frame_start: int = 0
    """Decompressed bytes before that frame."""
    done: bool = False
    damaged: str | None = None
    """What was wrong with the file, when something was."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One transaction's worth."""

    run_id: int
    source: str
    stream: str
    """Name for events and counters: "whatisthisbug/new", a file's name."""
    records: Sequence[Record] = ()
    rows: Sequence[Rows] = ()
    """Ordinary records, which need no object of their own."""
    rejected: Sequence[Rejected] = ()
    checkpoints: Sequence[Checkpoint] = ()
    forgotten: Sequence[str] = ()
    """Keys of checkpoints to drop, before the others are saved."""
    ledger: LedgerMark | None = None
    filtered: int = 0
    repaired: int = 0
    unknown_fields: Mapping[str, int] = {}

    def spread(self) -> Batch:
        """The same batch with an object for every record."""
        records = [*self.records, *(record for part in self.rows for record in records_of(part))]
        return msgspec.structs.replace(self, records=records, rows=()) if self.rows else self


class Tally(msgspec.Struct, kw_only=True):
    """The conservation line: offered = new + updated + unchanged + older + tombstoned + filtered + set_aside.

    Stubs and link listings are mentions, not records offered: they are not counted."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0
    older: int = 0
    """Every facet it states is already known in a fresher form."""
    tombstoned: int = 0
    """Tombstones, and observations that met one."""
    filtered: int = 0
    set_aside: int = 0
    repaired: int = 0
    """Values replaced while decoding; their records are counted above."""
    kinds: dict[str, dict[str, int]] = {}
    """The terms from `new` to `tombstoned`, and `set_aside`, per kind of record, where there were any."""

    @property
    def offered(self) -> int:
        """Everything that came in."""
        return self.new + self.updated + self.unchanged + self.older + self.tombstoned + self.filtered + self.set_aside

    def add(self, other: Tally) -> None:
        """Add another line to this one."""
        for name in self.__struct_fields__:
            if name != "kinds":
                setattr(self, name, getattr(self, name) + getattr(other, name))
        for kind, terms in other.kinds.items():
            known = self.kinds.setdefault(kind, {})
            for term, count in terms.items():
                known[term] = known.get(term, 0) + count
