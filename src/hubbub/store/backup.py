"""Copies of a store in a file of its own, as of one moment, made while others go on writing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from hubbub.errors import StorageError
from hubbub.store import sqlite
from hubbub.store.failures import explained

PAGES_AT_ONCE = 2048
"""Pages copied between two looks at who else wants the file."""


def beside(path: Path, *, label: str) -> Path:
    """Where a backup of a store goes unless told otherwise: `<path>.<label>.bak`."""
    return path.with_name(f"{path.name}.{label}.bak")


def back_up_sqlite(path: Path, target: Path, *, progress: Callable[[int, int], None] | None = None) -> Path:
    """Copy the store at `path` to `target`, which appears only when it is whole and checked; returns it.

    `progress` is told (pages done, pages in all). Raises StorageError when the copy fails its check or cannot be made."""
    partial = target.with_name(target.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        with explained(path), closing(sqlite.connect(path, read_only=True)) as source:
            with closing(sqlite3.connect(partial)) as copy:
                source.backup(
                    copy,
                    pages=PAGES_AT_ONCE,
                    progress=None if progress is None else lambda _, left, whole: progress(whole - left, whole),
                )
                found = copy.execute("PRAGMA quick_check(1)").fetchone()
        if found != ("ok",):
            raise StorageError(f"the copy of {path} is damaged: {found}", advice="run `hubbub db check`")
        partial.replace(target)
    except OSError as error:
        raise StorageError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return target
