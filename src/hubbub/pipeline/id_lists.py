"""Lists of ids as people share them: plain text, CSV, NDJSON, Parquet, or a folder that `hubbub export` wrote."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import IO, Any

import msgspec

from hubbub.errors import InputError
from hubbub.plugins.contracts import line_place

_STEMS = {"posts": "post", "comments": "comment"}
"""What an export calls its files."""
_SUFFIXES = (".csv", ".ndjson", ".parquet")
_COLUMNS = ("id", "kind", "source")
_LOOK_BYTES = 4096
_ADVICE = "give one id a line (t3_1abc, t1_xyz), or what `hubbub export FORMAT OUT --dehydrated` wrote"


class Listed(msgspec.Struct, frozen=True):
    """One id of a list, as it stands there."""

    word: str
    place: str
    """`file:line`."""
    kind: str | None = None
    source: str | None = None


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The files to read: those named, and the posts and comments of a folder that an export made.

    Raises InputError for what is missing or no such folder."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [path / f"{stem}{suffix}" for stem in _STEMS for suffix in _SUFFIXES]
            kept = [each for each in inside if each.is_file()]
            if not kept:
                raise InputError(f"{path} holds neither posts nor comments of an export", advice=_ADVICE)
            found += kept
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(f"{path} does not exist or is no file", advice=_ADVICE)
    return found


def digest_of(paths: Sequence[Path]) -> str:
    """One hex word for the content of these files, in this order. Raises InputError when one cannot be read."""
    whole = hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    return whole.hexdigest()


def read_ids(path: Path) -> Iterator[Listed]:
    """The ids in a file, line by line, in flat memory; empty lines and lines that begin with # are left out.

    Raises InputError when the file is no such list, ConfigError when it is Parquet and the extra is not installed."""
    try:
        with path.open("rb") as file:
            head = file.read(_LOOK_BYTES)
        if head.startswith(b"PAR1"):
            yield from _of_parquet(path)
            return
        if b"\x00" in head or head.startswith(b"\x28\xb5\x2f\xfd"):
            raise InputError(f"{path} is no list of ids", advice=_ADVICE)
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
            yield from _of_text(text, path=path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def _of_text(text: IO[str], *, path: Path) -> Iterator[Listed]:
    first = text.readline()
    names = [name.strip().lower() for name in first.split(",")]
    lines = chain([first], text)
    if first.lstrip().startswith("{"):
        yield from _of_ndjson(lines, path=path)
    elif "id" in names:
        rows = csv.DictReader(text, fieldnames=names)
        for row in rows:
            yield _listed(row, path=path, number=rows.line_num + 1)
    else:
        kind = _STEMS.get(path.stem)
        for number, line in enumerate(lines, 1):
            if not line.lstrip().startswith("#"):
                yield from (
                    Listed(word, line_place(str(path), number), kind) for word in line.replace(",", " ").split()
                )


def _of_ndjson(lines: Iterator[str], *, path: Path) -> Iterator[Listed]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row: Any = msgspec.json.decode(line)
        except msgspec.DecodeError:
            row = None
        if isinstance(row, dict):
            yield _listed(row, path=path, number=number)
        else:
            yield Listed(line.strip(), line_place(str(path), number))


def _of_parquet(path: Path) -> Iterator[Listed]:
    from hubbub.pipeline.arrow import pa, pq  # noqa: PLC0415 - pyarrow is an extra, and slow to load

    try:
        with pq.ParquetFile(path) as file:
            columns = [name for name in _COLUMNS if name in file.schema_arrow.names]
            if "id" not in columns:
                raise InputError(f"{path} has no column id", advice=_ADVICE)
            number = 0
            for batch in file.iter_batches(columns=columns, batch_size=10_000):
                for row in batch.to_pylist():
                    number += 1
                    yield _listed(row, path=path, number=number)
    except pa.ArrowException as error:
        raise InputError(f"{path} is damaged: {error}") from error


def _listed(row: dict[str, Any], *, path: Path, number: int) -> Listed:
    def text(key: str) -> str | None:
        value = row.get(key)
        return value.strip() or None if isinstance(value, str) else None

    kind = text("kind") or _STEMS.get(path.stem)
    return Listed(text("id") or "", line_place(str(path), number), kind, text("source"))
