"""The newest records that match a query, as the index of each engine finds them."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from hubbub import clock
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
    if db.engine == "sqlite" and parsed.groups:
        rows = _by_fts5(db, kind, parsed, most=most)
    else:
        rows = _by_time(db, kind, parsed, most=most)
    for source, record_id, created_at, title, body in rows:
        yield Candidate(kind, (source, record_id), created_at, title, body)


def _this_year() -> int:
    """The year it is, and tomorrow already is."""
    return datetime.fromtimestamp(clock.now() + 86_400, UTC).year


def _selected(kind: str) -> str:
    title = "c.title" if kind == "post" else "NULL"
    return f"SELECT c.source, c.id, c.created_at, {title}, substr(c.body, 1, {TEXT_CHARS}) FROM"


def _by_fts5(db: Session, kind: str, parsed: Parsed, *, most: int) -> Sequence[Any]:
    """By row number, newest stored first: the order in which FTS5 walks its lists."""
    fts, _, columns = INDEXES[kind]
    match = expressions.fts5(parsed, columns[:-1], this_year=_this_year())
    where, values = conditions(parsed.conditions)
    sql = (
        f"{_selected(kind)} {fts} JOIN {CONTENT[kind].name} c ON c.n = {fts}.rowid"
        f" WHERE {fts} MATCH ? AND {_LIVE}{where} ORDER BY {fts}.rowid DESC LIMIT ?"
    )
    return db.execute(sql, (match, *values, most)).fetchall()


def _by_time(db: Session, kind: str, parsed: Parsed, *, most: int) -> Sequence[Any]:
    """By time of creation, newest first, through the index of the community or the author where one is asked for."""
    sources = _sources(db, parsed.conditions)
    where, values = conditions(parsed.conditions)
    if db.engine == "postgresql":
        matching = _in_vector(parsed)
    elif sources is None:
        return _by_facts(db, kind, parsed, most=most)
    else:
        matching = _unwanted(kind, parsed)
    where, values = where + matching[0], (*values, *matching[1])
    ordered = "ORDER BY c.created_at DESC LIMIT ?"
    if sources is None:
        return db.execute(
            f"{_selected(kind)} {CONTENT[kind].name} c WHERE {_LIVE}{where} {ordered}", (*values, most)
        ).fetchall()
    # A source each: only then does an index that begins with the source give the rows in order of time.
    sql = f"{_selected(kind)} {CONTENT[kind].name} c WHERE c.source = ? AND {_LIVE}{where} {ordered}"
    found: list[Any] = []
    for source in sources:
        found += db.execute(sql, (source, *values, most)).fetchall()
    return sorted(found, key=lambda row: -(row[2] or 0))[:most]


def _by_facts(db: Session, kind: str, parsed: Parsed, *, most: int) -> Sequence[Any]:
    """SQLite, filters that name no place: the newest stored, through the facts in the index where there are any."""
    if next(expressions.needed(parsed, this_year=_this_year()), None) is not None:
        return _by_fts5(db, kind, parsed, most=most)
    where, values = conditions(parsed.conditions)
    unwanted, words = _unwanted(kind, parsed)
    sql = f"{_selected(kind)} {CONTENT[kind].name} c WHERE {_LIVE}{where}{unwanted} ORDER BY c.n DESC LIMIT ?"
    return db.execute(sql, (*values, *words, most)).fetchall()


def _in_vector(parsed: Parsed) -> tuple[str, tuple[Any, ...]]:
    """PostgreSQL's condition on the words and facts of a row."""
    query = expressions.tsquery(parsed, this_year=_this_year())
    return ("", ()) if query is None else (" AND c.search @@ ?::tsquery", (query,))


def _unwanted(kind: str, parsed: Parsed) -> tuple[str, tuple[Any, ...]]:
    """SQLite's condition that keeps out what must not occur, where there are no words to search for."""
    if not parsed.excluded:
        return "", ()
    fts, _, columns = INDEXES[kind]
    match = expressions.fts5_excluded(parsed, columns[:-1])
    return f" AND c.n NOT IN (SELECT rowid FROM {fts} WHERE {fts} MATCH ?)", (match,)


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
