"""The recorded hostile archives, and large ones made on demand with the library the importer itself uses."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hubbub.pipeline.archive_kinds import Packing
from tests.shared import FAULTS

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ARCHIVES = FAULTS / "archives"
EXITS = {"ok": 0, "partial": 3, "usage": 2, "config": 10, "auth": 4, "remote": 6, "input": 7, "storage": 8, "locked": 9}


def cases() -> list[dict[str, Any]]:
    """All cases of the index; none where the recorded inputs are not at hand."""
    index = ARCHIVES / "index.json"
    return json.loads(index.read_text())["cases"] if index.is_file() else []


def stored_cases() -> list[dict[str, Any]]:
    """Cases that come as files."""
    return [case for case in cases() if "file" in case]


def generated_cases() -> list[dict[str, Any]]:
    """Cases that are made when they are needed."""
    return [case for case in cases() if "generator" in case]


def record(name: str, **fields: Any) -> dict[str, Any]:
    """A post as a dump holds it."""
    return {
        "id": name,
        "name": f"t3_{name}",
        "subreddit": "whatisthisbug",
        "subreddit_id": "t5_2sbug",
        "author": f"user_{name[-2:]}",
        "title": f"What is {name}?",
        "selftext": f"found {name} in the garden",
        "score": 7,
        "num_comments": 2,
        "created_utc": 1_704_067_200,
        "retrieved_on": 1_704_240_000,
        "edited": False,
        "over_18": False,
        "is_self": True,
        "domain": "self.whatisthisbug",
        "url": f"https://www.reddit.com/r/whatisthisbug/comments/{name}/",
        "permalink": f"/r/whatisthisbug/comments/{name}/x/",
        **fields,
    }


def line(fields: dict[str, Any]) -> bytes:
    """One line of a dump."""
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def posts(count: int, *, first: int = 0, **fields: Any) -> list[bytes]:
    """Lines of a dump of posts."""
    return [line(record(f"p{number:06d}", **fields)) for number in range(first, first + count)]


def squeeze(data: bytes, *, checksum: bool = True) -> bytes:
    """One zstd frame."""
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: int(checksum)})


def unsqueeze(data: bytes) -> bytes:
    """What one frame holds, also when it asks for a window of 2 GiB."""
    return zstd.decompress(data, options={zstd.DecompressionParameter.window_log_max: 31})


PACKERS: dict[Packing, Callable[[bytes], bytes]] = {
    Packing.ZSTD: squeeze,
    Packing.GZIP: gzip.compress,
    Packing.BZIP2: bz2.compress,
    Packing.XZ: lzma.compress,
}


@contextmanager
def frame_writer(path: Path) -> Iterator[Callable[[bytes], object]]:
    """Write one zstd frame piece by piece, without the memory for the whole."""
    compressor = zstd.ZstdCompressor(level=3)
    with path.open("wb") as file:
        yield lambda data: file.write(compressor.compress(data))
        file.write(compressor.flush())


def zeros(path: Path, *, mib: int) -> None:
    """Nothing but zero bytes."""
    with frame_writer(path) as write:
        for _ in range(mib):
            write(bytes(1 << 20))


def blank_lines(path: Path, *, mib: int) -> None:
    """Nothing but line ends."""
    with frame_writer(path) as write:
        for _ in range(mib):
            write(b"\n" * (1 << 20))


def long_line(path: Path, *, mb: int) -> None:
    """A good line, one of so many megabytes, a good line."""
    head, tail = line(record("bd0001", selftext="@@")).split(b"@@")
    with frame_writer(path) as write:
        write(line(record("ar0001")) + head)
        for _ in range(mb):
            write(b"x" * 1_000_000)
        write(tail + line(record("ar0002")))


def nested(path: Path) -> None:
    """Frames within frames, a bomb in the last."""
    inner = squeeze(bytes(1 << 28))
    for _ in range(3):
        inner = squeeze(inner)
    path.write_bytes(inner)


def many_frames(path: Path, *, count: int) -> None:
    """So many empty frames."""
    compressor = zstd.ZstdCompressor(level=1)
    path.write_bytes((compressor.compress(b"") + compressor.flush()) * count)


def make_bad_lines(path: Path, *, count: int, first: bytes = b"") -> None:
    """So many lines that are no JSON, after what `first` says."""
    with frame_writer(path) as write:
        write(first)
        for at in range(0, count, 1000):
            write(b"".join(b'{"id":"x%d","broken\n' % number for number in range(at, at + 1000)))


MAKERS: dict[str, Callable[[Path], None]] = {
    "bomb-10gb-zeros": lambda path: zeros(path, mib=10 << 10),
    "bomb-line-500mb": lambda path: long_line(path, mb=500),
    "bomb-blank-lines": lambda path: blank_lines(path, mib=1 << 10),
    "bomb-nested": nested,
    "bomb-many-frames": lambda path: many_frames(path, count=200_000),
    "all-bad-1m": lambda path: make_bad_lines(path, count=1_000_000),
}
"""Case of the index -> what makes its file."""
