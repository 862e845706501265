"""`python -m bench.peers.least DUMP HOME [--whole]`: the least a program does to fill hubbub's own table.

It unpacks, decodes into typed fields and inserts, forty rows a statement, into the empty table of a store without
secondary indexes; with `--whole` it makes hubbub's indexes then, and a search index of the text alone. It checks
nothing, merges nothing, keeps no people, posts or checkpoint, and cannot go on after a kill."""

from __future__ import annotations

import sqlite3
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from bench.packing import lines_of
from bench.peers.floor import line_type
from bench.stores import without_indexes
from hubbub.store.indexes import shipped

SAME = {"source": "'reddit'", "door": "'dump'", "terms": "'archive'", "run_id": "1", "extra": "NULL", "edited": "0"}
NAMES = (
    "id post_id parent_id community community_name author author_id author_flair body created_at score score_hidden"
    " controversiality is_submitter locked archived stickied distinguished"
    " observed_at first_seen_at last_seen_at updated_at"
).split()
AT_ONCE = 40
BATCH = 25_000


def main() -> None:
    home = Path(sys.argv[2])
    home.mkdir(parents=True, exist_ok=True)
    without_indexes(f"sqlite:///{home}/hubbub.db")
    connection = sqlite3.connect(home / "hubbub.db", isolation_level=None)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint = 8000")
    decoder, take = msgspec.json.Decoder(line_type()), msgspec.structs.astuple
    rows: list[tuple[Any, ...]] = []
    count = 0
    for block in lines_of(Path(sys.argv[1])):
        rows.extend(map(row, map(take, decoder.decode_lines(block))))
        if len(rows) >= BATCH:
            count += len(rows)
            _insert(connection, rows)
            rows = []
    _insert(connection, rows)
    if "--whole" in sys.argv:
        for statement in shipped("sqlite").values():
            connection.execute(statement)
        connection.execute("CREATE VIRTUAL TABLE least USING fts5 (body, content='comments', content_rowid='n')")
        connection.execute("INSERT INTO least (least) VALUES ('rebuild')")
    connection.close()
    print(count + len(rows), "rows")


def row(taken: tuple[Any, ...]) -> tuple[Any, ...]:
    """The values of `NAMES`, of a decoded line."""
    key, post, parent, place, person, account, flair, body, created, _, *numbers, said, _link, seen = taken[:20]
    return ("t1_" + key, post, parent, place, place, person, account, flair, body, created, *numbers, said, *[seen] * 4)


def _insert(connection: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    whole = len(rows) - len(rows) % AT_ONCE
    groups = (tuple(chain.from_iterable(rows[at : at + AT_ONCE])) for at in range(0, whole, AT_ONCE))
    connection.executemany(statement(AT_ONCE), groups)
    connection.executemany(statement(1), rows[whole:])
    connection.execute("COMMIT")


def statement(count: int) -> str:
    values = f"({', '.join([*'?' * len(NAMES), *SAME.values()])})"
    into = ", ".join([*NAMES, *SAME])
    return f"INSERT INTO comments ({into}) VALUES {', '.join([values] * count)} ON CONFLICT (source, id) DO NOTHING"


if __name__ == "__main__":
    main()
