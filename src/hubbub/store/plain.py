"""The common case of an import without the machinery of a merge: whole records never seen before, or seen just so.

A *plain* observation states every facet of its kind, at one time or at two, names nothing that needs rows of its own
but stubs and media, and comes once in its batch. Where its key is new the fold would keep it as it is, so its row is
written straight from its fields; where the row that is there says the same, the fold changes nothing (it is
idempotent). So with the first tombstone of a record. Everything else goes through `content`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from hubbub.records.models import Reason
from hubbub.store import media_rows, mentions
from hubbub.store.content import Key, Seen
from hubbub.store.people import Graves
from hubbub.store.search_words import Said, vector_text
from hubbub.store.session import Session
from hubbub.store.sheets import Sheet
from hubbub.store.tables import CONTENT

Taken = dict[str, set[str]]
"""Per source: ids that records of a batch have."""


class Written(msgspec.Struct):
    """What became of the sheets of one kind."""

    rest: list[Seen] = []
    """Records that a merge must decide."""
    filled: list[int] = []
    """Numbers of rows that were stubs before, where the engine has row numbers."""


def write(
    db: Session,
    sheets: Iterable[Sheet],
    *,
    graves: Graves,
    taken: Taken,
    outcomes: dict[str, int],
    run_id: int,
    now: int,
) -> Written:
    """Write sheets of one kind with the stubs, media and tombstones that belong to them.

    `taken` are keys that other records of the batch have."""
    done = Written()
    sheets = list(sheets)
    for sheet in sheets:
        done.rest += _part_doubles(sheet, taken=taken, graves=graves)
    for sheet in sheets:
        if sheet.rows:
            _write_sheet(db, sheet, done, outcomes=outcomes, run_id=run_id, now=now)
    return done


def _part_doubles(sheet: Sheet, *, taken: Taken, graves: Graves) -> list[Seen]:
    """Take out the records whose key another one of the batch has, and those of people who are gone."""
    source, author = sheet.source, sheet.at("author")
    known = taken.setdefault(source, set())
    if not sheet.rows:
        return []
    ids = {*sheet.column(0)}
    names: set[Key] = set()
    if graves.any and author is not None:
        names = {(source, name) for name in sheet.column(author)}
        graves.look_up(names)
        names = {name for name in names if name in graves}
    if len(ids) == len(sheet.rows) and not names and known.isdisjoint(ids):
        known |= ids
        return []
    out: list[int] = []
    for i, row in enumerate(sheet.rows):
        if row[0] in known or (author is not None and (source, row[author]) in names):
            out.append(i)
        known.add(row[0])
    return sheet.take_out(out)


def _write_sheet(db: Session, sheet: Sheet, done: Written, *, outcomes: dict[str, int], run_id: int, now: int) -> None:
    bound, rows = sheet.bound, sheet.rows
    if db.index_now and db.vectors and not sheet.withdrawn:
        bound, rows = (*bound, "search"), [(*row, vector) for row, vector in zip(rows, _vectors(sheet), strict=True)]
    added = db.add(
        CONTENT[sheet.kind].name,
        bound,
        rows,
        fixed=sheet.fixed,
        copies=sheet.copies,
        ours=sheet.ours,
        constants={"run_id": run_id, "updated_at": now},
    )
    done.filled += added.filled
    if sheet.withdrawn:
        outcomes["tombstoned"] += len(rows) - len(added.differ)
    else:
        outcomes["new"] += added.new
        outcomes["unchanged"] += len(rows) - added.new - len(added.differ)
    if added.differ:
        done.rest += sheet.take_out([i for i, row in enumerate(sheet.rows) if row[0] in added.differ])
    if added.new:  # what was there before has its stubs, media and tombstones
        _mention(db, sheet)
        if sheet.withdrawn:
            _bury(db, sheet, run_id=run_id)
        media_rows.add(db, sheet, now=now)


def _vectors(sheet: Sheet) -> Iterator[str]:
    """The entry in the search index of each row."""
    at = {name: i for name in Said._fields if (i := sheet.at(name)) is not None}
    fixed: dict[str, Any] = {name: sheet.fixed.get(name) for name in Said._fields}
    for row in sheet.rows:
        yield vector_text(Said(**fixed | {name: row[i] for name, i in at.items()}))


_NAMED = (
    ("users", "author", "author_name"),
    ("communities", "community", "community_name"),
    ("posts", "post_id", None),
)
_KINDS = {"users": "user", "communities": "community", "posts": "post"}


def _mention(db: Session, sheet: Sheet) -> None:
    """Make the stubs that rows refer to, where nobody made them yet."""
    if not sheet.rows:
        return
    for table, column, name in _NAMED:
        at, named = sheet.at(column), sheet.at(name)
        if at is None:
            continue
        fresh = db.unmentioned(table, sheet.source, {*sheet.column(at)} - {None, ""})
        if fresh:
            names = {} if named is None else dict(zip(sheet.column(at), sheet.column(named), strict=True))
            mentions.make(db, _KINDS[table], {(sheet.source, key): names.get(key) for key in fresh})


def _bury(db: Session, sheet: Sheet, *, run_id: int) -> None:
    """Mirror the tombstones of new rows into the table in which they are looked up."""
    fixed, at = sheet.fixed, sheet.at("observed_at")
    assert at is not None
    reason = Reason(fixed["tombstone"])
    said = (str(reason), fixed["tombstone_detail"])
    rows = [
        (sheet.source, sheet.kind, row[0], said[0], row[at], said[1], None if reason.erases else row[at], fixed["door"])
        for row in sheet.rows
    ]
    columns = ("source", "kind", "id", "reason", "at", "detail", "wiped_to", "door", "run_id")
    db.save("tombstones", columns, [(*row, run_id) for row in rows], key=columns[:3], keep=True)
