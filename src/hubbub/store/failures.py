"""What a failing database means for the user: driver errors become StorageError or LockedError with a next step."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from hubbub.errors import HubbubError, LockedError, StorageError

_REPAIR = "keep the file, copy it aside, then run `hubbub db check`; a backup beside it ends in .bak"


def explain(error: Exception, path: Path, *, holder: str | None = None) -> HubbubError:
    """The error a user should see for a driver's error about the store at `path`."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = str(cause)
    if "locked" in text or "busy" in text:
        by = f" by {holder}" if holder else " by another process"
        return LockedError(f"{path} is locked{by}", advice="wait until it is done, then run the same command again")
    if "not a database" in text:
        return StorageError(f"{path} is not a hubbub store: the file is no SQLite database")
    if "malformed" in text or "corrupt" in text:
        return StorageError(f"{path} is damaged: {text}", advice=_REPAIR)
    if "full" in text:
        return StorageError(f"the disk is full: {path} could not grow; nothing of this batch was stored")
    if "readonly" in text or "read-only" in text:
        return StorageError(f"{path} cannot be written: the file or its folder is read-only")
    if "unable to open" in text:
        return StorageError(f"{path} cannot be opened: is the folder there, and may you write to it?")
    if "disk I/O" in text:
        return StorageError(f"the disk failed while {path} was in use: {text}", advice=_REPAIR)
    return StorageError(f"the database at {path} refused: {text}")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn driver errors inside the block into errors for people."""
    try:
        yield
    except (sqlite3.Error, DBAPIError) as err:
        raise explain(err, path) from err
