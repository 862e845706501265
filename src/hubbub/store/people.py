"""People who are gone: their rows, their name on everything they wrote, and whatever comes under it later.

A name identifies a person, so a tombstone of one is kept under a digest of the name. Any tombstone of a person is final
for the author facets of their records: which observation came first must not matter (design §2, account gone).
"""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from hubbub.records.merge import Kept, fold
from hubbub.records.models import Door, Observation, Reason, Tombstone, User
from hubbub.store import content
from hubbub.store.content import Change, Key


def name_digest(source: str, name: str) -> str:
    """What stands for a person's key where the name itself must not be kept."""
    return hashlib.sha256(f"{source}\x00{name}".encode()).hexdigest()


class Graves:
    """The people of a source who are known to be gone, as far as a batch asks."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[Key, bool] = {}

    def look_up(self, keys: Iterable[Key]) -> None:
        """Ask the store about these people, all at once."""
        wanted = [key for key in keys if key not in self._known]
        if not wanted:
            return
        any_grave = self._connection.execute("SELECT 1 FROM tombstones WHERE kind = 'user' LIMIT 1").fetchone()
        self._known.update(dict.fromkeys(wanted, False))
        if any_grave is None:
            return
        digests = {name_digest(*key): key for key in wanted}
        found = self._connection.execute(
            "SELECT id FROM tombstones WHERE kind = 'user' AND source IN (SELECT value FROM json_each(?))"
            " AND id IN (SELECT value FROM json_each(?))",
            (_json(sorted({source for source, _ in wanted})), _json(list(digests))),
        )
        for (digest,) in found:
            self._known[digests[digest]] = True

    def dig(self, key: Key) -> None:
        """Remember that this person is gone."""
        self._known[key] = True

    def __contains__(self, key: Key) -> bool:
        return self._known.get(key, False)


def without_author(record: Any) -> Any:
    """The same observation as the platform would make it once the account is gone."""
    return msgspec.structs.replace(
        record, author_gone=True, author=None, author_name=None, author_id=None, author_flair=None
    )


def bury(connection: sqlite3.Connection, stones: Sequence[Tombstone], *, run_id: int) -> list[Change]:
    """Store tombstones of people and delete their rows; returns their records, which lose their author."""
    changes: list[Change] = []
    for stone in stones:
        digest = name_digest(stone.source, stone.id)
        kept = fold(_grave(connection, stone, digest), stone).kept
        connection.execute(
            "INSERT OR REPLACE INTO tombstones (source, kind, id, reason, at, detail, door, run_id)"
            " VALUES (?, 'user', ?, ?, ?, ?, ?, ?)",
            (stone.source, digest, kept.tombstone, kept.tombstone_at, kept.tombstone_detail, str(stone.door), run_id),
        )
        connection.execute("DELETE FROM users WHERE source = ? AND id = ?", (stone.source, stone.id))
        for table in ("observations", "revisions", "quarantine"):
            connection.execute(
                f"DELETE FROM {table} WHERE source = ? AND kind = 'user' AND id = ?", (stone.source, stone.id)
            )
        for kind in ("post", "comment"):
            theirs = content.load_by_author(connection, kind, source=stone.source, author=stone.id, digest=digest)
            for change in theirs.values():
                content.erase_author(change)
            changes.extend(theirs.values())
        connection.execute("DELETE FROM past_authors WHERE source = ? AND author = ?", (stone.source, digest))
    return changes


def _grave(connection: sqlite3.Connection, stone: Tombstone, digest: str) -> Kept | None:
    row = connection.execute(
        "SELECT reason, at, detail FROM tombstones WHERE source = ? AND kind = 'user' AND id = ?",
        (stone.source, digest),
    ).fetchone()
    if row is None:
        return None
    blank = User(source=stone.source, id=stone.id, door=Door(stone.door), observed_at=row[1], stated=0)
    return Kept(
        record=blank,
        first_seen_at=None,
        last_seen_at=None,
        tombstone=Reason(row[0]),
        tombstone_at=row[1],
        tombstone_detail=row[2],
    )


def remember_past_authors(connection: sqlite3.Connection, changes: Iterable[Change]) -> None:
    """Note digests of names that records were once seen under: a later tombstone of that person reaches them."""
    rows: list[tuple[str, str, str, str]] = []
    for change in changes:
        if not change.past_authors or _beyond_reach(change):
            continue
        source, record_id = change.key
        rows.extend((source, name_digest(source, name), change.kind, record_id) for name in change.past_authors)
    connection.executemany("INSERT OR IGNORE INTO past_authors (source, author, kind, id) VALUES (?, ?, ?, ?)", rows)


def _beyond_reach(change: Change) -> bool:
    kept = change.kept
    erased = kept.tombstone is not None and kept.tombstone.erases
    return erased or bool(getattr(kept.record, "author_gone", False))


def authors_of(records: Iterable[Observation | Tombstone]) -> set[Key]:
    """The people these records name: authors, and the users themselves."""
    people = {(r.source, author) for r in records if (author := getattr(r, "author", None)) is not None}
    return people | {(r.source, r.id) for r in records if r.kind == "user"}


def _json(values: list[str]) -> str:
    return msgspec.json.encode(values).decode()
