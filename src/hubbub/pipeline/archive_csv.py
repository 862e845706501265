"""Reads CSV with a line of headings: every row becomes the line of JSON that its headings and values make, all texts.

Numbers of lines are numbers of rows, the first below the headings is 1. A row with too many or too few values is set
aside, and so is one with a quotation mark that does not end."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self

from hubbub.errors import InputError, TruncatedInputError
from hubbub.pipeline import archive_kinds
from hubbub.pipeline.archive import LONGEST_LINE, MOST_LINES, Archive, LineChunk, Position, reading
from hubbub.pipeline.archive_kinds import BOM, Shape
from hubbub.plugins.files import RowReader

CHUNK_BYTES = 1 << 20
_DELIMITERS = (",", "\t", ";")
_MOST_COLUMNS = 1_000
_LONGEST_HEADINGS = 1 << 16


class RowArchive(Archive):
    """An open file that may be CSV, for a reader that takes it; any other file is read as ever."""

    def __init__(self, file: BinaryIO, path: Path, *, reader: RowReader) -> None:
        super().__init__(file, path)
        self._reader = reader
        self._names: list[str] = []
        self._delimiter = ","

    def look(self) -> Self:
        """As for any archive; raises InputError when it is nothing that can be read."""
        head = b""
        with reading(self.name):
            self.packing = archive_kinds.packing(self.file.read(16))
            with suppress(TruncatedInputError):  # said again, and better, below
                head = self._head()
            self.file.seek(0)
        for delimiter in _DELIMITERS:
            names = _headings(head, delimiter)
            if names and self._reader.reads_table(names):
                self._names, self._delimiter = names, delimiter
                self.shape, self.reopens = Shape.LINES, False
                return self
        return super().look()

    def chunks(self, start: Position) -> Iterator[LineChunk]:
        """As lines of JSON, from row `start.lines` on; of a file that is no CSV its lines.

        Raises TruncatedInputError when the file is damaged, after the rows before it."""
        if not self._names:
            yield from super().chunks(start)
            return
        text = _Text(self)
        at, part = start, _Part()
        damage: TruncatedInputError | None = None
        rows = self._rows(text)
        while damage is None:
            try:
                number, line, problem = next(rows)
            except StopIteration:
                break
            except TruncatedInputError as error:
                damage = error
                break
            if number <= start.lines:
                continue
            part.add(number, line, problem)
            if part.full:
                chunk = part.chunk(at, text=text)
                yield chunk
                at, part = chunk.end, _Part()
        if part.lines:
            yield part.chunk(at, text=text)
        if damage is not None:
            raise damage

    def _rows(self, text: _Text) -> Iterator[tuple[int, bytes, str | None]]:
        """(number, line of JSON, None) of each row, or (number, b"", why it cannot be read); the headings are row 0."""
        rows = csv.reader(text, delimiter=self._delimiter)
        number = 0
        while True:
            try:
                values = next(rows)
                problem = self._problem(values)
            except StopIteration:
                return
            except csv.Error:
                values, problem = [], "the row cannot be read: a quotation mark that does not end, or a huge value"
            yield number, self._line(values) if values and problem is None else b"", problem
            number += 1

    def _problem(self, values: list[str]) -> str | None:
        if not values or len(values) == len(self._names):
            return None
        return f"the row has {len(values)} columns instead of {len(self._names)}"

    def _line(self, values: list[str]) -> bytes:
        return json.dumps(dict(zip(self._names, values, strict=True))).encode()

    def text_lines(self) -> Iterator[tuple[bytes, int]]:
        """The lines as they lie in the file, with their ends, each with the bytes of the file read so far."""
        tail = b""
        packed_end = 0
        with reading(self.name):
            for piece in self._pieces(Position()):
                packed_end = piece.packed_end
                whole, ended, rest = (tail + piece.data).rpartition(b"\n")
                tail = rest
                for line in (whole + ended).splitlines(keepends=True) if ended else ():
                    yield line, packed_end
                if len(tail) > LONGEST_LINE:
                    raise InputError(f"{self.name} holds a line of more than {LONGEST_LINE:,} bytes")
        if tail:
            yield tail, packed_end


class _Text:
    """The lines of a table as text, for the CSV reader, and how far it has come."""

    def __init__(self, archive: RowArchive) -> None:
        self._archive = archive
        self.size_bytes = 0
        """Unpacked bytes handed out."""
        self.packed_end = 0

    def __iter__(self) -> Iterator[str]:
        for line, packed_end in self._archive.text_lines():
            self.packed_end = packed_end
            text = line if self.size_bytes else line.removeprefix(BOM)
            self.size_bytes += len(line)
            yield text.decode("utf-8", "replace")


class _Part:
    """Some rows in a row."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self._refused: list[tuple[int, str]] = []
        self._size = 0

    @property
    def full(self) -> bool:
        return self._size >= CHUNK_BYTES or len(self.lines) >= MOST_LINES

    def add(self, number: int, line: bytes, problem: str | None) -> None:
        self.lines.append(line)
        self._size += len(line)
        if problem is not None:
            self._refused.append((number, problem))

    def chunk(self, at: Position, *, text: _Text) -> LineChunk:
        return LineChunk(
            lines=self.lines,
            first_line=at.lines + 1,
            end=Position(offset=text.size_bytes, lines=at.lines + len(self.lines)),
            packed_end=text.packed_end,
            refused=tuple(self._refused),
        )


def _headings(head: bytes, delimiter: str) -> list[str]:
    """The names in the first line of a text; [] when they are none."""
    line = head.removeprefix(BOM).lstrip(b"\r\n").partition(b"\n")[0]
    if not line or line.lstrip()[:1] in {b"{", b"["} or len(line) > _LONGEST_HEADINGS:
        return []
    try:
        rows = list(csv.reader([line.decode()], delimiter=delimiter))
    except (csv.Error, UnicodeDecodeError):
        return []
    names = [name.strip() for name in rows[0]] if rows else []
    return names if len(set(names)) == len(names) <= _MOST_COLUMNS else []
