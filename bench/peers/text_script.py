"""`python -m bench.peers.text_script DUMP [COMMUNITY OUT] [--orjson]`: what tutorials show, a text file of lines.

`zstandard.open` gives lines of text, `json.loads` (or, with `--orjson`, the fastest decoder people use, on lines of
bytes) makes an object of every one of them. With a community, its lines are written to OUT."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import zstandard


def bytes_lines(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        reader: Any = zstandard.ZstdDecompressor(max_window_size=2**31).stream_reader(file)
        yield from io.BufferedReader(reader, 1 << 20)


def text_lines(path: str) -> Iterator[bytes | str]:
    unpacker = zstandard.ZstdDecompressor(max_window_size=2**31)
    with zstandard.open(path, "rt", dctx=unpacker, encoding="utf-8") as file:
        yield from file


def main() -> None:
    given = [each for each in sys.argv[1:] if each != "--orjson"]
    path, *filtering = given
    loads: Callable[[Any], Any] = json.loads
    lines: Iterator[Any] = text_lines(path)
    if "--orjson" in sys.argv:
        import orjson

        loads, lines = orjson.loads, bytes_lines(path)
    count = 0
    if not filtering:
        for line in lines:
            loads(line)
            count += 1
    else:
        community, out = filtering
        with open(out, "wb") as file:
            for line in lines:
                if loads(line)["subreddit"].lower() == community:
                    file.write(line if isinstance(line, bytes) else line.encode())
                    count += 1
    print(count, "rows")


if __name__ == "__main__":
    main()
