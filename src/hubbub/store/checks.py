"""What must hold in a store, as named queries: each finds the rows for which it does not. Nothing is ever changed."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from hubbub.records.facets import FACET_FIELDS, PLACE_FIELDS, Facet
from hubbub.records.models import Reason
from hubbub.store.mentions import STILL
from hubbub.store.search_index import INDEXES
from hubbub.store.session import Engine
from hubbub.store.tables import CONTENT

Status = Literal["ok", "warning", "failed", "skipped"]

ERASING = tuple(str(reason) for reason in Reason if reason.erases)

REBUILD_SEARCH = "run `hubbub db maintain --search --full`: it makes the search index anew"
TIDY = "run `hubbub db maintain --full`: it removes them"
BROKEN_PROMISE = "a bug of ours, or somebody else wrote to the store: please report it, and restore a backup"


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found."""

    name: str
    status: Status
    count: int
    """How many things are wrong."""
    said: str
    """What must hold when it does, else what is wrong."""
    examples: tuple[str, ...] = ()
    """Some of those that are wrong."""
    advice: str | None = None


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that must hold."""

    name: str
    holds: str
    """What holds, in words."""
    broken: str
    """What to say of rows for which it does not; their number stands before it."""
    queries: Mapping[Engine, tuple[str, ...]]
    """Per engine: queries whose rows, of two columns, are those for which it does not hold."""
    advice: str
    harm: Status = "failed"
    """What it means when there are some."""
    quick: bool = False
    """Whether it costs next to nothing."""


def _both(*queries: str) -> dict[Engine, tuple[str, ...]]:
    return {"sqlite": queries, "postgresql": queries}


def _of_kinds(query: str, kinds: Iterable[str] = CONTENT) -> tuple[str, ...]:
    return tuple(query.format(kind=kind, table=CONTENT[kind].name) for kind in kinds)


def _any_left(names: Iterable[str]) -> str:
    return " OR ".join(f"t.{name} IS NOT NULL" for name in names) or "1 = 0"


def _texts_left(kind: str) -> Iterator[str]:
    """Rows of a kind that still hold what their tombstone took away."""
    table, fields = CONTENT[kind].name, FACET_FIELDS[kind]
    place = {"source", "id", *PLACE_FIELDS[kind]}
    everything = [name for names in fields.values() for name in names if name not in place]
    text = _any_left(fields[Facet.CONTENT])
    yield f"SELECT t.source, t.id FROM {table} t WHERE t.withdrawn = 1 AND ({text})"
    yield (f"SELECT t.source, t.id FROM {table} t WHERE t.tombstone IN {ERASING} AND ({_any_left(everything)})")


_HISTORY = (
    "SELECT h.source, h.id FROM {history} h JOIN {table} t ON t.source = h.source AND t.id = h.id"
    " WHERE h.kind = '{kind}' AND (t.tombstone IN {erasing}{or_older})"
)
_KEPT_ASIDE = (
    "SELECT q.source, q.id FROM quarantine q JOIN {table} t ON t.source = q.source AND t.id = q.id"
    " WHERE q.kind = '{kind}' AND t.withdrawn = 1"
)
_NOT_MIRRORED = (
    "SELECT t.source, t.id FROM {table} t"
    " LEFT JOIN tombstones g ON g.source = t.source AND g.kind = '{kind}' AND g.id = t.id"
    " WHERE t.tombstone IS NOT NULL AND (g.id IS NULL OR g.reason <> t.tombstone OR g.at <> t.tombstone_at"
    " OR coalesce(g.detail, '') <> coalesce(t.tombstone_detail, '')"
    " OR coalesce(g.wiped_to, -1) <> coalesce(t.wiped_to, -1))"
)
_NO_SUCH_ROW = (
    "SELECT g.source, g.id FROM tombstones g LEFT JOIN {table} t ON t.source = g.source AND t.id = g.id"
    " WHERE g.kind = '{kind}' AND t.tombstone IS NULL"
)
_FLAG = (
    "SELECT t.source, t.id FROM {table} t WHERE t.withdrawn <> CASE WHEN t.tombstone IS NULL THEN 0"
    " WHEN t.tombstone IN {erasing} OR t.content_at = 0 THEN 1 ELSE 0 END"
)
_STUB = "SELECT t.source, t.id FROM {table} t WHERE t.observed_at IS NULL AND NOT ({still})"
_OF_DEAD = (
    "SELECT m.source, coalesce(m.post_id, m.comment_id) FROM media m JOIN {table} t ON t.source = m.source"
    " AND t.id = m.{kind}_id WHERE t.withdrawn = 1 OR t.observed_at IS NULL"
)
_LIVE = "t.observed_at IS NOT NULL AND t.withdrawn = 0"

_RECORDS = tuple(kind for kind in CONTENT if kind != "user")
"""A person who is gone has no row: only a digest of the name is kept, in `tombstones`."""


def _history(history: str, at: str | None) -> tuple[str, ...]:
    """Per kind: what a table of the past still holds of withdrawn records, `at` or before they were wiped."""
    or_older = "" if at is None else f" OR h.{at} <= t.wiped_to"
    return tuple(
        _HISTORY.format(history=history, or_older=or_older, kind=kind, table=table.name, erasing=ERASING)
        for kind, table in CONTENT.items()
    )


def _unindexed() -> dict[Engine, tuple[str, ...]]:
    return {
        "sqlite": tuple(
            f"SELECT t.source, t.id FROM {CONTENT[kind].name} t LEFT JOIN {fts}_docsize d ON d.id = t.n"
            f" WHERE {_LIVE} AND d.id IS NULL"
            for kind, (fts, _, _) in INDEXES.items()
        ),
        "postgresql": tuple(
            f"SELECT t.source, t.id FROM {CONTENT[kind].name} t WHERE {_LIVE} AND t.search IS NULL" for kind in INDEXES
        ),
    }


def _indexed_dead() -> dict[Engine, tuple[str, ...]]:
    return {
        "sqlite": tuple(
            f"SELECT '{kind}', d.id FROM {fts}_docsize d LEFT JOIN {CONTENT[kind].name} t ON t.n = d.id"
            f" WHERE t.n IS NULL OR NOT ({_LIVE})"
            for kind, (fts, _, _) in INDEXES.items()
        ),
        "postgresql": tuple(
            f"SELECT t.source, t.id FROM {CONTENT[kind].name} t WHERE t.search IS NOT NULL AND NOT ({_LIVE})"
            for kind in INDEXES
        ),
    }


def _loose(link: str, owners: str, members: str) -> tuple[str, ...]:
    """Links one end of which nobody has stored."""
    return tuple(
        f"SELECT l.source, l.{end} FROM {link} l LEFT JOIN {table} t ON t.source = l.source AND t.id = l.{end}"
        f" WHERE t.observed_at IS NULL"
        for end, table in (("owner", owners), ("member", members))
    )


CHECKS: tuple[Check, ...] = (
    Check(
        name="withdrawn texts",
        holds="what was withdrawn has no text left",
        broken="withdrawn records still hold what had to go",
        queries=_both(*(query for kind in CONTENT for query in _texts_left(kind))),
        advice=BROKEN_PROMISE,
    ),
    Check(
        name="withdrawn past",
        holds="nothing older of what was withdrawn is left",
        broken="past texts, numbers, names or raw records of what was withdrawn are still there",
        queries=_both(
            *_history("revisions", "last_at"),
            *_history("observations", "observed_at"),
            *_history("past_authors", None),
            *_of_kinds(_KEPT_ASIDE),
        ),
        advice=BROKEN_PROMISE,
    ),
    Check(
        name="withdrawn flags",
        holds="exactly what has a tombstone, and no text since, counts as withdrawn",
        broken="records have a flag that is at odds with their tombstone",
        queries=_both(*(_FLAG.format(table=table.name, erasing=ERASING) for table in CONTENT.values())),
        advice=BROKEN_PROMISE,
    ),
    Check(
        name="tombstones",
        holds="the table of tombstones mirrors the records",
        broken="tombstones are not the same in the table and in the record",
        queries=_both(
            *_of_kinds(_NOT_MIRRORED, _RECORDS),
            *_of_kinds(_NO_SUCH_ROW, _RECORDS),
        ),
        advice=BROKEN_PROMISE,
    ),
    Check(
        name="search entries",
        holds="every live post and comment can be searched for",
        broken="live posts and comments have no search entry",
        queries=_unindexed(),
        advice=REBUILD_SEARCH,
    ),
    Check(
        name="search leftovers",
        holds="the search index holds live records only",
        broken="search entries are of records that are not live",
        queries=_indexed_dead(),
        advice=REBUILD_SEARCH,
    ),
    Check(
        name="stubs",
        holds="every stub is referred to",
        broken="stubs are there though nothing refers to them",
        queries=_both(*(_STUB.format(table=CONTENT[kind].name, still=still) for kind, still in STILL.items())),
        advice=TIDY,
    ),
    Check(
        name="media rows",
        holds="media rows are of live records only",
        broken="media rows are of records that are not live",
        queries=_both(*_of_kinds(_OF_DEAD, ["post", "comment"])),
        advice=TIDY,
    ),
    Check(
        name="media files",
        holds="every stored picture names its file",
        broken="media rows are stored and name no file",
        queries=_both("SELECT source, cast(n AS text) FROM media WHERE state = 'stored' AND blob IS NULL"),
        advice=BROKEN_PROMISE,
    ),
    Check(
        name="labels",
        holds="labels are of live posts only",
        broken="labels are of posts that are not live",
        queries=_both(
            "SELECT l.source, l.post_id FROM labels l JOIN posts t ON t.source = l.source AND t.id = l.post_id"
            " WHERE t.withdrawn = 1 OR t.observed_at IS NULL"
        ),
        advice=TIDY,
    ),
    Check(
        name="links",
        holds="everything that belongs to a topic or collection is here, and so is what it belongs to",
        broken="links name posts, topics or collections that are not here",
        queries=_both(*_loose("post_topics", "posts", "topics"), *_loose("collection_posts", "collections", "posts")),
        advice="nothing is wrong: a longer sync brings them, where the platform still has them",
        harm="warning",
    ),
    Check(
        name="runs",
        holds="every run has ended",
        broken="runs have not ended: they go on, or were killed; what they stored is whole",
        queries=_both("SELECT command, cast(id AS text) FROM runs WHERE ended_at IS NULL"),
        advice="nothing is lost: the same commands go on from there; `hubbub runs` lists them",
        harm="warning",
        quick=True,
    ),
)
"""In the order in which they are reported."""
