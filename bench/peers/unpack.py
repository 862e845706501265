"""`python -m bench.peers.unpack DUMP`: `zstd -dc --long=31` for machines without that program."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from bench.packing import lines_of


def command(dump: Path) -> list[str]:
    """What prints the unpacked dump here."""
    program = shutil.which("zstd")
    if program is not None:
        return [program, "-dcq", "--long=31", str(dump)]
    return [sys.executable, "-m", "bench.peers.unpack", str(dump)]


def main() -> None:
    for block in lines_of(Path(sys.argv[1])):
        sys.stdout.buffer.write(block)


if __name__ == "__main__":
    main()
