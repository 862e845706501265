"""zstd, from wherever this Python has it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE_BYTES = 1 << 20
WINDOW_LOG = 31
"""The archives are made with `--long=31`: whoever reads them holds up to 2 GiB of what came before."""


def pack_into(path: Path, pieces: Iterable[bytes], *, window_log: int = WINDOW_LOG, checksum: bool = True) -> int:
    """Write one zstd frame as the archives' makers do, with long-distance matches; returns the unpacked bytes."""
    options: dict[int, int] = {
        zstd.CompressionParameter.compression_level: 9,
        zstd.CompressionParameter.enable_long_distance_matching: 1,
        zstd.CompressionParameter.window_log: window_log,
        zstd.CompressionParameter.checksum_flag: int(checksum),
    }
    size = 0
    with zstd.open(path, "wb", options=options) as file:
        for piece in pieces:
            size += file.write(piece)
    return size


def add_frame(path: Path, text: bytes) -> None:
    """Append another frame: the same lines become another file."""
    with path.open("ab") as file:
        file.write(zstd.compress(text))


def lines_of(path: Path) -> Iterator[bytes]:
    """Whole lines of a packed file, about 1 MiB of them at once; of what stdin brings, unpacked, for `-`."""
    if str(path) == "-":
        yield from _cut(sys.stdin.buffer.read)
        return
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: WINDOW_LOG}
    with zstd.open(path, "rb", options=options) as file:
        yield from _cut(file.read)


def _cut(read: Callable[[int], bytes]) -> Iterator[bytes]:
    tail = b""
    while piece := read(PIECE_BYTES):
        head, end, rest = piece.rpartition(b"\n")
        yield tail + head + end
        tail = rest
    if tail:
        yield tail
