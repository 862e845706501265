"""What is in a store, in numbers."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection, case, func, select

from hubbub.store.engine import Store
from hubbub.store.tables import CONTENT, GROUPINGS, SCHEMA_VERSION, blobs, comments, media, posts, tombstones
from hubbub.store.tables_of_runs import quarantine, runs, search_state


class KindStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How many records of one kind are here."""

    kind: str
    live: int
    withdrawn: int
    """Wiped by a tombstone."""
    hidden: int
    stubs: int
    """Mentioned by others, never observed."""
    oldest_created_at: int | None
    newest_created_at: int | None
    newest_seen_at: int | None


class CommunityStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How much of one community is here."""

    source: str
    community: str
    posts: int
    comments: int
    oldest_created_at: int | None
    newest_created_at: int | None


class StoreStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The whole store at a glance."""

    path: str
    """File of the store, or its address without the password."""
    schema: str
    size_bytes: int
    kinds: tuple[KindStatus, ...]
    """Topics and collections only where there are any."""
    communities: tuple[CommunityStatus, ...]
    media: dict[str, int]
    """State -> rows."""
    blobs: int
    blob_bytes: int
    quarantined: int
    tombstones: int
    search_pending: bool
    last_run: int | None
    last_run_started_at: int | None
    last_run_exit_code: int | None


def status(store: Store) -> StoreStatus:
    """Counts per kind and community, the last run, quarantine, media states and size."""
    with store.reading() as connection:
        last = connection.execute(
            select(runs.c.id, runs.c.started_at, runs.c.exit_code).order_by(runs.c.id.desc()).limit(1)
        ).one_or_none()
        blob_count, blob_bytes = connection.execute(
            select(func.count(), func.coalesce(func.sum(blobs.c.size_bytes), 0)).select_from(blobs)
        ).one()
        states = connection.execute(select(media.c.state, func.count()).group_by(media.c.state))
        return StoreStatus(
            path=store.where,
            schema=SCHEMA_VERSION,
            size_bytes=store.size_bytes(),
            kinds=(*(_kind(connection, kind) for kind in CONTENT), *_groupings(connection)),
            communities=_communities(connection),
            media={str(state): int(count) for state, count in states},
            blobs=blob_count,
            blob_bytes=int(blob_bytes),
            quarantined=connection.execute(select(func.count()).select_from(quarantine)).scalar_one(),
            tombstones=connection.execute(select(func.count()).select_from(tombstones)).scalar_one(),
            search_pending=bool(connection.execute(select(func.max(search_state.c.pending))).scalar()),
            last_run=last.id if last else None,
            last_run_started_at=last.started_at if last else None,
            last_run_exit_code=last.exit_code if last else None,
        )


def _kind(connection: Connection, kind: str) -> KindStatus:
    table = CONTENT[kind]
    stub = table.c.observed_at.is_(None)
    gone = table.c.withdrawn == 1
    hidden = table.c.hidden_at.is_not(None)
    row = connection.execute(
        select(
            func.count().filter(~stub, ~gone, ~hidden),
            func.count().filter(gone),
            func.count().filter(hidden, ~gone),
            func.count().filter(stub),
            func.min(case((~stub, table.c.created_at))),
            func.max(case((~stub, table.c.created_at))),
            func.max(table.c.last_seen_at),
        ).select_from(table)
    ).one()
    live, withdrawn, hid, stubs, oldest, newest, seen = row
    return KindStatus(
        kind=kind,
        live=live,
        withdrawn=withdrawn,
        hidden=hid,
        stubs=stubs,
        oldest_created_at=oldest,
        newest_created_at=newest,
        newest_seen_at=seen,
    )


def _groupings(connection: Connection) -> Iterator[KindStatus]:
    for kind, table in GROUPINGS.items():
        seen = table.c.observed_at
        asked = select(func.count(), func.min(table.c.created_at), func.max(table.c.created_at), func.max(seen))
        live, oldest, newest, newest_seen = connection.execute(asked.where(seen.is_not(None))).one()
        if live:
            yield KindStatus(
                kind=kind,
                live=live,
                withdrawn=0,
                hidden=0,
                stubs=0,
                oldest_created_at=oldest,
                newest_created_at=newest,
                newest_seen_at=newest_seen,
            )


def _communities(connection: Connection) -> tuple[CommunityStatus, ...]:
    found: dict[tuple[str, str], dict[str, tuple[int, int | None, int | None]]] = {}
    for table in (posts, comments):
        query = (
            select(
                table.c.source,
                table.c.community,
                func.count(),
                func.min(table.c.created_at),
                func.max(table.c.created_at),
            )
            .where(
                table.c.observed_at.is_not(None),
                table.c.withdrawn == 0,
                table.c.hidden_at.is_(None),
                table.c.community.is_not(None),
            )
            .group_by(table.c.source, table.c.community)
        )
        for source, community, count, oldest, newest in connection.execute(query):
            found.setdefault((source, community), {})[table.name] = (count, oldest, newest)
    nothing = (0, None, None)
    return tuple(
        CommunityStatus(
            source=source,
            community=community,
            posts=counts.get("posts", nothing)[0],
            comments=counts.get("comments", nothing)[0],
            oldest_created_at=min((t for _, t, _ in counts.values() if t is not None), default=None),
            newest_created_at=max((t for _, _, t in counts.values() if t is not None), default=None),
        )
        for (source, community), counts in sorted(found.items())
    )
