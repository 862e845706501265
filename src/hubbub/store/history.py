"""Past numbers and texts: written as commutative registers, wiped with their record (what was set aside of it, too)."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from hubbub.records.facets import FACET_FIELDS, Facet
from hubbub.records.history import NumbersRegister, TextRevision, comparable
from hubbub.store.content import Change, Key
from hubbub.store.session import Session
from hubbub.store.tables import NUMBERS

_REGISTER = ("source", "kind", "id", "hour")
_REVISION = ("source", "kind", "id", "hash")


def append(db: Session, changes: Iterable[Change]) -> None:
    """Wipe what tombstones withdrew, then add what the folds left behind."""
    changes = list(changes)
    _wipe(db, [change for change in changes if change.wiped])
    grown = [change for change in changes if change.past_numbers or change.past_texts]
    if grown:
        _append_numbers(db, grown)
        _append_texts(db, grown)


def _wipe(db: Session, changes: Sequence[Change]) -> None:
    """Everything of erased records, of removed ones what was up to the removal; never stored ones have no history."""
    for kind in dict.fromkeys(change.kind for change in changes):
        mine = [change for change in changes if change.kind == kind]
        _delete(db, ("quarantine",), kind, [change.key for change in mine])
        known = [change for change in mine if change.before is not None]
        erased = [change.key for change in known if _erased(change)]
        _delete(db, ("observations", "revisions", "past_authors"), kind, erased)
        _clip(db, kind, [change for change in known if not _erased(change)])


def _delete(db: Session, tables: Sequence[str], kind: str, keys: Iterable[Key]) -> None:  # noqa: PLR0917 - as it reads
    for source, ids in ids_by_source(keys).items():
        for table in tables:
            where = f"source = ? AND kind = ? AND {db.among('id')}"
            db.execute(f"DELETE FROM {table} WHERE {where}", (source, kind, db.listed(ids)))


def _clip(db: Session, kind: str, removed: Sequence[Change]) -> None:
    if not removed:
        return
    where = "source = ? AND kind = ? AND id = ?"
    rows = [(change.key[0], kind, change.key[1], change.kept.wiped_to) for change in removed]
    db.executemany(f"DELETE FROM observations WHERE {where} AND observed_at <= ?", rows)
    db.executemany(f"DELETE FROM revisions WHERE {where} AND last_at <= ?", rows)
    db.executemany(f"UPDATE revisions SET first_at = ? WHERE {where}", [(to, *key) for *key, to in rows])


def _erased(change: Change) -> bool:
    tombstone = change.kept.tombstone
    return tombstone is not None and tombstone.erases


def _append_numbers(db: Session, changes: Sequence[Change]) -> None:
    best: dict[tuple[Any, ...], tuple[str, NumbersRegister]] = {}
    for change in changes:
        to = change.kept.wiped_to
        for entry in [] if _erased(change) else change.past_numbers:
            if to is not None and entry.observed_at <= to:
                continue
            key = (change.key[0], change.kind, change.key[1], entry.hour)
            if key not in best or _order(entry) > _order(best[key][1]):
                best[key] = (change.kind, entry)
    for kind, keys in _by_kind(changes).items():
        for (source, record_id), registers in stored_numbers(db, kind, keys).items():
            for stored in registers:
                key = (source, kind, record_id, stored.hour)
                if key in best and _order(stored) >= _order(best[key][1]):
                    del best[key]
    rows = [(*key, e.observed_at, *_wide(kind, e)) for key, (kind, e) in best.items()]
    db.save("observations", (*_REGISTER, "observed_at", *NUMBERS), rows, key=_REGISTER)


def _by_kind(changes: Iterable[Change]) -> dict[str, list[Key]]:
    found: dict[str, list[Key]] = {}
    for change in changes:
        if change.past_numbers:
            found.setdefault(change.kind, []).append(change.key)
    return found


def _append_texts(db: Session, changes: Sequence[Change]) -> None:
    times: dict[tuple[str, str, str, str], tuple[int, int, str]] = {}
    for change in changes:
        to = change.kept.wiped_to
        for entry in [] if _erased(change) else change.past_texts:
            if to is not None and entry.last_at <= to:
                continue
            text = msgspec.json.encode(entry.texts)
            first, last = entry.first_at if to is None else to, entry.last_at
            key = (change.key[0], change.kind, change.key[1], hashlib.sha256(text).hexdigest())
            if key in times:
                first, last = min(first, times[key][0]), max(last, times[key][1])
            times[key] = (first, last, text.decode())
    sets = {
        "first_at": f"{db.least}(revisions.first_at, excluded.first_at)",
        "last_at": f"{db.greatest}(revisions.last_at, excluded.last_at)",
    }
    rows = [(*key, *said) for key, said in times.items()]
    db.save("revisions", (*_REVISION, "first_at", "last_at", "text"), rows, key=_REVISION, sets=sets)


def _order(entry: NumbersRegister) -> tuple[Any, ...]:
    return entry.observed_at, comparable(entry.values)


def _wide(kind: str, entry: NumbersRegister) -> list[Any]:
    """A register's values in the columns of the table, which serves every kind."""
    values = dict(zip(FACET_FIELDS[kind][Facet.NUMBERS], entry.values, strict=True))
    return [values.get(name) for name in NUMBERS]


def stored_numbers(db: Session, kind: str, keys: Iterable[Key]) -> dict[Key, list[NumbersRegister]]:
    """Past registers of records of one kind, oldest first; records without any are left out."""
    names = ", ".join(FACET_FIELDS[kind][Facet.NUMBERS])
    sql = (
        f"SELECT id, hour, observed_at, {names} FROM observations"
        f" WHERE source = ? AND kind = ? AND {db.among('id')} ORDER BY id, hour"
    )
    found: dict[Key, list[NumbersRegister]] = {}
    for source, ids in ids_by_source(keys).items():
        for record_id, *row in db.execute(sql, (source, kind, db.listed(ids))):
            found.setdefault((source, record_id), []).append(numbers_entry(kind, row))
    return found


def stored_texts(db: Session, kind: str, keys: Iterable[Key]) -> dict[Key, list[TextRevision]]:
    """Past texts of records of one kind; records without any are left out."""
    sql = f"SELECT id, first_at, last_at, text FROM revisions WHERE source = ? AND kind = ? AND {db.among('id')}"
    found: dict[Key, list[TextRevision]] = {}
    for source, ids in ids_by_source(keys).items():
        for record_id, *row in db.execute(sql, (source, kind, db.listed(ids))):
            found.setdefault((source, record_id), []).append(text_entry(row))
    return found


def ids_by_source(keys: Iterable[Key]) -> dict[str, list[str]]:
    """The ids of keys, by their source."""
    found: dict[str, list[str]] = {}
    for source, record_id in keys:
        found.setdefault(source, []).append(record_id)
    return found


def numbers_entry(kind: str, row: Sequence[Any]) -> NumbersRegister:
    """A register from (hour, observed_at, the numbers of the kind)."""
    names = FACET_FIELDS[kind][Facet.NUMBERS]
    values = tuple(
        bool(value) if name == "score_hidden" and value is not None else value
        for name, value in zip(names, row[2:], strict=True)
    )
    return NumbersRegister(hour=row[0], observed_at=row[1], values=values)


def text_entry(row: Sequence[Any]) -> TextRevision:
    """A revision from (first_at, last_at, text)."""
    texts = msgspec.json.decode(row[2], type=tuple[str | None, ...])
    return TextRevision(texts=texts, first_at=row[0], last_at=row[1])
