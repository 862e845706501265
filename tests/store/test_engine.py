"""Opening stores: what is made, what is refused, and that nothing is changed by a refusal."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from hubbub.errors import ConfigError, ExitCode, HubbubError, LockedError, StorageError
from hubbub.store import backup, migrate, schema, tables
from hubbub.store.backend import StoreOptions
from hubbub.store.engine import open_store
from tests.store.making import T0, comment, index_faults, one, post, rows, write


def _file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def _schema(path: Path) -> dict[tuple[str, str], str]:
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    connection.close()
    return {
        (kind, name): " ".join((sql or "").split()).replace("( ", "(").replace(" )", ")").replace(f'"{name}"', name)
        for kind, name, sql in found
    }


def test_a_new_store_is_made_with_its_folders_and_pragmas(url: str) -> None:
    with open_store(url) as store:
        assert _file(url).is_file()
        assert one(store, "SELECT version_num FROM alembic_version") == tables.SCHEMA_VERSION
        with store.exclusive() as connection:
            asked = [
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("journal_mode", "synchronous", "page_size", "foreign_keys", "application_id")
            ]
    assert asked == ["wal", 1, 8192, 1, 0x68756262]


def test_what_is_stored_is_there_after_reopening(url: str) -> None:
    with open_store(url) as store:
        write(store, post())
    with open_store(url, read_only=True) as store:
        assert one(store, "SELECT title FROM posts WHERE id = 't3_a'") == "What is this beetle"


def test_the_migrations_and_the_tables_make_the_same_schema(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/made.db").close()
    migrate.run_migrations(f"sqlite:///{tmp_path}/migrated.db")
    assert _schema(tmp_path / "made.db") == _schema(tmp_path / "migrated.db")
    assert "up to date" in migrate.upgrade(f"sqlite:///{tmp_path}/migrated.db")


_NEXT = """
revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
from alembic import op
import sqlalchemy as sa
def upgrade():
    op.add_column("posts", sa.Column("mood", sa.Text()))
    {after}
"""


def test_an_older_store_is_refused_until_upgraded_with_a_backup(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(url) as store:
        write(store, post())
    for module in (schema, migrate):
        monkeypatch.setattr(module, "KNOWN_VERSIONS", (*tables.KNOWN_VERSIONS, "0005"))
        monkeypatch.setattr(module, "SCHEMA_VERSION", "0005")
    with pytest.raises(StorageError, match="older version") as refused:
        open_store(url)
    assert "hubbub db upgrade" in str(refused.value.advice)
    copy = backup.back_up_sqlite(_file(url), backup.beside(_file(url), label="schema-0004"))
    versions = tmp_path / "versions"
    versions.mkdir()
    (versions / "two.py").write_text(_NEXT.format(after="raise OSError('power cut')"))
    with pytest.raises(OSError, match="power cut"):
        migrate.run_migrations(url, versions=[versions])
    assert _schema(_file(url)) == _schema(copy)
    (versions / "two.py").write_text(_NEXT.format(after=""))
    migrate.run_migrations(url, versions=[versions])
    with open_store(url) as store:
        assert rows(store, "SELECT title, mood FROM posts") == [("What is this beetle", None)]
    with sqlite3.connect(copy) as connection:
        assert connection.execute("SELECT title FROM posts").fetchall() == [("What is this beetle",)]
    connection.close()


def test_a_store_of_a_newer_version_is_refused_and_left_alone(url: str) -> None:
    open_store(url).close()
    with sqlite3.connect(_file(url)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = _file(url).read_bytes()
    for opening in (open_store, migrate.upgrade):
        with pytest.raises(StorageError, match="needs a newer hubbub") as refused:
            opening(url)
        assert refused.value.exit_code is ExitCode.STORAGE
    assert _file(url).read_bytes() == before


@pytest.mark.parametrize("content", [b"<html>not here</html>" * 50, b"PK\x03\x04" + bytes(4000)])
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "hubbub.db"
    path.write_bytes(content)
    with pytest.raises(StorageError, match="is not a hubbub store"):
        open_store(f"sqlite:///{path}")
    assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["hubbub.db"]


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "places.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE moz_places (url TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StorageError, match="another program"):
        open_store(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / "hubbub.db").touch()
    with open_store(f"sqlite:///{tmp_path}/hubbub.db") as store:
        assert write(store, post()).new == 1


def test_a_damaged_store_is_a_storage_error_and_never_overwritten(url: str) -> None:
    with open_store(url) as store:
        write(store, *(comment(f"t1_{n}", body=f"word{n} " * 40) for n in range(2000)))
    raw = bytearray(_file(url).read_bytes())
    for start in range(8192 * 3, len(raw) - 8192, 8192):
        raw[start : start + 400] = b"\xff" * 400
    _file(url).write_bytes(raw)
    with pytest.raises(StorageError, match=r"damaged|refused"), open_store(url) as store:
        write(store, *(comment(f"t1_{n}", at=T0 + 9, body="new") for n in range(2000)))
    assert len(_file(url).read_bytes()) >= len(raw)


def test_a_missing_store_is_not_made_for_readers(url: str) -> None:
    for create, read_only in ((False, False), (True, True)):
        with pytest.raises(StorageError, match="there is no store at"):
            open_store(url, create=create, read_only=read_only)
    assert not _file(url).parent.exists()


@pytest.mark.parametrize(
    "url", ["postgresql://x:y:z/q", "mysql://x/y", "sqlite://", "sqlite:///:memory:", "no address"]
)
def test_an_address_that_names_no_file_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError):
        open_store(url)


def test_a_folder_where_the_file_should_be_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is a folder"):
        open_store(f"sqlite:///{tmp_path}")
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="cannot be made"):
        open_store(f"sqlite:///{tmp_path}/file/home/hubbub.db")


_AS_NOBODY = """
import os, sys
from hubbub.errors import StorageError
from hubbub.store.backend import StoreOptions
from hubbub.store.engine import open_store
import sqlalchemy.dialects.sqlite
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    with open_store(sys.argv[1], read_only=sys.argv[2] == "read") as store:
        with store.reading() as connection:
            print(connection.exec_driver_sql("SELECT count(*) FROM posts").scalar())
        if sys.argv[2] == "write":
            store.begin_run(command="sync", target="x", started_at=1)
except StorageError as err:
    print("StorageError:", err)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_read_only_folder_can_be_read_and_says_so_when_written() -> None:
    # Not below pytest's own folder: nobody else may enter that, and root may write anywhere.
    outer = Path(tempfile.mkdtemp())
    outer.chmod(0o755)
    home = outer / "home"
    url = f"sqlite:///{home}/hubbub.db"
    with open_store(url) as store:
        write(store, post())
    (home / "hubbub.db").chmod(0o444)
    home.chmod(0o555)
    try:
        said = {
            what: subprocess.run(
                [sys.executable, "-c", _AS_NOBODY, address, what], capture_output=True, text=True, check=True
            ).stdout.strip()
            for what, address in (("read", url), ("write", url), ("new", f"sqlite:///{home}/other.db"))
        }
    finally:
        home.chmod(0o755)
        left = sorted(path.name for path in home.iterdir())
        shutil.rmtree(outer)
    assert said["read"] == "1"
    assert "StorageError" in said["write"]
    assert "read-only" in said["write"]
    assert "StorageError" in said["new"]
    assert left == ["hubbub.db"]


def test_a_store_locked_by_another_process_is_named_after_a_wait(url: str) -> None:
    with open_store(url) as other, open_store(url, options=StoreOptions(busy_timeout_s=0.05)) as store:
        other.begin_run(command="import big.zst", target="big.zst", started_at=T0)
        with other.transaction() as connection:
            connection.execute("UPDATE runs SET pid = 4242")
        with other.transaction(), pytest.raises(LockedError, match=r"import big.zst.*4242"):
            write(store, post())
        assert write(store, post()).new == 1


def test_a_full_disk_stores_nothing_of_the_batch_and_the_next_try_goes_through(url: str) -> None:
    with open_store(url) as store:
        write(store, post())
        with store.exclusive() as connection:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        many = [comment(f"t1_{n}", body="x" * 3000) for n in range(100)]
        with pytest.raises(StorageError, match="disk is full"):
            write(store, *many)
        assert one(store, "SELECT count(*) FROM comments") == 0
        with store.exclusive() as connection:
            connection.execute("PRAGMA max_page_count = 1000000")
        assert write(store, *many).new == 100


_WRITE_FOREVER = """
import sys
from hubbub.store.backend import StoreOptions
from hubbub.store.engine import open_store
from tests.store.making import comment, write
from hubbub.plugins.contracts import Checkpoint
with open_store(sys.argv[1]) as store:
    print("ready", flush=True)
    n = 0
    while True:
        batch = [comment(f"t1_{n * 50 + k}", body=f"word{k} body {n}") for k in range(50)]
        write(store, *batch, checkpoints=[Checkpoint(key="bugs/new", state=str(n))])
        n += 1
"""


@pytest.mark.parametrize("after_batches", [0, 3, 11])
def test_killed_at_any_moment_the_store_holds_what_its_checkpoint_claims(url: str, after_batches: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", _WRITE_FOREVER, url], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    with open_store(url) as store:
        while (one(store, "SELECT count(*) FROM comments") or 0) < after_batches * 50:
            pass
        process.kill()
        process.wait()
        process.stdout.close()
        state = rows(store, "SELECT state FROM checkpoints")
        assert one(store, "SELECT count(*) FROM comments") == ((int(state[0][0]) + 1) * 50 if state else 0)
        assert not index_faults(store)
        assert one(store, "PRAGMA quick_check") == "ok"
        assert write(store, comment("t1_0", at=T0 + 1, body="again")).offered == 1


def test_errors_carry_their_exit_codes() -> None:
    assert issubclass(LockedError, HubbubError)
    assert (StorageError.exit_code, LockedError.exit_code) == (ExitCode.STORAGE, ExitCode.LOCKED)


_DIE_WHILE_MAKING = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("CREATE TABLE a (x)")
connection.execute("BEGIN IMMEDIATE")
connection.executemany("INSERT INTO a VALUES (?)", [("x" * 4000,) for _ in range(50)])
connection.execute("UPDATE a SET x = 'y'")
os.kill(os.getpid(), 9)
"""


def test_a_store_whose_maker_was_killed_is_rolled_back_and_made(tmp_path: Path) -> None:
    path = tmp_path / "hubbub.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA application_id = 1")
    connection.close()
    subprocess.run([sys.executable, "-c", _DIE_WHILE_MAKING, str(path)], check=False)
    assert (tmp_path / "hubbub.db-journal").exists(), "a journal that only a writer may roll back"
    with pytest.raises(StorageError, match="another program"):  # the table of the test is there, and nothing else
        open_store(f"sqlite:///{path}")
    assert not (tmp_path / "hubbub.db-journal").exists()
