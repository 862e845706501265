"""What a failing database means for the user: driver errors become StorageError or LockedError with a next step."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from hubbub.errors import HubbubError, LockedError, StorageError

_REPAIR = "keep the damaged file; go on from a backup (beside it, ending in .bak) or collect into a new --home"
_LOOK = (
    "look for a limit on the size of files (`ulimit -f`, the file system's own), a quota or a failing disk;"
    " then run again (`hubbub db check` tells whether the file is sound)"
)
"""SQLite has one word for a failing disk, a file that may not grow (EFBIG) and a quota (EDQUOT): no word of damage."""

_MEANINGS: tuple[tuple[str, str, str | None], ...] = (
    ("not a database", "{path} is not a hubbub store: the file is no SQLite database", None),
    ("malformed", "{path} is damaged: {text}", _REPAIR),
    ("corrupt", "{path} is damaged: {text}", _REPAIR),
    ("full", "the disk is full: {path} could not grow; nothing of this batch was stored", "make room, then run again"),
    ("readonly", "{path} cannot be written: the file or its folder is read-only", None),
    ("unable to open", "{path} cannot be opened: is its folder there, and may you write to it?", None),
    ("disk I/O", "the system refused to read or write {path} ({text}); nothing of this batch was stored", _LOOK),
    ("", "the database at {path} refused: {text}", None),
)
"""Part of SQLite's message -> what to tell the user, and the next step; the first that fits counts."""


def explain(error: Exception, path: Path, *, holder: str | None = None) -> HubbubError:
    """The error a user should see for a driver's error about the store at `path`."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = str(cause)
    if "locked" in text or "busy" in text:
        by = holder or "another process"
        return LockedError(f"{path} is locked by {by}", advice="wait until it is done, then run the same command again")
    message, advice = next((says, advice) for part, says, advice in _MEANINGS if part in text)
    return StorageError(message.format(path=path, text=text), advice=advice)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn driver errors inside the block into errors for people."""
    try:
        yield
    except (sqlite3.Error, DBAPIError) as err:
        raise explain(err, path) from err
