"""Opens a file of records by its bytes, not its name, and hands out its whole lines with the place they end at."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, Self

import msgspec

from hubbub.errors import InputError, TruncatedInputError
from hubbub.pipeline import archive_frames, archive_kinds
from hubbub.pipeline.archive_frames import PIECE_BYTES, Piece
from hubbub.pipeline.archive_kinds import BOM, EXPECTED, Packing, Shape
from hubbub.pipeline.readahead import ahead

HEAD_BYTES = 1 << 20
"""How much of the unpacked text is looked at to tell what it is."""
LONGEST_LINE = 16 << 20
"""A longer line is set aside; the longest real ones hold half a megabyte (archives reference, section 2)."""
MOST_LINES = 10_000
"""Lines in one chunk: a megabyte of "{}" would be half a million."""
SAMPLE_BYTES = 1 << 16
"""How much of a line that is too long is kept for quarantine."""
LARGEST_DOCUMENT = 256 << 20
"""A JSON document is read whole; larger ones are refused."""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """A line border in a file, and how to get back to it."""

    offset: int = 0
    """Unpacked bytes before it."""
    lines: int = 0
    """Lines before it."""
    frame_offset: int = 0
    """Packed bytes before the frame it lies in."""
    frame_start: int = 0
    """Unpacked bytes before that frame."""


class LongLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line that is longer than `LONGEST_LINE`."""

    number: int
    size_bytes: int
    sample: bytes
    """How it begins."""


class LineChunk(msgspec.Struct, frozen=True, kw_only=True):
    """Some whole lines in a row, without their ends: as a list, or as they lie in the file."""

    lines: list[bytes] = []
    block: bytes | None = None
    r"""The lines with b"\n" between them, where they were not cut apart."""
    first_line: int
    """Number of the first of them; the file's first line is 1."""
    end: Position
    """The border after the last of them."""
    packed_end: int
    """Bytes of the file read so far, for progress."""
    too_long: LongLine | None = None
    """Comes alone, in a chunk without lines."""
    refused: Sequence[tuple[int, str]] = ()
    """Rows of a table that cannot be read, by number, and why; their lines are blank."""
    filtered: int = 0
    """Records among them that were left out (blank lines, or none) because they lie in communities not asked for."""
    unknown_fields: Mapping[str, int] = {}
    """Columns of a table that nobody has decided about, in its first chunk."""

    @property
    def count(self) -> int:
        """How many lines."""
        return self.end.lines - self.first_line + 1

    def apart(self) -> list[bytes]:
        """The lines one by one."""
        return self.lines if self.block is None else self.block.split(b"\n")


class Archive:
    """An open file of records. Use `open_archive`."""

    reopens = True
    """Whether `archive_of` its descriptor reads the same."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.name = shown(path)
        """Its path, as it is shown and stored."""
        self.file = file
        """For readers of other layouts; whoever reads it seeks first."""
        facts = os.fstat(file.fileno())
        self.size_bytes = facts.st_size
        """As stored."""
        self.piece_bytes = PIECE_BYTES
        """Unpacked at once; whoever only looks at most lines asks for less."""
        self._facts = (facts.st_size, facts.st_mtime_ns)
        self.packing = Packing.PLAIN
        self.shape = Shape.LINES
        self._newline = b"\n"

    def look(self) -> Self:
        """Learn from its first bytes what the file is; raises InputError when it is nothing that can be read."""
        with reading(self.name):
            start = self.file.read(1 << 16)
            self.packing = archive_kinds.packing(start)
            if self.packing is Packing.PLAIN and (why := archive_kinds.refusal(start, unpacked_from=Packing.PLAIN)):
                raise InputError(f"{self.name} {why}", advice=EXPECTED)
            head = self._head()
        if why := archive_kinds.refusal(head, unpacked_from=self.packing):
            raise InputError(f"{self.name} {why}", advice=EXPECTED)
        self.shape = archive_kinds.shape(head)
        self._newline = archive_kinds.newline(head)
        return self

    def chunks(self, start: Position) -> Iterator[LineChunk]:
        """Whole lines from `start` on, in order, at most about `piece_bytes` and 10,000 lines at once.

        Raises TruncatedInputError when the file is damaged, after the last line that is whole."""
        splitter = _Splitter(start, self._newline)
        with reading(self.name), closing(ahead(self._pieces(start))) as pieces:
            try:
                for piece in pieces:
                    yield from splitter.take(piece)
            except TruncatedInputError:
                yield from splitter.rest(cut=True)
                raise
            yield from splitter.rest(cut=False)

    def document(self) -> bytes:
        """The whole unpacked text, without a byte order mark; raises InputError when it is too large or damaged."""
        parts, total = [], 0
        with reading(self.name):
            for piece in self._pieces(Position()):
                parts.append(piece.data)
                total += len(piece.data)
                if total > LARGEST_DOCUMENT:
                    raise InputError(
                        f"{self.name} is one JSON document of more than {LARGEST_DOCUMENT >> 20} MiB",
                        advice="turn it into lines (one JSON object a line), for example with `jq -c '.[]'`",
                    )
        return b"".join(parts).removeprefix(BOM)

    def fileno(self) -> int:
        """Its descriptor; whoever reads through it moves this archive's place in the file, too."""
        return self.file.fileno()

    def read_raw(self, size: int) -> Iterator[bytes]:
        """The bytes as stored, `size` at a time."""
        with reading(self.name):
            self.file.seek(0)
            while data := self.file.read(size):
                yield data

    def check_unchanged(self) -> None:
        """Raise InputError when somebody wrote to the file since it was opened."""
        facts = os.fstat(self.file.fileno())
        if (facts.st_size, facts.st_mtime_ns) != self._facts:
            raise InputError(
                f"{self.name} changed while it was read", advice="import it again once nobody writes to it any more"
            )

    def _head(self) -> bytes:
        parts: list[bytes] = []
        try:
            for piece in self._pieces(Position()):
                parts.append(piece.data)
                if sum(map(len, parts)) >= HEAD_BYTES:
                    break
        except TruncatedInputError:
            if not parts:
                raise
        return b"".join(parts)

    def _pieces(self, start: Position) -> Generator[Piece]:
        if self.packing is Packing.PLAIN:
            yield from archive_frames.plain_pieces(self.file, offset=start.offset, size=self.piece_bytes)
            return
        pieces = archive_frames.packed_pieces(
            self.file,
            self.packing,
            frame_offset=start.frame_offset,
            frame_start=start.frame_start,
            size=self.piece_bytes,
        )
        skip = start.offset - start.frame_start
        for piece in pieces:
            if skip >= len(piece.data):
                skip -= len(piece.data)
                continue
            yield msgspec.structs.replace(piece, data=piece.data[skip:]) if skip else piece
            skip = 0


class _Splitter:
    """Cuts pieces into lines; between pieces it holds the line that has not ended yet."""

    def __init__(self, start: Position, newline: bytes) -> None:
        self._newline = newline
        self._border = start
        self._tail = bytearray()
        self._dropped = 0
        """Bytes of a line that is too long, beyond its sample."""
        self._frame = (start.frame_offset, start.frame_start)
        self._packed_end = start.frame_offset

    def take(self, piece: Piece) -> Iterator[LineChunk]:
        self._frame = (piece.frame_offset, piece.frame_start)
        self._packed_end = piece.packed_end
        data = piece.data
        if self._dropped:
            before, end, data = data.partition(self._newline)
            self._dropped += len(before)
            if not end:
                return
            yield self._long_line(ended=True)
        cut = data.rfind(self._newline)
        if cut < 0:
            self._hold(data)
            return
        if len(self._tail) + data.index(self._newline) > LONGEST_LINE:
            before, _, data = data.partition(self._newline)
            cut -= len(before) + 1
            self._tail += before
            yield self._long_line(ended=True)
        if cut >= 0:
            block = b"".join((self._tail, memoryview(data)[:cut]))
            self._tail.clear()
            yield from self._lines(block, ended=True)
        self._hold(data[cut + 1 :])

    def rest(self, *, cut: bool) -> Iterator[LineChunk]:
        """The last line, if it has no end. In a file that is cut off it counts only when it is whole JSON."""
        if self._dropped:
            if not cut:
                yield self._long_line(ended=False)
        elif self._tail and not (cut and not _is_json(self._tail)):
            yield from self._lines(bytes(self._tail), ended=False)

    def _hold(self, data: bytes) -> None:
        self._tail += data
        if len(self._tail) > LONGEST_LINE:
            self._dropped = len(self._tail) - SAMPLE_BYTES
            del self._tail[SAMPLE_BYTES:]

    def _lines(self, block: bytes, *, ended: bool) -> Iterator[LineChunk]:
        if not block.strip():  # a gigabyte of blank lines must not become a list
            yield self._chunk([], size=len(block) + ended, count=_count(block, self._newline) + 1)
            return
        count = _count(block, self._newline) + 1
        if count <= MOST_LINES and self._newline == b"\n":
            size = len(block) + ended
            if self._border.offset == 0:
                block = block.removeprefix(BOM)
            yield self._chunk([], size=size, count=count, block=block)
            return
        lines = block.split(self._newline)
        for at in range(0, len(lines), MOST_LINES):
            some = lines[at : at + MOST_LINES]
            last = at + MOST_LINES >= len(lines)
            size = sum(map(len, some)) + len(some) - (last and not ended)
            if self._border.offset == 0:
                some[0] = some[0].removeprefix(BOM)
            yield self._chunk(some, size=size, count=len(some))

    def _long_line(self, *, ended: bool) -> LineChunk:
        size = len(self._tail) + self._dropped
        sample = bytes(self._tail[:SAMPLE_BYTES])
        self._tail.clear()
        self._dropped = 0
        line = LongLine(number=self._border.lines + 1, size_bytes=size, sample=sample)
        return self._chunk([], size=size + ended, count=1, too_long=line)

    def _chunk(
        self,
        lines: list[bytes],
        *,
        size: int,
        count: int,
        block: bytes | None = None,
        too_long: LongLine | None = None,
    ) -> LineChunk:
        first_line = self._border.lines + 1
        frame_offset, frame_start = self._frame
        self._border = Position(
            offset=self._border.offset + size,
            lines=self._border.lines + count,
            frame_offset=frame_offset,
            frame_start=frame_start,
        )
        return LineChunk(
            lines=lines,
            block=block,
            first_line=first_line,
            end=self._border,
            packed_end=self._packed_end,
            too_long=too_long,
        )


def _count(block: bytes, newline: bytes) -> int:
    """How often a single byte occurs: three times as fast as `bytes.count`, which looks at every byte by itself."""
    count, find, at = 0, block.find, block.find(newline)
    while at >= 0:
        count += 1
        at = find(newline, at + 1)
    return count


def shown(path: Path) -> str:
    """A file's name as text that can be printed and stored, whatever bytes it is made of."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a file of records and learn what it is.

    Raises InputError when it is missing, no regular file, unreadable, empty or nothing that can be imported; the
    message says what it is instead."""
    with open_file(path) as file:
        yield Archive(file, path).look()


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Open any regular file that is not empty; raises InputError for everything else, saying what it is."""
    with reading(shown(path)):
        _check_regular(path)
        file = path.open("rb", buffering=0)
    with file:
        if not os.fstat(file.fileno()).st_size:
            raise InputError(f"{shown(path)} is empty", advice="the download has probably failed; fetch the file again")
        yield file


@contextmanager
def archive_of(descriptor: int, path: Path) -> Iterator[Archive]:
    """The archive behind an open descriptor, which somebody has looked at before; `path` is what to call it.

    Raises what `open_archive` raises."""
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        file.seek(0)
        yield Archive(file, path).look()


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn what the system says about a file into InputError, and name the file in what the decoders say."""
    try:
        yield
    except TruncatedInputError as error:
        if name in str(error):
            raise
        raise TruncatedInputError(
            f"{name}: {error}", offset=error.offset, untrusted=error.untrusted, advice=error.advice
        ) from error
    except FileNotFoundError as error:
        raise InputError(f"{name} does not exist") from error
    except PermissionError as error:
        raise InputError(f"{name} may not be read by this user") from error
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror or error}") from error


_REFUSED_MODES: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "is a folder; name the files in it"),
    (stat.S_ISFIFO, "is a pipe; write it to a file first, an import reads its input twice"),
    (stat.S_ISCHR, "is a device"),
    (stat.S_ISBLK, "is a device"),
    (stat.S_ISSOCK, "is a socket"),
)


def _check_regular(path: Path) -> None:
    mode = path.stat().st_mode
    for holds, why in _REFUSED_MODES:
        if holds(mode):
            raise InputError(f"{shown(path)} {why}")


def _is_json(text: bytes | bytearray) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return text.rstrip().endswith(b"}")
