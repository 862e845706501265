"""Which records of a file the user asked for. A filter judges one observation, never the store (design §2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from hubbub.records.models import (
    Collection,
    Comment,
    Community,
    LinkListing,
    Post,
    Record,
    Stub,
    Tombstone,
    Topic,
    User,
)
from hubbub.records.rows import Rows


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What an import is narrowed to; an empty set or None lets everything pass."""

    communities: frozenset[str] = frozenset()
    """Case-folded keys."""
    authors: frozenset[str] = frozenset()
    """Case-folded keys."""
    since: int | None = None
    """Created at this time (epoch seconds UTC) or later."""
    until: int | None = None
    """Created before this time."""
    min_score: int | None = None

    @property
    def active(self) -> bool:
        """True when anything is narrowed at all."""
        return self != Filters()


def passes(record: Record, filters: Filters) -> bool:
    """Whether a record is asked for.

    A filter speaks only to kinds that have what it asks about; there, unknown does not pass. A tombstone is judged by
    its place alone: a withdrawal counts whatever the score was. A topic or collection is in no community and nobody
    wrote it: an import narrowed to communities or authors leaves it out, except a collection that such an author
    keeps."""
    if isinstance(record, Post | Comment):
        return _is_asked_for((record.community, record.author, record.created_at, record.score), filters)
    if isinstance(record, Tombstone):
        place = record.id if record.kind == "community" else record.community
        return not filters.communities or place is None or place in filters.communities
    if isinstance(record, Community):
        return not filters.communities or record.id in filters.communities
    if isinstance(record, User):
        return not filters.authors or record.id in filters.authors
    if isinstance(record, Topic | Collection):
        owner = record.owner if isinstance(record, Collection) else None
        return not filters.communities and (not filters.authors or owner in filters.authors)
    return True


def _is_asked_for(said: tuple[str | None, str | None, int | None, int | None], filters: Filters) -> bool:
    community, author, created_at, score = said
    if filters.communities and community not in filters.communities:
        return False
    if filters.authors and author not in filters.authors:
        return False
    if filters.since is not None and (created_at is None or created_at < filters.since):
        return False
    if filters.until is not None and (created_at is None or created_at >= filters.until):
        return False
    return filters.min_score is None or (score is not None and score >= filters.min_score)


def select(records: Sequence[Record], filters: Filters) -> tuple[Sequence[Record], int]:
    """The records asked for and how many were not; a mention goes with the records that made it, and a listing with its
    owner."""
    if not filters.active:
        return records, 0
    kept: list[Record] = [record for record in records if not isinstance(record, Stub) and passes(record, filters)]
    if any(isinstance(record, LinkListing) for record in kept):
        owners = {_key(record) for record in records} - {_key(record) for record in kept}
        kept = [record for record in kept if not isinstance(record, LinkListing) or _owner(record) not in owners]
    mentioned = {mention for record in kept for mention in _mentions(record)}
    kept += [record for record in records if isinstance(record, Stub) and (record.kind, record.id) in mentioned]
    offered = sum(not isinstance(record, Stub | LinkListing) for record in records)
    return kept, offered - sum(not isinstance(record, Stub | LinkListing) for record in kept)


def _key(record: Record) -> tuple[str, str] | None:
    return None if isinstance(record, Stub | LinkListing) else (record.kind, record.id)


def _owner(listing: LinkListing) -> tuple[str, str]:
    return "collection" if listing.link == "collection_posts" else "post", listing.owner


def select_rows(parts: Sequence[Rows], filters: Filters) -> tuple[Sequence[Rows], int]:
    """The same for records that travel as rows."""
    if not filters.active:
        return parts, 0
    kept = [msgspec.structs.replace(part, rows=[*filter(_row_test(part, filters), part.rows)]) for part in parts]
    return [part for part in kept if part.rows], _count(parts) - _count(kept)


def _count(parts: Sequence[Rows]) -> int:
    return sum(len(part.rows) for part in parts)


def _row_test(part: Rows, filters: Filters) -> Callable[[tuple[Any, ...]], bool]:
    """Whether a row of these passes: what `passes` says of its record."""
    at = {name: i for i, name in enumerate(part.columns)}
    community = at["community"]
    if part.withdrawn:
        return lambda row: not filters.communities or row[community] is None or row[community] in filters.communities
    author, created, score = at["author"], at["created_at"], at["score"]

    def test(row: tuple[Any, ...]) -> bool:
        return _is_asked_for((row[community], row[author], row[created], row[score]), filters)

    return test


_KEY = b'"subreddit":'
_AFTER_KEY = len(_KEY)
_IN_NAME = _AFTER_KEY + 2
"""Behind the quotation mark before a name, with a space before it or without."""
_NESTED = b'"crosspost_parent_list":'
"""Begins what holds other posts, with communities of their own."""


class Sieve:
    """Passes over the lines of a dump that are of other communities, by their bytes (archives reference, section 2).

    A line is of another community when it names some and none is asked for. Whoever decodes the rest judges it by its
    fields."""

    def __init__(self, communities: frozenset[str]) -> None:
        self.active = bool(communities) and all(name.isascii() for name in communities)
        self._wanted = {name.encode() for name in communities}
        self._known: dict[bytes, bool] = {}
        """Whether a name, as the platform prints it, is asked for."""

    def kept(self, block: bytes, *, count: int) -> tuple[list[bytes], int]:
        r"""The `count` lines of a block with those of other communities made blank, so that their numbers stay, and how
        many those are."""
        lines, others, nested = [b""] * count, 0, _NESTED in block
        find, last, known = block.find, block.rfind, self._known
        begins = 0
        for number in range(count):
            ends = find(b"\n", begins)
            if ends < 0:
                ends = len(block)
            at = last(_KEY, begins, ends)  # the line's own name comes last where keys are sorted
            closed = find(b'"', at + _IN_NAME, ends) if at >= 0 else -1
            name = block[at + _AFTER_KEY : closed].lstrip(b' "') if closed >= 0 else b""
            asked = known.get(name)
            if asked is None:
                asked = self._learn(name)
            if asked or (nested and self._names_another(block, begins, at)):
                lines[number] = block[begins:ends]
            elif begins < ends:
                others += 1
            begins = ends + 1
        return lines, others

    def _learn(self, name: bytes) -> bool:
        """Whether a name is asked for, or none can be told, so that the line must be decoded."""
        if len(self._known) > _MOST_NAMES:
            self._known.clear()
        asked = self._known[name] = name.lower() in self._wanted or _NAME.match(name) is None
        return asked

    def _names_another(self, block: bytes, begins: int, ends: int) -> bool:
        """Whether a part of a line names a community that is asked for, besides the last one."""
        at = block.find(_KEY, begins, ends)
        while at >= 0:
            closed = block.find(b'"', at + _IN_NAME)
            if closed < 0 or self._learn(block[at + _AFTER_KEY : closed].lstrip(b' "')):
                return True
            at = block.find(_KEY, at + 1, ends)
        return False


_NAME = re.compile(rb"[A-Za-z0-9_.-]+\Z")
_MOST_NAMES = 100_000


def _mentions(record: Record) -> list[tuple[str, str | None]]:
    mentions: list[tuple[str, str | None]] = []
    if isinstance(record, Post | Comment | Tombstone):
        mentions.append(("community", record.community))
    if isinstance(record, Post | Comment):
        mentions.append(("user", record.author))
    if isinstance(record, Comment | Tombstone):
        mentions += [("post", record.post_id), ("post", record.parent_id)]
    if isinstance(record, Post):
        mentions.append(("post", record.crosspost_parent))
    return mentions
