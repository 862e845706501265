"""A lake: a folder of Parquet files, and beside them the ledger of what is in place.

    kind=comment/month=2024-01/part-<unit>-<block>-<slice>.parquet
    _hubbub/lake.json                   what the lake is partitioned by
    _hubbub/units/<unit>/about.json     one file under one set of filters
    _hubbub/units/<unit>/000003.json    block 3 is in place: its parts and counts
    _hubbub/units/<unit>/000003.intent  block 3 is being put in place: what a killed worker may have left there
    _hubbub/units/<unit>/end.json       how many lines and blocks the file has, and whether it is damaged
    _hubbub/quarantine/<unit>-000003.ndjson
    _hubbub/temp/                       what is being written

Readers of hive layouts pass over names that begin with an underscore. A part's name follows from the file's content,
the filters and the place of its lines alone: whoever writes a block writes the same files, so that a block is there
once, however often and by however many workers it was tried."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from hubbub.errors import StorageError, UsageError
from hubbub.store.claims import held

OURS = "_hubbub"
FORMAT = 1
BLOCK_LINES = 1 << 18
"""Lines of a file that are put in place together: of comments some 30 MB of Parquet."""

S = TypeVar("S", bound=msgspec.Struct)


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a lake is."""

    format: int
    partition_by: tuple[str, ...]


class UnitKey(msgspec.Struct, frozen=True, kw_only=True):
    """What makes two imports into a lake the same import."""

    digest: str
    """The sha256 of the file."""
    filters: str
    """Canonical JSON of the filters."""
    mapping_version: int
    block_lines: int = BLOCK_LINES

    @property
    def name(self) -> str:
        """The unit's short name: the first 16 digits of a digest of all of it."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16]


class BlockMark(msgspec.Struct, frozen=True, kw_only=True):
    """A block that is in place."""

    parts: tuple[str, ...]
    """Paths below the lake."""
    kinds: Mapping[str, int]
    filtered: int = 0
    set_aside: int = 0


class EndMark(msgspec.Struct, frozen=True, kw_only=True):
    """What a file turned out to be, once somebody had read it to its end."""

    path: str
    lines: int
    blocks: int
    offset: int
    """Unpacked bytes."""
    damaged: str | None = None
    untrusted: bool = False
    """True when lines of a frame whose checksum failed were taken."""


@contextmanager
def writing(where: Path) -> Iterator[None]:
    """Turn what the system says about a place that is written to into StorageError."""
    try:
        yield
    except OSError as error:
        place = error.filename2 or error.filename or where
        raise StorageError(
            f"{place} cannot be written: {error.strerror or error}",
            advice="what is in the lake is whole; the same command goes on once there is room",
        ) from error


class Lake:
    """The folder of a lake that exists. Use `open_lake` to make one."""

    def __init__(self, root: Path, *, partition_by: tuple[str, ...]) -> None:
        self.root = root
        self.partition_by = partition_by

    @property
    def _temp(self) -> Path:
        return self.root / OURS / "temp"

    def temporary(self, name: str) -> Path:
        """A place to write a file at; the name says who does."""
        return self._temp / f"{name}.{socket.gethostname()}-{os.getpid()}.tmp"

    def unit(self, key: UnitKey) -> Unit:
        """The ledger of one file."""
        return Unit(self, key)

    def save(self, place: str, data: bytes) -> None:
        """Write a small file at once and whole."""
        target = self.root / place
        with writing(target):
            temporary = self.temporary(place.replace("/", "-"))
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)

    def sweep(self) -> int:
        """Remove what killed workers were writing; returns how many files. Only under a claim."""
        removed = 0
        with writing(self._temp):
            for path in self._temp.glob("*.tmp"):
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Hold the one import into this lake; the system frees it when the process dies.

        Raises LockedError naming the process that holds it."""
        with held(self.root / OURS / "lock", what=f"another import into {self.root}"):
            yield


class Unit:
    """The ledger of one file under one set of filters."""

    def __init__(self, lake: Lake, key: UnitKey) -> None:
        self.key = key
        self.name = key.name
        self._lake = lake
        self._place = f"{OURS}/units/{self.name}"
        self._folder = lake.root / self._place

    def begin(self, path: str) -> None:
        """Note that somebody works on it."""
        with writing(self._folder):
            self._folder.mkdir(exist_ok=True)
            for intent in self._folder.glob("*.intent"):
                if intent.with_suffix(".json").is_file():  # killed after the mark
                    intent.unlink(missing_ok=True)
        about = {"path": path, **msgspec.to_builtins(self.key)}
        self._lake.save(f"{self._place}/about.json", msgspec.json.encode(about))

    @property
    def end(self) -> EndMark | None:
        """What its end is, when somebody has reached it."""
        return self._read("end.json", EndMark)

    def finish(self, mark: EndMark) -> None:
        """Note its end. Every worker that reaches it says the same."""
        self._lake.save(f"{self._place}/end.json", msgspec.json.encode(mark))

    def blocks(self) -> frozenset[int]:
        """The numbers of the blocks that are in place."""
        return frozenset(int(path.stem) for path in self._folder.glob("[0-9]*.json"))

    def marks(self) -> Iterator[BlockMark]:
        """What is in place, block by block."""
        for number in sorted(self.blocks()):
            mark = self._read(f"{number:06d}.json", BlockMark)
            assert mark is not None
            yield mark

    def put(self, block: int, moves: Sequence[tuple[Path, str]], mark: BlockMark) -> None:
        """Put a block in place: its temporary files, each with its path below the lake, and last the mark that counts.

        Killed anywhere in between, the next worker writes the same block again, and removes what this one put there and
        it does not: the blocklist may have grown meanwhile."""
        name = f"{self._place}/{block:06d}"
        left = self._read(f"{block:06d}.intent", BlockMark)
        with writing(self._lake.root):
            for part in set(left.parts) - set(mark.parts) if left is not None else ():
                (self._lake.root / part).unlink(missing_ok=True)
        self._lake.save(f"{name}.intent", msgspec.json.encode(mark))
        with writing(self._lake.root):
            for temporary, place in moves:
                target = self._lake.root / place
                target.parent.mkdir(parents=True, exist_ok=True)
                temporary.replace(target)
        self._lake.save(f"{name}.json", msgspec.json.encode(mark))
        with writing(self._folder):
            (self._lake.root / f"{name}.intent").unlink(missing_ok=True)

    def _read(self, name: str, kind: type[S]) -> S | None:
        try:
            data = (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        try:
            return msgspec.json.decode(data, type=kind)
        except msgspec.DecodeError as error:
            raise StorageError(
                f"{self._folder / name} cannot be understood: {error}", advice="it is written whole or not at all"
            ) from error


def open_lake(root: Path, *, partition_by: Sequence[str] | None, default: tuple[str, ...]) -> Lake:
    """The lake at `root`, made where there is nothing yet; `partition_by` None takes it as it is.

    Raises UsageError for a folder that holds something else and for a lake that is partitioned otherwise, StorageError
    where none can be made or a newer hubbub made it."""
    about = root / OURS / "lake.json"
    wanted = None if partition_by is None else tuple(partition_by)
    with writing(root):
        if about.is_file():
            return _known(root, about.read_bytes(), wanted=wanted)
        if root.exists() and not root.is_dir():
            raise UsageError(f"{root} is a file; name a folder as --out")
        if root.is_dir() and any(entry.name != OURS for entry in root.iterdir()):
            raise UsageError(
                f"{root} holds other things and is no lake", advice="name a new or an empty folder as --out"
            )
        for folder in ("units", "quarantine", "temp"):
            (root / OURS / folder).mkdir(parents=True, exist_ok=True)
    lake = Lake(root, partition_by=wanted or default)
    lake.save(f"{OURS}/lake.json", msgspec.json.encode(About(format=FORMAT, partition_by=lake.partition_by)))
    return lake


def _known(root: Path, data: bytes, *, wanted: tuple[str, ...] | None) -> Lake:
    try:
        about = msgspec.json.decode(data, type=About)
    except msgspec.DecodeError as error:
        raise StorageError(f"{root / OURS / 'lake.json'} cannot be understood: {error}") from error
    if about.format != FORMAT:
        raise StorageError(f"{root} was made by another hubbub (format {about.format}; this one writes {FORMAT})")
    if wanted is not None and wanted != about.partition_by:
        raise UsageError(
            f"{root} is partitioned by {','.join(about.partition_by)}, not {','.join(wanted)}",
            advice="leave --partition-by out, or make another lake",
        )
    return Lake(root, partition_by=about.partition_by)
