"""The dumps that benchmarks read, made once and kept in `bench/.cache` under their rows, seed and version."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec

from bench.dump import BLOCK, VERSION, write_dump
from bench.packing import WINDOW_LOG, add_frame, lines_of, pack_into

CACHE = Path(__file__).parent / ".cache"
SEED = 1
COMMUNITY = "whatisthisbug"
"""The community that is asked for where one is filtered out; about one line in fifty."""


class Dump(msgspec.Struct, frozen=True, kw_only=True):
    """A dump file, and what has to be known of it to judge a figure."""

    path: Path
    rows: int
    size_bytes: int
    """Unpacked."""

    @property
    def window_bytes(self) -> int:
        """What any decoder holds of it at most: the window, or all there is."""
        return min(self.size_bytes, 1 << WINDOW_LOG)


def dump_of(rows: int) -> Dump:
    """The dump of so many comments; written now if it is not kept yet."""
    path = _place(rows)
    if not path.exists():
        _write(path, rows=rows)
    return Dump(path=path, rows=rows, size_bytes=int(path.with_suffix(".bytes").read_text()))


def first_line() -> Dump:
    """The first line of every dump alone: what a program costs before it does anything."""
    return dump_of(1)


def same_lines(dump: Dump) -> Dump:
    """The same lines in a file with other bytes: one that was imported before would only be recognised and skipped."""
    path = dump.path.with_name(dump.path.stem + "-again.zst")
    if not path.exists():
        partial = path.with_suffix(".partial")
        shutil.copyfile(dump.path, partial)
        add_frame(partial, b"\n")
        partial.replace(path)
    return Dump(path=path, rows=dump.rows, size_bytes=dump.size_bytes + 1)


def damaged(dump: Dump, folder: Path) -> dict[str, Path]:
    """The dump as a broken download leaves it, and as a bad disk does."""
    whole = dump.path.read_bytes()
    broken = {
        "cut off at 60 % of its bytes": whole[: len(whole) * 6 // 10],
        "one byte in the middle changed": _changed(whole),
    }
    plain = folder / "RC_no_checksum.zst"
    pack_into(plain, lines_of(dump.path), checksum=False)
    unchecked = plain.read_bytes()
    broken["one byte in the middle changed, and no checksum in the file"] = _changed(unchecked)
    paths = {what: folder / f"RC_damaged_{number}.zst" for number, what in enumerate(broken)}
    for what, path in paths.items():
        path.write_bytes(broken[what])
    return paths


def _changed(text: bytes) -> bytes:
    middle = len(text) // 2
    return text[:middle] + bytes([text[middle] ^ 0x20]) + text[middle + 1 :]


def _place(rows: int) -> Path:
    return CACHE / f"RC_{rows}_seed{SEED}_v{VERSION}.zst"


def _write(path: Path, *, rows: int) -> None:
    CACHE.mkdir(exist_ok=True)
    partial = path.with_suffix(".partial")
    size = write_dump(partial, rows=rows, seed=SEED, processes=min(4, os.cpu_count() or 1, 1 + rows // BLOCK))
    path.with_suffix(".bytes").write_text(f"{size}\n")
    partial.replace(path)
