"""Backups: of one moment while others write, whole or not there, like the store, never over anything else."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hubbub.errors import StorageError, UsageError
from hubbub.store import backup
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from hubbub.store.integrity import check
from hubbub.store.postgres.backend import PostgresBackend
from tests.servers import PostgresServer
from tests.store.conftest import ONLY_POSTGRES
from tests.store.making import T0, comment, index_faults, one, post, rows, write
from tests.store.test_engine import _WRITE_FOREVER


@pytest.fixture
def kept(url: str) -> Iterator[Store]:
    with open_store(url) as store:
        write(store, post(), *(comment(f"t1_{n}", body=f"word{n} " * 30) for n in range(800)))
        yield store


def of(path: Path) -> str:
    return f"sqlite:///{path}"


@contextmanager
def somebody_who_writes(url: str) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", _WRITE_FOREVER, url], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_backup_opens_and_has_the_same_digest(kept: Store, tmp_path: Path) -> None:
    target = tmp_path / "copies" / "copy.db"
    made = backup.back_up(kept, target, verify=True)
    assert (made.path, made.size_bytes) == (str(target), target.stat().st_size)
    assert made.digest == digest(kept)
    assert [entry.name for entry in target.parent.iterdir()] == ["copy.db"]
    with open_store(of(target)) as copy:
        assert digest(copy) == made.digest
        assert index_faults(copy) == []
        assert write(copy, comment("t1_new")).new == 1


def test_a_backup_put_back_is_the_store_as_it_was(kept: Store, tmp_path: Path) -> None:
    """As docs/how-to/look-after-a-store.md says."""
    target = tmp_path / "copy.db"
    backup.back_up(kept, target)
    before = digest(kept)
    write(kept, *(comment(f"t1_{n}", at=T0 + 1, body="overwritten") for n in range(800)))
    with kept.exclusive() as db:  # what the writer left in its log when the machine went down
        db.execute("PRAGMA wal_autocheckpoint = 0")
    path = kept.path
    assert path.with_name(path.name + "-wal").stat().st_size
    shutil.copy(path.with_name(path.name + "-wal"), tmp_path / "log")
    kept.close()
    shutil.copy(tmp_path / "log", path.with_name(path.name + "-wal"))
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
    shutil.copy(target, path)
    with open_store(of(path)) as store:
        assert digest(store) == before
        assert [found.name for found in check(store) if found.status != "ok"] == []
        assert write(store, comment("t1_new")).new == 1


def test_a_backup_is_of_one_moment_while_others_write(kept: Store, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    with somebody_who_writes(of(kept.path)):
        for number in range(4):
            target = tmp_path / f"{number}.db"
            made = backup.back_up(kept, target, verify=True, progress=lambda *step: steps.append(step))
            with open_store(of(target), read_only=True) as copy:
                (state,) = rows(copy, "SELECT max(cast(state AS integer)) FROM checkpoints")[0]
                whole = 0 if state is None else 50 * (state + 1)
                # The comments before are t1_0 to t1_799, which the writer meets again.
                assert one(copy, "SELECT count(*) FROM comments") == max(800, whole)
                assert digest(copy) == made.digest
    assert steps[-1][0] == steps[-1][1] > 0


def test_a_copy_goes_on_although_somebody_commits_between_its_steps(kept: Store, tmp_path: Path) -> None:
    """Without a read transaction of its own SQLite begins anew each time."""
    steps = []

    def meanwhile(done: int, whole: int) -> None:
        steps.append((done, whole))
        assert len(steps) < 50
        write(kept, comment(f"t1_{len(steps)}", at=T0 + len(steps), body="another"))

    before = digest(kept)
    pages = backup.PAGES_AT_ONCE
    backup.PAGES_AT_ONCE = 7
    try:
        backup.back_up(kept, tmp_path / "copy.db", progress=meanwhile)
    finally:
        backup.PAGES_AT_ONCE = pages
    assert len(steps) > 3
    with open_store(of(tmp_path / "copy.db"), read_only=True) as copy:
        assert digest(copy) == before != digest(kept)


def test_what_is_there_is_replaced_only_with_force_and_only_a_copy(kept: Store, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    backup.back_up(kept, target)
    first = target.read_bytes()
    write(kept, comment("t1_more"))
    with pytest.raises(StorageError, match="exists already"):
        backup.back_up(kept, target)
    assert target.read_bytes() == first
    backup.back_up(kept, target, force=True)
    with open_store(of(target), read_only=True) as copy:
        assert one(copy, "SELECT count(*) FROM comments") == 801


@pytest.mark.parametrize("content", [b"my thesis", b"SQLite format 3\x00" + bytes(200), b""])
def test_a_file_that_is_no_copy_is_left_alone_even_with_force(kept: Store, tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "thesis.txt"
    target.write_bytes(content)
    with pytest.raises(StorageError, match="no copy of a store"):
        backup.back_up(kept, target, force=True)
    assert target.read_bytes() == content


def test_neither_the_store_nor_a_folder_nor_an_open_store_is_overwritten(kept: Store, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the store itself"):
        backup.back_up(kept, kept.path, force=True)
    (tmp_path / "link.db").symlink_to(kept.path)
    with pytest.raises(StorageError, match="the store itself"):
        backup.back_up(kept, tmp_path / "link.db", force=True)
    with pytest.raises(StorageError, match="left alone"):
        backup.back_up(kept, tmp_path, force=True)
    with open_store(f"sqlite:///{tmp_path}/other.db") as other:
        write(other, post())
        with pytest.raises(StorageError, match="in use"):
            backup.back_up(kept, tmp_path / "other.db", force=True)


def test_a_copy_that_failed_or_was_killed_leaves_nothing_at_its_place(kept: Store, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    partial = tmp_path / "copy.db.partial"
    partial.write_bytes(b"half of an earlier one")
    partial.with_name("copy.db.partial-journal").write_bytes(b"and its journal")

    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, StorageError)):
        backup.back_up(kept, target, progress=stop)
    assert list(tmp_path.glob("copy.db*")) == []
    backup.back_up(kept, target)
    assert [entry.name for entry in tmp_path.glob("copy.db*")] == ["copy.db"]


def test_a_damaged_store_makes_no_backup(url: str, tmp_path: Path) -> None:
    with open_store(url) as store:
        write(store, *(comment(f"t1_{n}", body=f"word{n} " * 40) for n in range(2000)))
        path = store.path
    raw = bytearray(path.read_bytes())
    for start in range(8192 * 120, len(raw) - 8192, 8192):
        raw[start : start + 400] = b"\xff" * 400
    path.write_bytes(raw)
    with open_store(url, read_only=True) as store, pytest.raises(StorageError, match="damaged"):
        backup.back_up(store, tmp_path / "copy.db")
    assert list(tmp_path.glob("copy.db*")) == []
    assert path.read_bytes() == raw


def test_a_disk_without_room_is_told_before_anything_is_written(
    kept: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(StorageError, match="1,000 bytes left"):
        backup.back_up(kept, tmp_path / "copy.db")
    assert list(tmp_path.glob("copy.db*")) == []


def test_a_copy_is_one_plain_file_that_needs_no_other_beside_it(kept: Store, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    backup.back_up(kept, target)
    with sqlite3.connect(f"file:{target}?mode=ro", uri=True) as copy:
        assert copy.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert copy.execute("SELECT count(*) FROM comments").fetchone() == (800,)
    copy.close()
    assert list(tmp_path.glob("copy.db-*")) == []


@ONLY_POSTGRES
def test_a_store_on_a_server_says_how_it_is_backed_up(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pg_dump") as refused:
        backup.back_up(store, tmp_path / "copy.db")
    assert "hubbub db copy" in str(refused.value.advice)
    assert "correct-horse" not in str(refused.value)


@ONLY_POSTGRES
def test_a_dump_of_the_server_put_back_is_the_same_store(
    store: Store, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """As docs/how-to/look-after-a-store.md says."""
    write(store, post(), *(comment(f"t1_{n}", body=f"word{n}") for n in range(200)))
    dump = tmp_path / "talk.dump"
    assert isinstance(store.backend, PostgresBackend)
    address = store.backend.address.conninfo
    tools = postgres_server._bin
    subprocess.run(
        [tools / "pg_dump", "--schema=hubbub", "--format=custom", f"--file={dump}", address], check=True, timeout=60
    )
    with postgres_server.database() as fresh:
        subprocess.run([tools / "pg_restore", f"--dbname={fresh}", "--no-owner", dump], check=True, timeout=60)
        with open_store(fresh) as back:
            assert digest(back) == digest(store)
            assert [found.name for found in check(back) if found.status != "ok"] == []
            assert write(back, comment("t1_new")).new == 1
