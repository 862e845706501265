"""Topics and collections of one batch: load what is kept, take the freshest of all, write what changed.

They are no records of a person, so nothing withdraws them and no blocklist names them. Only the key of whoever keeps a
collection is a person's: it goes with that person.
"""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from hubbub.records.grouping import GROUPING_FIELDS, GROUPING_TYPES, merged, values_of
from hubbub.records.models import Collection, Door, Grouping
from hubbub.store.blocked import Blocked
from hubbub.store.content import Key
from hubbub.store.people import Graves
from hubbub.store.session import Session
from hubbub.store.tables import GROUPINGS

COLUMNS: dict[str, tuple[str, ...]] = {
    kind: ("source", "id", *names, "door", "terms", "observed_at") for kind, names in GROUPING_FIELDS.items()
}
"""Per kind: the columns that hold a record, as `decoded` takes them."""


def write(
    db: Session, records: Sequence[Grouping], *, graves: Graves, blocked: Blocked, run_id: int, now: int
) -> dict[str, dict[str, int]]:
    """Fold records into what is kept, one statement a table; returns what became of them, by kind and outcome."""
    outcomes: dict[str, dict[str, int]] = {}
    for kind in GROUPINGS:
        of_kind = [record for record in records if record.kind == kind]
        if of_kind:
            some = _without_owners(of_kind, graves=graves, blocked=blocked)
            outcomes[kind] = _write_kind(db, kind, some, run_id=run_id, now=now)
    return outcomes


def _without_owners(records: Sequence[Grouping], *, graves: Graves, blocked: Blocked) -> list[Grouping]:
    """The records without owners who are gone or forgotten."""
    people = {(each.source, each.owner) for each in records if isinstance(each, Collection) and each.owner}
    graves.look_up(people)
    blocked.look_up((source, "user", owner) for source, owner in people)
    gone = {key for key in people if key in graves or blocked.since(key[0], "user", key[1]) is not None}
    return [
        msgspec.structs.replace(each, owner=None)
        if isinstance(each, Collection) and (each.source, each.owner) in gone
        else each
        for each in records
    ]


def _write_kind(db: Session, kind: str, records: Sequence[Any], *, run_id: int, now: int) -> dict[str, int]:
    before = load(db, kind, ((record.source, record.id) for record in records))
    after = dict(before)
    outcomes: dict[str, int] = {}
    for record in records:
        key = (record.source, record.id)
        after[key], outcome = merged(after.get(key), record)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    changed = [record for key, record in after.items() if record != before.get(key)]
    columns, table = COLUMNS[kind], GROUPINGS[kind].name
    rows = [(*_encoded(record), *_ours(record, before, run_id=run_id, now=now)) for record in changed]
    sets = {name: f"excluded.{name}" for name in columns[2:]}
    sets |= {name: f"coalesce(excluded.{name}, {table}.{name})" for name in ("run_id", "updated_at")}
    db.save(table, (*columns, "run_id", "updated_at"), rows, key=("source", "id"), sets=sets)
    return outcomes


def _ours(record: Any, before: dict[Key, Any], *, run_id: int, now: int) -> tuple[int | None, int | None]:
    """Run and time of a row whose values change; a later sight of the same leaves those that are there."""
    old = before.get((record.source, record.id))
    return (None, None) if old is not None and values_of(old) == values_of(record) else (run_id, now)


def load(db: Session, kind: str, keys: Iterable[Key]) -> dict[Key, Any]:
    """What the store holds of these topics or collections; absent keys are left out."""
    by_source: dict[str, list[str]] = {}
    for source, record_id in dict.fromkeys(keys):
        by_source.setdefault(source, []).append(record_id)
    found: dict[Key, Any] = {}
    for source, ids in by_source.items():
        where = f"source = ? AND {db.among('id')}"
        for record in select(db, kind, where=where, values=(source, db.listed(ids))):
            found[record.source, record.id] = record
    return found


def select(db: Session, kind: str, *, where: str, values: tuple[Any, ...]) -> list[Any]:
    """The topics or collections under a condition."""
    query = f"SELECT {', '.join(COLUMNS[kind])} FROM {GROUPINGS[kind].name} WHERE observed_at IS NOT NULL AND {where}"
    return [decoded(kind, row) for row in db.execute(query, values)]


def everything(db: Session, kind: str) -> Iterator[Any]:
    """All topics or collections that are stored, in flat memory."""
    for rows in db.stream(
        f"SELECT {', '.join(COLUMNS[kind])} FROM {GROUPINGS[kind].name} WHERE observed_at IS NOT NULL"
    ):
        yield from (decoded(kind, row) for row in rows)


def decoded(kind: str, row: Sequence[Any]) -> Any:
    """The record in a row of `COLUMNS`."""
    fields = dict(zip(COLUMNS[kind], row, strict=True))
    return GROUPING_TYPES[kind](**{**fields, "door": Door(fields["door"])})


def _encoded(record: Any) -> tuple[Any, ...]:
    return tuple(str(record.door) if name == "door" else getattr(record, name) for name in COLUMNS[record.kind])
