"""What is stored of each community, as far as it tells what is missing or old: a few set queries, however many rows."""

# ruff: noqa: S608 - table and column names are written here, every value is bound

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from hubbub.store.progress import UNCOUNTED
from hubbub.store.session import Session

HOUR_S, DAY_S = 3_600, 86_400
WORST = 5
"""Posts named that lack the most comments."""
LATEST_RUNS = 50
"""Runs whose findings are counted."""
_STREAMS = ("new", "comments", "posts")
"""Streams of a community that keep a watermark, as the keys of their checkpoints end."""
_CUT = "%stopped asking for hidden comments%"


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Records of one kind of a community."""

    stored: int = 0
    """Withdrawn ones included, stubs not."""
    withdrawn: int = 0
    oldest_created_at: int | None = None
    newest_created_at: int | None = None
    older_than_day: int = 0
    """Live rows whose numbers are older than a day; those whose numbers nobody gave count as old."""
    older_than_week: int = 0
    older_than_month: int = 0
    api_rows: int = 0
    """Live rows that came over the platform's API, whose deletion must be noticed within 48 hours."""
    api_rows_late: int = 0
    """Those of them that nobody has looked at for 48 hours."""
    oldest_look_at: int | None = None
    """When the one among them was seen that was not looked at for longest."""


class Lacking(msgspec.Struct, frozen=True, kw_only=True):
    """A post that has fewer comments here than on the platform."""

    id: str
    expected: int
    stored: int


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """How far a stream of a community is."""

    door: str
    """The source that reads it: reddit, arctic."""
    stream: str
    state: str
    updated_at: int


class CommunityFacts(msgspec.Struct, kw_only=True):
    """Everything counted of one community."""

    source: str
    community: str
    posts: Window = Window()
    comments: Window = Window()
    expected: int = 0
    """Comments of its live posts, by the platform's own count when last asked."""
    counted: int = 0
    """Those of them that are here and were there to be counted then (see `progress.stored_counts`)."""
    lacking_posts: int = 0
    lacking: int = 0
    """Comments missing, summed over the posts that lack any, without those that were not to be had."""
    not_to_be_had: int = 0
    """Comments that were not in the trees of their posts either, when these were read to their ends."""
    worst: list[Lacking] = []
    unread_trees: int = 0
    """Posts that lack comments and whose tree was never read by a sync."""
    orphans: int = 0
    """Comments whose post is not here."""
    lost_posts: int = 0
    """Posts that are not here and have comments here."""
    lost_parents: int = 0
    """Comments that answer a comment which is not here."""
    marks: list[Mark] = []


class StoreFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What concerns the whole store."""

    quarantined: int
    findings: dict[str, int]
    """Severity -> findings of the latest runs."""
    cut_trees: int
    """Findings of the latest runs that a tree was not read to its end."""


def facts(db: Session, *, communities: Sequence[tuple[str, str]], now: int) -> list[CommunityFacts]:
    """The facts of these (source, key), or of all there are, in order."""
    wanted = list(communities) or known(db)
    found = {key: CommunityFacts(source=key[0], community=key[1]) for key in wanted}
    for source in sorted({source for source, _ in wanted}):
        names = db.listed([name for where, name in wanted if where == source])
        for kind, table in (("posts", "posts"), ("comments", "comments")):
            for name, *row in _windows(db, table, source=source, names=names, now=now):
                setattr(found[source, name], kind, Window(**dict(zip(Window.__struct_fields__, row, strict=True))))
        _lacking(db, found, source=source, names=names)
        _orphans(db, found, source=source, names=names)
    _marks(db, found)
    return [each for _, each in sorted(found.items()) if each.posts.stored or each.comments.stored or communities]


def known(db: Session) -> list[tuple[str, str]]:
    """Every community that something refers to."""
    return [(source, key) for source, key in db.execute("SELECT source, id FROM communities ORDER BY source, id")]


def _windows(db: Session, table: str, *, source: str, names: Any, now: int) -> Iterable[Any]:
    seen = "CASE WHEN numbers_at IS NULL THEN observed_at ELSE numbers_at END"
    ages = ", ".join(f"sum(CASE WHEN withdrawn = 0 AND {seen} < ? THEN 1 ELSE 0 END)" for _ in range(3))
    api = "withdrawn = 0 AND door = 'live'"
    query = (
        "SELECT community, count(*), sum(withdrawn), min(created_at), max(created_at), "
        f"{ages}, sum(CASE WHEN {api} THEN 1 ELSE 0 END),"
        f" sum(CASE WHEN {api} AND observed_at < ? THEN 1 ELSE 0 END), min(CASE WHEN {api} THEN observed_at END)"
        f" FROM {table} WHERE source = ? AND {db.among('community')} AND observed_at IS NOT NULL GROUP BY community"
    )
    limits = (now - DAY_S, now - 7 * DAY_S, now - 30 * DAY_S, now - 48 * HOUR_S)
    return db.execute(query, (*limits, source, names))


_REMEMBERED = {
    "sqlite": "json_extract(k.state, '$.lacking')",
    "postgresql": "(k.state::json ->> 'lacking')::bigint",
}
"""What a tree still lacked when it was read to its end, as its checkpoint says; nothing where it does not say."""


def _lacking(db: Session, found: dict[tuple[str, str], CommunityFacts], *, source: str, names: Any) -> None:
    """Comments by the platform's count and ours, the posts that lack most, and the trees that were never read.

    Counted as a sync counts (`progress.stored_counts`), so that the two never disagree about what is missing."""
    uncounted = ", ".join(f"'{reason}'" for reason in UNCOUNTED)
    counts = (
        "WITH counts AS MATERIALIZED (SELECT p.id, p.community, p.comment_count AS expected,"
        " (SELECT count(*) FROM comments c WHERE c.source = p.source AND c.post_id = p.id AND c.observed_at IS NOT NULL"
        f" AND (c.tombstone IS NULL OR c.tombstone NOT IN ({uncounted}))"
        " AND (c.created_at IS NULL OR c.created_at <= coalesce(p.numbers_at, p.observed_at))) AS ours,"
        f" coalesce({_REMEMBERED[db.engine]}, 0) AS known, CASE WHEN k.key IS NULL THEN 1 ELSE 0 END AS unread"
        " FROM posts p LEFT JOIN checkpoints k ON k.source = p.source AND k.key = p.community || '/tree/' || p.id"
        f" WHERE p.source = ? AND {db.among('p.community')} AND p.observed_at IS NOT NULL"
        " AND p.withdrawn = 0 AND p.comment_count > 0),"
        " lacks AS (SELECT id, community, expected, ours, unread,"
        " CASE WHEN expected - ours > known THEN expected - ours - known ELSE 0 END AS lack,"
        f" CASE WHEN expected > ours THEN {db.least}(known, expected - ours) ELSE 0 END AS lost FROM counts),"
        " ranked AS (SELECT id, community, expected, ours, lack,"
        " row_number() OVER (PARTITION BY community ORDER BY lack DESC, id) AS place,"
        " sum(expected) OVER w AS all_expected, sum(ours) OVER w AS all_ours, sum(lack) OVER w AS all_lack,"
        " sum(CASE WHEN lack > 0 THEN 1 ELSE 0 END) OVER w AS posts, sum(lost) OVER w AS all_lost,"
        " sum(CASE WHEN lack > 0 THEN unread ELSE 0 END) OVER w AS all_unread"
        " FROM lacks WINDOW w AS (PARTITION BY community))"
        " SELECT community, all_expected, all_ours, all_lack, posts, all_lost, all_unread, id, expected, ours, lack"
        " FROM ranked WHERE place <= ? ORDER BY community, place"
    )
    for name, *sums, identity, expected, ours, lack in db.execute(counts, (source, names, WORST)):
        each = found[source, name]
        whole = map(int, sums)
        each.expected, each.counted, each.lacking, each.lacking_posts, each.not_to_be_had, each.unread_trees = whole
        if lack:
            each.worst.append(Lacking(id=identity, expected=expected, stored=ours))


def _orphans(db: Session, found: dict[tuple[str, str], CommunityFacts], *, source: str, names: Any) -> None:
    """A post nobody observed is a stub, which has no community: from there to its comments, not the other way round."""
    posts = (
        "SELECT c.community, count(DISTINCT p.id), count(*) FROM posts p"
        " CROSS JOIN comments c"  # SQLite takes the tables of a CROSS JOIN in the order written
        " WHERE c.source = p.source AND c.post_id = p.id AND p.source = ?"
        " AND p.community IS NULL AND p.observed_at IS NULL GROUP BY c.community"
    )
    for name, lost, orphans in db.execute(posts, (source,)):
        if (source, name) in found:
            found[source, name].lost_posts, found[source, name].orphans = lost, orphans
    parents = (
        f"SELECT c.community, count(*) FROM comments c WHERE c.source = ? AND {db.among('c.community')}"
        " AND c.parent_id <> c.post_id AND NOT EXISTS"
        " (SELECT 1 FROM comments p WHERE p.source = c.source AND p.id = c.parent_id) GROUP BY c.community"
    )
    for name, lost in db.execute(parents, (source, names)):
        found[source, name].lost_parents = lost


def _marks(db: Session, found: dict[tuple[str, str], CommunityFacts]) -> None:
    """The checkpoints of the communities' streams, from whatever door; a door's source need not be the platform's."""
    owners: dict[str, list[CommunityFacts]] = {}
    for (_, name), each in found.items():
        for stream in _STREAMS:
            owners.setdefault(f"{name}/{stream}", []).append(each)
    keys, door = db.listed(sorted(owners)), ""
    while True:
        door = db.execute("SELECT min(source) FROM checkpoints WHERE source > ?", (door,)).fetchone()[0]
        if door is None:
            return
        query = f"SELECT key, state, updated_at FROM checkpoints WHERE source = ? AND {db.among('key')} ORDER BY key"
        for key, state, at in db.execute(query, (door, keys)):
            for each in owners[key]:
                stream = key.rpartition("/")[2]
                each.marks.append(Mark(door=door, stream=stream, state=state, updated_at=at))


def store_facts(db: Session) -> StoreFacts:
    """What was set aside, and what the latest runs found."""
    latest = f"run_id > (SELECT coalesce(max(id), 0) - {LATEST_RUNS} FROM runs)"
    severities = db.execute(f"SELECT severity, count(*) FROM findings WHERE {latest} GROUP BY severity")
    return StoreFacts(
        quarantined=db.execute("SELECT count(*) FROM quarantine").fetchone()[0],
        findings={severity: int(count) for severity, count in sorted(severities.fetchall())},
        cut_trees=db.execute(f"SELECT count(*) FROM findings WHERE {latest} AND what LIKE ?", (_CUT,)).fetchone()[0],
    )
