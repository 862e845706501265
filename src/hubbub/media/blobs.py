"""Files named by their own hash: `blobs/ab/cdef…`. A name that exists holds exactly those bytes, or nothing does."""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from hubbub.errors import StorageError

_TEMPORARY = "incoming-"
_SHA256_HEX = 64
_HEAD_BYTES = 64


class Blob(msgspec.Struct, frozen=True):
    """A stored file: hex sha256 and length."""

    sha256: str
    size_bytes: int
    fresh: bool
    """It was not there before."""


class Blobs:
    """A folder of blobs. Safe for several processes: a blob is written aside, synced, then renamed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, sha256: str) -> Path:
        """Where the blob of that hash lies, or would lie; raises ValueError for what is no hash."""
        if len(sha256) != _SHA256_HEX or not set(sha256) <= set("0123456789abcdef"):
            raise ValueError(f"{sha256[:80]!r} is no sha256 in hexadecimal")
        return self.root / sha256[:2] / sha256[2:]

    def incoming(self) -> Incoming:
        """A new file to write into; keep() gives it its name, leaving it without that throws it away."""
        return Incoming(self)

    def remove(self, sha256: str) -> None:
        """Delete a blob that nothing refers to."""
        self.path(sha256).unlink(missing_ok=True)

    def sweep(self, *, older_than: float) -> int:
        """Remove what killed downloads left behind, last touched before that time (epoch seconds); returns how many."""
        removed = 0
        for leftover in self.root.glob(f"{_TEMPORARY}*"):
            with contextlib.suppress(FileNotFoundError):
                if leftover.stat().st_mtime < older_than:
                    leftover.unlink()
                    removed += 1
        return removed

    def old_names(self, *, older_than: float) -> Iterator[list[str]]:
        """The names of all blobs last touched before that time (epoch seconds), a folder at a time."""
        for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            names = []
            for file in folder.iterdir():
                name = folder.name + file.name
                with contextlib.suppress(FileNotFoundError):
                    if len(name) == _SHA256_HEX and set(name) <= set("0123456789abcdef"):
                        names += [name] if file.stat().st_mtime < older_than else []
            if names:
                yield names


class Incoming:
    """One file on its way in: counts and hashes what is written. It is a sink of the HTTP client."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._hash = hashlib.sha256()
        self._kept = False
        self.size_bytes = 0
        self.head = b""
        self.check_head: Callable[[bytes], None] | None = None
        """Called once with the first bytes, when there are enough of them; what it raises ends the download."""
        with _as_storage_error(blobs.root):
            try:
                number, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=blobs.root)
            except FileNotFoundError:
                blobs.root.mkdir(parents=True, exist_ok=True)
                number, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=blobs.root)
        self._path = Path(name)
        self._file = os.fdopen(number, "w+b")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if not self._kept:
            self._path.unlink(missing_ok=True)

    def begin(self) -> None:
        """Forget what an earlier attempt wrote."""
        with _as_storage_error(self._path):
            self._file.seek(0)
            self._file.truncate()
        self._hash = hashlib.sha256()
        self.size_bytes = 0
        self.head = b""

    def write(self, data: bytes) -> None:
        """The next bytes; raises StorageError, or what `check_head` raises."""
        with _as_storage_error(self._path):
            self._file.write(data)
        self._hash.update(data)
        self.size_bytes += len(data)
        if len(self.head) < _HEAD_BYTES:
            self.head += data[:_HEAD_BYTES]
            if len(self.head) >= _HEAD_BYTES and self.check_head is not None:
                self.check_head(self.head)

    @contextlib.contextmanager
    def content(self) -> Iterator[bytes | mmap.mmap]:
        """The whole file as a buffer that is read from disk only where it is looked at."""
        self._file.flush()
        if not self.size_bytes:
            yield b""
            return
        with mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            yield view

    def keep(self) -> Blob:
        """Give the file its name; when the blob is there already, the new copy is thrown away. Raises StorageError."""
        sha256 = self._hash.hexdigest()
        target = self._blobs.path(sha256)
        with _as_storage_error(target):
            if fresh := not (target.is_file() and target.stat().st_size == self.size_bytes):
                self._file.flush()
                os.fsync(self._file.fileno())
                target.parent.mkdir(exist_ok=True)
                self._path.replace(target)
                self._kept = True
                _sync_folder(target.parent)
        return Blob(sha256, self.size_bytes, fresh)


def _sync_folder(folder: Path) -> None:
    """A rename lasts only once the folder is on disk; systems that cannot sync a folder do without."""
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


@contextlib.contextmanager
def _as_storage_error(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{path}: {error.strerror or error}", advice="free some space or check the folder, then run it again"
        ) from error
