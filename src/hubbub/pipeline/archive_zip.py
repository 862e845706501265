"""Reads the CSV tables of a data request straight out of its zip: nothing is unpacked to disk, no other member opened.

A real one has about forty small members. What does not look like that is refused before it is unpacked: too many
members, names that lead out of the archive, encrypted or unreasonably compressed tables."""

from __future__ import annotations

import csv
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from hubbub.errors import InputError, TruncatedInputError
from hubbub.pipeline.archive import Archive, reading
from hubbub.pipeline.archive_kinds import BOM, EXPECTED, Shape
from hubbub.plugins.contracts import ExportLayout, ExportReader, ExportRow, ExportTable

MOST_MEMBERS = 1_000
LARGEST_TABLE = 2 << 30
"""Unpacked bytes of one table; the largest accounts have some hundred megabytes."""
HIGHEST_RATIO = 200
"""Unpacked bytes for one packed byte, of tables above `_SMALL`: real texts pack 3 to 20 times smaller."""
_SMALL = 16 << 20
_LONGEST_ROW_LINE = 1 << 20
_LARGEST_DIRECTORY = 1 << 20
_END = struct.Struct("<4s4H2LH")
_END_MAGIC, _ZIP64_MAGIC, _ZIP64_SIZE = b"PK\x05\x06", b"PK\x06\x07", 20
_LONGEST_COMMENT = 1 << 16
_ENCRYPTED = 0x1
_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, struct.error, ValueError, RuntimeError)
"""What reading a damaged zip raises; RuntimeError is zipfile's word for a password or a packing it does not know."""
_UNPACK = "unpack it and import the files inside"


class ExportArchive(Archive):
    """The open zip of a data request."""

    def __init__(self, file: BinaryIO, path: Path, *, reader: ExportReader) -> None:
        super().__init__(file, path)
        self.shape = Shape.EXPORT
        self.reader = reader
        with reading(self.name):
            self._check_directory()
            try:
                self._zip = zipfile.ZipFile(file)
            except _BROKEN as error:
                raise InputError(f"{self.name} is a zip archive whose directory cannot be read: {error}") from error
        self._members, self.layout = self._choose()
        for table in self.layout.tables:  # another CSV file is refused before anything is stored
            with suppress(TruncatedInputError):
                next(self.rows(table), None)

    def rows(self, table: ExportTable) -> Iterator[tuple[ExportRow, int]]:
        """The rows of one table, each with the bytes of the table read so far.

        Raises TruncatedInputError when the member is damaged: rows handed out before may be wrong then."""
        member = self._members[table.name]
        try:
            with self._zip.open(member) as stream:
                # a zip's stream is a buffered one that reads no long lines quickly; typeshed knows it as any stream
                yield from _rows(
                    io.BufferedReader(cast("io.RawIOBase", stream)), table, where=f"{self.name}/{table.name}"
                )
        except _BROKEN as error:
            raise TruncatedInputError(
                f"{self.name}: the table {table.name} is damaged: {error}",
                offset=member.header_offset,
                untrusted=True,
                advice="download the data request again; what was whole is kept",
            ) from error

    def begins(self, table: ExportTable) -> int:
        """Bytes of the zip before a table."""
        return self._members[table.name].header_offset

    def packed_at(self, table: ExportTable) -> tuple[int, int, int, int, int, int]:
        """When a table was put into the zip, by the clock of whoever did it: year to second."""
        return self._members[table.name].date_time

    def _check_directory(self) -> None:
        """Raise InputError when the list of members is not there, or no list that a data request has."""
        reach = min(self.size_bytes, _LONGEST_COMMENT + _END.size + _ZIP64_SIZE)
        self.file.seek(-reach, 2)
        tail = self.file.read(reach)
        self.file.seek(0)
        at = tail.rfind(_END_MAGIC)
        if at < 0 or len(tail) - at < _END.size:
            raise InputError(
                f"{self.name} is a zip archive that is cut off: the list of its members is missing",
                advice="the download is probably incomplete; fetch the file again",
            )
        _, _, _, _, members, directory, _, _ = _END.unpack_from(tail, at)
        huge = tail[max(0, at - _ZIP64_SIZE) : at].startswith(_ZIP64_MAGIC)
        if huge or members > MOST_MEMBERS or directory > _LARGEST_DIRECTORY:
            number = "very many" if huge else f"{members:,}"
            raise InputError(
                f"{self.name} is a zip archive of {number} members; a data request has a few dozen", advice=_UNPACK
            )

    def _choose(self) -> tuple[dict[str, zipfile.ZipInfo], ExportLayout]:
        members: dict[str, zipfile.ZipInfo] = {}
        double: set[str] = set()
        infos = self._zip.infolist()
        for info in infos:
            _check_name(info, archive=self.name)
            path = PurePosixPath(info.filename)
            if info.is_dir() or len(path.parts) > 2 or path.parts[0] == "__MACOSX":
                continue
            if path.name in members:
                double.add(path.name)
            members[path.name] = info
        layout = self.reader.export_layout(members.keys())
        if layout is None:
            nested = next((name for name in members if name.lower().endswith(".zip")), None)
            inside = f" (it holds another zip, {nested[:60]!r})" if nested is not None else ""
            raise InputError(f"{self.name} is a zip archive, but no data request{inside}; {_UNPACK}", advice=EXPECTED)
        read = (*layout.tables, *([layout.about] if layout.about else []))
        for table in read:
            if table.name in double:
                raise InputError(f"{self.name} holds {table.name} twice; a data request has it once")
            _check_member(members[table.name], archive=self.name)
        return {table.name: members[table.name] for table in read}, layout


def _check_name(info: zipfile.ZipInfo, *, archive: str) -> None:
    name = info.filename
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or not path.parts:
        raise InputError(
            f"{archive} is a zip archive with a name that leads out of it, {name[:80]!r}: nothing of it is read",
            advice="no data request has such names; get it from the platform again",
        )


def _check_member(info: zipfile.ZipInfo, *, archive: str) -> None:
    """Raise InputError when a table is better not unpacked."""
    what = f"{archive}: the table {info.filename[:80]}"
    if info.flag_bits & _ENCRYPTED:
        raise InputError(f"{what} is encrypted", advice="unpack the zip with its password and zip the tables again")
    if info.file_size > LARGEST_TABLE:
        raise InputError(f"{what} unpacks to {info.file_size:,} bytes; at most {LARGEST_TABLE:,} are read")
    if info.file_size > _SMALL and info.file_size > HIGHEST_RATIO * info.compress_size:
        raise InputError(
            f"{what} unpacks {info.compress_size:,} bytes to {info.file_size:,}, as no text does: it is not opened"
        )


def _rows(stream: io.BufferedReader, table: ExportTable, *, where: str) -> Iterator[tuple[ExportRow, int]]:
    lines = _Lines(stream)
    rows = csv.reader(lines)
    try:
        names = [name.strip().lower() for name in next(rows, [])]
    except csv.Error:
        names = ["(unreadable)"]
    if not names:
        return
    if missing := [name for name in table.needed if name not in names]:
        raise InputError(
            f"{where} lacks the columns {', '.join(missing)} of a data request",
            advice="perhaps the platform has changed its tables, or this is another CSV file",
        )
    places = [(name, names.index(name)) for name in table.columns if name in names]
    while True:
        number = rows.line_num + 1
        problem: str | None = None
        values: list[str] = []
        try:
            values = next(rows)
        except StopIteration:
            return
        except csv.Error:
            problem = (
                f"the row cannot be read: a quote that does not end, or more than {csv.field_size_limit():,} characters"
            )
        if problem is None and not any(values):
            continue  # a blank line, or a row of nothing
        if problem is None and (len(values) < len(names) or any(values[len(names) :])):
            problem = f"the row has {len(values)} columns instead of {len(names)}"
        fields = {} if problem is not None else {name: values[place] for name, place in places}
        yield ExportRow(number=number, fields=fields, problem=problem), lines.size_bytes


class _Lines:
    """The lines of a table as text, none longer than a megabyte."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self.size_bytes = 0
        """Bytes read so far."""

    def __iter__(self) -> Iterator[str]:
        while line := self._stream.readline(_LONGEST_ROW_LINE):
            if len(line) == _LONGEST_ROW_LINE and not line.endswith(b"\n"):
                raise ValueError(f"it holds a line of more than {_LONGEST_ROW_LINE:,} bytes")
            if not self.size_bytes:
                line = line.removeprefix(BOM)
            self.size_bytes += len(line)
            yield line.decode("utf-8", "surrogateescape")
