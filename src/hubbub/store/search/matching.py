"""The newest records that match a query, as the index of each engine finds them."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hubbub.store.search import expressions
from hubbub.store.search.query import Condition, Parsed
from hubbub.store.search.rank import TEXT_CHARS, Candidate
from hubbub.store.search_index import INDEXES
from hubbub.store.session import Session
from hubbub.store.tables import CONTENT

_LIVE = "c.observed_at IS NOT NULL AND c.hidden_at IS NULL AND c.withdrawn = 0"
_PLACES = {"community": "communities", "author": "users"}
"""Fields whose values are keys of a table, which tells the sources that have them."""


def candidates(db: Session, kind: str, parsed: Parsed, *, most: int) -> Iterator[Candidate]:
    """At most so many records of a kind that match, newest first."""
    if not parsed.groups:
        rows = _by_filters(db, kind, parsed, most=most)
    elif db.engine == "sqlite":
        rows = _by_fts5(db, kind, parsed, most=most)
    else:
        rows = _by_vector(db, kind, parsed, most=most)
    for source, record_id, created_at, title, body in rows:
        yield Candidate(kind, (source, record_id), created_at, title, body)


def _selected(kind: str) -> str:
    title = "c.title" if kind == "post" else "NULL"
    return f"SELECT c.source, c.id, c.created_at, {title}, substr(c.body, 1, {TEXT_CHARS}) FROM"


def _by_fts5(db: Session, kind: str, parsed: Parsed, *, most: int) -> Sequence[Any]:
    """By row number, newest stored first: the order in which FTS5 walks its lists."""
    fts, _, columns = INDEXES[kind]
    match = expressions.fts5(parsed, columns[:-1])
    where, values = conditions(parsed.conditions)
    sql = (
        f"{_selected(kind)} {fts} JOIN {CONTENT[kind].name} c ON c.n = {fts}.rowid"
        f" WHERE {fts} MATCH ? AND {_LIVE}{where} ORDER BY {fts}.rowid DESC LIMIT ?"
    )
    return db.execute(sql, (match, *values, most)).fetchall()


def _by_vector(db: Session, kind: str, parsed: Parsed, *, most: int) -> Sequence[Any]:
    """By time of creation, newest first."""
    query = expressions.tsquery(parsed)
    where, values = conditions(parsed.conditions)
    sql = (
        f"{_selected(kind)} {CONTENT[kind].name} c WHERE c.search @@ ?::tsquery AND {_LIVE}{where}"
        " ORDER BY c.created_at DESC NULLS LAST LIMIT ?"
    )
    return db.execute(sql, (query, *values, most)).fetchall()


def _by_filters(db: Session, kind: str, parsed: Parsed, *, most: int) -> Sequence[Any]:
    """Without words: the newest that pass the filters, through the index of the community or the author."""
    table = CONTENT[kind].name
    where, values = conditions(parsed.conditions)
    unwanted, words = _unwanted(db, kind, parsed)
    where, values = where + unwanted, (*values, *words)
    sources = _sources(db, parsed.conditions)
    sql = f"{_selected(kind)} {table} c WHERE {_LIVE}{where}{{source}} ORDER BY c.created_at DESC LIMIT ?"
    if sources is None:
        return db.execute(sql.format(source=""), (*values, most)).fetchall()
    found: list[Any] = []
    for source in sources:
        found += db.execute(sql.format(source=" AND c.source = ?"), (*values, source, most)).fetchall()
    return sorted(found, key=lambda row: -(row[2] or 0))[:most]


def _unwanted(db: Session, kind: str, parsed: Parsed) -> tuple[str, tuple[Any, ...]]:
    """The condition that keeps out what must not occur, where there are no words to search for."""
    if not parsed.excluded:
        return "", ()
    if db.engine == "sqlite":
        fts, _, columns = INDEXES[kind]
        match = expressions.fts5_excluded(parsed, columns[:-1])
        return f" AND c.n NOT IN (SELECT rowid FROM {fts} WHERE {fts} MATCH ?)", (match,)
    return " AND c.search @@ ?::tsquery", (expressions.tsquery(parsed, facts=False),)


def _sources(db: Session, asked: Sequence[Condition]) -> list[str] | None:
    """The sources in which the first community or author asked for is known; None when none is asked for."""
    for condition in asked:
        if condition.field in _PLACES and condition.op == "=":
            rows = db.execute(f"SELECT source FROM {_PLACES[condition.field]} WHERE id = ?", (condition.value,))
            return [source for (source,) in rows]
    return None


def conditions(asked: Sequence[Condition]) -> tuple[str, tuple[Any, ...]]:
    """The exact conditions on a row, and their values."""
    kept = [c for c in asked if c.field != "kind"]
    return "".join(f" AND c.{c.field} {c.op} ?" for c in kept), tuple(c.value for c in kept)
