"""The part of the plug-in that reads files."""

from __future__ import annotations

from collections.abc import Sequence

from hubbub.plugins.contracts import Decoded
from hubbub.sources.producthunt import shapes, snapshots
from hubbub.sources.producthunt.mapping import MAPPING_VERSION


class SnapshotReader:
    """Reads snapshots: a `FileReader`, and a `TimedReader` for lines that do not say when they were observed."""

    mapping_version = MAPPING_VERSION

    def __init__(self, *, observed_at: int | None = None) -> None:
        self._lines_at = observed_at

    def observed(self, at: int) -> SnapshotReader:
        """The same for lines that were observed at this time (epoch seconds) where they do not say it."""
        return SnapshotReader(observed_at=at)

    def decode_lines(self, lines: Sequence[bytes], *, where: str, first_line: int, now: int) -> Decoded:
        """Records of some lines of a snapshot (see `snapshots`)."""
        return snapshots.decode_lines(lines, where=where, first_line=first_line, now=now, observed_at=self._lines_at)

    def decode_block(self, block: bytes, *, count: int, where: str, first_line: int, now: int) -> Decoded:
        """The same of lines as they lie in a file."""
        return self.decode_lines(block.split(b"\n", max(0, count - 1)), where=where, first_line=first_line, now=now)

    def reads_table(self, names: Sequence[str]) -> bool:
        """Whether a CSV table with these headings holds launches or comments."""
        return shapes.is_table(names)

    def decode_saved(self, body: bytes, *, where: str, observed_at: int | None, now: int) -> Decoded:
        """Records of one whole file of JSON (see `snapshots`); raises InputError when it is none."""
        return snapshots.decode_saved(body, where=where, observed_at=observed_at, now=now)
