"""What a batch says besides content: quarantine, checkpoints, the import ledger, run counters, the drift report."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hubbub.plugins.contracts import Checkpoint
from hubbub.records.models import Door, Rejected
from hubbub.store.batch import LedgerMark, Tally
from hubbub.store.people import name_digest
from hubbub.store.session import Session
from hubbub.store.tables import CONTENT
from hubbub.store.tables_of_runs import TALLY

RAW_LIMIT_BYTES = 64 * 1024
"""Of each record set aside at most this much is kept, before compression."""

ROWS_LIMIT = 10_000
"""Records set aside beyond this many in one run are counted, not kept."""


def set_aside(db: Session, rejected: Sequence[Rejected], *, run_id: int, now: int) -> None:
    """Keep the bytes and the reason of records that could not be stored; nothing of those that are withdrawn."""
    rejected = _without_withdrawn(db, rejected)
    if not rejected:
        return
    rows = [_row(item, run_id=run_id, now=now) for item in rejected]
    rows = _without_known(db, rows, run_id=run_id, now=now)
    (kept,) = db.execute("SELECT count(*) FROM quarantine WHERE run_id = ?", (run_id,)).fetchone()
    db.executemany(
        "INSERT INTO quarantine (run_id, source, door, place, kind, id, reason, raw, raw_bytes, cut, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows[: max(0, ROWS_LIMIT - kept)],
    )


def _row(item: Rejected, *, run_id: int, now: int) -> tuple[Any, ...]:
    return (
        run_id,
        _writable(item.source),
        str(item.door),
        _writable(item.where),
        None if item.kind is None else _writable(item.kind),
        None if item.id is None else _writable(item.id),
        _writable(item.reason),
        zlib.compress(item.raw[:RAW_LIMIT_BYTES], 6),
        len(item.raw),
        int(len(item.raw) > RAW_LIMIT_BYTES),
        now,
    )


def _without_known(db: Session, rows: list[tuple[Any, ...]], *, run_id: int, now: int) -> list[tuple[Any, ...]]:
    """Without what a sync's answer brought before: every sync meets the broken record of the newest pages again.

    The row that is there now counts as this run's."""
    fresh = []
    known: dict[tuple[Any, ...], int] = {}
    looked: set[tuple[Any, ...]] = set()
    for row in rows:
        _, source, door, _, kind, identity, reason, raw, raw_bytes, _, _ = row
        if door not in {Door.LIVE, Door.MIRROR}:
            fresh.append(row)
            continue
        if (source, identity) not in looked:
            looked.add((source, identity))
            same = "source = ? AND coalesce(id, '') = ? AND door = ?"
            query = f"SELECT source, id, kind, reason, raw, raw_bytes, n FROM quarantine WHERE {same}"
            found = db.execute(query, (source, identity or "", door))
            known |= {tuple(said): n for *said, n in found}
        number = known.get((source, identity, kind, reason, raw, raw_bytes))
        if number is None:
            fresh.append(row)
        else:
            db.execute("UPDATE quarantine SET run_id = ?, at = ? WHERE n = ?", (run_id, now, number))
    return fresh


def _without_withdrawn(db: Session, rejected: Sequence[Rejected]) -> list[Rejected]:
    """Without what is known to be withdrawn: its bytes may hold the very text that had to go."""
    kept = []
    for item in rejected:
        if item.kind in CONTENT and item.id is not None:
            key: tuple[str, ...] = (_writable(item.source), _writable(item.id))
            if item.kind == "user":
                key = (name_digest(key[0], key[1]),)
                query = "SELECT 1 FROM tombstones WHERE kind = 'user' AND id = ?"
            else:
                query = f"SELECT 1 FROM {CONTENT[item.kind].name} WHERE source = ? AND id = ? AND withdrawn = 1"
            if db.execute(query, key).fetchone() is not None:
                continue
        kept.append(item)
    return kept


def _writable(text: str) -> str:
    """The text without what no database takes: it names a broken record and may be broken itself."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def forget_checkpoints(db: Session, keys: Sequence[str], *, source: str) -> None:
    """Drop checkpoints that hold no longer; those that are not there are no error."""
    if keys:
        db.execute(f"DELETE FROM checkpoints WHERE source = ? AND {db.among('key')}", (source, db.listed(keys)))


def save_checkpoints(db: Session, checkpoints: Sequence[Checkpoint], *, source: str, run_id: int, now: int) -> None:
    """Remember how far streams are."""
    rows = {item.key: (source, item.key, item.state, run_id, now) for item in checkpoints}
    columns = ("source", "key", "state", "run_id", "updated_at")
    db.save("checkpoints", columns, list(rows.values()), key=("source", "key"))


def save_ledger(db: Session, mark: LedgerMark, *, run_id: int, now: int) -> None:
    """Remember how far an import is."""
    row = {**msgspec.structs.asdict(mark), "done": int(mark.done), "run_id": run_id, "updated_at": now}
    db.save("imports", tuple(row), [tuple(row.values())], key=("digest", "filters", "mapping_version"))


def count(db: Session, tally: Tally, *, run_id: int) -> None:
    """Add a batch's conservation line to its run."""
    sets = ", ".join(f"{name} = {name} + ?" for name in TALLY) + ", batches = batches + 1"
    db.execute(f"UPDATE runs SET {sets} WHERE id = ?", (*(getattr(tally, name) for name in TALLY), run_id))


def note_drift(db: Session, fields: Mapping[str, int], *, source: str, run_id: int) -> None:
    """Count platform fields nobody modelled."""
    rows = [(source, name, times, run_id, run_id) for name, times in sorted(fields.items())]
    sets = {"seen": "drift.seen + excluded.seen", "last_run": "excluded.last_run"}
    columns = ("source", "field", "seen", "first_run", "last_run")
    db.save("drift", columns, rows, key=("source", "field"), sets=sets)
