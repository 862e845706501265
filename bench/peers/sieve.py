"""`python -m bench.peers.sieve DUMP COMMUNITY`: only what hubbub itself does to lines of other communities."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.packing import lines_of
from hubbub.pipeline.load_filters import Sieve


def main() -> None:
    sieve = Sieve(frozenset([sys.argv[2]]))
    rows = others = 0
    for block in lines_of(Path(sys.argv[1])):
        text = block.removesuffix(b"\n")
        count = text.count(b"\n") + 1
        rows += count
        others += sieve.kept(text, count=count)[1]
    print(rows - others, "rows")


if __name__ == "__main__":
    main()
