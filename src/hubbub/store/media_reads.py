"""Which pictures wait to be fetched, and which files nothing refers to any more."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Integer, ScalarSelect, Table, case, false, literal_column, select

from hubbub.store.engine import Store
from hubbub.store.tables import blobs, comments, media, posts


class PendingMedia(msgspec.Struct, frozen=True, kw_only=True):
    """One item to fetch."""

    n: int
    source: str
    kind: str
    url: str
    fallback_url: str | None
    post_id: str | None
    comment_id: str | None
    media_id: str | None
    tries: int
    state: str


def pending_media(
    store: Store,
    *,
    source: str | None = None,
    community: str | None = None,
    kinds: Sequence[str] = (),
    min_score: int | None = None,
    min_comments: int | None = None,
    states: Sequence[str] = ("pending",),
    limit: int = 1000,
    above: int = 0,
) -> list[PendingMedia]:
    """Items of live, visible records that wait, in order of row number above `above`; empty `kinds` means all.

    Unknown scores and counts do not reach a threshold."""
    of_post, of_comment = (
        _lets_through(table, community=community, min_score=min_score, min_comments=min_comments)
        for table in (posts, comments)
    )
    wanted = case((media.c.post_id.is_not(None), of_post), else_=of_comment)
    query = (
        select(*(media.c[name] for name in PendingMedia.__struct_fields__))
        .where(media.c.state.in_(states), media.c.url.is_not(None), media.c.n > above, wanted == 1)
        .order_by(media.c.n)
        .limit(limit)
    )
    if source is not None:
        query = query.where(media.c.source == source)
    if kinds:
        query = query.where(media.c.kind.in_(kinds))
    names = PendingMedia.__struct_fields__
    with store.reading() as connection:
        rows = connection.execute(query).mappings()
        return [PendingMedia(**{name: row[name] for name in names}) for row in rows]


def _lets_through(
    table: Table, *, community: str | None, min_score: int | None, min_comments: int | None
) -> ScalarSelect[int]:
    """1 when the record an item belongs to is wanted.

    A question a row, not a join: PostgreSQL would read whole tables for each page, to sort and to cut them then."""
    record_id = media.c.post_id if table is posts else media.c.comment_id
    conditions = [table.c.source == media.c.source, table.c.id == record_id, table.c.hidden_at.is_(None)]
    if community is not None:
        conditions.append(table.c.community == community)
    if min_score is not None:
        conditions.append(table.c.score >= min_score)
    if min_comments is not None:
        conditions.append(posts.c.comment_count >= min_comments if table is posts else false())
    return select(literal_column("1", Integer)).select_from(table).where(*conditions).correlate(media).scalar_subquery()


def orphan_blobs(store: Store) -> list[str]:
    """Names of blobs that no media row refers to any more: their files may go (`writes.forget_orphan_blobs`)."""
    used = select(media.c.n).where(media.c.blob == blobs.c.sha256).exists()
    with store.reading() as connection:
        return list(connection.execute(select(blobs.c.sha256).where(~used).order_by(blobs.c.sha256)).scalars())


def known_blobs(store: Store, names: Sequence[str]) -> set[str]:
    """Which of these blobs have a row."""
    with store.reading_raw() as db:
        rows = db.execute(f"SELECT sha256 FROM blobs WHERE {db.among('sha256')}", (db.listed(names),))  # noqa: S608
        return {name for (name,) in rows}
