"""Which records of a file the user asked for. A filter judges one observation, never the store (design §2)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from hubbub.records.models import Comment, Community, LinkListing, Post, Record, Stub, Tombstone, User


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
        return _content_passes(record, filters)
    if isinstance(record, Tombstone):
        place = record.id if record.kind == "community" else record.community
        return not filters.communities or place is None or place in filters.communities
    if isinstance(record, Community):
        return not filters.communities or record.id in filters.communities
    if isinstance(record, User):
        return not filters.authors or record.id in filters.authors
    return True


def _content_passes(record: Post | Comment, filters: Filters) -> bool:
    if filters.communities and record.community not in filters.communities:
        return False
    if filters.authors and record.author not in filters.authors:
        return False
    if filters.since is not None and (record.created_at is None or record.created_at < filters.since):
        return False
    if filters.until is not None and (record.created_at is None or record.created_at >= filters.until):
        return False
    return filters.min_score is None or (record.score is not None and record.score >= filters.min_score)


def select(records: Sequence[Record], filters: Filters) -> tuple[Sequence[Record], int]:
    """The records asked for and how many were not; a mention goes with the records that made it."""
    if not filters.active:
        return records, 0
    kept: list[Record] = [record for record in records if not isinstance(record, Stub) and passes(record, filters)]
    mentioned = {mention for record in kept for mention in _mentions(record)}
    kept += [record for record in records if isinstance(record, Stub) and (record.kind, record.id) in mentioned]
    offered = sum(not isinstance(record, Stub | LinkListing) for record in records)
    return kept, offered - sum(not isinstance(record, Stub | LinkListing) for record in kept)


_NAME = re.compile(rb'[ \t]*:[ \t]*"([^"\\\\]*)"')
_KEY = b'"subreddit"'


def sieve(lines: list[bytes], communities: frozenset[str]) -> tuple[list[bytes], int]:
    """Lines of a dump with those of other communities made blank, so that their numbers stay, and how many those are.

    Looks at bytes only (archives reference, section 2): a line is of another community when it names some and none is
    asked for. Whoever decodes the rest judges it by its fields."""
    if not communities or not all(name.isascii() for name in communities):
        return lines, 0
    wanted = {name.encode() for name in communities}
    kept = [line if _may_be_of(line, wanted) else b"" for line in lines]
    return kept, sum(1 for line, was in zip(kept, lines, strict=True) if line is not was)


def _may_be_of(line: bytes, wanted: set[bytes]) -> bool:
    at = line.find(_KEY)
    if at < 0:
        return True
    while at >= 0:
        at += len(_KEY)
        name = _NAME.match(line, at)
        if name is None or name[1].lower() in wanted:
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
