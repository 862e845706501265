"""Batches that wait on disk while the database is away: appended whole or not at all, replayed in order.

One file a process, locked while it lives; what a dead process left is found by the next command that writes. Each entry
holds the number of commits its run had before it, so that a batch which reached the database after all, or was replayed
by a process that then died, is told apart and never counted twice.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from hubbub.errors import StorageError
from hubbub.records.models import Record
from hubbub.records.packing import Packed, tagged, unpacked
from hubbub.store.batch import Batch
from hubbub.store.claims import lock_file

MAX_BYTES = 256 << 20
"""A longer absence ends the run; what is spilled stays."""

_HEAD = struct.Struct("<4sII")
"""Mark, length and CRC-32 of what follows."""

_MARK = b"hbb1"


class Entry(msgspec.Struct, frozen=True):
    """One batch that waits."""

    commits: int
    """Batches of its run that were committed before it."""
    batch: Batch


class _Written(msgspec.Struct):
    commits: int
    batch: msgspec.Raw
    records: Packed


class Spill:
    """The file of one process in the folder of one store. Opened when first needed."""

    def __init__(self, folder: Path, *, name: str, max_bytes: int = MAX_BYTES) -> None:
        self.folder = folder
        self._stem = name
        self._max_bytes = max_bytes
        self._file: int | None = None
        self.path = folder / f"{name}-{os.getpid()}.spill"
        self.batches = 0
        """Entries in the file."""

    def append(self, batch: Batch, *, commits: int) -> None:
        """Keep a batch on disk. Raises StorageError when the file would grow beyond its bound or cannot be written."""
        data = zlib.compress(_encode(Entry(commits, batch)), 1)
        try:
            file = self._opened()
            start = os.fstat(file).st_size
            if start + len(data) > self._max_bytes:
                raise StorageError(
                    f"the database is away and {self.path} is full ({self._max_bytes >> 20} MiB)",
                    advice="what it holds is stored by the next command that writes, once the database is back",
                )
            try:
                os.write(file, _HEAD.pack(_MARK, len(data), zlib.crc32(data)) + data)
                os.fsync(file)
            except OSError:
                os.ftruncate(file, start)
                raise
        except OSError as error:
            raise StorageError(f"{self.path} cannot be written: {error.strerror or error}") from error
        self.batches += 1

    def drain(self, store: Callable[[Entry], object]) -> int:
        """Hand every entry to `store`, in order, and remove the file; stops, keeping it, at the first error."""
        if self._file is None:
            return 0
        done = _replay(self.path, store)
        self._dropped()
        return done

    def drain_left(self, store: Callable[[Entry], object]) -> int:
        """The same for files that processes now dead have left; returns how many batches there were."""
        done = 0
        for path in sorted(self.folder.glob(f"{self._stem}-*.spill")) if self.folder.is_dir() else ():
            if path == self.path:
                continue
            held = lock_file(path)
            if held is None:
                continue
            try:
                done += _replay(path, store)
                path.unlink(missing_ok=True)
            finally:
                os.close(held)
        with suppress(OSError):
            self.folder.rmdir()
        return done

    def close(self) -> None:
        """Let go of the file; what it holds stays for the next."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _opened(self) -> int:
        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            held = lock_file(self.path)
            if held is None:
                raise StorageError(f"{self.path} is in use")
            os.lseek(held, 0, os.SEEK_END)
            self._file = held
        return self._file

    def _dropped(self) -> None:
        self.path.unlink(missing_ok=True)
        self.close()
        self.batches = 0
        with suppress(OSError):
            self.folder.rmdir()


def _replay(path: Path, store: Callable[[Entry], object]) -> int:
    done = 0
    for entry in entries(path):
        store(entry)
        done += 1
    return done


def entries(path: Path) -> Iterator[Entry]:
    """The whole entries of a file; one that was cut off by a crash ends it: its checkpoint is not stored either."""
    with path.open("rb") as file:
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            mark, length, checksum = _HEAD.unpack(head)
            data = file.read(length)
            if mark != _MARK or len(data) < length or zlib.crc32(data) != checksum:
                return
            yield _decode(zlib.decompress(data))


def _encode(entry: Entry) -> bytes:
    batch = entry.batch.spread()
    bare = msgspec.structs.replace(batch, records=())
    return msgspec.msgpack.encode({"commits": entry.commits, "batch": bare, "records": tagged(batch.records)})


def _decode(data: bytes) -> Entry:
    written = msgspec.msgpack.decode(data, type=_Written)
    batch = msgspec.msgpack.decode(written.batch, type=_Bare).whole(unpacked(written.records))
    return Entry(written.commits, batch)


class _Bare(Batch, frozen=True, kw_only=True):
    """A batch as it is written: its records stand apart, with their types."""

    records: tuple[()] = ()

    def whole(self, records: list[Record]) -> Batch:
        fields = {name: getattr(self, name) for name in Batch.__struct_fields__}
        return Batch(**{**fields, "records": records})
