"""Searching posts and comments with the query language; hidden and withdrawn rows never appear."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from hubbub.store.engine import Store
from hubbub.store.search.query import Condition, Parsed, parse
from hubbub.store.search_index import INDEXES

CANDIDATES = 10_000
"""Of a word that occurs more often than this, the newest so many rows are ranked (when no filter narrows them)."""

_SNIPPET_WORDS = 24
_WEIGHTS = {"post": "4.0, 1.0", "comment": "1.0"}
_COLUMNS = ("source", "id", "community", "author_name", "created_at", "score", "permalink")


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
    """Smaller is better (bm25); 0 when only filters were given."""


def search(
    store: Store,
    query: str,
    *,
    limit: int = 20,
    kinds: Sequence[str] = ("post", "comment"),
    marks: tuple[str, str] = ("[", "]"),
) -> list[Hit]:
    """The best matches, best first; with filters only, the newest. Raises UsageError for a query that cannot be."""
    parsed = parse(query)
    with store.reading_raw() as connection:
        found = [
            hit
            for kind in INDEXES
            if kind in kinds and _wants(parsed, kind)
            for hit in _find(connection, kind, parsed, limit=limit, marks=marks)
        ]
    newest = [(hit.rank, -(hit.created_at or 0), hit.kind, hit.id) for hit in found]
    return [hit for _, hit in sorted(zip(newest, found, strict=True), key=lambda pair: pair[0])][:limit]


def _wants(parsed: Parsed, kind: str) -> bool:
    return all((c.value == kind) == (c.op == "=") for c in parsed.conditions if c.field == "kind")


def _find(
    connection: sqlite3.Connection, kind: str, parsed: Parsed, *, limit: int, marks: tuple[str, str]
) -> list[Hit]:
    if parsed.match is None:
        ranked = {n: 0.0 for (n,) in connection.execute(*_filter_query(kind, parsed, limit))}
    else:
        ranked = dict(connection.execute(*_rank_query(kind, parsed, limit)).fetchall())
    fts, table, columns = INDEXES[kind]
    title, post_id = ("c.title", "c.id") if kind == "post" else ("NULL", "c.post_id")
    names = ", ".join(f"c.{name}" for name in _COLUMNS)
    numbers = msgspec.json.encode(list(ranked)).decode()
    if parsed.match is None:
        text = " || ' ' || ".join(f"coalesce(c.{name}, '')" for name in columns)
        sql = (
            f"SELECT c.n, {names}, {post_id}, {title}, substr(trim({text}), 1, 200) FROM {table} c"
            " WHERE c.n IN (SELECT value FROM json_each(?))"
        )
        rows = connection.execute(sql, (numbers,))
    else:
        sql = (
            f"SELECT c.n, {names}, {post_id}, {title}, snippet({fts}, -1, ?, ?, '…', {_SNIPPET_WORDS})"
            f" FROM {fts} JOIN {table} c ON c.n = {fts}.rowid"
            f" WHERE {fts} MATCH ? AND {fts}.rowid IN (SELECT value FROM json_each(?))"
        )
        rows = connection.execute(sql, (*marks, parsed.match, numbers))
    return [_hit(kind, row, ranked[row[0]]) for row in rows]


def _hit(kind: str, row: Sequence[Any], rank: float) -> Hit:
    values = dict(zip(_COLUMNS, row[1:], strict=False))
    post_id, title, snippet = row[-3:]
    return Hit(kind=kind, **values, post_id=post_id, title=title, snippet=snippet or "", rank=rank)


def _rank_query(kind: str, parsed: Parsed, limit: int) -> tuple[str, tuple[Any, ...]]:
    fts, table, _ = INDEXES[kind]
    assert parsed.match is not None
    match = parsed.match if parsed.exclude is None else f"({parsed.match}) NOT ({parsed.exclude})"
    where, values = _conditions(parsed.conditions)
    recent = ""
    recent_values: tuple[str, ...] = ()
    if not where:
        recent = (
            f" AND {fts}.rowid >= (SELECT coalesce(min(r), 0) FROM (SELECT rowid AS r FROM {fts} WHERE {fts} MATCH ?"
            f" ORDER BY rowid DESC LIMIT {CANDIDATES}))"
        )
        recent_values = (match,)
    sql = (
        f"SELECT c.n, bm25({fts}, {_WEIGHTS[kind]}) AS score FROM {fts} JOIN {table} c ON c.n = {fts}.rowid"
        f" WHERE {fts} MATCH ?{recent} AND c.hidden_at IS NULL AND c.withdrawn = 0{where}"
        " ORDER BY score, c.n DESC LIMIT ?"
    )
    return sql, (match, *recent_values, *values, limit)


def _filter_query(kind: str, parsed: Parsed, limit: int) -> tuple[str, tuple[Any, ...]]:
    fts, table, _ = INDEXES[kind]
    where, values = _conditions(parsed.conditions)
    if parsed.exclude is not None:
        where += f" AND c.n NOT IN (SELECT rowid FROM {fts} WHERE {fts} MATCH ?)"
        values = (*values, parsed.exclude)
    sql = (
        f"SELECT c.n FROM {table} c WHERE c.observed_at IS NOT NULL AND c.hidden_at IS NULL AND c.withdrawn = 0{where}"
        " ORDER BY c.created_at DESC, c.n DESC LIMIT ?"
    )
    return sql, (*values, limit)


def _conditions(conditions: Sequence[Condition]) -> tuple[str, tuple[Any, ...]]:
    kept = [c for c in conditions if c.field != "kind"]
    return "".join(f" AND c.{c.field} {c.op} ?" for c in kept), tuple(c.value for c in kept)
