"""`python -m bench.peers.orjson_script DUMP DATABASE`: the script one writes in ten minutes, with a fast decoder."""

from __future__ import annotations

import sqlite3
import sys

import orjson
import zstandard

from bench.peers.columns import COLUMNS, META_COLUMNS

NAMES = [*COLUMNS, *META_COLUMNS]


def main() -> None:
    connection = sqlite3.connect(sys.argv[2])
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"CREATE TABLE IF NOT EXISTS comments ({', '.join(NAMES)}, PRIMARY KEY (id))")
    insert = f"INSERT OR REPLACE INTO comments VALUES ({', '.join('?' * len(NAMES))})"
    rows, tail, count = [], b"", 0
    with open(sys.argv[1], "rb") as file:
        reader = zstandard.ZstdDecompressor(max_window_size=2**31).stream_reader(file)
        while chunk := reader.read(1 << 20):
            *lines, tail = (tail + chunk).split(b"\n")
            for line in lines:
                if line:
                    comment = orjson.loads(line)
                    meta = comment.get("_meta") or {}
                    rows.append([*map(comment.get, COLUMNS), *map(meta.get, META_COLUMNS)])
            if len(rows) >= 10_000:
                connection.executemany(insert, rows)
                connection.commit()
                count += len(rows)
                rows = []
    connection.executemany(insert, rows)
    connection.commit()
    connection.close()
    print(count + len(rows), "rows")


if __name__ == "__main__":
    main()
