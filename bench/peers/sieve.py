"""`python -m bench.peers.sieve DUMP COMMUNITY`: only what hubbub itself does to lines of other communities."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.packing import lines_of
from hubbub.pipeline.load_filters import sieve


def main() -> None:
    wanted = frozenset([sys.argv[2]])
    rows = others = 0
    for block in lines_of(Path(sys.argv[1])):
        lines = block.split(b"\n")[:-1]
        rows += len(lines)
        others += sieve(lines, wanted)[1]
    print(rows - others, "rows")


if __name__ == "__main__":
    main()
