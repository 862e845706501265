"""Searching posts and comments with the query language; hidden and withdrawn rows never appear.

The index hands over the newest records that match, at most `CANDIDATES` of a kind; those are ranked (`rank`). So a word
that half of all comments hold costs no more than a rare one, and a query with fewer matches is ranked over all of them.
"""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from hubbub.store.engine import Store
from hubbub.store.search import matching
from hubbub.store.search.query import Parsed, parse
from hubbub.store.search.rank import Candidate, ranked
from hubbub.store.search.snippet import best_snippet
from hubbub.store.session import Session
from hubbub.store.tables import CONTENT

KINDS = ("post", "comment")

CANDIDATES = 1_000
"""Of a query that more records of a kind match, the newest so many are ranked."""

_COLUMNS = ("source", "id", "community", "author_name", "created_at", "score", "permalink")
_PLAIN_CHARS = 200


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One post or comment that was found."""

    kind: str
    source: str
    id: str
    community: str | None
    author_name: str | None
    created_at: int | None
    score: int | None
    permalink: str | None
    post_id: str | None
    """The post a comment belongs to; a post's own id."""
    title: str | None
    snippet: str
    """Part of the text around the words found, with the marks around each of them."""
    rank: float
    """Smaller is better (minus BM25); 0 when only filters were given."""


def search(
    store: Store,
    query: str,
    *,
    limit: int = 20,
    kinds: Sequence[str] = KINDS,
    marks: tuple[str, str] = ("[", "]"),
) -> list[Hit]:
    """The best matches, best first; with filters only, the newest. Raises UsageError for a query that cannot be."""
    parsed = parse(query)
    asked = [kind for kind in KINDS if kind in kinds and _wants(parsed, kind)]
    with store.reading_raw() as db:
        most = max(CANDIDATES, limit)
        candidates = [
            found for kind in asked for found in matching.candidates(db, kind, parsed, most=most, wanted=limit)
        ]
        best = ranked(candidates, parsed.terms, limit=limit)
        return _hits(db, best, parsed, marks=marks)


def _wants(parsed: Parsed, kind: str) -> bool:
    return all((c.value == kind) == (c.op == "=") for c in parsed.conditions if c.field == "kind")


def _hits(db: Session, best: Sequence[tuple[float, Candidate]], parsed: Parsed, *, marks: tuple[str, str]) -> list[Hit]:
    rows: dict[tuple[str, Any], Any] = {}
    for kind in KINDS:
        keys = [candidate.key for _, candidate in best if candidate.kind == kind]
        rows.update({(kind, key): row for key, row in _rows(db, kind, keys)})
    return [
        _hit(candidate.kind, rows[candidate.kind, candidate.key], rank, parsed, marks=marks)
        for rank, candidate in best
        if (candidate.kind, candidate.key) in rows
    ]


def _rows(db: Session, kind: str, keys: Sequence[tuple[str, str]]) -> Iterable[tuple[tuple[str, str], Any]]:
    title, post_id = ("title", "id") if kind == "post" else ("NULL", "post_id")
    names = ", ".join(_COLUMNS)
    for source in {source for source, _ in keys}:
        sql = (
            f"SELECT {names}, {post_id}, {title}, body FROM {CONTENT[kind].name} WHERE source = ? AND {db.among('id')}"
        )
        ids = [record_id for where, record_id in keys if where == source]
        yield from (((row[0], row[1]), row) for row in db.execute(sql, (source, db.listed(ids))))


def _hit(kind: str, row: Sequence[Any], rank: float, parsed: Parsed, *, marks: tuple[str, str]) -> Hit:  # noqa: PLR0917
    values = dict(zip(_COLUMNS, row, strict=False))
    post_id, title, body = row[-3:]
    if parsed.groups:
        snippet = best_snippet((title, body), parsed.terms, marks=marks)
    else:
        snippet = " ".join(filter(None, (title, body)))[:_PLAIN_CHARS]
    return Hit(kind=kind, **values, post_id=post_id, title=title, snippet=snippet, rank=rank)
