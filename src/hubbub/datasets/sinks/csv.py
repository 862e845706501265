"""CSV (RFC 4180, UTF-8) that a spreadsheet cannot be tricked with.

A text cell that a spreadsheet would take for a formula gets a leading apostrophe; so does one that already begins with
apostrophes before such a character, which makes the step reversible: drop one apostrophe from every cell that
matches `NEUTRALISED`. An unknown value is an empty cell, an empty text is `""`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from hubbub.datasets.times import iso
from hubbub.plugins.contracts import Column

FORMULA = re.compile("^'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""Begins as a formula does, in the full-width forms too; a tab or line break in front is skipped by spreadsheets."""
NEUTRALISED = re.compile("^'+[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_SPECIAL = '",;\t\r\n'


class CsvSink:
    """Writes `<kind>.csv`."""

    name = "csv"
    suffix = ".csv"

    def __init__(self, *, raw: bool = False) -> None:
        self._raw = raw
        """Leave formulas as they are: for programs, not for spreadsheets."""

    def as_raw(self) -> CsvSink:
        """The same sink without the apostrophes."""
        return CsvSink(raw=True)

    def write(self, path: Path, columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> int:
        """Write rows to a new file; returns how many. Times become ISO 8601."""
        encoders = [self._encoder(column.type) for column in columns]
        count = 0
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(",".join(column.name for column in columns) + "\r\n")
            for row in rows:
                pairs = zip(encoders, row, strict=True)
                cells = ["" if value is None else encode(value) for encode, value in pairs]
                file.write(",".join(cells) + "\r\n")
                count += 1
        return count

    def _encoder(self, kind: str) -> Callable[[Any], str]:
        match kind:
            case "time":
                return iso
            case "boolean":
                return _boolean
            case "integer" | "real":
                return str
            case _:
                return _quoted if self._raw else _neutralised


def _boolean(value: Any) -> str:
    return "true" if value else "false"


def _neutralised(text: str) -> str:
    return _quoted("'" + text if FORMULA.match(text) else text)


def _quoted(text: str) -> str:
    # One search a character is several times quicker on long texts than one pattern for all.
    if not text or text[0] == " " or text[-1] == " " or any(character in text for character in _SPECIAL):
        return '"' + text.replace('"', '""') + '"'
    return text


SINK = CsvSink()
