"""Reads a Parquet mirror of a dump: every row becomes the line the dump would have, so that all rules are shared.

A row group is read in batches of
columns that a source wants; texts that repeat (names of communities and authors) stay dictionaries until their rows are
built, so that a small file cannot ask for a large memory. Numbers of lines are numbers of rows, the first is 1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hubbub.errors import InputError, TruncatedInputError
from hubbub.pipeline.archive import (
    LONGEST_LINE,
    MOST_LINES,
    SAMPLE_BYTES,
    Archive,
    LineChunk,
    LongLine,
    Position,
    reading,
)
from hubbub.pipeline.parquet.values import encoded, is_text, values_of
from hubbub.plugins.contracts import DumpColumns, TableReader

CHUNK_BYTES = 1 << 20
"""Bytes of lines after which a chunk ends."""
_READ_BYTES = 1 << 20
_BATCH_BYTES = 4 << 20
"""How much unpacked data one batch is meant to hold, by the file's own account."""
_MOST_ROWS = 4096
_POINTER_BYTES = 5
_SUSPICIOUS_BYTES = 256 << 20
_HIGHEST_RATIO = 1000
"""Unpacked bytes for one packed byte, of columns above `_SUSPICIOUS_BYTES`: equal texts pack some hundred times smaller
at most, and mirrors keep them in dictionaries anyway."""
_MAGIC = b"PAR1"
_SHORTEST = 12
_AGAIN = "fetch the file again, or write it again with another tool"
_UNPACKING = (pa.ArrowException, OSError, ValueError, OverflowError)
"""What Arrow raises for data that cannot be read: pages cut or corrupt, codecs it does not have, wrong encodings."""


class ParquetArchive(Archive):
    """An open Parquet file that hands out its rows as lines of a dump."""

    reopens = False

    def __init__(self, file: BinaryIO, path: Path, *, reader: TableReader, communities: frozenset[str]) -> None:
        super().__init__(file, path)
        self._wanted_communities = communities if all(name.isascii() for name in communities) else frozenset()
        with reading(self.name):
            self._check_ending()
        with self._footer():
            self._table = pq.ParquetFile(
                file, pre_buffer=False, buffer_size=_READ_BYTES, page_checksum_verification=True
            )
            names = self._table.schema_arrow.names
            try:
                self._columns = reader.dump_columns(names)
            except InputError as error:
                raise InputError(f"{self.name} is a Parquet file but {error}", advice=error.advice) from None
            self._check_sizes()

    def chunks(self, start: Position) -> Iterator[LineChunk]:
        """As lines of a dump, from row `start.lines` on.

        Raises TruncatedInputError when a page cannot be read, after the rows before it."""
        metadata = self._table.metadata
        at = start
        unknown = dict(self._columns.unknown_fields)
        first = 0
        for group in range(metadata.num_row_groups):
            rows = metadata.row_group(group).num_rows
            skip = max(0, at.lines - first)
            if skip < rows:
                for chunk in self._group(group, skip, at=at):
                    yield msgspec.structs.replace(chunk, unknown_fields=unknown) if unknown else chunk
                    unknown, at = {}, chunk.end
            first += rows

    def _check_ending(self) -> None:
        tail = b""
        if self.size_bytes >= _SHORTEST:
            self.file.seek(-len(_MAGIC), 2)
            tail = self.file.read(len(_MAGIC))
            self.file.seek(0)
        if tail != _MAGIC:
            raise InputError(
                f"{self.name} is a Parquet file that is cut off: its footer is missing, and no row is found without it",
                advice="the download is probably incomplete; fetch the file again",
            )

    @contextmanager
    def _footer(self) -> Iterator[None]:
        """Turn what Arrow says about a footer that is damaged into InputError."""
        try:
            yield
        except _UNPACKING as error:
            raise InputError(
                f"{self.name} is a Parquet file whose footer cannot be read: {_one_line(error)}", advice=_AGAIN
            ) from error

    def _table_for(self, group: int) -> pq.ParquetFile:
        """The table, with the columns of a row group that repeat their texts left as dictionaries."""
        repeating = _repeating(self._table, group)
        if not repeating:
            return self._table
        return pq.ParquetFile(
            self.file,
            metadata=self._table.metadata,
            pre_buffer=False,
            buffer_size=_READ_BYTES,
            page_checksum_verification=True,
            read_dictionary=repeating,
        )

    def _check_sizes(self) -> None:
        """Raise InputError for a file that packs a column as no dump could be packed: Arrow unpacks whole pages."""
        for group in range(self._table.metadata.num_row_groups):
            facts = self._table.metadata.row_group(group)
            for column in map(facts.column, range(facts.num_columns)):
                packed, unpacked = column.total_compressed_size, column.total_uncompressed_size
                wanted = column.path_in_schema.partition(".")[0] in self._columns.wanted
                if wanted and unpacked > _SUSPICIOUS_BYTES and unpacked > _HIGHEST_RATIO * packed:
                    raise InputError(
                        f"{self.name} is a Parquet file whose column {column.path_in_schema[:60]!r} unpacks {packed:,} "
                        f"bytes to {unpacked:,}, as no dump does: it is not read"
                    )

    def _group(self, group: int, skip: int, *, at: Position) -> Iterator[LineChunk]:
        """The rows of one row group but the first `skip`."""
        facts = self._table.metadata.row_group(group)
        begins = min((_offset(facts.column(number)) for number in range(facts.num_columns)), default=0)
        at = Position(offset=at.offset, lines=at.lines, frame_offset=begins, frame_start=at.frame_start)
        size = max(1, facts.total_byte_size)
        batch_rows = max(1, min(_MOST_ROWS, _BATCH_BYTES * facts.num_rows // size))
        read = 0
        try:
            table = self._table_for(group)
            if self._wanted_communities and not self._any_wanted(table, group):
                left = facts.num_rows - skip
                end = _after(at, rows=left, size=0)
                yield LineChunk(lines=[], first_line=at.lines + 1, end=end, packed_end=begins, filtered=left)
                return
            for batch in _batches(table, group, columns=self._columns.wanted, rows=batch_rows):
                read += len(batch)
                if skip >= len(batch):
                    skip -= len(batch)
                    continue
                packed_end = begins + _packed_bytes(facts) * read // facts.num_rows
                for chunk in self._lines(batch.slice(skip), at=at, packed_end=min(packed_end, self.size_bytes)):
                    yield chunk
                    at = chunk.end
                skip = 0
        except _UNPACKING as error:
            what = _one_line(error)
        else:
            what = "it ends too soon" if read < facts.num_rows else ""
        if what:
            raise TruncatedInputError(
                f"{self.name}: the Parquet file is damaged in row group {group + 1} (it begins at byte {begins:,}), "
                f"after row {at.lines:,}: {what}",
                offset=begins,
                advice=_AGAIN,
            )

    def _any_wanted(self, table: pq.ParquetFile, group: int) -> bool:
        """Whether any row of a row group may lie in a community that is asked for, by that one column."""
        batches = _batches(table, group, columns=[self._columns.community], rows=1 << 16)
        return any(mask is None or pc.any(mask).as_py() for mask in map(self._mask, batches))

    def _mask(self, batch: pa.RecordBatch) -> Any:
        """A Boolean array: may the row lie in a community that is asked for? None where the column cannot tell."""
        column = _column(batch, self._columns.community)
        names = column.dictionary if pa.types.is_dictionary(column.type) else column
        if not (pa.types.is_string(names.type) or pa.types.is_large_string(names.type)):
            return None
        wanted = pc.is_in(pc.utf8_lower(names), value_set=pa.array(sorted(self._wanted_communities), names.type))
        if names is not column:
            wanted = wanted.take(column.indices)
        return pc.fill_null(pc.if_else(pc.is_null(column), True, wanted), True)

    def _lines(self, batch: pa.RecordBatch, *, at: Position, packed_end: int) -> Iterator[LineChunk]:
        mask = self._mask(batch) if self._wanted_communities else None
        kept = range(len(batch)) if mask is None else [row for row, may in enumerate(mask.to_pylist()) if may]
        if len(kept) < len(batch):
            batch = batch.take(pa.array(kept, pa.int64()))
        built = iter(_built(batch, self._columns))
        lines: list[bytes] = []
        filtered, size = 0, 0
        wanted = iter((*kept, -1))
        turn = next(wanted)
        for row in range(len(batch) if mask is None else len(mask)):
            line = b""
            if row == turn:
                line, turn = next(built), next(wanted)
            else:
                filtered += 1
            if len(line) > LONGEST_LINE:
                yield from _chunk(lines, at=at, size=size, packed_end=packed_end, filtered=filtered)
                at = _after(at, rows=len(lines), size=size)
                long = LongLine(number=at.lines + 1, size_bytes=len(line), sample=line[:SAMPLE_BYTES])
                end = _after(at, rows=1, size=len(line))
                yield LineChunk(lines=[], first_line=long.number, end=end, packed_end=packed_end, too_long=long)
                at, lines, size, filtered = end, [], 0, 0
                continue
            lines.append(line)
            size += len(line)
            if size >= CHUNK_BYTES or len(lines) >= MOST_LINES:
                yield from _chunk(lines, at=at, size=size, packed_end=packed_end, filtered=filtered)
                at, lines, size, filtered = _after(at, rows=len(lines), size=size), [], 0, 0
        yield from _chunk(lines, at=at, size=size, packed_end=packed_end, filtered=filtered)


def _chunk(lines: list[bytes], *, at: Position, size: int, packed_end: int, filtered: int) -> Iterator[LineChunk]:
    if lines:
        yield LineChunk(
            lines=lines,
            first_line=at.lines + 1,
            end=_after(at, rows=len(lines), size=size),
            packed_end=packed_end,
            filtered=filtered,
        )


def _built(batch: pa.RecordBatch, columns: DumpColumns) -> Iterator[bytes]:
    """The rows of a batch as lines of a dump; what is null is left out, as dumps leave it out."""
    names = list(dict.fromkeys(name for name in batch.schema.names if name in set(columns.wanted)))
    held = [values_of(_column(batch, name), name=name, columns=columns) for name in names]
    for row in zip(*held, strict=True):
        yield encoded(
            {
                name: value
                for name, value in zip(names, row, strict=True)
                if value is not None or name in columns.telling
            }
        )


def _column(batch: pa.RecordBatch, name: str) -> Any:
    return batch.column(batch.schema.get_all_field_indices(name)[0])


def _after(at: Position, *, rows: int, size: int) -> Position:
    return Position(
        offset=at.offset + size, lines=at.lines + rows, frame_offset=at.frame_offset, frame_start=at.frame_start
    )


def _offset(column: Any) -> int:
    pages: int = column.data_page_offset
    return min(pages, column.dictionary_page_offset) if column.dictionary_page_offset else pages


def _packed_bytes(facts: Any) -> int:
    return sum(facts.column(number).total_compressed_size for number in range(facts.num_columns))


def _repeating(table: pq.ParquetFile, group: int) -> list[str]:
    """Text columns of a row group whose values all come out of a dictionary: a long one is then held once, not per row.

    The numbers that point into a dictionary take at most four bytes a row; a column whose pages take more holds texts
    beside it, and as a dictionary would grow as large as they are together."""
    facts = table.metadata.row_group(group)
    texts = {field.name for field in table.schema_arrow if is_text(field.type)}
    columns = [facts.column(number) for number in range(facts.num_columns)]
    return [
        column.path_in_schema
        for column in columns
        if column.path_in_schema in texts
        and column.has_dictionary_page
        and _bytes_of_pages(column) <= _POINTER_BYTES * max(1, column.num_values)
    ]


def _bytes_of_pages(column: Any) -> int:
    """Packed bytes of a column chunk without its dictionary."""
    size: int = column.total_compressed_size
    if column.dictionary_page_offset and column.dictionary_page_offset < column.data_page_offset:
        size -= column.data_page_offset - column.dictionary_page_offset
    return size


def _batches(table: pq.ParquetFile, group: int, *, columns: Iterable[str], rows: int) -> Iterator[pa.RecordBatch]:
    batches: Iterator[pa.RecordBatch] = table.iter_batches(
        batch_size=rows, row_groups=[group], columns=list(columns), use_threads=False
    )
    return batches


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
