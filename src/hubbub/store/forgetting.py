"""`hubbub forget`: block first, then bury page by page, then take out the names; killed anywhere, a rerun goes on.

What is buried is buried by ordinary tombstones in ordinary batches, so that history, media, labels, search and
quarantine go as with any other. Nothing here is done twice: a page asks only for what is not forgotten yet.
"""

# ruff: noqa: S608 - table and column names are written here or come from tables.py, every value is bound

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from hubbub.errors import UsageError
from hubbub.records.forgotten import FORGOTTEN, KEEPER, PROFILE_PREFIX, is_profile
from hubbub.records.models import Tombstone
from hubbub.store import blocked
from hubbub.store.engine import Store
from hubbub.store.patience import patiently
from hubbub.store.people import NO_COLLECTIONS, name_digest
from hubbub.store.session import Session
from hubbub.store.tables import CONTENT
from hubbub.store.targets import Target, found_by, sources_of

PAGE_ROWS = 1_000
"""Records that are buried in one transaction."""

_LIVING = "observed_at IS NOT NULL AND (tombstone IS NULL OR tombstone <> 'forget')"
_OF = {"user": "author", "community": "community"}
_MEMBERS = ("post", "comment")
_TEXTS = (
    ("runs", "id", ("target", "summary", "untrusted")),
    ("findings", "n", ("what",)),
    ("logs", "n", ("fields",)),
    ("quarantine", "n", ("place", "reason")),
)
"""Columns in which our own words may name somebody."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be forgotten, and what the store holds of it."""

    kind: str
    source: str
    id: str
    stored: bool
    """False for something nobody has observed or mentioned here: it is only blocked."""
    posts: int = 0
    """Posts that go with it, itself included; what is erased already does not count."""
    comments: int = 0
    blocked_since: int | None = None
    """Epoch seconds UTC, when it is on the blocklist already."""

    @property
    def typed(self) -> str:
        """The target that names it."""
        return f"{self.kind}:{self.source}/{self.id}"


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """Records of one kind and community that go: what an export must have taken to hold one of them."""

    kind: str
    community: str | None
    oldest_at: int | None
    newest_at: int | None


def look(db: Session, targets: Iterable[Target]) -> list[Subject]:
    """What each target is, each once. One that was never stored is blocked in the source typed, else in all the store
    knows. Raises UsageError for one that is in several sources, or in none that is known."""
    here = sorted({source for kind in CONTENT for source in sources_of(db, kind)})
    found: dict[tuple[str, str, str], Subject] = {}
    for target in targets:
        since = blocked.sources_blocking(db, target.kind, target.id)
        known = {record.source: record.id for record in found_by(db, target)}
        ids = dict.fromkeys(since, target.id) | known
        if target.source is not None:
            ids = {target.source: ids.get(target.source, target.id)}
        elif len(ids) > 1:
            forms = " or ".join(f"{target.kind}:{source}/{target.id}" for source in sorted(ids))
            raise UsageError(f"{target.kind}:{target.name} is in several sources; write {forms}")
        elif not ids and not here:
            raise UsageError(
                f"{target.kind}:{target.name}: the store is empty; say of which source it is",
                advice=f"write {target.kind}:reddit/{target.name}",
            )
        for source, identity in (ids or dict.fromkeys(here, target.id)).items():
            counts = {f"{kind}s": _count(db, kind, target.kind, source=source, identity=identity) for kind in _MEMBERS}
            found[target.kind, source, identity] = Subject(
                kind=target.kind,
                source=source,
                id=identity,
                stored=source in known,
                blocked_since=since.get(source),
                **counts,
            )
    return list(found.values())


def _count(db: Session, kind: str, of: str, *, source: str, identity: str) -> int:
    return sum(
        int(db.execute(f"SELECT count(*) FROM {CONTENT[kind].name} WHERE {where} AND {_LIVING}", values).fetchone()[0])
        for where, values in _ways(kind, of, source=source, identity=identity)
    )


def _ways(kind: str, of: str, *, source: str, identity: str) -> list[tuple[str, tuple[Any, ...]]]:
    """The conditions under which records of a kind belong to a subject."""
    if of in _MEMBERS:
        return [("source = ? AND id = ?", (source, identity))] if of == kind else []
    ways: list[tuple[str, tuple[Any, ...]]] = [(f"source = ? AND {_OF[of]} = ?", (source, identity))]
    if of == "user":
        past = "SELECT id FROM past_authors WHERE source = ? AND author = ? AND kind = ?"
        digest = name_digest(source, identity)
        ways.append((f"source = ? AND coalesce(author, '') <> ? AND id IN ({past})",
                     (source, identity, source, digest, kind)))  # fmt: skip
        profile = PROFILE_PREFIX + identity
        ways.append(("source = ? AND community = ? AND coalesce(author, '') <> ?", (source, profile, identity)))
    return ways


def traces(db: Session, subjects: Iterable[Subject]) -> list[Trace]:
    """Kind, community and span of time of everything that goes."""
    found = []
    for each in subjects:
        for kind in _MEMBERS:
            table = CONTENT[kind].name
            for where, values in _ways(kind, each.kind, source=each.source, identity=each.id):
                query = (
                    f"SELECT community, min(created_at), max(created_at) FROM {table}"
                    f" WHERE {where} AND {_LIVING} GROUP BY community"
                )
                found += [
                    Trace(kind=kind, community=place, oldest_at=oldest, newest_at=newest)
                    for place, oldest, newest in db.execute(query, values)
                ]
        if each.kind in _OF and each.stored:
            place = each.id if each.kind == "community" else None
            found.append(Trace(kind=each.kind, community=place, oldest_at=None, newest_at=None))
    return found


def block(store: Store, subjects: Sequence[Subject], *, now: int) -> list[int]:
    """Let nothing of these in from now on; returns since when each is blocked (a rerun finds the first time)."""

    def attempt() -> list[int]:
        with store.transaction() as db:
            since = []
            for each in subjects:
                since.append(blocked.block(db, (each.source, each.kind, each.id), now=now))
                if each.kind == "user":
                    blocked.block(db, (each.source, "community", PROFILE_PREFIX + each.id), now=since[-1])
            return since

    return patiently(store.backend, attempt)


def pages(store: Store, subject: Subject, *, at: int) -> Iterator[list[Tombstone]]:
    """Tombstones for everything of a subject, a transaction's worth at a time. The caller stores each before it
    asks for the next: what is stored is not asked for again."""
    if subject.kind == "community" and not is_profile(subject.id) and _lives(store, subject):
        yield [blocked.stone(subject.source, "community", subject.id, at=at)]
    for kind in _MEMBERS:
        for where, values in _ways(kind, subject.kind, source=subject.source, identity=subject.id):
            low = -(2**63)
            while found := _next(store, kind, where=where, values=values, low=low):
                yield [blocked.stone(subject.source, kind, identity, at=at) for identity, _ in found]
                low = found[-1][1]


def _next(store: Store, kind: str, *, where: str, values: tuple[Any, ...], low: int) -> list[tuple[str, int]]:
    """The next records by time of creation, those of unknown time last of all: (id, where to go on)."""
    query = f"SELECT id, created_at FROM {CONTENT[kind].name} WHERE {where} AND {_LIVING}"
    with store.reading_raw() as db:
        known = f"{query} AND created_at >= ? ORDER BY created_at LIMIT {PAGE_ROWS}"
        found = db.execute(known, (*values, low)).fetchall()
        found = found or db.execute(f"{query} AND created_at IS NULL LIMIT {PAGE_ROWS}", values).fetchall()
    return [(identity, 2**62 if created is None else created) for identity, created in found]


def _lives(store: Store, subject: Subject) -> bool:
    query = f"SELECT 1 FROM {CONTENT[subject.kind].name} WHERE source = ? AND id = ? AND {_LIVING}"
    with store.reading_raw() as db:
        return db.execute(query, (subject.source, subject.id)).fetchone() is not None


def take_out_names(store: Store, subjects: Iterable[Subject]) -> None:
    """Once a person's records are buried: delete their row and profile, and their name from what we wrote ourselves."""
    for each in subjects:

        def attempt(each: Subject = each) -> None:
            with store.transaction() as db:
                if each.kind == "user":
                    _delete_record(db, each.source, "user", each.id)
                    digest = name_digest(each.source, each.id)
                    db.execute("DELETE FROM past_authors WHERE source = ? AND author = ?", (each.source, digest))
                    db.execute(NO_COLLECTIONS, (each.source, each.id))
                    db.execute("DELETE FROM tombstones WHERE source = ? AND kind = 'user' AND id = ?",
                               (each.source, digest))  # fmt: skip
                    _delete_profile(db, each.source, PROFILE_PREFIX + each.id)
                    _scrub(db, each.id)
                elif each.kind == "community" and is_profile(each.id):
                    _delete_profile(db, each.source, each.id)
                    _scrub(db, each.id.removeprefix(PROFILE_PREFIX))
                db.forget_mentioned()

        patiently(store.backend, attempt)


def _delete_record(db: Session, source: str, kind: str, identity: str) -> None:  # noqa: PLR0917 - the key's parts
    db.execute(f"DELETE FROM {CONTENT[kind].name} WHERE source = ? AND id = ?", (source, identity))
    for table in ("observations", "revisions", "quarantine", "tombstones"):
        db.execute(f"DELETE FROM {table} WHERE source = ? AND kind = ? AND id = ?", (source, kind, identity))


def _delete_profile(db: Session, source: str, profile: str) -> None:
    for kind in _MEMBERS:
        sets = f"UPDATE {CONTENT[kind].name} SET community = NULL, community_name = NULL"
        db.execute(f"{sets} WHERE source = ? AND community = ?", (source, profile))
    _delete_record(db, source, "community", profile)


def _scrub(db: Session, name: str) -> None:
    """Take a person's name out of the texts we wrote: targets, summaries, findings, checkpoints; and drop records set
    aside that are by that person.

    Only where it is told as a person's (`u/NAME`, `u_NAME`) or names a file (`NAME_comments.zst`): a name may be a
    word, or that of a community as well."""
    pattern, like = _as_person(name), f"%{name.casefold()}%"
    for table, key, columns in _TEXTS:
        found = " OR ".join(f"lower({column}) LIKE ?" for column in columns)
        query = f"SELECT {key}, {', '.join(columns)} FROM {table} WHERE {found}"
        sets = ", ".join(f"{column} = ?" for column in columns)
        for number, *texts in db.execute(query, [like] * len(columns)).fetchall():
            clean = [None if text is None else pattern.sub(_unnamed, text) for text in texts]
            if clean != texts:
                db.execute(f"UPDATE {table} SET {sets} WHERE {key} = ?", (*clean, number))
    for source, key in db.execute("SELECT source, key FROM checkpoints WHERE lower(key) LIKE ?", (like,)).fetchall():
        if pattern.search(key):
            db.execute("DELETE FROM checkpoints WHERE source = ? AND key = ?", (source, key))
    for digest, path in db.execute("SELECT digest, path FROM imports WHERE lower(path) LIKE ?", (like,)).fetchall():
        db.execute("UPDATE imports SET path = ? WHERE digest = ?", (pattern.sub(_unnamed, path), digest))
    authored = re.compile(rf'"(?:author|author_name|name|owner)"\s*:\s*"{re.escape(name)}"', re.IGNORECASE)
    spelled = [
        number
        for rows in db.stream("SELECT n, raw FROM quarantine")
        for number, raw in rows
        if authored.search(text := zlib.decompress(raw).decode("utf-8", "replace")) or pattern.search(text)
    ]
    db.executemany("DELETE FROM quarantine WHERE n = ?", [(number,) for number in spelled])


def _as_person(name: str) -> re.Pattern[str]:
    """Where a name is told as a person's; the first group is what stands before it."""
    told = rf"(u[/_]|user[/:](?:reddit/)?){re.escape(name)}(?![\w-])"
    file = rf"(){re.escape(name)}(?=(?:[_-]\w+)*\.[a-z])"
    return re.compile(rf"(?<![\w-])(?:{told}|{file})", re.IGNORECASE)


def _unnamed(found: re.Match[str]) -> str:
    return f"{found[1] or ''}{FORGOTTEN}"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is on the blocklist."""

    kind: str
    source: str
    id: str | None
    """None for a person, and for a community named for one: their names are not kept."""
    since_at: int


def entries(db: Session) -> list[Entry]:
    """The blocklist, newest first."""
    query = (
        "SELECT kind, source, id, added_at FROM blocklist WHERE source <> ? ORDER BY added_at DESC, kind, source, id"
    )
    return [
        Entry(kind=kind, source=source, id=None if identity.startswith("~") else identity, since_at=at)
        for kind, source, identity, at in db.execute(query, (KEEPER,))
    ]


def lift(store: Store, subjects: Sequence[Subject]) -> list[bool]:
    """Take subjects off the blocklist; False for one that was not on it. What was erased stays erased.

    Raises UsageError for a post or comment that is erased: to lift its block would change nothing."""

    def attempt() -> list[bool]:
        with store.transaction() as db:
            for each in subjects:
                erased = f"SELECT 1 FROM {CONTENT[each.kind].name} WHERE source = ? AND id = ? AND tombstone = 'forget'"
                if each.kind in _MEMBERS and db.execute(erased, (each.source, each.id)).fetchone():
                    raise UsageError(
                        f"{each.typed} was erased, and that is final", advice="only a pure block is lifted"
                    )
            lifted = []
            for each in subjects:
                lifted.append(blocked.unblock(db, (each.source, each.kind, each.id)))
                if each.kind == "user":
                    blocked.unblock(db, (each.source, "community", PROFILE_PREFIX + each.id))
            return lifted

    return patiently(store.backend, attempt)
