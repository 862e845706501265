"""From the lines of a file to what its source makes of them, a piece at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

import msgspec

from hubbub.pipeline.archive import Archive, LineChunk, LongLine, Position
from hubbub.pipeline.load_filters import Sieve
from hubbub.plugins.contracts import Decoded, FileReader, line_place
from hubbub.records.models import Door, Rejected

HOPELESS_LINES = 1_000
"""A file whose first so many lines are all bad is not what it was taken for."""


SIEVED_BYTES = 1 << 18
"""Unpacked at once where most lines are only looked at: they are still in the processor's cache then. Where all lines
are decoded that gains nothing, and smaller pieces cost more."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What came of some lines in a row."""

    decoded: Sequence[Decoded]
    end: Position
    """The border before which all lines have been handed out."""
    packed_end: int
    """Bytes of the file read so far, for progress."""


class LineDecoder:
    """Decodes the lines of one file."""

    def __init__(self, reader: FileReader, *, source: str, communities: frozenset[str], where: str, now: int) -> None:
        self._reader = reader
        self._source = source
        self._sieve = Sieve(communities)
        self._where = where
        self._now = now

    def parts(self, archive: Archive, start: Position) -> Generator[Part]:
        """All that comes of a file from `start` on; raises TruncatedInputError after what could be read."""
        good, before = start.lines > 0, start
        if self._sieve.active:
            archive.piece_bytes = SIEVED_BYTES
        for chunk in archive.chunks(start):
            found: list[Decoded] = []
            for decoded in self.decode(chunk, in_steps=not good):
                good = good or bool(decoded.records or decoded.rows or decoded.filtered)
                found.append(decoded)
                if not good:  # whoever takes them may have seen enough
                    yield Part(decoded=found, end=before, packed_end=chunk.packed_end)
                    found = []
            before = chunk.end
            yield Part(decoded=found, end=before, packed_end=chunk.packed_end)

    def decode(self, chunk: LineChunk, *, in_steps: bool = False) -> Iterator[Decoded]:
        """What comes of one chunk; `in_steps` in several parts, for whoever may have seen enough after the first."""
        where, first, now = self._where, chunk.first_line, self._now
        block, sieve = chunk.block, self._sieve
        if block is not None and not in_steps and not sieve.active:
            yield self._reader.decode_block(block, count=chunk.count, where=where, first_line=first, now=now)
            return
        if chunk.filtered or chunk.unknown_fields:
            yield Decoded(filtered=chunk.filtered, unknown_fields=chunk.unknown_fields)
        if sieve.active:
            text = b"\n".join(chunk.lines) if block is None else block
            lines, others = sieve.kept(text, count=len(chunk.lines) if block is None else chunk.count)
            yield Decoded(filtered=others)
        else:
            lines = chunk.apart()
        step = HOPELESS_LINES if in_steps else len(lines) or 1
        for done in range(0, len(lines), step):
            some = lines[done : done + step]
            yield self._reader.decode_lines(some, where=where, first_line=first + done, now=now)
        if chunk.too_long is not None:
            yield Decoded(rejected=(self._too_long(chunk.too_long),))
        if chunk.refused:
            yield Decoded(rejected=[self._refused(number, why) for number, why in chunk.refused])

    def _refused(self, number: int, why: str) -> Rejected:
        return Rejected(reason=why, raw=b"", source=self._source, door=Door.DUMP, where=line_place(self._where, number))

    def _too_long(self, line: LongLine) -> Rejected:
        return Rejected(
            reason=f"the line is too long: {line.size_bytes:,} bytes",
            raw=line.sample,
            source=self._source,
            door=Door.DUMP,
            where=line_place(self._where, line.number),
        )
