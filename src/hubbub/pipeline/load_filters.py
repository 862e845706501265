"""Which records of a file the user asked for. A filter judges one observation, never the store (design §2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from hubbub.records.models import Comment, Community, LinkListing, Post, Record, Stub, Tombstone, User
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
    its place alone: a withdrawal counts whatever the score was."""
    if isinstance(record, Post | Comment):
        return _is_asked_for((record.community, record.author, record.created_at, record.score), filters)
    if isinstance(record, Tombstone):
        place = record.id if record.kind == "community" else record.community
        return not filters.communities or place is None or place in filters.communities
    if isinstance(record, Community):
        return not filters.communities or record.id in filters.communities
    if isinstance(record, User):
        return not filters.authors or record.id in filters.authors
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
    """The records asked for and how many were not; a mention goes with the records that made it."""
    if not filters.active:
        return records, 0
    kept: list[Record] = [record for record in records if not isinstance(record, Stub) and passes(record, filters)]
    mentioned = {mention for record in kept for mention in _mentions(record)}
    kept += [record for record in records if isinstance(record, Stub) and (record.kind, record.id) in mentioned]
    offered = sum(not isinstance(record, Stub | LinkListing) for record in records)
    return kept, offered - sum(not isinstance(record, Stub | LinkListing) for record in kept)


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


_KEY = b'"subreddit"'
_NAME = re.compile(rb'[ \t]*:[ \t]*"([^"\\\\]*)"')
_SPELLINGS = (b'"subreddit":"', b'"subreddit": "')


class Sieve:
    """Passes over the lines of a dump that are of other communities, by their bytes (archives reference, section 2).

    A line is of another community when it names some and none is asked for. Whoever decodes the rest judges it by its
    fields."""

    def __init__(self, communities: frozenset[str]) -> None:
        self.active = bool(communities) and all(name.isascii() for name in communities)
        self._wanted = {name.encode() for name in communities}
        self._known: dict[bytes, bool] = {}
        """Whether a name, as the platform prints it, is asked for."""

    def none_in(self, block: bytes, *, count: int) -> bool:
        """True when none of the `count` lines of a block can be of a community that is asked for."""
        for spelling in _SPELLINGS:
            if block.find(spelling, 0, block.find(b"\n")) >= 0:
                pieces = block.split(spelling)
                break
        else:
            return False
        named = len(pieces) - 1
        # Lines that name none, or spell the key in another way, are looked at by themselves.
        all_named = named >= count and named == block.count(_KEY)
        return all_named and not any(map(self._is_wanted, pieces[1:]))

    def _is_wanted(self, piece: bytes) -> bool:
        name = piece[: piece.find(b'"')]
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = b"\\" in name or name.lower() in self._wanted
        return known

    def blank(self, lines: list[bytes]) -> tuple[list[bytes], int]:
        """Lines with those of other communities made blank, so that their numbers stay, and how many those are."""
        kept = [line if self._may_be_asked_for(line) else b"" for line in lines]
        return kept, sum(1 for line, was in zip(kept, lines, strict=True) if line is not was)

    def _may_be_asked_for(self, line: bytes) -> bool:
        at = line.find(_KEY)
        if at < 0:
            return True
        while at >= 0:
            at += len(_KEY)
            name = _NAME.match(line, at)
            if name is None or name[1].lower() in self._wanted:
                return True
            at = line.find(_KEY, at)
        return False


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
