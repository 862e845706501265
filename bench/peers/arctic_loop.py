"""`python -m bench.peers.arctic_loop DUMP [COMMUNITY OUT]`: the loop of Arctic Shift's helper scripts, re-stated.

It reads 10 MiB at a time, makes text of them (what is no UTF-8 becomes a replacement character), splits that, and calls
`orjson.loads` on every line; a line that cannot be decoded is printed and skipped. With a community, its comments are
written to OUT."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import orjson
import zstandard

READ_BYTES = 10 << 20


def comments_of(path: str) -> Iterator[dict[str, Any]]:
    rest = ""
    with open(path, "rb") as file:
        reader = zstandard.ZstdDecompressor(max_window_size=2**31).stream_reader(file)
        while chunk := reader.read(READ_BYTES):
            *lines, rest = (rest + chunk.decode("utf-8", "replace")).split("\n")
            for line in lines:
                try:
                    yield orjson.loads(line)
                except Exception:
                    print("Error parsing line:", line[:200], file=sys.stderr)
    if rest:
        try:
            yield orjson.loads(rest)
        except Exception:
            print("Error parsing line:", rest[:200], file=sys.stderr)


def main() -> None:
    path, *filtering = sys.argv[1:]
    if not filtering:
        print(sum(1 for _ in comments_of(path)), "rows")
        return
    community, out = filtering
    count = 0
    with open(out, "wb") as file:
        for comment in comments_of(path):
            if comment["subreddit"].lower() == community:
                file.write(orjson.dumps(comment) + b"\n")
                count += 1
    print(count, "rows")


if __name__ == "__main__":
    main()
