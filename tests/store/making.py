"""Short ways to make records and write them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from hubbub.records.models import Comment, Door, Post, Reason, Record, Rejected, Tombstone
from hubbub.store.batch import Batch, Tally
from hubbub.store.content import VECTORED
from hubbub.store.engine import Store
from hubbub.store.rows import CODECS
from hubbub.store.search_index import TOKENIZE
from hubbub.store.search_words import vector_text
from hubbub.store.tables import CONTENT

T0 = 1_700_000_000
HOUR = 3600


def post(record_id: str = "t3_a", *, at: int = T0, **fields: Any) -> Post:
    known: dict[str, Any] = {
        "community": "bugs",
        "community_name": "Bugs",
        "created_at": T0 - HOUR,
        "author": "ann",
        "author_name": "Ann",
        "title": "What is this beetle",
        "body": "found under a stone",
        "score": 1,
    }
    return Post(source="reddit", id=record_id, door=Door.LIVE, observed_at=at, **{**known, **fields})


def comment(record_id: str = "t1_a", *, at: int = T0, **fields: Any) -> Comment:
    known: dict[str, Any] = {
        "community": "bugs",
        "post_id": "t3_a",
        "parent_id": "t3_a",
        "created_at": T0 - HOUR,
        "author": "bob",
        "author_name": "Bob",
        "body": "a stag beetle",
        "score": 2,
    }
    return Comment(source="reddit", id=record_id, door=Door.LIVE, observed_at=at, **{**known, **fields})


def gone(kind: Any, record_id: str, *, at: int = T0 + 10, reason: Reason = Reason.AUTHOR, **fields: Any) -> Tombstone:
    return Tombstone(source="reddit", kind=kind, id=record_id, door=Door.LIVE, reason=reason, at=at, **fields)


def write(store: Store, *records: Record, rejected: Sequence[Rejected] = (), run_id: int = 1, **rest: Any) -> Tally:
    return store.write(Batch(run_id=run_id, source="reddit", stream="test", records=records, rejected=rejected, **rest))


def rows(store: Store, sql: str, *values: Any) -> list[Any]:
    with store.reading_raw() as db:
        return db.execute(sql, values).fetchall()


def one(store: Store, sql: str, *values: Any) -> Any:
    (row,) = rows(store, sql, *values)
    return row[0] if len(row) == 1 else row


def index_faults(store: Store) -> list[str]:
    """What is wrong with the search index: it must hold exactly the live rows, with their words and facts."""
    return _fts_faults(store) if store.engine == "sqlite" else _vector_faults(store)


def _vector_faults(store: Store) -> list[str]:
    faults = []
    for kind in VECTORED:
        codec, table = CODECS[kind], CONTENT[kind].name
        with store.reading_raw() as db:
            names = ", ".join(codec.columns)
            live = "observed_at IS NOT NULL AND withdrawn = 0"
            if db.execute(f"SELECT 1 FROM {table} WHERE search IS NOT NULL AND NOT ({live})").fetchall():
                faults.append(f"{table}: a row that is not live has an entry")
            found = db.execute(f"SELECT {names} FROM {table} WHERE {live}").fetchall()
            wanted = [vector_text(codec.decode(row).record) for row in found]
            other = (
                f"SELECT t.id FROM unnest(?::text[], ?::text[], ?::text[]) AS w (source, id, words) JOIN {table} t"
                " ON t.source = w.source AND t.id = w.id WHERE t.search IS DISTINCT FROM w.words::tsvector"
            )
            keys = [row[0] for row in found], [row[1] for row in found]
            faults += [
                f"{table}: {row[0]} has other words than its entry" for row in db.execute(other, (*keys, wanted))
            ]
    return faults


def _fts_faults(store: Store) -> list[str]:
    faults = []
    for fts, table, text in (
        ("posts_fts", "posts_words", "title, body, facts"),
        ("comments_fts", "comments_words", "body, facts"),
    ):
        live = rows(store, f"SELECT n FROM {table} WHERE observed_at IS NOT NULL AND withdrawn = 0 ORDER BY n")
        if live != rows(store, f"SELECT id FROM {fts}_docsize ORDER BY id"):
            faults.append(f"{fts} holds other rows than {table}")
        with store.transaction() as connection:
            try:
                connection.execute(f"INSERT INTO {fts} ({fts}, rank) VALUES ('integrity-check', 0)")
            except sqlite3.Error as err:
                faults.append(f"{fts}: {err}")
            fresh = "CREATE VIRTUAL TABLE temp.fresh USING fts5"
            connection.execute(f'{fresh}({text}, tokenize="{TOKENIZE}")')
            connection.execute(
                f"INSERT INTO temp.fresh (rowid, {text}) SELECT n, {text} FROM {table}"
                " WHERE observed_at IS NOT NULL AND withdrawn = 0"
            )
            for name, of in (("kept_words", f"main, {fts}"), ("fresh_words", "temp, fresh")):
                connection.execute(f"CREATE VIRTUAL TABLE temp.{name} USING fts5vocab({of}, instance)")
            words = [
                connection.execute(f"SELECT term, doc, col, offset FROM temp.{name} ORDER BY 1, 2, 3, 4").fetchall()
                for name in ("kept_words", "fresh_words")
            ]
            for name in ("kept_words", "fresh_words", "fresh"):
                connection.execute(f"DROP TABLE temp.{name}")
        if words[0] != words[1]:
            faults.append(f"{fts} holds other words than {table}")
    return faults
