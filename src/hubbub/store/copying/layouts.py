"""How a table is copied: what is read of it, in which order, and what its rows become in the other engine."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

import msgspec
from sqlalchemy import Integer, Table

from hubbub.store import tables_of_runs
from hubbub.store.history import ids_by_source
from hubbub.store.search_words import vector_text
from hubbub.store.session import Engine, Session, named
from hubbub.store.tables import CONTENT, metadata

PAGE_ROWS = 5_000
"""Rows a transaction."""

PAGE_BYTES = 16 << 20
"""A page ends sooner when its long texts come to this."""

FETCH_ROWS = 1_000
"""Rows taken from the source at once."""

MARK_SOURCE = ".copy"
"""Under this name `checkpoints` of an unfinished copy says how far it is; no source is called so."""

_KINDS = {table.name: kind for kind, table in CONTENT.items()}

_REFERS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "media": (("post_id", "posts", "post_n"), ("comment_id", "comments", "comment_n")),
    "labels": (("post_id", "posts", "post_n"),),
}
"""Per table: the id of a record, its table, and the column that takes its row number in SQLite."""

_LONG = frozenset({"body", "description", "details", "extra", "fields", "media", "raw", "rules", "summary", "text"})
"""Columns that make a page heavy."""

_NUL, _STAND_IN = "\x00", "\ufffd"


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """One table's way from one engine to another."""

    table: str
    columns: tuple[str, ...]
    """What is carried over as it is."""
    key: tuple[str, ...]
    """The order in which the source is read; unique there."""
    unique: tuple[str, ...]
    """The key in the target."""
    selected: tuple[str, ...]
    """What is read: `columns`, then what of `key` is not among them."""
    words: operator.itemgetter[Any] | None
    """Takes what the search index holds out of a row, where the target keeps that in the row itself."""
    refers: tuple[tuple[int, str, int], ...]
    """Where the target refers by row number: position of the source, the table, position of the id."""
    numbers: tuple[str, ...]
    """The columns that take those row numbers."""

    @property
    def partitioned(self) -> bool:
        """Whether PostgreSQL keeps it in parts, by source."""
        return self.table in {CONTENT["post"].name, CONTENT["comment"].name}


def layouts(source: Engine, target: Engine) -> list[Layout]:
    """Every table in an order that foreign keys allow.

    Runs come first: whoever else writes into a store that is being filled gets another number."""
    assert tables_of_runs.runs.metadata is metadata
    tables = [table for table in metadata.sorted_tables if table.name not in {"search_state", "runs"}]
    return [_layout(table, source, target) for table in (tables_of_runs.runs, *tables)]


def _layout(table: Table, source: Engine, target: Engine) -> Layout:
    kind = _KINDS.get(table.name)
    refers = _REFERS.get(table.name, ())
    gone = {number for _, _, number in refers}
    if kind is not None and "postgresql" in {source, target}:
        gone.add("n")
    columns = tuple(str(column.name) for column in table.columns if column.name not in gone)
    own = tuple(str(column.name) for column in table.primary_key)
    natural = ("source", "id") if kind is not None else own
    key = natural if source == "postgresql" else own
    by_number = target == "sqlite"
    return Layout(
        table=str(table.name),  # SQLAlchemy has a text type of its own, which no JSON takes
        columns=columns,
        key=key,
        unique=natural,
        selected=(*columns, *(name for name in key if name not in columns)),
        words=_words(columns) if kind in {"post", "comment"} and not by_number else None,
        refers=tuple((columns.index("source"), of, columns.index(name)) for name, of, _ in refers if by_number),
        numbers=tuple(number for _, _, number in refers if by_number),
    )


def numbered() -> list[tuple[str, str]]:
    """The tables whose rows are numbered in every engine, and the column with the number."""
    keys = [(table.name, list(table.primary_key)) for table in metadata.sorted_tables if table.name not in _KINDS]
    return [(name, key[0].name) for name, key in keys if len(key) == 1 and isinstance(key[0].type, Integer)]


class _Said(msgspec.Struct):
    """What the search index holds of a row."""

    observed_at: int | None
    withdrawn: int
    source: str
    community: str | None
    author: str | None
    created_at: int | None
    score: int | None
    body: str | None
    title: str | None = None


def _words(columns: Sequence[str]) -> operator.itemgetter[Any]:
    return operator.itemgetter(*(columns.index(name) for name in _Said.__struct_fields__ if name in columns))


def pages(db: Session, layout: Layout, *, after: Sequence[Any]) -> Iterator[list[Any]]:
    """The rows behind a key (all of them behind an empty one), in the order of the key."""
    names, order = ", ".join(map(named, layout.selected)), ", ".join(layout.key)
    marks = ", ".join("?" * len(layout.key))
    known = "" if layout.table != "checkpoints" else f" AND source <> '{MARK_SOURCE}'"
    of_key = operator.itemgetter(*(layout.selected.index(name) for name in layout.key))
    long = [at for at, name in enumerate(layout.selected) if name in _LONG]
    while True:
        where = f"({order}) > ({marks})" if after else "true"
        sql = f"SELECT {names} FROM {layout.table} WHERE {where}{known} ORDER BY {order} LIMIT {PAGE_ROWS}"
        page: list[Any] = []
        weight = 0
        with closing(db.stream(sql, tuple(after), size=FETCH_ROWS)) as fetched:
            for rows in fetched:
                page += rows
                weight += sum(len(row[at]) for at in long for row in rows if row[at])
                if weight > PAGE_BYTES:
                    break
        if not page:
            return
        yield page
        after = key if isinstance(key := of_key(page[-1]), tuple) else (key,)


def key_of(layout: Layout, row: Sequence[Any]) -> tuple[Any, ...]:
    """The key of a row that was read."""
    return tuple(row[layout.selected.index(name)] for name in layout.key)


def write(db: Session, layout: Layout, page: Sequence[Sequence[Any]]) -> None:
    """Write a page into the target, inside its transaction."""
    columns: tuple[str, ...] = layout.columns
    rows: Sequence[Sequence[Any]] = page
    if layout.words is not None:
        db.make_room({row[columns.index("source")] for row in page})
        rows, columns = list(_with_vectors(layout.words, page, width=len(columns))), (*columns, "search")
    elif layout.refers:
        rows, columns = _with_numbers(db, layout, page), (*columns, *layout.numbers)
    elif len(layout.selected) > len(columns):
        rows = [row[: len(columns)] for row in page]
    db.save(layout.table, columns, rows, key=layout.unique)


def _with_vectors(
    words: operator.itemgetter[Any], page: Iterable[Sequence[Any]], *, width: int
) -> Iterator[tuple[Any, ...]]:
    for row in page:
        said = _Said(*words(row))
        live = said.observed_at is not None and not said.withdrawn
        yield (*row[:width], vector_text(said) if live else None)


def _with_numbers(db: Session, layout: Layout, page: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    found: list[dict[tuple[str, str], int]] = []
    for source_at, table, at in layout.refers:
        numbers: dict[tuple[str, str], int] = {}
        for source, ids in ids_by_source((row[source_at], row[at]) for row in page if row[at] is not None).items():
            sql = f"SELECT id, n FROM {table} WHERE source = ? AND {db.among('id')}"
            numbers.update({(source, record_id): n for record_id, n in db.execute(sql, (source, db.listed(ids)))})
        found.append(numbers)
    wanted = list(zip(found, layout.refers, strict=True))
    return [(*row, *(numbers.get((row[source], row[at])) for numbers, (source, _, at) in wanted)) for row in page]


def count(db: Session, table: str) -> int:
    """Rows of a table, the mark of a copy left out."""
    where = f" WHERE source <> '{MARK_SOURCE}'" if table == "checkpoints" else ""
    return int(db.execute(f"SELECT count(*) FROM {table}{where}").fetchone()[0])


def without_nuls(page: Iterable[Sequence[Any]]) -> tuple[list[tuple[Any, ...]], int]:
    """The rows with U+FFFD for every NUL character, which PostgreSQL takes in no text; and how many there were."""
    times = 0
    rows = []
    for row in page:
        found = sum(value.count(_NUL) for value in row if isinstance(value, str))
        times += found
        rows.append(tuple(map(without_nul, row)) if found else tuple(row))
    return rows, times


def without_nul(value: Any) -> Any:
    """The same for one value."""
    return value.replace(_NUL, _STAND_IN) if isinstance(value, str) else value
