"""Who reads a file: the source the user named, told when lines without a time of their own were observed."""

from __future__ import annotations

from hubbub.errors import UsageError
from hubbub.plugins import registry
from hubbub.plugins.contracts import FileReader
from hubbub.plugins.files import TimedReader


def reader_of(source: str, *, observed_at: int | None = None) -> FileReader:
    """The reader of a source's files; `observed_at` counts for its lines where they may lack a time.

    Raises UsageError when there is no such source, or it reads no files."""
    plugin = registry.load("sources", source)
    if not isinstance(plugin, FileReader):
        raise UsageError(f"source {source!r} reads no files")
    if observed_at is not None and isinstance(plugin, TimedReader):
        return plugin.observed(observed_at)
    return plugin


def depends_on_time(reader: FileReader, *, lines: bool) -> bool:
    """Whether what a file says depends on `--observed-at`: `lines` is True for a file of lines."""
    return not lines or isinstance(reader, TimedReader)
