"""`python -m bench.peers.sieve DUMP [COMMUNITY]`: only what hubbub itself does to lines of other communities; without
one, unpack the dump and do nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.packing import lines_of
from hubbub.pipeline.load_filters import Sieve


def main() -> None:
    blocks = lines_of(Path(sys.argv[1]))
    if len(sys.argv) < 3:
        print(sum(map(len, blocks)), "bytes")
        return
    sieve = Sieve(frozenset([sys.argv[2]]))
    rows = others = 0
    for block in blocks:
        text = block.removesuffix(b"\n")
        count = text.count(b"\n") + 1
        rows += count
        others += sieve.kept(text, count=count)[1]
    print(rows - others, "rows")


if __name__ == "__main__":
    main()
