"""`python -m bench.peers.csv_script DUMP CSV`: the loop of PushshiftDumps' `to_csv.py`, re-stated.

It reads 128 MiB at a time, decodes the text and splits it, calls `json.loads` on every line, makes a string of every
value, encodes and decodes it, and makes a date of every time. Whatever goes wrong while reading is logged, and the
script ends as if it were done. Left out here is `author_fullname`: a line without a field that was asked for ends the
script, and withdrawn comments have no such one."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import zstandard

from bench.peers.columns import COLUMNS

FIELDS = [name for name in COLUMNS if name != "author_fullname"] + ["_meta", "subreddit_id"]
READ_BYTES = 2**27
MOST_BYTES = 2**30


def decoded(reader: Any, before: bytes = b"", taken: int = 0) -> str:
    """The next part as text; one that ends inside a character is read on."""
    chunk: bytes = before + reader.read(READ_BYTES)
    taken += READ_BYTES
    try:
        return chunk.decode()
    except UnicodeDecodeError:
        if taken > MOST_BYTES:
            raise UnicodeError(f"cannot decode after {taken:,} bytes") from None
        return decoded(reader, chunk, taken)


def lines_of(path: str) -> Iterator[str]:
    with open(path, "rb") as file:
        buffer = ""
        reader = zstandard.ZstdDecompressor(max_window_size=2**31).stream_reader(file)
        while chunk := decoded(reader):
            *lines, buffer = (buffer + chunk).split("\n")
            yield from lines


def main() -> None:
    count = bad = 0
    created: datetime | None = None
    with open(sys.argv[2], "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(FIELDS)
        try:
            for line in lines_of(sys.argv[1]):
                try:
                    comment = json.loads(line)
                    writer.writerow([str(comment[name]).encode("utf-8", errors="replace").decode() for name in FIELDS])
                except json.JSONDecodeError:
                    bad += 1
                count += 1
                if count % 100_000 == 0:
                    print(f"{created} : {count:,} : {bad:,}", file=sys.stderr)
        except KeyError as error:
            print(f"Object has no key: {error}", file=sys.stderr)
        except Exception as error:
            print(error, file=sys.stderr)
    print(f"Complete : {count:,} : {bad:,}", file=sys.stderr)
    print(count - bad, "rows")


if __name__ == "__main__":
    main()
