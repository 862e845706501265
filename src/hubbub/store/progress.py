"""What a source's streams ask of the store: how far they are, what is lacking, what is to be looked at again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import and_, bindparam, func, or_, select

from hubbub.plugins.contracts import Checkpoint, RecallCounts, RecallRipe, RecallTotals, Ripe, StoredCount
from hubbub.records.facets import FACET_TIME, Facet
from hubbub.records.models import Door
from hubbub.store.engine import Store
from hubbub.store.tables import CONTENT, comments, posts
from hubbub.store.tables_of_runs import checkpoints as checkpoint_table

_IDS_PER_QUERY = 500
UNCOUNTED = ("author", "gone")
"""A platform no longer counts what its author deleted; what vanished without a word mostly was."""


def saved(store: Store, source: str, keys: Sequence[str]) -> dict[str, Checkpoint]:
    """The checkpoints under these keys, as far as there are any."""
    table = checkpoint_table
    found: dict[str, Checkpoint] = {}
    with store.reading() as connection:
        for some in _parts(keys):
            query = select(table.c.key, table.c.state).where(table.c.source == source, table.c.key.in_(some))
            found |= {key: Checkpoint(key=key, state=state) for key, state in connection.execute(query)}
    return found


def stored_totals(store: Store, asked: RecallTotals) -> tuple[int, ...]:
    """How many records of a community are stored in each span of creation time; tombstones count, stubs do not."""
    table = CONTENT[asked.kind]
    query = (
        select(func.count())
        .select_from(table)
        .where(
            table.c.source == asked.source,
            table.c.community == asked.community,
            table.c.observed_at.is_not(None),
            table.c.created_at >= bindparam("begin"),
            table.c.created_at < bindparam("end"),
        )
    )
    with store.reading() as connection:
        return tuple(
            connection.execute(query, {"begin": begin, "end": end}).scalar_one()
            for begin, end in itertools.pairwise(asked.bounds)
        )


def stored_counts(store: Store, source: str, asked: RecallCounts) -> list[StoredCount]:
    """Live posts, newest first: the number of comments the platform last gave, and ours of that time."""
    counted_at = func.coalesce(posts.c[FACET_TIME[Facet.NUMBERS]], posts.c.observed_at)
    stored = (
        select(func.count())
        .select_from(comments)
        .where(
            comments.c.source == posts.c.source,
            comments.c.post_id == posts.c.id,
            comments.c.observed_at.is_not(None),
            comments.c.withdrawn == 0
            if asked.live
            else or_(comments.c.tombstone.is_(None), comments.c.tombstone.not_in(UNCOUNTED)),
            or_(comments.c.created_at.is_(None), comments.c.created_at <= counted_at),
        )
        .scalar_subquery()
    )
    query = select(
        posts.c.id,
        func.coalesce(posts.c.comment_count, 0).label("given"),
        func.coalesce(posts.c.created_at, 0),
        stored.label("stored"),
        counted_at,
        func.coalesce(posts.c.community, ""),
    ).where(
        posts.c.source == source,
        posts.c.community == asked.community if asked.community else posts.c.community.is_(None),
        posts.c.observed_at.is_not(None),
        posts.c.withdrawn == 0,
    )
    found: list[StoredCount] = []
    with store.reading() as connection:
        for some in [None] if asked.post_ids is None else _parts(asked.post_ids):
            part = query if some is None else query.where(posts.c.id.in_(some))
            if asked.lacking:
                inner = part.where(posts.c.comment_count > 0).subquery()
                part = select(inner).where(inner.c.stored < inner.c.given)
            found += [StoredCount(*row) for row in connection.execute(part)]
    return sorted(found, key=lambda each: -each.created_at)


def live_comments(store: Store, source: str, post_ids: Sequence[str]) -> dict[str, frozenset[str]]:
    """The ids of the comments of some posts that are stored and not withdrawn, by post."""
    found: dict[str, set[str]] = {}
    with store.reading() as connection:
        for some in _parts(post_ids):
            query = select(comments.c.post_id, comments.c.id).where(
                comments.c.source == source,
                comments.c.post_id.in_(some),
                comments.c.observed_at.is_not(None),
                comments.c.withdrawn == 0,
            )
            for post, comment in connection.execute(query):
                found.setdefault(post, set()).add(comment)
    return {post: frozenset(ids) for post, ids in found.items()}


def stored_ripe(store: Store, source: str, asked: RecallRipe) -> list[Ripe]:
    """Records that came over the live API and were last seen before the greatest age they have reached, youngest
    first."""
    table = CONTENT[asked.kind]
    until, ages = asked.until, asked.ages_s
    ends = (*ages[1:], 2 * ages[-1])
    created, seen = table.c.created_at, table.c.observed_at
    bands = [
        and_(created > until - end, created <= until - age, seen < created + age)
        for age, end in zip(ages, ends, strict=True)
    ]
    query = (
        select(table.c.id, created, seen)
        .where(
            table.c.source == source,
            table.c.community.in_(bindparam("communities", expanding=True)),
            created > until - ends[-1],
            created <= until - ages[0],
            table.c.door == str(Door.LIVE),
            table.c.withdrawn == 0,
            or_(*bands),
        )
        .order_by(created.desc())
        .limit(asked.limit)
    )
    found: list[Ripe] = []
    with store.reading() as connection:
        for some in _parts(asked.communities):
            found += [Ripe(*row) for row in connection.execute(query, {"communities": some})]
    return sorted(found, key=lambda each: -each.created_at)[: asked.limit]


def _parts(keys: Sequence[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(keys), _IDS_PER_QUERY):
        yield list(keys[start : start + _IDS_PER_QUERY])
