"""Decodes a data request: its tables one after the other, as observed when the request was answered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

import msgspec

from hubbub.errors import TruncatedInputError
from hubbub.pipeline.archive import Position
from hubbub.pipeline.archive_zip import ExportArchive
from hubbub.plugins.contracts import Decoded, ExportFacts, ExportRow, ExportTable

ROWS_AT_ONCE = 2_000
_ONE_DAY_S = 86_400
_NO_CLOCK = 1980
"""The year a zip states when its maker had no time to give."""


def decode_export(
    archive: ExportArchive, start: Position, *, author: str | None, observed_at: int | None, now: int
) -> Iterator[tuple[Decoded, Position]]:
    """What the tables hold from row `start.lines` on, in parts, each with the border after it.

    `author` counts where the request does not name its user; `observed_at` over every time inside it."""
    facts = _facts(archive, author=author, observed_at=observed_at, now=now)
    at, passed = start, 0
    for table in archive.layout.tables:
        rows = archive.rows(table)
        if passed < at.lines:
            passed += sum(1 for _ in islice(rows, at.lines - passed))
        before = at.offset if at.frame_offset != archive.begins(table) else at.frame_start
        for some in _pieces(rows):
            passed += len(some)
            at = Position(
                offset=before + some[-1][1], lines=passed, frame_offset=archive.begins(table), frame_start=before
            )
            found = archive.reader.decode_export(
                [row for row, _ in some], table=table.name, where=f"{archive.name}/{table.name}", facts=facts, now=now
            )
            yield found, at


def _facts(archive: ExportArchive, *, author: str | None, observed_at: int | None, now: int) -> ExportFacts:
    """Whose request it is and of when: by its own words, else by the zip's clock, else by its latest row."""
    about = archive.layout.about
    told = ExportFacts() if about is None else archive.reader.export_facts(_rows(archive, about))
    latest = now + _ONE_DAY_S
    exported_at = observed_at if observed_at is not None else told.exported_at
    if exported_at is None or exported_at > latest:
        exported_at = _packed_at(archive)
    if exported_at is None or exported_at > latest:
        times = [
            at for table in archive.layout.tables if (at := archive.reader.latest_in_export(_rows(archive, table)))
        ]
        exported_at = min(max(times, default=now), now)
    return msgspec.structs.replace(told, author=told.author or author, exported_at=exported_at)


def _pieces(rows: Iterator[tuple[ExportRow, int]]) -> Iterator[list[tuple[ExportRow, int]]]:
    """The rows some at a time; those before a damage come too."""
    some: list[tuple[ExportRow, int]] = []
    try:
        for row in rows:
            some.append(row)
            if len(some) == ROWS_AT_ONCE:
                yield some
                some = []
    except TruncatedInputError:
        if some:
            yield some
        raise
    if some:
        yield some


def _rows(archive: ExportArchive, table: ExportTable) -> Iterator[ExportRow]:
    return (row for row, _ in archive.rows(table))


def _packed_at(archive: ExportArchive) -> int | None:
    """When the youngest table was put into the zip, taken as UTC: zips know no time zone."""
    times = []
    for table in archive.layout.tables:
        year, month, day, hour, minute, second = archive.packed_at(table)
        if year > _NO_CLOCK:
            try:
                times.append(int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()))
            except ValueError:  # month 0, second 62: the zip's two bytes can say anything
                continue
    return max(times, default=None)
