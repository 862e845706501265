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

FIRST_LOOK = 2_000
"""PostgreSQL looks through so many of the newest records first, and reckons from them how common a match is."""

LONGEST_LOOK = 35_000
"""Where fewer matches are to be expected among so many, reading all matches from the index is cheaper."""

LONGEST_LOOK_FOR_PHRASES = 60_000
"""A phrase is dearer there: the index knows its words only, and each row that holds them must be read."""

_ENOUGH = 5
"""Times the hits asked for: so many matches are enough to rank, though older ones follow."""

_FEWEST = 2
"""Times the hits asked for: where a look promises fewer, all matches are read from the index."""

_LIVE = "c.observed_at IS NOT NULL AND c.hidden_at IS NULL AND c.withdrawn = 0"
_PLACES = {"community": "communities", "author": "users"}
"""Fields whose values are keys of a table, which tells the sources that have them."""


def candidates(db: Session, kind: str, parsed: Parsed, *, most: int, wanted: int) -> Iterator[Candidate]:
    """At most so many records of a kind that match, newest first; `wanted` is how many hits are asked for."""
    if not parsed.groups:
        rows = _by_filters(db, kind, parsed, most=most, wanted=wanted)
    elif db.engine == "sqlite":
        rows = _by_fts5(db, kind, parsed, most=most)
    else:
        rows = _by_looks(db, kind, parsed, most=most, wanted=wanted)
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


def _by_looks(db: Session, kind: str, parsed: Parsed, *, most: int, wanted: int) -> Sequence[Any]:
    """PostgreSQL: by time of creation. Its index has no order, and reading all matches of a common word takes long; so
    the newest records are looked through, as far as it takes, and only rare matches are read from the index."""
    where, values = conditions(parsed.conditions)
    query = expressions.tsquery(parsed, this_year=_this_year())
    if query is not None:
        where, values = f"{where} AND c.search @@ ?::tsquery", (*values, query)
    inside, named = conditions([c for c in parsed.conditions if c.field == "created_at" or _is_place(c)])
    phrases = any(len(term.words) > 1 for term in parsed.terms)
    found: list[Any] = []
    for source, among in _sources_of(db, parsed.conditions):
        newest = (
            f"SELECT c.* FROM {CONTENT[kind].name} c WHERE c.created_at IS NOT NULL{source}{inside}"
            " ORDER BY c.created_at DESC LIMIT ?"
        )
        sql = f"{_selected(kind)} ({newest}) c WHERE {_LIVE}{where} ORDER BY c.created_at DESC LIMIT ?"

        def look(rows: int, sql: str = sql, bound: tuple[Any, ...] = (*among, *named)) -> list[Any]:
            return db.execute(sql, (*bound, rows, *values, most)).fetchall()

        rows, enough = look(FIRST_LOOK), min(most, _ENOUGH * wanted)
        done = len(rows) >= enough
        if rows and not done:
            further = [FIRST_LOOK * times * wanted * 5 // (4 * len(rows)) for times in (_ENOUGH, _FEWEST)]
            if phrases or further[-1] <= LONGEST_LOOK:
                rows = look(min(further[0], LONGEST_LOOK_FOR_PHRASES if phrases else LONGEST_LOOK))
                done = len(rows) >= wanted
        if not done:
            # Sorting by an expression keeps the planner from walking through all records in order of time.
            sql = (
                f"{_selected(kind)} {CONTENT[kind].name} c WHERE {_LIVE}{source}{where}"
                " ORDER BY c.created_at + 0 DESC LIMIT ?"
            )
            rows = db.execute(sql, (*among, *values, most)).fetchall()
        found += rows
    return sorted(found, key=_age)[:most]


def _by_filters(db: Session, kind: str, parsed: Parsed, *, most: int, wanted: int) -> Sequence[Any]:
    """Without words: the newest, through the index of the community or the author where one is asked for."""
    if parsed.excluded and db.engine == "postgresql":
        return _by_looks(db, kind, parsed, most=most, wanted=wanted)
    if not _place(parsed.conditions)[0]:
        by_facts = _by_facts if db.engine == "sqlite" else _by_looks
        return by_facts(db, kind, parsed, most=most, wanted=wanted)
    where, values = conditions(parsed.conditions)
    unwanted, words = _unwanted(kind, parsed)
    found: list[Any] = []
    for source, among in _sources_of(db, parsed.conditions):
        sql = (
            f"{_selected(kind)} {CONTENT[kind].name} c WHERE {_LIVE}{source}{where}{unwanted}"
            " ORDER BY c.created_at DESC LIMIT ?"
        )
        found += db.execute(sql, (*among, *values, *words, wanted)).fetchall()
    return sorted(found, key=_age)[:wanted]


def _age(row: Sequence[Any]) -> int:
    return -(row[2] or 0)


def _by_facts(db: Session, kind: str, parsed: Parsed, *, most: int, wanted: int) -> Sequence[Any]:
    """SQLite, filters that name no place: the newest stored, through the facts in the index where there are any."""
    del wanted
    if next(expressions.needed(parsed, this_year=_this_year()), None) is not None:
        return _by_fts5(db, kind, parsed, most=most)
    where, values = conditions(parsed.conditions)
    unwanted, words = _unwanted(kind, parsed)
    sql = f"{_selected(kind)} {CONTENT[kind].name} c WHERE {_LIVE}{where}{unwanted} ORDER BY c.n DESC LIMIT ?"
    return db.execute(sql, (*values, *words, most)).fetchall()


def _unwanted(kind: str, parsed: Parsed) -> tuple[str, tuple[Any, ...]]:
    """SQLite's condition that keeps out what must not occur, where there are no words to search for."""
    if not parsed.excluded:
        return "", ()
    fts, _, columns = INDEXES[kind]
    match = expressions.fts5_excluded(parsed, columns[:-1])
    return f" AND c.n NOT IN (SELECT rowid FROM {fts} WHERE {fts} MATCH ?)", (match,)


def _is_place(condition: Condition) -> bool:
    return condition.field in _PLACES and condition.op == "="


def _place(asked: Sequence[Condition]) -> tuple[str, tuple[Any, ...]]:
    """The conditions on community and author, for which there are indexes."""
    return conditions([c for c in asked if _is_place(c)])


def _sources_of(db: Session, asked: Sequence[Condition]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """A condition for each source in which the community or author asked for is known: only behind a source does an
    index give its rows in order of time. One that says nothing where none is asked for."""
    for condition in asked:
        if _is_place(condition):
            known = f"SELECT source FROM {_PLACES[condition.field]} WHERE id = ?"
            for (source,) in db.execute(known, (condition.value,)).fetchall():
                yield " AND c.source = ?", (source,)
            return
    yield "", ()


def conditions(asked: Sequence[Condition]) -> tuple[str, tuple[Any, ...]]:
    """The exact conditions on a row, and their values."""
    kept = [c for c in asked if c.field != "kind"]
    return "".join(f" AND c.{c.field} {c.op} ?" for c in kept), tuple(c.value for c in kept)
