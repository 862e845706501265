"""Writes a dataset: a folder with one file a kind and a manifest, complete or not there at all."""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from hubbub import __version__
from hubbub.datasets import select
from hubbub.datasets.select import FILE_STEM, Selection
from hubbub.errors import StorageError, UsageError
from hubbub.plugins import registry
from hubbub.plugins.contracts import Column, Sink
from hubbub.store import grouping_reads, history_reads, reads
from hubbub.store.engine import Store

MANIFEST = "manifest.json"
MANIFEST_VERSION = 1


class ExportedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a dataset."""

    name: str
    kind: str
    rows: int
    size_bytes: int
    sha256: str
    columns: tuple[Column, ...]


class ExportResult(msgspec.Struct, frozen=True, kw_only=True):
    """A finished dataset."""

    out: str
    format: str
    files: tuple[ExportedFile, ...]

    @property
    def rows(self) -> int:
        """Rows over all files."""
        return sum(file.rows for file in self.files)


def export(
    store: Store,
    *,
    form: str,
    out: Path,
    selection: Selection,
    force: bool = False,
    raw: bool = False,
) -> ExportResult:
    """Write the selected rows into the folder `out`, which appears only when it is whole.

    The same content gives the same bytes: rows are ordered by (source, id) and the manifest holds no time. `force`
    replaces an earlier export, never anything else; `raw` leaves formulas in CSV as they are. Raises UsageError for an
    unknown format or column, StorageError when `out` is taken or the disk fails."""
    select.check(selection)
    sink = _sink(form, raw=raw)
    out = out.absolute()
    _recover(out)
    _check_place(out, force=force)
    with _disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{out.name}.building-", dir=out.parent))
        try:
            files = tuple(
                _write(store, sink, kind, into=building, selection=selection) for kind in selection.chosen_kinds
            )
            _write_manifest(building, form=form, selection=selection, files=files, raw=raw)
            building.chmod(0o777 & ~_umask())
            _sync_folder(building)
            _put_in_place(building, out)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return ExportResult(out=str(out), format=form, files=files)


def _sink(name: str, *, raw: bool) -> Sink:
    known = registry.names("sinks")
    if name not in known:
        raise UsageError(f"there is no export format {name!r}; known: {', '.join(known)}")
    sink: Sink = registry.load("sinks", name)
    if not raw:
        return sink
    as_raw = getattr(sink, "as_raw", None)
    if as_raw is None:
        raise UsageError(f"{name} is always raw: --raw is for csv")
    plain: Sink = as_raw()
    return plain


def _check_place(out: Path, *, force: bool) -> None:
    """Refuse to overwrite anything that is not an earlier export, and that one too without `force`."""
    if not out.exists() and not out.is_symlink():
        return
    if out.is_dir() and not out.is_symlink() and not any(out.iterdir()):
        return
    if not (out.is_dir() and not out.is_symlink() and _is_export(out)):
        raise StorageError(f"{out} exists and is no export of hubbub; it is left alone", advice="choose another folder")
    if not force:
        raise StorageError(
            f"{out} exists already", advice="add --force to replace this export, or choose another folder"
        )


def _recover(out: Path) -> None:
    """Bring back an export that a killed run had moved aside and not yet replaced."""
    with suppress(OSError):
        for aside in sorted(out.parent.glob(f"{glob.escape(f'.{out.name}.old-')}*")):
            if out.exists() or not _is_export(aside):
                continue
            aside.rename(out)


def _is_export(folder: Path) -> bool:
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes())
    except (OSError, msgspec.DecodeError):
        return False
    if not isinstance(manifest, dict) or "hubbub" not in manifest:
        return False
    listed = {str(file.get("name")) for file in manifest.get("files", []) if isinstance(file, dict)}
    return all(entry.name in {*listed, MANIFEST} for entry in folder.iterdir())


def _write(store: Store, sink: Sink, kind: str, *, into: Path, selection: Selection) -> ExportedFile:
    columns = select.columns_of(kind, selection)
    path = into / f"{FILE_STEM[kind]}{sink.suffix}"
    rows = sink.write(path, columns, _rows(store, kind, columns=columns, selection=selection))
    digest, size_bytes = _settle(path)
    return ExportedFile(name=path.name, kind=kind, rows=rows, size_bytes=size_bytes, sha256=digest, columns=columns)


def _rows(store: Store, kind: str, *, columns: Sequence[Column], selection: Selection) -> Iterator[list[Any]]:
    names = [column.name for column in columns]
    rows: Iterator[Sequence[Any]]
    match kind:
        case "observation":
            rows = history_reads.observation_rows(store, names, selection)
        case "revision":
            rows = history_reads.revision_rows(store, names, selection)
        case _ if selection.dehydrated:
            stored = [name for name in names if name != "kind"]
            rows = ((kind, *row) for row in reads.content_rows(store, kind, stored, selection))
        case _ if kind in select.GROUPINGS or "topics" in names:
            rows = grouping_reads.rows_with_links(store, kind, names, selection)
        case _:
            rows = reads.content_rows(store, kind, names, selection)
    for row in rows:
        yield select.python_values(columns, row)


def _settle(path: Path) -> tuple[str, int]:
    """Bring a file to the disk; its sha256 and size."""
    with path.open("rb+") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
        return digest, file.seek(0, os.SEEK_END)


def _write_manifest(
    folder: Path,
    *,
    form: str,
    selection: Selection,
    files: Sequence[ExportedFile],
    raw: bool,
) -> None:
    manifest = {
        "hubbub": __version__,
        "manifest_version": MANIFEST_VERSION,
        "format": form,
        "raw": raw,
        "selection": selection,
        "files": files,
    }
    path = folder / MANIFEST
    path.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    _settle(path)


def _put_in_place(building: Path, out: Path) -> None:
    """Rename the finished folder; an earlier export steps aside first and comes back if that fails."""
    aside = building.with_name(building.name.replace(".building-", ".old-"))
    replaced = out.exists()
    if replaced:
        out.rename(aside)
    try:
        building.rename(out)
    except OSError:
        if replaced:
            aside.rename(out)
        raise
    _sync_folder(out.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # not every system opens folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def _disk_errors(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{out} could not be written: {error.strerror or error}", advice="what was there before is untouched"
        ) from error
