"""CSV (RFC 4180, UTF-8) that a spreadsheet cannot be tricked with.

A text cell that a spreadsheet would take for a formula gets a leading apostrophe; so does one that already begins with
apostrophes before such a character, which makes the step reversible: drop one apostrophe from every cell that
matches `NEUTRALISED`. An unknown value is an empty cell, an empty text is `""`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from hubbub.datasets.times import iso
from hubbub.plugins.contracts import Column

FORMULA = re.compile("^'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""Begins as a formula does, in the full-width forms too; a tab or line break in front is skipped by spreadsheets."""
NEUTRALISED = re.compile("^'+[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_QUOTED = re.compile('[",;\t\r\n]|^ | $')


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

    def write(self, path: str, columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> int:
        """Write rows to a new file; returns how many. Times become ISO 8601."""
        kinds = [column.type for column in columns]
        count = 0
        with open(path, "x", encoding="utf-8", newline="") as file:  # noqa: PTH123 - the contract passes text
            file.write(",".join(column.name for column in columns) + "\r\n")
            for row in rows:
                cells = [self._cell(kind, value) for kind, value in zip(kinds, row, strict=True)]
                file.write(",".join(cells) + "\r\n")
                count += 1
        return count

    def _cell(self, kind: str, value: Any) -> str:
        if value is None:
            return ""
        match kind:
            case "time":
                return iso(value)
            case "boolean":
                return "true" if value else "false"
            case "integer" | "real":
                return str(value)
            case _:
                return self._text(value)

    def _text(self, text: str) -> str:
        if not self._raw and FORMULA.match(text):
            text = "'" + text
        if not text or _QUOTED.search(text):
            return '"' + text.replace('"', '""') + '"'
        return text


SINK = CsvSink()
