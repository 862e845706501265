"""One batch, one transaction: what SQLite does with everything a batch brings; the caller begins and commits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from hubbub.records.models import (
    Comment,
    Community,
    Door,
    LinkListing,
    Post,
    Reason,
    Record,
    Rejected,
    Stub,
    Tombstone,
    User,
)
from hubbub.store import bookkeeping, content, history, links, media_rows, mentions, people
from hubbub.store import search_index as search
from hubbub.store.batch import Batch, Tally
from hubbub.store.content import Change, Seen
from hubbub.store.rows import storable
from hubbub.store.tables import LINKS

DAY_S = 86_400
"""A record observed more than this far in the future is set aside (design §2)."""

_HERE = "the store"

UNSTORABLE = (OverflowError, UnicodeEncodeError, sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError)
"""What the driver raises for a value it cannot take."""


def write_batch(connection: sqlite3.Connection, batch: Batch, *, now: int, search_later: bool) -> Tally:
    """Store a batch inside the open transaction; returns its conservation line."""
    sorted_out = _sort(batch.records, now)
    rejected = [*batch.rejected, *sorted_out.rejected]
    counted = sum(not _is_mention(item) for item in rejected)
    tally = Tally(filtered=batch.filtered, repaired=batch.repaired, set_aside=counted)
    _write_records(connection, sorted_out, tally, run_id=batch.run_id, now=now, search_later=search_later)
    links.write(connection, sorted_out.listings)
    bookkeeping.set_aside(connection, rejected, run_id=batch.run_id, now=now)
    bookkeeping.save_checkpoints(connection, batch.checkpoints, source=batch.source, run_id=batch.run_id, now=now)
    if batch.ledger is not None:
        bookkeeping.save_ledger(connection, batch.ledger, run_id=batch.run_id, now=now)
    bookkeeping.note_drift(connection, batch.unknown_fields, source=batch.source, run_id=batch.run_id)
    bookkeeping.count(connection, tally, run_id=batch.run_id)
    return tally


def without_unstorable(connection: sqlite3.Connection, batch: Batch, *, now: int) -> Batch | None:
    """The batch with the records the database refuses moved to its rejected ones; None when there are none.

    Asks the records first; where they look well, tries them one by one inside the open transaction (which the caller
    rolls back)."""
    reasons = [(record, storable(record)) for record in batch.records if not isinstance(record, Stub)]
    if all(reason is None for _, reason in reasons):
        reasons = [(record, _refusal(connection, record, batch=batch, now=now)) for record, _ in reasons]
    bad = [_reject(record, reason) for record, reason in reasons if reason is not None]
    if not bad:
        return None
    good = tuple(record for record, reason in reasons if reason is None)
    return msgspec.structs.replace(batch, records=good, rejected=(*batch.rejected, *bad))


def _refusal(connection: sqlite3.Connection, record: Record, *, batch: Batch, now: int) -> str | None:
    alone = Batch(run_id=batch.run_id, source=batch.source, stream=batch.stream, records=(record,))
    connection.execute("SAVEPOINT trial")
    try:
        write_batch(connection, alone, now=now, search_later=True)
    except UNSTORABLE as err:
        connection.execute("ROLLBACK TO trial")
        return f"the database refused it: {err}"
    connection.execute("RELEASE trial")
    return None


class _Sorted(msgspec.Struct):
    seen: dict[str, list[Seen]]
    people: list[Tombstone] = []
    listings: list[LinkListing] = []
    rejected: list[Rejected] = []


def _sort(records: Sequence[Record], now: int) -> _Sorted:
    """Records by kind, in order; those from the future set aside. Stubs follow from references (`mentions`)."""
    found = _Sorted(seen={"post": [], "comment": [], "user": [], "community": []})
    limit = now + DAY_S
    for record in records:
        if isinstance(record, Stub):
            continue
        wrong = _wrong_time(record, limit)
        if wrong is not None:
            found.rejected.append(_reject(record, wrong))
        elif isinstance(record, LinkListing):
            found.listings.append(record)
        elif isinstance(record, Tombstone) and record.kind == "user":
            found.people.append(record)
        else:
            found.seen[record.kind].append(record)
    return found


def _wrong_time(record: Post | Comment | User | Community | Tombstone | LinkListing, limit: int) -> str | None:
    if isinstance(record, Tombstone):
        times: tuple[int | None, ...] = (record.at,)
    elif isinstance(record, LinkListing):
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


def _write_records(
    connection: sqlite3.Connection, found: _Sorted, tally: Tally, *, run_id: int, now: int, search_later: bool
) -> None:
    newest = search.newest_rows(connection)
    graves = people.Graves(connection)
    outcomes = {"new": 0, "updated": 0, "unchanged": 0, "older": 0, "tombstoned": len(found.people)}
    for stone in found.people:
        graves.dig((stone.source, stone.id))
    bereaved = people.bury(connection, found.people, run_id=run_id)
    changes = {kind: {c.key: c for c in bereaved if c.kind == kind} for kind in found.seen}
    for kind, records in found.seen.items():
        _fold_kind(connection, kind, records, changes=changes[kind], graves=graves, outcomes=outcomes)
    everything = [change for by_key in changes.values() for change in by_key.values() if change.after is not None]
    touched = [change for change in everything if change.after != change.before]
    again = search.take_out(connection, touched)
    for kind in changes:
        content.write(connection, kind, [c for c in touched if c.kind == kind], run_id=run_id, now=now)
    _write_tombstones(connection, everything, run_id=run_id)
    history.append(connection, everything)
    people.remember_past_authors(connection, everything)
    media_rows.maintain(connection, touched, now=now)
    _drop_labels(connection, everything)
    mentions.maintain(connection, touched)
    search.put_in(connection, again, newest=newest, later=search_later)
    for outcome, times in outcomes.items():
        setattr(tally, outcome, times)


def _fold_kind(
    connection: sqlite3.Connection,
    kind: str,
    records: list[Seen],
    *,
    changes: dict[content.Key, Change],
    graves: people.Graves,
    outcomes: dict[str, int],
) -> None:
    if not records:
        return
    graves.look_up(people.authors_of(records))
    blocked = _blocked(connection, kind, records)
    seen: list[Seen] = []
    for record in records:
        author = getattr(record, "author", None)
        if kind == "user" and (record.source, record.id) in graves:
            outcomes["tombstoned"] += 1
        elif not isinstance(record, Tombstone) and (record.source, record.id) in blocked:
            seen.append(_as_forgotten(record, blocked[record.source, record.id]))
        elif author is not None and (record.source, author) in graves:
            seen.append(people.without_author(record))
        else:
            seen.append(record)
    wanted = dict.fromkeys((record.source, record.id) for record in seen)
    changes.update(content.load(connection, kind, (key for key in wanted if key not in changes)))
    content.fold_all(changes, seen, outcomes=outcomes)


def _blocked(connection: sqlite3.Connection, kind: str, records: Iterable[Seen]) -> dict[content.Key, int]:
    """Which of these records are on the blocklist, and since when."""
    if connection.execute("SELECT 1 FROM blocklist WHERE kind = ? LIMIT 1", (kind,)).fetchone() is None:
        return {}
    ids = msgspec.json.encode(sorted({record.id for record in records})).decode()
    rows = connection.execute(
        "SELECT source, id, added_at FROM blocklist WHERE kind = ? AND id IN (SELECT value FROM json_each(?))",
        (kind, ids),
    )
    return {(source, record_id): at for source, record_id, at in rows}


def _as_forgotten(record: Any, at: int) -> Tombstone:
    return Tombstone(
        source=record.source,
        kind=record.kind,
        id=record.id,
        door=record.door,
        reason=Reason.FORGET,
        at=at,
        terms=record.terms,
        community=getattr(record, "community", None),
        post_id=getattr(record, "post_id", None),
        parent_id=getattr(record, "parent_id", None),
        created_at=record.created_at,
    )


def _write_tombstones(connection: sqlite3.Connection, changes: Iterable[Change], *, run_id: int) -> None:
    """Mirror the tombstones of rows into the table in which they are looked up."""
    rows = []
    for change in changes:
        kept = change.kept
        if change.wiped and kept.tombstone is not None:
            key = (change.key[0], change.kind, change.key[1])
            details = (str(kept.tombstone), kept.tombstone_at, kept.tombstone_detail, kept.wiped_to)
            rows.append((*key, *details, str(kept.record.door), run_id))
    connection.executemany(
        "INSERT OR REPLACE INTO tombstones (source, kind, id, reason, at, detail, wiped_to, door, run_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )


def _drop_labels(connection: sqlite3.Connection, changes: Iterable[Change]) -> None:
    connection.executemany(
        "DELETE FROM labels WHERE post_n = ?",
        [(c.n,) for c in changes if c.kind == "post" and c.wiped and c.n is not None and c.kept.withdrawn],
    )
