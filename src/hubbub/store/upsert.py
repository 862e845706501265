"""One batch, one transaction: what the store does with everything a batch brings; the caller begins and commits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from hubbub.records.forgotten import is_profile
from hubbub.records.models import (
    Collection,
    Comment,
    Community,
    Door,
    Grouping,
    LinkListing,
    Post,
    Record,
    Rejected,
    Stub,
    Tombstone,
    Topic,
    User,
)
from hubbub.records.rows import records_of
from hubbub.store import (
    bookkeeping,
    content,
    groupings,
    history,
    links,
    media_rows,
    mentions,
    people,
    plain,
    search_index,
    search_vector,
    sheets,
)
from hubbub.store.batch import Batch, Tally
from hubbub.store.blocked import Blocked, keys_of
from hubbub.store.content import Change, Seen
from hubbub.store.session import Engine, Session
from hubbub.store.storable import storable
from hubbub.store.tables import LINKS

DAY_S = 86_400
"""A record observed more than this far in the future is set aside (design §2)."""

_HERE = "the store"

_SEARCH: dict[Engine, Any] = {"sqlite": search_index, "postgresql": search_vector}
"""How each engine keeps the search index in step."""


def write_batch(db: Session, batch: Batch, *, now: int) -> Tally:
    """Store a batch inside the open transaction; returns its conservation line."""
    db.make_room({record.source for record in batch.records} | {part.fixed["source"] for part in batch.rows})
    sorted_out = _sort(batch, now)
    rejected = [*batch.rejected, *sorted_out.rejected]
    blocked = Blocked(db)
    counted = sum(not _is_mention(item) for item in rejected)
    tally = Tally(filtered=batch.filtered, repaired=batch.repaired, set_aside=counted)
    for item in rejected:
        if not _is_mention(item):
            terms = tally.kinds.setdefault(item.kind or "unknown", {"set_aside": 0})
            terms["set_aside"] += 1
    _write_records(db, sorted_out, tally, blocked=blocked, run_id=batch.run_id, now=now)
    links.write(db, sorted_out.listings)
    bookkeeping.set_aside(db, blocked.without_bytes(rejected), run_id=batch.run_id, now=now)
    bookkeeping.forget_checkpoints(db, batch.forgotten, source=batch.source)
    bookkeeping.save_checkpoints(db, batch.checkpoints, source=batch.source, run_id=batch.run_id, now=now)
    if batch.ledger is not None:
        bookkeeping.save_ledger(db, batch.ledger, run_id=batch.run_id, now=now)
    bookkeeping.note_drift(db, batch.unknown_fields, source=batch.source, run_id=batch.run_id)
    bookkeeping.count(db, tally, run_id=batch.run_id)
    return tally


def commits(db: Session, run_id: int) -> int:
    """How many batches of a run are committed."""
    row = db.execute("SELECT batches FROM runs WHERE id = ?", (run_id,)).fetchone()
    return 0 if row is None else int(row[0])


def without_unstorable(db: Session, batch: Batch, *, now: int, refusals: tuple[type[Exception], ...]) -> Batch | None:
    """The batch with the records the database refuses moved to its rejected ones; None when there are none.

    Asks the records first; where they look well, tries them one by one inside the open transaction (which the caller
    rolls back). `refusals` are what the driver raises for a value it cannot take."""
    reasons = [(record, storable(record)) for record in batch.records if not isinstance(record, Stub)]
    if all(reason is None for _, reason in reasons):
        reasons = [(record, _refusal(db, record, batch=batch, now=now, refusals=refusals)) for record, _ in reasons]
    bad = [_reject(record, reason) for record, reason in reasons if reason is not None]
    if not bad:
        return None
    good = tuple(record for record, reason in reasons if reason is None)
    return msgspec.structs.replace(batch, records=good, rejected=(*batch.rejected, *bad))


def _refusal(
    db: Session, record: Record, *, batch: Batch, now: int, refusals: tuple[type[Exception], ...]
) -> str | None:
    alone = Batch(run_id=batch.run_id, source=batch.source, stream=batch.stream, records=(record,))
    db.execute("SAVEPOINT trial")
    try:
        write_batch(db, alone, now=now)
    except refusals as err:
        db.execute("ROLLBACK TO trial")
        return f"the database refused it: {err}"
    db.execute("RELEASE trial")
    return None


class _Sorted(msgspec.Struct):
    seen: dict[str, list[Seen]]
    plain: dict[str, list[sheets.Sheet]] = {}
    """Per kind, what needs no merge."""
    people: list[Tombstone] = []
    groupings: list[Grouping] = []
    listings: list[LinkListing] = []
    rejected: list[Rejected] = []


def _sort(batch: Batch, now: int) -> _Sorted:
    """Records by kind, in order; those from the future set aside. Stubs follow from references (`mentions`)."""
    limit = now + DAY_S
    found = _Sorted(seen={"post": [], "comment": [], "user": [], "community": []})
    sorter = sheets.Sorter(limit=limit)
    take, kinds = sorter.take, sheets.KINDS
    for record in batch.records:
        if not ((type(record) in kinds and take(record)) or isinstance(record, Stub)):
            _place(record, found, limit=limit)
    for kind in kinds.values():
        found.plain[kind], few = sorter.sheets(kind)
        for record in few:
            _place(record, found, limit=limit)
    for part in batch.rows:
        sheet, at = sheets.of_rows(part), part.columns.index("observed_at")
        if part.rows and max(sheet.column(at)) <= limit:
            found.plain[part.kind].append(sheet)
        else:
            for record in records_of(part):
                _place(record, found, limit=limit)
    return found


def _place(record: Any, found: _Sorted, *, limit: int) -> None:
    wrong = _wrong_time(record, limit)
    if wrong is not None:
        found.rejected.append(_reject(record, wrong))
    elif isinstance(record, LinkListing):
        found.listings.append(record)
    elif isinstance(record, Topic | Collection):
        found.groupings.append(record)
    elif isinstance(record, Tombstone) and record.kind == "user":
        found.people.append(record)
    else:
        found.seen[record.kind].append(record)


def _wrong_time(
    record: Post | Comment | User | Community | Tombstone | LinkListing | Grouping, limit: int
) -> str | None:
    if isinstance(record, Tombstone):
        times: tuple[int | None, ...] = (record.at,)
    elif isinstance(record, LinkListing | Topic | Collection):
        times = (record.observed_at,)
    else:
        rules_at = record.rules_at if isinstance(record, Community) else None
        times = (
            record.observed_at,
            record.frame_at,
            record.author_at,
            record.content_at,
            record.numbers_at,
            record.extra_at,
            rules_at,
        )
    for at in times:
        if at is not None and not 0 < at <= limit:
            return f"observed at {at}, more than a day in the future" if at > limit else f"observed at {at}: no time"
    return None


def _is_mention(item: Rejected) -> bool:
    """True for a link listing that was set aside here: kept like a record, but never counted as one."""
    return item.where == _HERE and item.kind in LINKS


def _reject(record: Any, reason: str) -> Rejected:
    try:
        raw = msgspec.json.encode(record)
    except (UnicodeEncodeError, TypeError, ValueError, OverflowError):
        raw = repr(record).encode("utf-8", "backslashreplace")
    return Rejected(
        reason=reason,
        raw=raw,
        source=record.source,
        door=getattr(record, "door", Door.LIVE),
        where=_HERE,
        kind=getattr(record, "kind", getattr(record, "link", None)),
        id=getattr(record, "id", getattr(record, "owner", None)),
    )


def _write_records(db: Session, found: _Sorted, tally: Tally, *, blocked: Blocked, run_id: int, now: int) -> None:
    search = _SEARCH[db.engine]
    newest = search.newest_rows(db)
    graves = people.Graves(db)
    outcomes = {kind: dict.fromkeys(("new", "updated", "unchanged", "older", "tombstoned"), 0) for kind in found.seen}
    outcomes["user"]["tombstoned"] = len(found.people)
    blocked.look_up((stone.source, "user", stone.id) for stone in found.people)
    found.people = [stone for stone in found.people if blocked.stone(stone) is None]  # who is forgotten has no grave
    for stone in found.people:
        graves.dig((stone.source, stone.id))
    filled = _write_plain(db, found, graves=graves, blocked=blocked, outcomes=outcomes, run_id=run_id, now=now)
    bereaved = people.bury(db, found.people, run_id=run_id)
    changes = {kind: {c.key: c for c in bereaved if c.kind == kind} for kind in found.seen}
    for kind, records in found.seen.items():
        _fold_kind(db, kind, records, changes=changes[kind], graves=graves, blocked=blocked, outcomes=outcomes[kind])
    everything = [change for by_key in changes.values() for change in by_key.values() if change.after is not None]
    touched = [change for change in everything if change.after != change.before]
    again = search.take_out(db, touched)
    for kind, numbers in filled.items():
        again.setdefault(kind, []).extend(numbers)
    for kind in changes:
        content.write(db, kind, [c for c in touched if c.kind == kind], run_id=run_id, now=now)
    _write_tombstones(db, everything, run_id=run_id)
    history.append(db, everything)
    people.remember_past_authors(db, everything)
    outcomes |= groupings.write(db, found.groupings, graves=graves, blocked=blocked, run_id=run_id, now=now)
    media_rows.maintain(db, touched, now=now)
    _drop_labels(db, everything)
    mentions.maintain(db, touched)
    search.put_in(db, again, newest=newest, later=not db.index_now)
    for kind, terms in outcomes.items():
        happened = {term: times for term, times in terms.items() if times}
        for term, times in happened.items():
            setattr(tally, term, getattr(tally, term) + times)
        if happened:
            tally.kinds[kind] = happened | tally.kinds.get(kind, {})


def _write_plain(
    db: Session,
    found: _Sorted,
    *,
    graves: people.Graves,
    blocked: Blocked,
    outcomes: dict[str, dict[str, int]],
    run_id: int,
    now: int,
) -> dict[str, list[int]]:
    """Write what needs no merge, with all that belongs to it; the rest of it joins the records that do. Returns the
    numbers of rows that were stubs before.

    Where people are buried everything goes through the merge, and always what is blocked."""
    filled: dict[str, list[int]] = {}
    for kind in sheets.KINDS.values():
        plain_ones, rest = found.plain[kind], found.seen[kind]
        if not plain_ones:
            continue
        for sheet in plain_ones:
            rest += sheet.take_out(blocked.rows(sheet))
        if found.people:
            for sheet in plain_ones:
                rest += sheet.take_out([*range(len(sheet.rows))])
            continue
        taken: plain.Taken = {}
        for record in rest:
            taken.setdefault(record.source, set()).add(record.id)
        done = plain.write(db, plain_ones, graves=graves, taken=taken, outcomes=outcomes[kind], run_id=run_id, now=now)
        rest += done.rest
        filled[kind] = done.filled
    return filled


def _fold_kind(
    db: Session,
    kind: str,
    records: list[Seen],
    *,
    changes: dict[content.Key, Change],
    graves: people.Graves,
    blocked: Blocked,
    outcomes: dict[str, int],
) -> None:
    if not records:
        return
    graves.look_up(people.authors_of(records))
    blocked.look_up(key for record in records for key in keys_of(record))
    seen: list[Seen] = []
    hidden: list[Seen] = []
    for record in records:
        author = getattr(record, "author", None)
        stone = blocked.stone(record)
        if stone is not None and (kind == "user" or (kind == "community" and is_profile(record.id))):
            outcomes["tombstoned"] += 1
        elif stone is not None:  # its place and times stay, as if it had been stored before it was forgotten
            hidden.append(blocked.unplaced(record))
            seen.append(stone)
        elif kind == "user" and (record.source, record.id) in graves:
            outcomes["tombstoned"] += 1
        elif author is not None and (record.source, author) in graves:
            seen.append(people.without_author(record))
        else:
            seen.append(record)
    wanted = dict.fromkeys((record.source, record.id) for record in seen)
    changes.update(content.load(db, kind, (key for key in wanted if key not in changes)))
    content.fold_all(changes, hidden, outcomes=dict.fromkeys(outcomes, 0))
    content.fold_all(changes, seen, outcomes=outcomes)


def _write_tombstones(db: Session, changes: Iterable[Change], *, run_id: int) -> None:
    """Mirror the tombstones of rows into the table in which they are looked up."""
    rows = []
    for change in changes:
        kept = change.kept
        if change.wiped and kept.tombstone is not None:
            key = (change.key[0], change.kind, change.key[1])
            details = (str(kept.tombstone), kept.tombstone_at, kept.tombstone_detail, kept.wiped_to)
            rows.append((*key, *details, str(kept.record.door), run_id))
    columns = ("source", "kind", "id", "reason", "at", "detail", "wiped_to", "door", "run_id")
    db.save("tombstones", columns, rows, key=columns[:3])


def _drop_labels(db: Session, changes: Iterable[Change]) -> None:
    rows = [c.key for c in changes if c.kind == "post" and c.wiped and c.n is not None and c.kept.withdrawn]
    if rows:
        db.executemany("DELETE FROM labels WHERE source = ? AND post_id = ?", rows)
