"""Opens whatever `hubbub import` is given, by its first bytes: a dump, a Parquet mirror of one, CSV, a data request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hubbub.errors import ConfigError, InputError
from hubbub.pipeline.archive import Archive, open_file, shown
from hubbub.pipeline.archive_csv import RowArchive
from hubbub.pipeline.archive_zip import ExportArchive
from hubbub.plugins.contracts import ExportReader, FileReader, TableReader
from hubbub.plugins.files import RowReader

_PARQUET, _ZIP = b"PAR1", b"PK\x03\x04"


@contextmanager
def open_input(path: Path, *, reader: FileReader, communities: frozenset[str]) -> Iterator[Archive]:
    """Open a file of records and learn what it is; of a table only rows of `communities` (case-folded) become lines.

    Raises InputError when it is missing, no regular file, empty, damaged beyond use or nothing that `reader` reads; the
    message says what it is instead. Raises ConfigError when a package to read it is not installed."""
    with open_file(path) as file:
        magic = file.read(4)
        file.seek(0)
        if magic == _PARQUET:
            if not isinstance(reader, TableReader):
                raise InputError(f"{shown(path)} is a Parquet file, which this source does not read")
            try:
                from hubbub.pipeline.parquet.file import ParquetArchive  # noqa: PLC0415 - pyarrow is an extra
            except ModuleNotFoundError as error:
                if (error.name or "").partition(".")[0] != "pyarrow":
                    raise
                raise ConfigError(
                    f"{shown(path)} is a Parquet file, and the package 'pyarrow' to read it is not installed",
                    advice="pip install 'hubbub[parquet]'",
                ) from error
            yield ParquetArchive(file, path, reader=reader, communities=communities)
        elif magic == _ZIP and isinstance(reader, ExportReader):
            yield ExportArchive(file, path, reader=reader)
        elif isinstance(reader, RowReader):
            yield RowArchive(file, path, reader=reader).look()
        else:
            yield Archive(file, path).look()
