"""Where answers are kept between runs of somebody who develops: memory, a folder, or a Redis or Valkey.

Off by default: a sync wants to know what is true now. What is kept is JSON with a digest, never pickle; an entry that
was tampered with is a miss. A place that is away, full or slow is a miss and a warning."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import msgspec

from hubbub import clock
from hubbub.errors import ConfigError
from hubbub.http.access import KeptOptions
from hubbub.http.conditional import Kept
from hubbub.http.valkey import connect, first_line, place_of

_PREFIX = "hubbub:answer:"
_COUNTS_KEY = "hubbub:answers:counts"
_COUNTS = "counts.txt"
_COUNT = re.compile(r"[0-9]{1,15} [0-9]{1,15}", re.ASCII)
_PARTIAL = ".part"
_ABANDONED_S = 3_600
"""What is half written for so long is nobody's."""
_TIMEOUT_S = 2.0
_LONGEST_S = 30 * 86_400
"""A shared place drops what is older."""


class Shelf(Protocol):
    """Keeps entries by key."""

    def get(self, key: str) -> Kept | None:
        """What is kept under this key."""

    def put(self, key: str, entry: Kept) -> None:
        """Keep an entry; others may have to go."""

    def clear(self, *, older_than_s: float) -> int:
        """Drop what was kept longer ago; how many entries went."""

    def sizes(self) -> tuple[int, int]:
        """Entries and their bytes."""

    def note(self, *, hits: int, misses: int) -> None:
        """How often a run was given an answer from here, and how often it was not."""

    def counts(self) -> tuple[int, int]:
        """Hits and misses of all runs since everything was cleared."""


class _Sealed(msgspec.Struct, frozen=True):
    """An entry and what tells that nobody changed it."""

    key: str
    digest: str
    entry: msgspec.Raw


def open_shelf(options: KeptOptions, *, warn: Callable[[str], None]) -> Shelf | None:
    """The place these settings name; None when nothing is kept. Raises ConfigError."""
    if options.where is None:
        return None
    if options.where == "memory":
        return MemoryShelf(most_bytes=options.max_bytes)
    if "://" in options.where:
        return SharedShelf(options.where, warn=warn)
    return FolderShelf(Path(options.where), most_bytes=options.max_bytes)


def _seal(key: str, entry: Kept) -> bytes:
    body = msgspec.json.encode(entry)
    return msgspec.json.encode(_Sealed(key, _digest(key, body), msgspec.Raw(body)))


def _open(key: str, sealed: bytes) -> Kept | None:
    try:
        found = msgspec.json.decode(sealed, type=_Sealed)
        body = bytes(found.entry)
        if found.key != key or found.digest != _digest(key, body):
            return None
        return msgspec.json.decode(body, type=Kept)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _digest(key: str, body: bytes) -> str:
    return hashlib.blake2b(key.encode() + b"\0" + body, digest_size=16).hexdigest()


class MemoryShelf:
    """Entries of this process; the one that was asked for longest ago goes first."""

    def __init__(self, *, most_bytes: int) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._entries: dict[str, bytes] = {}

    def get(self, key: str) -> Kept | None:
        """What is kept under this key."""
        sealed = self._entries.pop(key, None)
        if sealed is None:
            return None
        self._entries[key] = sealed
        return _open(key, sealed)

    def put(self, key: str, entry: Kept) -> None:
        """Keep an entry."""
        sealed = _seal(key, entry)
        if len(sealed) > self._most:
            return
        self._bytes += len(sealed) - len(self._entries.pop(key, b""))
        self._entries[key] = sealed
        while self._bytes > self._most:
            self._bytes -= len(self._entries.pop(next(iter(self._entries))))

    def clear(self, *, older_than_s: float) -> int:
        """Drop what was kept longer ago."""
        old = [key for key, sealed in self._entries.items() if _is_old(_open(key, sealed), older_than_s)]
        for key in old:
            self._bytes -= len(self._entries.pop(key))
        return len(old)

    def sizes(self) -> tuple[int, int]:
        """Entries and their bytes."""
        return len(self._entries), self._bytes

    def note(self, *, hits: int, misses: int) -> None:
        """Gone with the process, as the entries are."""

    def counts(self) -> tuple[int, int]:
        """None that outlived a run."""
        return 0, 0


class FolderShelf:
    """A file an entry, readable by its owner only; the one used longest ago goes first."""

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        self._folder = folder
        self._most = most_bytes
        self._bytes: int | None = None

    def get(self, key: str) -> Kept | None:
        """What is kept under this key."""
        path = self._path(key)
        try:
            sealed = path.read_bytes()
        except OSError:
            return None
        with suppress(OSError):
            os.utime(path)  # used now
        return _open(key, sealed)

    def put(self, key: str, entry: Kept) -> None:
        """Keep an entry, in place at once or not at all."""
        sealed, path = _seal(key, entry), self._path(key)
        if len(sealed) > self._most:
            return
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, partial = tempfile.mkstemp(dir=path.parent, suffix=_PARTIAL)  # made with mode 0600
            with os.fdopen(handle, "wb") as file:
                file.write(sealed)
            Path(partial).replace(path)
            self._make_room(len(sealed))

    def _make_room(self, added: int) -> None:
        self._bytes = self.sizes()[1] if self._bytes is None else self._bytes + added
        if self._bytes <= self._most:
            return
        files = sorted(self._files(), key=lambda file: file.stat().st_mtime)
        self._bytes = sum(file.stat().st_size for file in files)
        for file in files:
            if self._bytes <= self._most:
                break
            self._bytes -= file.stat().st_size
            file.unlink(missing_ok=True)

    def clear(self, *, older_than_s: float) -> int:
        """Drop what was kept longer ago, and what nobody can read."""
        gone = 0
        for file in self._files():
            with suppress(OSError):
                if _is_old(_open(file.stem, file.read_bytes()), older_than_s):
                    file.unlink()
                    gone += 1
        for partial in self._folder.glob(f"??/*{_PARTIAL}"):
            with suppress(OSError):
                if clock.now() - partial.stat().st_mtime >= max(older_than_s, _ABANDONED_S):
                    partial.unlink()
        if older_than_s <= 0:
            (self._folder / _COUNTS).unlink(missing_ok=True)
        self._bytes = None
        return gone

    def sizes(self) -> tuple[int, int]:
        """Entries and their bytes."""
        sizes = []
        for file in self._files():
            with suppress(OSError):  # another process may drop it
                sizes.append(file.stat().st_size)
        return len(sizes), sum(sizes)

    def note(self, *, hits: int, misses: int) -> None:
        """A line a run: several processes may write at once."""
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self._folder / _COUNTS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(handle, "ab") as file:
                file.write(f"{hits} {misses}\n".encode())

    def counts(self) -> tuple[int, int]:
        """Hits and misses of all runs."""
        try:
            lines = (self._folder / _COUNTS).read_text("ascii").splitlines()
        except (OSError, ValueError):
            return 0, 0
        pairs = [line.split(" ") for line in lines if _COUNT.fullmatch(line)]
        return sum(int(hits) for hits, _ in pairs), sum(int(misses) for _, misses in pairs)

    def _files(self) -> Iterator[Path]:
        return self._folder.glob("??/*.json")

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json"


class SharedShelf:
    """Entries of a Redis or Valkey, which keeps its own bound on bytes."""

    def __init__(self, url: str, *, warn: Callable[[str], None]) -> None:
        self._client, self._trouble = connect(url, setting="answers.keep", timeout_s=_TIMEOUT_S)
        self._where = place_of(url)
        self._warn = warn
        self._away = False

    def get(self, key: str) -> Kept | None:
        """What is kept under this key; any failure is a miss."""
        try:
            sealed = None if self._away else self._client.get(_PREFIX + key)
        except self._trouble as error:
            self._fail(error)
            return None
        return None if sealed is None else _open(key, sealed)

    def put(self, key: str, entry: Kept) -> None:
        """Keep an entry, if the server takes it."""
        if self._away:
            return
        try:
            self._client.set(_PREFIX + key, _seal(key, entry), ex=_LONGEST_S)
        except self._trouble as error:
            self._fail(error)

    def clear(self, *, older_than_s: float) -> int:
        """Drop what was kept longer ago; raises ConfigError when the place is away."""
        gone = 0
        try:
            for name in self._client.scan_iter(match=f"{_PREFIX}*", count=500):
                sealed = self._client.get(name)
                key = name.decode().removeprefix(_PREFIX)
                if sealed is not None and _is_old(_open(key, sealed), older_than_s):
                    gone += int(self._client.delete(name))
            if older_than_s <= 0:
                self._client.delete(_COUNTS_KEY)
        except self._trouble as error:
            raise ConfigError(f"the answers kept at {self._where} are out of reach: {first_line(error)}") from None
        return gone

    def sizes(self) -> tuple[int, int]:
        """Entries and their bytes; raises ConfigError when the place is away."""
        try:
            names = [*self._client.scan_iter(match=f"{_PREFIX}*", count=500)]
            return len(names), sum(int(self._client.strlen(name)) for name in names)
        except self._trouble as error:
            raise ConfigError(f"the answers kept at {self._where} are out of reach: {first_line(error)}") from None

    def note(self, *, hits: int, misses: int) -> None:
        """Add to what all processes counted."""
        if self._away:
            return
        try:
            for name, count in (("hits", hits), ("misses", misses)):
                self._client.hincrby(_COUNTS_KEY, name, count)
        except self._trouble as error:
            self._fail(error)

    def counts(self) -> tuple[int, int]:
        """Hits and misses of all processes; raises ConfigError when the place is away."""
        try:
            hits, misses = self._client.hmget(_COUNTS_KEY, ["hits", "misses"])
        except self._trouble as error:
            raise ConfigError(f"the answers kept at {self._where} are out of reach: {first_line(error)}") from None
        return int(hits or 0), int(misses or 0)

    def _fail(self, error: Exception) -> None:
        self._away = True
        self._warn(f"the answers kept at {self._where} are no help, going on without: {first_line(error)}")


def _is_old(entry: Kept | None, older_than_s: float) -> bool:
    return entry is None or clock.now() - entry.put_at >= older_than_s
