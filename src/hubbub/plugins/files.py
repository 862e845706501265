"""What a source that reads files may offer besides: lines that lack a time, and lines that come as rows of CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from hubbub.plugins.contracts import FileReader


@runtime_checkable
class TimedReader(FileReader, Protocol):
    """A FileReader whose lines may not say when they were observed: what the user says counts then, as for answers."""

    def observed(self, at: int) -> FileReader:
        """A reader for lines that were observed at this time (epoch seconds) where they do not say it themselves."""
        ...


@runtime_checkable
class RowReader(FileReader, Protocol):
    """A FileReader whose lines also come as rows of CSV: each becomes an object of texts, named by the headings."""

    def reads_table(self, names: Sequence[str]) -> bool:
        """Whether a table with these headings holds what this source reads."""
        ...
