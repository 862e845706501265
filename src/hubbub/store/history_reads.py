"""Score and text history of live, visible records as rows for exports: one for each state a record was seen in.

It is the *logical* history, past entries and current row together: the same for equal content, however it came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any

from hubbub.errors import UsageError
from hubbub.records.facets import FACET_FIELDS, TEXT_FIELDS, Facet
from hubbub.records.history import numbers_history, text_history
from hubbub.records.merge import Kept
from hubbub.store.content import Key
from hubbub.store.engine import Store
from hubbub.store.history import stored_numbers, stored_texts
from hubbub.store.reads import Selected, export_sql, leaving
from hubbub.store.rows import CODECS
from hubbub.store.session import Session
from hubbub.store.tables import CONTENT, NUMBERS

PAGE = 2_000
"""Records that are read at once."""
LOOKED_UP = 250
"""Records whose past is held at once: one that was watched for years has a thousand entries."""

_TEXTS = ("title", "body", "description")
_OF_RECORD = ("source", "kind", "id", "community")

OBSERVATION_COLUMNS: tuple[str, ...] = (*_OF_RECORD, "observed_at", *NUMBERS)
REVISION_COLUMNS: tuple[str, ...] = (*_OF_RECORD, "first_at", "last_at", *_TEXTS)

_States = Callable[[Session, str, Sequence[Kept]], Iterator[tuple[Any, ...]]]


def observation_rows(store: Store, columns: Sequence[str], selection: Selected) -> Iterator[Sequence[Any]]:
    """The numbers of posts, comments, people and communities, by source and id, each record's oldest first.

    The selection narrows the records, not their states: a community's posts with all that was seen of them."""
    return _rows(store, _numbers, columns=columns, known=OBSERVATION_COLUMNS, selection=selection)


def revision_rows(store: Store, columns: Sequence[str], selection: Selected) -> Iterator[Sequence[Any]]:
    """The texts of posts, comments, people and communities, by source and id, each record's oldest first; a text that
    came back is one row, from the first to the last time it was seen."""
    return _rows(store, _texts, columns=columns, known=REVISION_COLUMNS, selection=selection)


def _rows(
    store: Store, states: _States, *, columns: Sequence[str], known: tuple[str, ...], selection: Selected
) -> Iterator[Sequence[Any]]:
    if unknown := [name for name in columns if name not in known]:
        raise UsageError(f"histories have no column {unknown[0]!r}")
    picked = [known.index(name) for name in columns]
    pick = itemgetter(*picked) if len(picked) > 1 else lambda row: (row[picked[0]],)
    with store.reading_raw() as db:
        for kind in CONTENT:
            for some in _records(db, kind, selection):
                yield from map(pick, states(db, kind, some))


def _records(db: Session, kind: str, selection: Selected) -> Iterator[list[Kept]]:
    codec = CODECS[kind]
    where, values = leaving(kind, selection)
    sql = export_sql(db, CONTENT[kind].name, columns=codec.columns, where=where)
    for rows in db.stream(sql, values, size=PAGE):
        for start in range(0, len(rows), LOOKED_UP):
            yield [codec.decode(row) for row in rows[start : start + LOOKED_UP]]


def _numbers(db: Session, kind: str, some: Sequence[Kept]) -> Iterator[tuple[Any, ...]]:
    names = FACET_FIELDS[kind][Facet.NUMBERS]
    past = stored_numbers(db, kind, map(_key, some))
    for kept in some:
        of_record = _of_record(kind, kept)
        for state in numbers_history(kept.record, past.get(_key(kept), ())):
            values = dict(zip(names, state.values, strict=True))
            yield (*of_record, state.observed_at, *map(values.get, NUMBERS))


def _texts(db: Session, kind: str, some: Sequence[Kept]) -> Iterator[tuple[Any, ...]]:
    past = stored_texts(db, kind, map(_key, some))
    for kept in some:
        of_record = _of_record(kind, kept)
        for state in text_history(kept.record, kept.text_since, past=past.get(_key(kept), ())):
            texts = dict(zip(TEXT_FIELDS[kind], state.texts, strict=True))
            yield (*of_record, state.first_at, state.last_at, *map(texts.get, _TEXTS))


def _key(kept: Kept) -> Key:
    return kept.record.source, kept.record.id


def _of_record(kind: str, kept: Kept) -> tuple[Any, ...]:
    """Source, kind, id and community; a community is its own."""
    record: Any = kept.record
    community = record.id if kind == "community" else getattr(record, "community", None)
    return record.source, kind, record.id, community
