"""What must not come in, as far as a batch asks; and how it gets onto the blocklist.

People, and communities named for one, stand there as keyed hashes. The key lies in a row of the list itself, so that it
goes wherever the list goes (ADR 36).
"""

# ruff: noqa: S608 - what is pasted are column names written in this file; every value is bound

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from hubbub.records.forgotten import KEEPER, KEY_PREFIX, alias, candidates, is_profile, mentioned
from hubbub.records.models import Door, Reason, Rejected, Tombstone
from hubbub.store.session import Session
from hubbub.store.sheets import Sheet

_Key = tuple[str, str, str]
"""(source, kind, id)."""


class Blocked:
    """The part of the blocklist that concerns the records at hand."""

    def __init__(self, db: Session) -> None:
        self._db = db
        self._any: bool | None = None
        self._key: str | None = None
        self._known: dict[_Key, int | None] = {}

    @property
    def any(self) -> bool:
        """False while nothing is blocked at all: the common case, asked once a batch."""
        if self._any is None:
            self._any = self._db.execute("SELECT 1 FROM blocklist LIMIT 1").fetchone() is not None
            self._key = key_of(self._db) if self._any else None
        return self._any

    def look_up(self, keys: Iterable[_Key]) -> None:
        """Ask the store about these keys, one query a source and kind."""
        asked: dict[tuple[str, str], dict[str, str]] = {}
        for source, kind, identity in set(keys) - self._known.keys() if self.any else ():
            self._known[source, kind, identity] = None
            for form in candidates(self._key, source, kind=kind, identity=identity):
                asked.setdefault((source, kind), {})[form] = identity
        for (source, kind), forms in asked.items():
            query = f"SELECT id, added_at FROM blocklist WHERE source = ? AND kind = ? AND {self._db.among('id')}"
            for form, at in self._db.execute(query, (source, kind, self._db.listed(list(forms)))):
                key = (source, kind, forms[form])
                self._known[key] = min(at, self._known[key] or at)

    def since(self, source: str, kind: str, identity: str | None) -> int | None:
        """Since when a key that was looked up is blocked; None when it is not."""
        return None if identity is None else self._known.get((source, kind, identity))

    def stone(self, record: Any) -> Tombstone | None:
        """The tombstone of a record that is blocked itself, with its community or its author."""
        times = [at for key in keys_of(record) if (at := self.since(*key)) is not None]
        return stone(record.source, record.kind, record.id, at=min(times)) if times else None

    def unplaced(self, record: Any) -> Any:
        """The record without its place where that is the profile of somebody who is forgotten."""
        place = getattr(record, "community", None)
        if is_profile(place) and self.since(record.source, "community", place) is not None:
            return msgspec.structs.replace(record, community=None, community_name=None)
        return record

    def rows(self, sheet: Sheet) -> list[int]:
        """The positions of the rows of a sheet that are blocked."""
        if not self.any:
            return []
        source, columns = sheet.source, {"author": "user", "community": "community"}
        ways: list[tuple[str, Sequence[Any]]] = [(sheet.kind, sheet.column(0))] if sheet.rows else []
        for column, kind in columns.items():
            at = sheet.at(column)
            if sheet.rows and (at is not None or sheet.fixed.get(column) is not None):
                same = [sheet.fixed.get(column)] * len(sheet.rows)
                ways.append((kind, same if at is None else sheet.column(at)))
        self.look_up((source, kind, value) for kind, values in ways for value in set(values) if value)
        out = {n for kind, values in ways for n, value in enumerate(values) if self.since(source, kind, value)}
        return sorted(out)

    def without_bytes(self, rejected: Sequence[Rejected]) -> list[Rejected]:
        """Without what is blocked, or names somebody who is: its bytes may hold the very text that had to go."""
        if not self.any:
            return list(rejected)
        keys = {id(item): _keys_of_rejected(item) for item in rejected}
        self.look_up(key for some in keys.values() for key in some)
        return [item for item in rejected if all(self.since(*key) is None for key in keys[id(item)])]


def keys_of(record: Any) -> list[_Key]:
    """All that a record may be blocked by."""
    keys = [(record.source, record.kind, record.id)]
    if author := getattr(record, "author", None):
        keys.append((record.source, "user", author))
    if place := getattr(record, "community", None):
        keys.append((record.source, "community", place))
    return keys


def _keys_of_rejected(item: Rejected) -> set[_Key]:
    keys = {(item.source, "user", name) for name in mentioned(item.raw)}
    if item.kind is not None and item.id is not None:
        keys.add((item.source, item.kind, item.id))
    return keys


def stone(source: str, kind: Any, identity: str, *, at: int) -> Tombstone:
    """What `hubbub forget` says of a record; it knows no place, so that the record's own stays."""
    return Tombstone(source=source, kind=kind, id=identity, door=Door.LIVE, reason=Reason.FORGET, at=at)


def key_of(db: Session) -> str | None:
    """The key of the aliases; None while there is none."""
    row = db.execute("SELECT id FROM blocklist WHERE source = ? AND kind = 'user'", (KEEPER,)).fetchone()
    return None if row is None else str(row[0]).removeprefix(KEY_PREFIX)


def block(db: Session, key: _Key, *, now: int) -> int:
    """Put a record, person or community on the list; returns since when it is there."""
    source, kind, identity = key
    secret = key_of(db)
    if kind == "user" or (kind == "community" and is_profile(identity)):
        if secret is None:
            secret = secrets.token_hex(32)
            made = "INSERT INTO blocklist (source, kind, id, added_at) VALUES (?, 'user', ?, ?)"
            db.execute(made, (KEEPER, KEY_PREFIX + secret, now))
        listed = alias(secret, source, name=identity)
    else:
        listed = identity
    db.save("blocklist", ("source", "kind", "id", "added_at"), [(source, kind, listed, now)],
            key=("source", "kind", "id"), keep=True)  # fmt: skip
    query = "SELECT added_at FROM blocklist WHERE source = ? AND kind = ? AND id = ?"
    return int(db.execute(query, (source, kind, listed)).fetchone()[0])


def sources_blocking(db: Session, kind: str, identity: str) -> dict[str, int]:
    """The sources in which this is blocked, and since when."""
    secret = key_of(db)
    listed = db.execute("SELECT DISTINCT source FROM blocklist WHERE kind = ? AND source <> ?", (kind, KEEPER))
    found = {}
    for (source,) in listed.fetchall():
        for form in candidates(secret, source, kind=kind, identity=identity):
            query = "SELECT added_at FROM blocklist WHERE source = ? AND kind = ? AND id = ?"
            if row := db.execute(query, (source, kind, form)).fetchone():
                found[source] = row[0]
    return found


def unblock(db: Session, key: _Key) -> bool:
    """Take something off the list; False when it was not there."""
    source, kind, identity = key
    gone = 0
    for form in candidates(key_of(db), source, kind=kind, identity=identity):
        query = "DELETE FROM blocklist WHERE source = ? AND kind = ? AND id = ?"
        gone += db.execute(query, (source, kind, form)).rowcount
    return gone > 0
