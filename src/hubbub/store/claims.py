"""One sync of a source and a store at a time: two would spend one budget twice and find each other's half-done work."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hubbub.errors import LockedError, StorageError


@contextmanager
def file_claim(store: Path, source: str) -> Iterator[None]:
    """Hold the claim on `source` for the store at this path; the system frees it when the process dies.

    Raises LockedError naming the process that holds it, StorageError when the folder cannot be written."""
    path = store.with_name(f"{store.name}.{source}.lock")
    with held(path, what=f"another sync of {source} into {store}"):
        yield


@contextmanager
def held(path: Path, *, what: str) -> Iterator[None]:
    """Hold the lock file at `path` for something only one process may do; `what` says it ("another sync …").

    Raises LockedError naming the process that holds it, StorageError when the file cannot be made."""
    try:
        lock = lock_file(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
    if lock is None:
        raise LockedError(f"{what} is under way ({_holder(path)})", advice="wait for it to end, or stop it with Ctrl-C")
    try:
        os.truncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(lock)


def lock_file(path: Path) -> int | None:
    """A locked descriptor of the file at `path`, made when missing; None when another process has it locked."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if not _lock(file):
            os.close(file)
            return None
        try:
            if os.fstat(file).st_ino == path.stat().st_ino:
                return file
        except FileNotFoundError:  # the one before us has just let go, and removed it
            pass
        os.close(file)


def _lock(file: int) -> bool:
    if sys.platform == "win32":  # no such lock there; the database's own lock still keeps every batch whole
        return True
    import fcntl  # noqa: PLC0415 - the module does not exist on every system

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(path: Path) -> str:
    try:
        return f"process {int(path.read_text())}"
    except (OSError, ValueError):
        return "process unknown"
