"""Opening SQLite files: pragmas, read-only access, what makes a file a hubbub store."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound or a quoted literal

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from hubbub.errors import StorageError
from hubbub.store.adding import AT_ONCE, Addition, add
from hubbub.store.mentioned import Mentioned
from hubbub.store.session import Added, Engine, Rows, insert_sql

APPLICATION_ID = 0x68756262
"""Written into the file's header: "hubb"."""

# Unless told how, the driver seeks an adapter for every None and bool in four places: a third of the cost of a row.
sqlite3.register_adapter(type(None), {}.get)  # type: ignore[arg-type]
sqlite3.register_adapter(bool, int)

_WRITER_CACHE_KIB = 64 * 1024
_READER_CACHE_KIB = 8 * 1024
_CHECKPOINT_PAGES = 8_000
"""Pages (64 MB) in the write-ahead log before they go to the file: every time the disk is waited for, twice."""
_REWRITE_BYTES = 32 << 20
"""A larger file is not rewritten after withdrawals: half a second at the end of a run is enough."""


class SqliteSession(sqlite3.Connection):
    """A driver connection that speaks `session.Session`."""

    engine: Engine = "sqlite"
    least = "min"
    greatest = "max"
    row_number = "n"
    vectors = False
    index_now = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.known_tables: set[str] = set()
        """Tables in which most rows of the last `add` were there already."""
        self._mentioned = Mentioned()
        self._version = -1
        """SQLite's count of what others committed, when that was true."""

    def among(self, column: str) -> str:
        return f"{column} IN (SELECT value FROM json_each(?))"

    def listed(self, values: Iterable[str] | Iterable[int]) -> str:
        return msgspec.json.encode(list(values)).decode()

    def make_room(self, sources: Iterable[str]) -> None:
        """Nothing: one table holds all sources."""

    def save(
        self,
        table: str,
        columns: Sequence[str],
        rows: Rows,
        *,
        key: Sequence[str],
        sets: Mapping[str, str] | None = None,
        keep: bool = False,
    ) -> None:
        whole = len(rows) - len(rows) % AT_ONCE
        one = f"({', '.join('?' * len(columns))})"
        if whole:
            many = f"VALUES {', '.join([one] * AT_ONCE)}"
            groups = (tuple(chain.from_iterable(rows[at : at + AT_ONCE])) for at in range(0, whole, AT_ONCE))
            self.executemany(insert_sql(table, columns, key=key, sets=sets, keep=keep, source=many), groups)
        if whole < len(rows):
            single = insert_sql(table, columns, key=key, sets=sets, keep=keep, source=f"VALUES {one}")
            self.executemany(single, rows[whole:])

    def add(
        self,
        table: str,
        bound: Sequence[str],
        rows: Rows,
        *,
        fixed: Mapping[str, Any],
        copies: Mapping[str, int],
        ours: Mapping[str, int],
        constants: Mapping[str, int],
    ) -> Added:
        addition = Addition(table=table, bound=bound, fixed=fixed, copies=copies, ours=ours, constants=constants)
        return add(self, addition, rows)

    def unmentioned(self, table: str, source: str, keys: set[Any]) -> set[Any]:
        (version,) = self.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            self._mentioned.forget()
            self._version = version
        return self._mentioned.fresh(table, source, keys)

    def forget_mentioned(self) -> None:
        self._mentioned.forget()

    def stream(self, sql: str, parameters: Sequence[Any] = (), *, size: int = 2000) -> Generator[list[Any]]:
        cursor = self.execute(sql, parameters)
        while rows := cursor.fetchmany(size):
            yield rows


def connect(
    path: Path, *, read_only: bool = False, busy_timeout_s: float = 15.0, kind: type[SqliteSession] = SqliteSession
) -> SqliteSession:
    """A connection of this kind in autocommit mode with our pragmas. Raises sqlite3.Error."""
    mode = "ro" if read_only else "rwc"
    tail = "&immutable=1" if read_only and _cannot_share(path) else ""
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}{tail}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=busy_timeout_s,
        factory=kind,
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
            connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            # What is wiped must not linger in free pages of the file (design §2: tombstones). FAST would leave whole
            # freed pages as they are; ON costs an import of 60,000 comments nothing that can be measured.
            connection.execute("PRAGMA secure_delete = ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def recover(path: Path) -> None:
    """Roll back what a process that was killed while it made the file had half done: no reader may do that.

    Only before the file has its write-ahead log is there such a journal. Raises sqlite3.Error."""
    if path.with_name(path.name + "-journal").exists() and os.access(path, os.W_OK):
        connection = sqlite3.connect(path)
        try:
            connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
        finally:
            connection.close()


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
