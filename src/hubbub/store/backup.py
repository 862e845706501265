"""Copies of a store in a file of its own, as of one moment, made while others go on writing."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from hubbub.errors import StorageError, UsageError
from hubbub.store import sqlite
from hubbub.store.digest import digest_of
from hubbub.store.engine import Store
from hubbub.store.failures import explained
from hubbub.store.sqlite import SqliteSession

PAGES_AT_ONCE = 2048
"""Pages copied between two reports of progress."""

Progress = Callable[[int, int], None]
"""Told (pages done, pages in all)."""

_SIDE_FILES = ("-wal", "-shm", "-journal")
_HEADER = b"SQLite format 3\x00"
_ID_AT = slice(68, 72)


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """A copy that was made and looked through."""

    path: str
    size_bytes: int
    digest: str | None
    """That of the store at the moment of the copy, and of the copy; None when they were not compared."""


def beside(path: Path, *, label: str) -> Path:
    """Where a backup of a store goes unless told otherwise: `<path>.<label>.bak`."""
    return path.with_name(f"{path.name}.{label}.bak")


def back_up(
    store: Store, target: Path, *, force: bool = False, verify: bool = False, progress: Progress | None = None
) -> Backup:
    """Copy a store in SQLite to the file `target`, which appears only when it is whole and checked.

    The copy is of one moment and holds up nobody. With `verify` its digest is compared with the store's; `force`
    replaces an earlier copy, never anything else. Raises UsageError for a store that is no file, StorageError when
    `target` is taken or cannot be written, or when the copy is not like the store."""
    if store.engine != "sqlite":
        raise UsageError(
            f"{store.where} is backed up by its server, for example with pg_dump",
            advice="`hubbub db copy` writes a store in PostgreSQL into a SQLite file",
        )
    _check_place(target, of=store.path, force=force)
    with store.reading_raw() as db:
        assert isinstance(db, SqliteSession)
        digest = _copy(db, store.path, target, verify=verify, progress=progress)
    return Backup(path=str(target), size_bytes=target.stat().st_size, digest=digest)


def back_up_sqlite(path: Path, target: Path, *, progress: Progress | None = None) -> Path:
    """Copy the store at `path`, whatever its version, to `target`, which appears only when it is whole and checked;
    returns it.

    Raises StorageError when the copy fails its check or cannot be made."""
    with explained(path), closing(sqlite.connect(path, read_only=True)) as source:
        source.execute("BEGIN")
        _copy(source, path, target, verify=False, progress=progress)
    return target


def _check_place(target: Path, *, of: Path, force: bool) -> None:
    """Refuse to overwrite anything that is not an earlier copy, and that one too without `force`."""
    if target.exists() and target.samefile(of):
        raise StorageError(f"{target} is the store itself", advice="name another file")
    log = target.with_name(target.name + "-wal")
    if log.exists() and log.stat().st_size:
        raise StorageError(f"{target} is in use: {log.name} lies beside it", advice="name another file")
    if target.is_dir() or (target.exists() and not _is_store(target)):
        raise StorageError(f"{target} exists and is no copy of a store; it is left alone", advice="name another file")
    if target.exists() and not force:
        raise StorageError(f"{target} exists already", advice="add --force to replace it, or name another file")


def _is_store(file: Path) -> bool:
    try:
        with file.open("rb") as content:
            head = content.read(100)
    except OSError:
        return False
    return head.startswith(_HEADER) and head[_ID_AT] == sqlite.APPLICATION_ID.to_bytes(4, "big")


def _copy(source: SqliteSession, path: Path, target: Path, *, verify: bool, progress: Progress | None) -> str | None:
    """Copy what an open read transaction sees; its digest with `verify`."""
    partial = target.with_name(target.name + ".partial")
    with _written(path, target, partial):
        # The first read fixes the moment. Without it the copy would begin anew whenever somebody commits.
        pages, size = (source.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        source.execute("SELECT 1 FROM sqlite_master").fetchone()
        _make_room(target, pages * size)
        with closing(sqlite3.connect(partial, isolation_level=None, factory=SqliteSession)) as copy:
            source.backup(
                copy,
                pages=PAGES_AT_ONCE,
                progress=None if progress is None else lambda _, left, whole: progress(whole - left, whole),
            )
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, that a reader need not put others beside
            found = copy.execute("PRAGMA quick_check(1)").fetchone()
            if found != ("ok",):
                raise StorageError(f"the copy of {path} is damaged: {found[0]}", advice="run `hubbub db check`")
            digest = digest_of(source) if verify else None
            if digest is not None and digest != digest_of(copy):
                raise StorageError(f"the copy of {path} holds something else", advice="run `hubbub db check`")
        shutil.copymode(path, partial)
        partial.replace(target)
    return digest


def _make_room(target: Path, size_bytes: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(target.parent, os.W_OK):
        raise StorageError(f"{target} cannot be written: {target.parent} is read-only", advice="name another file")
    free_bytes = shutil.disk_usage(target.parent).free
    if free_bytes < size_bytes:
        raise StorageError(
            f"{target.parent} has {free_bytes:,} bytes left, the copy needs {size_bytes:,}",
            advice="make room, or name a file on another disk",
        )


@contextmanager
def _written(path: Path, target: Path, partial: Path) -> Iterator[None]:
    """Leave nothing half done behind, not even what a killed copy left before."""
    try:
        _remove(partial)
        with explained(path):
            yield
    except OSError as error:
        raise StorageError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        _remove(partial)


def _remove(partial: Path) -> None:
    for name in ("", *_SIDE_FILES):
        partial.with_name(partial.name + name).unlink(missing_ok=True)
