"""Content rows of one batch: load what is kept, fold what was seen, write what changed."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from hubbub.records.history import NumbersRegister, TextRevision
from hubbub.records.merge import Kept, fold
from hubbub.records.models import Observation, Tombstone
from hubbub.store.rows import CODECS
from hubbub.store.search_words import vector_text
from hubbub.store.session import Session
from hubbub.store.tables import CONTENT

Key = tuple[str, str]
"""(source, id) within a kind."""

Seen = Observation | Tombstone

VECTORED = ("post", "comment")
"""Kinds that searches find."""


class Change(msgspec.Struct, kw_only=True):
    """One record of a batch: what was kept before, what is kept now and what falls into its history."""

    kind: str
    key: Key
    n: int | None
    """Row number, 0 where the engine has none; None while there is no row (not even a stub)."""
    before: Kept | None
    after: Kept | None
    wiped: bool = False
    past_numbers: list[NumbersRegister] = []
    past_texts: list[TextRevision] = []
    past_authors: set[str] = set()
    """Authors it was seen under besides the one it shows."""
    fresh: bool = False
    """True when its content changed, not just the times at which it was seen."""

    @property
    def kept(self) -> Kept:
        """What is kept now; only for records that were folded."""
        assert self.after is not None
        return self.after


def load(db: Session, kind: str, keys: Iterable[Key]) -> dict[Key, Change]:
    """What the store holds of these records, as changes that have not happened yet; absent keys are left out."""
    by_source: dict[str, list[str]] = {}
    for source, record_id in keys:
        by_source.setdefault(source, []).append(record_id)
    found: dict[Key, Change] = {}
    for source, ids in by_source.items():
        where = f"source = ? AND {db.among('id')}"
        found.update(_select(db, kind, where=where, values=(source, db.listed(ids))))
    return found


def load_by_author(db: Session, kind: str, *, source: str, author: str, digest: str) -> dict[Key, Change]:
    """Records that show this author, or were once seen under the name."""
    past = "SELECT id FROM past_authors WHERE source = ? AND author = ? AND kind = ?"
    return {
        **_select(db, kind, where="source = ? AND author = ?", values=(source, author)),
        **_select(db, kind, where=f"source = ? AND id IN ({past})", values=(source, source, digest, kind)),
    }


def _select(db: Session, kind: str, *, where: str, values: tuple[Any, ...]) -> dict[Key, Change]:
    codec = CODECS[kind]
    observed = codec.columns.index("observed_at")
    names = ", ".join(codec.columns)
    found: dict[Key, Change] = {}
    for n, *row in db.execute(f"SELECT {db.row_number}, {names} FROM {CONTENT[kind].name} WHERE {where}", values):
        kept = None if row[observed] is None else codec.decode(row)
        key = (row[0], row[1])
        found[key] = Change(kind=kind, key=key, n=n, before=kept, after=kept)
    return found


def fold_all(changes: dict[Key, Change], seen: Sequence[Seen], *, outcomes: dict[str, int]) -> None:
    """Fold the records of one kind, in order, into `changes` (made by `load`; new ones are added)."""
    for record in seen:
        key = (record.source, record.id)
        change = changes.get(key)
        if change is None:
            change = changes[key] = Change(kind=record.kind, key=key, n=None, before=None, after=None)
        fold_one(change, record, outcomes=outcomes)


def fold_one(change: Change, record: Seen, *, outcomes: dict[str, int] | None = None) -> None:
    """Fold one observation or tombstone into a change."""
    old = change.after
    folded = fold(old, record)
    change.after = folded.kept
    if old is None and folded.kept.record is record:  # it begins as it came: nothing is past
        change.fresh = True
        if outcomes is not None:
            outcomes[folded.outcome] += 1
        return
    change.wiped = change.wiped or folded.wiped
    change.fresh = change.fresh or folded.outcome in ("new", "updated", "tombstoned")
    if folded.past_numbers is not None:
        change.past_numbers.append(folded.past_numbers)
    if folded.past_text is not None:
        change.past_texts.append(folded.past_text)
    shown = getattr(folded.kept.record, "author", None)
    for author in (getattr(record, "author", None), getattr(old.record, "author", None) if old else None):
        if author is not None and author != shown:
            change.past_authors.add(author)
    if outcomes is not None:
        outcomes[folded.outcome] += 1


def erase_author(change: Change) -> None:
    """Fold in that the author's account is gone, without claiming to have seen anything new."""
    kept = change.after
    if kept is None or kept.first_seen_at is None:
        return
    record: Any = kept.record
    gone = type(record)(
        source=record.source,
        id=record.id,
        door=record.door,
        terms=record.terms,
        observed_at=kept.first_seen_at,
        stated=0,
        author_gone=True,
    )
    fold_one(change, gone)


def write(db: Session, kind: str, changes: Iterable[Change], *, run_id: int, now: int) -> None:
    """Insert and update the rows of records of one kind that differ from before, in the order of the batch."""
    codec, table = CODECS[kind], CONTENT[kind].name
    vector = db.vectors and kind in VECTORED
    columns = (*codec.columns, "run_id", "updated_at", *(("search",) if vector else ()))
    rows: list[tuple[Any, ...]] = []
    for change in changes:
        ours = (run_id, now) if change.fresh or change.before is None else (None, None)
        row = (*codec.encode(change.kept), *ours)
        rows.append((*row, _vector(change.kept, now=db.index_now)) if vector else row)
    sets = {name: f"excluded.{name}" for name in columns[2:]}
    sets |= {name: f"coalesce(excluded.{name}, {table}.{name})" for name in ("run_id", "updated_at")}
    db.save(table, columns, rows, key=("source", "id"), sets=sets)


def _vector(kept: Kept, *, now: bool) -> str | None:
    """What stands in the column `search` of a row, where the engine has one."""
    return vector_text(kept.record) if now and not kept.withdrawn else None
