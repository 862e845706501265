"""Opening SQLite files: pragmas, read-only access, what makes a file a hubbub store."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from hubbub.errors import StorageError

APPLICATION_ID = 0x68756262
"""Written into the file's header: "hubb"."""

# Unless told how, the driver seeks an adapter for every None and bool in four places: a third of the cost of a row.
sqlite3.register_adapter(type(None), {}.get)  # type: ignore[arg-type]
sqlite3.register_adapter(bool, int)

_WRITER_CACHE_KIB = 64 * 1024
_READER_CACHE_KIB = 8 * 1024
_REWRITE_BYTES = 32 << 20
"""A larger file is not rewritten after withdrawals: half a second at the end of a run is enough."""


def connect(path: Path, *, read_only: bool = False, busy_timeout_s: float = 15.0) -> sqlite3.Connection:
    """A connection in autocommit mode with our pragmas. Raises sqlite3.Error."""
    mode = "ro" if read_only else "rwc"
    tail = "&immutable=1" if read_only and _cannot_share(path) else ""
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}{tail}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=busy_timeout_s,
    )
    try:
        connection.execute(f"PRAGMA cache_size = -{_READER_CACHE_KIB if read_only else _WRITER_CACHE_KIB}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute("PRAGMA page_size = 8192")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            # What is wiped must not linger in free pages of the file (design §2: tombstones). FAST would leave whole
            # freed pages as they are; ON costs an import of 60,000 comments nothing that can be measured.
            connection.execute("PRAGMA secure_delete = ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def leave_no_traces(connection: sqlite3.Connection, *, busy_timeout_s: float, rewrite: bool) -> None:
    """Cut the write-ahead log to nothing, for it holds pages as they once were; with `rewrite`, write a small file anew
    before, for the slack of pages in use may hold what was moved out of them (secure_delete does not reach it).

    Left for later, without waiting, while somebody else reads or writes."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        with suppress(sqlite3.OperationalError):
            if rewrite and pages * size <= _REWRITE_BYTES:
                connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(busy_timeout_s * 1000)}")


def _cannot_share(path: Path) -> bool:
    """True when a reader could not make the shared-memory file and none of the content is still in the log."""
    log = path.with_name(path.name + "-wal")
    return not os.access(path.parent, os.W_OK) and not (log.exists() and log.stat().st_size)


def check_place(path: Path, *, create: bool) -> None:
    """Make the parent folder; raises StorageError where a store cannot be."""
    if path.is_dir():
        raise StorageError(f"{path} is a folder, not a store")
    if not path.exists() and not create:
        raise StorageError(f"there is no store at {path}", advice="run `hubbub sync` or `hubbub import` first")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise StorageError(f"the folder {path.parent} cannot be made: {err.strerror}") from err
