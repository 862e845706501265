"""What a page speaks of but nobody has shown: the post of a comment that was let through late, the deleted comment that
others answered. Listings never bring these; `/api/info` does."""

from __future__ import annotations

from collections.abc import Sequence

from hubbub.plugins.contracts import RecallKnown, Stream
from hubbub.records.models import Comment, Post, Record
from hubbub.sources.reddit.places import Places


def note_strays(records: Sequence[Record], *, places: Places) -> Stream:
    """Note the posts a page shows, whose counts it gives, and what else must be asked for.

    Asks the store; the page itself may not have been yielded yet."""
    posts: set[str] = set()
    parents: set[str] = set()
    for record in records:
        if isinstance(record, Post):
            places.touch(record.id, community=record.community or "", at=record.observed_at)
        elif isinstance(record, Comment):
            posts.add(record.post_id or "")
            parents.add(record.parent_id or "")
    here = {record.id for record in records if isinstance(record, Post | Comment)}
    settled = here | places.strays | places.vain
    for kind, prefix, named in (("post", "t3_", posts), ("comment", "t1_", parents)):
        ids = tuple(sorted(each for each in named - settled if each.startswith(prefix)))
        if ids:
            known: frozenset[str] = yield RecallKnown(kind, ids)
            places.strays.update(set(ids) - known)
