"""zstd, from wherever this Python has it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE_BYTES = 1 << 20


def pack(text: bytes) -> bytes:
    """One zstd frame of the text."""
    return zstd.compress(text, level=6)


def lines_of(path: Path) -> Iterator[bytes]:
    """Whole lines of a packed file, about 1 MiB of them at once."""
    tail = b""
    with zstd.open(path, "rb") as file:
        while piece := file.read(PIECE_BYTES):
            head, end, rest = piece.rpartition(b"\n")
            yield tail + head + end
            tail = rest
    if tail:
        yield tail
