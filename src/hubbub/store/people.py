"""People who are gone: their rows, their name on everything they wrote, and whatever comes under it later.

A name identifies a person, so a tombstone of one is kept under a digest of the name. Any tombstone of a person is final
for the author facets of their records: which observation came first must not matter (design §2, account gone).
"""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from hubbub.records.merge import Kept, fold
from hubbub.records.models import Door, Observation, Reason, Tombstone, User
from hubbub.store import content
from hubbub.store.content import Change, Key
from hubbub.store.session import Session

NO_COLLECTIONS = "UPDATE collections SET owner = NULL WHERE source = ? AND owner = ?"
"""Takes a person's key off the collections that person keeps."""


def name_digest(source: str, name: str) -> str:
    """What stands for a person's key where the name itself must not be kept."""
    return hashlib.sha256(f"{source}\x00{name}".encode()).hexdigest()


class Graves:
    """The people of a source who are known to be gone, as far as a batch asks."""

    def __init__(self, db: Session) -> None:
        self._db = db
        self._known: dict[Key, bool] = {}
        self._any: bool | None = None

    def look_up(self, keys: Iterable[Key]) -> None:
        """Ask the store about these people, all at once."""
        wanted = [key for key in keys if key not in self._known]
        if not wanted:
            return
        self._known.update(dict.fromkeys(wanted, False))
        if not self.any:
            return
        digests = {name_digest(*key): key for key in wanted}
        found = self._db.execute(
            f"SELECT id FROM tombstones WHERE kind = 'user' AND {self._db.among('source')} AND {self._db.among('id')}",
            (self._db.listed(sorted({source for source, _ in wanted})), self._db.listed(digests)),
        )
        for (digest,) in found:
            self._known[digests[digest]] = True

    @property
    def any(self) -> bool:
        """False while nobody at all is known to be gone: the common case, asked once a batch."""
        if self._any is None:
            row = self._db.execute("SELECT 1 FROM tombstones WHERE kind = 'user' LIMIT 1").fetchone()
            self._any = row is not None
        return self._any

    def dig(self, key: Key) -> None:
        """Remember that this person is gone."""
        self._known[key] = self._any = True

    def __contains__(self, key: Key) -> bool:
        return self._known.get(key, False)


def without_author(record: Any) -> Any:
    """The same observation as the platform would make it once the account is gone."""
    return msgspec.structs.replace(
        record, author_gone=True, author=None, author_name=None, author_id=None, author_flair=None
    )


def bury(db: Session, stones: Sequence[Tombstone], *, run_id: int) -> list[Change]:
    """Store tombstones of people and delete their rows; returns their records, which lose their author."""
    changes: list[Change] = []
    for stone in stones:
        digest = name_digest(stone.source, stone.id)
        kept = fold(_grave(db, stone, digest), stone).kept
        said = (str(kept.tombstone), kept.tombstone_at, kept.tombstone_detail)
        grave = (stone.source, "user", digest, *said, str(stone.door), run_id)
        key = ("source", "kind", "id")
        db.save("tombstones", (*key, "reason", "at", "detail", "door", "run_id"), [grave], key=key)
        db.execute("DELETE FROM users WHERE source = ? AND id = ?", (stone.source, stone.id))
        db.forget_mentioned()
        for table in ("observations", "revisions", "quarantine"):
            db.execute(f"DELETE FROM {table} WHERE source = ? AND kind = 'user' AND id = ?", (stone.source, stone.id))
        for kind in ("post", "comment"):
            theirs = content.load_by_author(db, kind, source=stone.source, author=stone.id, digest=digest)
            for change in theirs.values():
                content.erase_author(change)
            changes.extend(theirs.values())
        db.execute("DELETE FROM past_authors WHERE source = ? AND author = ?", (stone.source, digest))
        db.execute(NO_COLLECTIONS, (stone.source, stone.id))
    return changes


def _grave(db: Session, stone: Tombstone, digest: str) -> Kept | None:
    row = db.execute(
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


def remember_past_authors(db: Session, changes: Iterable[Change]) -> None:
    """Note digests of names that records were once seen under: a later tombstone of that person reaches them."""
    rows: list[tuple[str, str, str, str]] = []
    for change in changes:
        if not change.past_authors or _beyond_reach(change):
            continue
        source, record_id = change.key
        rows.extend((source, name_digest(source, name), change.kind, record_id) for name in change.past_authors)
    key = ("source", "author", "kind", "id")
    db.save("past_authors", key, list(dict.fromkeys(rows)), key=key, keep=True)


def _beyond_reach(change: Change) -> bool:
    kept = change.kept
    erased = kept.tombstone is not None and kept.tombstone.erases
    return erased or bool(getattr(kept.record, "author_gone", False))


def authors_of(records: Iterable[Observation | Tombstone]) -> set[Key]:
    """The people these records name: authors, and the users themselves."""
    people = {(r.source, author) for r in records if (author := getattr(r, "author", None)) is not None}
    return people | {(r.source, r.id) for r in records if r.kind == "user"}
