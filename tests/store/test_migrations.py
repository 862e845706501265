"""Migrations up, down and up again with data in the store, on both engines; what interrupts one leaves a usable store."""

from __future__ import annotations

import lzma
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hubbub.errors import LockedError, StorageError, UsageError
from hubbub.records.models import Collection, Door, Topic
from hubbub.store import migrate, reads
from hubbub.store.backend import StoreOptions
from hubbub.store.digest import digest
from hubbub.store.engine import open_store
from hubbub.store.search.find import search
from hubbub.store.tables import KNOWN_VERSIONS, SCHEMA_VERSION
from hubbub.store.versions import version_of
from tests.store.making import HOUR, T0, comment, gone, index_faults, post, rows, write

ROOT = Path(__file__).resolve().parents[2]
FIRST = Path(__file__).parent / "fixtures" / "store-0001.db.xz"
FIRST_DIGEST = "2dab0017f42bb6cf4918cc50a3c558875893004f019de999d95a59eeaed9b01e"
"""What the hubbub that wrote that store printed."""


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """A store as the first released schema had it."""
    path = tmp_path / "hubbub.db"
    path.write_bytes(lzma.decompress(FIRST.read_bytes()))
    return path


def sqlite_schema(path: Path) -> dict[tuple[str, str], str]:
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE name <> 'sqlite_stat1'").fetchall()
    return {
        (kind, name): " ".join((sql or "").split()).replace("( ", "(").replace(" )", ")").replace(f'"{name}"', name)
        for kind, name, sql in found
    }


def test_a_store_of_the_first_schema_is_upgraded_with_all_it_holds(first: Path) -> None:
    url = f"sqlite:///{first}"
    with pytest.raises(StorageError, match="older version"):
        open_store(url)
    with closing(sqlite3.connect(first)) as connection:
        connection.execute("CREATE INDEX mine ON posts (flair)")
    said = migrate.upgrade(url)
    assert ("index", "mine") in sqlite_schema(first)
    assert f"from schema 0001 to {SCHEMA_VERSION}" in said
    assert (first.parent / "hubbub.db.schema-0001.bak").is_file()
    with open_store(url) as store:
        assert digest(store) == FIRST_DIGEST
        assert index_faults(store) == []
        assert [hit.id for hit in search(store, "kafer community:bugs after:2023")] == ["t3_a"]
        assert rows(store, "SELECT source, post_id, label FROM labels") == [("reddit", "t3_a", "lucanidae")]
        assert rows(store, "SELECT state, blob FROM media") == [("stored", "a" * 64)]
        assert rows(store, "SELECT id, hidden_by FROM comments WHERE hidden_at IS NOT NULL") == [("t1_a", "me")]
        assert [len(reads.runs(store)), len(reads.findings(store)), len(reads.quarantined(store))] == [1, 1, 1]
        assert rows(store, "PRAGMA foreign_key_check") == []
        assert write(store, post("t3_new"), gone("post", "t3_a", at=T0 + 9 * HOUR)).offered == 2
        assert rows(store, "SELECT * FROM labels") == rows(store, "SELECT * FROM media") == []
        assert index_faults(store) == []


def test_a_store_goes_back_to_the_first_schema_and_up_again(first: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{first}"
    before = sqlite_schema(first)
    migrate.upgrade(url)
    after = sqlite_schema(first)
    for version in reversed(KNOWN_VERSIONS[:-1]):
        assert f"to {version}" in migrate.downgrade(url, version)
        assert version_of(url) == version
    assert sqlite_schema(first) == before
    with closing(sqlite3.connect(first)) as connection:
        found = connection.execute("SELECT rowid FROM posts_fts WHERE posts_fts MATCH 'kafer'").fetchall()
        assert found == connection.execute("SELECT n FROM posts WHERE id = 't3_a'").fetchall()
    migrate.upgrade(url)
    assert sqlite_schema(first) == after
    with open_store(url) as store:
        assert digest(store) == FIRST_DIGEST
        assert index_faults(store) == []


def test_a_new_store_goes_down_and_up_with_its_content(store: Any, any_url: str) -> None:
    run_id = store.begin_run(command="sync", target="x", started_at=T0)
    write(store, post(), comment(), comment("t1_b"), run_id=run_id)
    write(store, gone("comment", "t1_b"), run_id=run_id)
    wanted = digest(store)
    store.close()
    migrate.downgrade(any_url, "0002")
    with pytest.raises(StorageError, match="older version"):
        open_store(any_url)
    migrate.upgrade(any_url)
    with open_store(any_url) as again:
        assert digest(again) == wanted
        assert [run.tally.new for run in reads.runs(again)] == [3]
        assert index_faults(again) == []


def shape(path: Path) -> dict[str, Any]:
    """Every table's columns in their order, and its indexes."""
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: (
                [row[1:] for row in connection.execute(f"PRAGMA table_info({name})")],
                sorted(row[1:] for row in connection.execute(f"PRAGMA index_list({name})") if row[1][:3] == "ix_"),
            )
            for name in names
            if not name.startswith("sqlite_")
        }


def test_on_sqlite_the_migrations_and_the_tables_make_the_same_columns(first: Path, tmp_path: Path) -> None:
    migrate.upgrade(f"sqlite:///{first}")
    open_store(f"sqlite:///{tmp_path}/made.db").close()
    assert shape(first) == shape(tmp_path / "made.db")


def test_after_a_way_back_topics_are_filled_again_by_the_next_sight_of_them(store: Any, any_url: str) -> None:
    known: dict[str, Any] = {"source": "reddit", "door": Door.LIVE, "observed_at": T0}
    write(store, post(), Topic(id="1", slug="ai", post_count=3, **known), Collection(id="2", url="u", **known))
    checked = "INSERT INTO topics (source, id, follower_count) VALUES ('reddit', '3', -1)"
    with pytest.raises(Exception, match=r"(?i)check"), store.transaction() as db:
        db.execute(checked)
    store.close()
    migrate.downgrade(any_url, "0003")
    migrate.upgrade(any_url)
    with open_store(any_url) as again:
        assert rows(again, "SELECT id, slug, post_count, observed_at FROM topics") == [("1", "ai", None, None)]
        with pytest.raises(Exception, match=r"(?i)check"), again.transaction() as db:
            db.execute(checked)
        assert write(again, Topic(id="1", slug="ai", post_count=3, **known)).kinds == {"topic": {"new": 1}}
        assert rows(again, "SELECT id, door, post_count FROM topics") == [("1", "live", 3)]


def described(url: str, schema: str) -> dict[str, list[Any]]:
    """Everything a schema of PostgreSQL has, without its name."""
    asked = {
        "columns": "SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity, collation_name"
        " FROM information_schema.columns WHERE table_schema = ? ORDER BY 1, ordinal_position",
        "indexes": "SELECT tablename, indexname, replace(indexdef, ?, '') FROM pg_indexes WHERE schemaname = ? ORDER BY 2",
        "checks": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = ?::regnamespace AND contype IN ('c', 'f', 'p', 'u') ORDER BY 1, 2",
        "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = ?",
    }
    with open_store(f"{url}?schema={schema}") as store:
        return {
            what: [
                tuple(str(value).replace(f"{schema}.", "") for value in row)
                for row in rows(store, sql, *([f"{schema}.", schema] if what == "indexes" else [schema]))
            ]
            for what, sql in asked.items()
        }


def test_on_postgresql_the_migrations_and_the_tables_make_the_same_schema(postgres: str) -> None:
    open_store(f"{postgres}?schema=made").close()
    open_store(f"{postgres}?schema=walked").close()
    with open_store(f"{postgres}?schema=walked") as store, store.transaction() as db:
        db.execute("DROP SCHEMA walked CASCADE")
        db.execute("CREATE SCHEMA walked")
    migrate.run_migrations(f"{postgres}?schema=walked")
    assert described(postgres, "made") == described(postgres, "walked")


@pytest.mark.parametrize(("to", "words"), [("0009", "no schema '0009'"), (SCHEMA_VERSION, "is not newer")])
def test_a_way_back_that_is_none_is_refused(any_url: str, to: str, words: str) -> None:
    open_store(any_url).close()
    with pytest.raises(UsageError, match=words):
        migrate.downgrade(any_url, to)


def test_postgresql_has_nothing_before_its_first_schema(postgres: str) -> None:
    open_store(postgres).close()
    with pytest.raises(StorageError, match="begin with schema 0002"):
        migrate.downgrade(postgres, "0001")


_DIE = """
import os, signal, sys
from alembic import op
from hubbub.store import migrate
real = op.add_column
def dying(*rest, **named):
    real(*rest, **named)
    os.kill(os.getpid(), signal.SIGKILL)
op.add_column = dying
migrate.upgrade(sys.argv[1])
"""


def test_an_upgrade_that_is_killed_leaves_the_old_store_and_can_be_repeated(first: Path) -> None:
    before = sqlite_schema(first)
    url = f"sqlite:///{first}"
    died = subprocess.run([sys.executable, "-c", _DIE, url], cwd=ROOT, check=False)
    assert died.returncode == -signal.SIGKILL
    assert sqlite_schema(first) == before
    assert version_of(url) == "0001"
    migrate.upgrade(url)
    with open_store(url) as store:
        assert digest(store) == FIRST_DIGEST


def test_an_upgrade_of_postgresql_that_is_killed_can_be_repeated(postgres: str) -> None:
    with open_store(postgres) as store:
        write(store, post(), comment())
        wanted = digest(store)
    migrate.downgrade(postgres, "0002")
    died = subprocess.run([sys.executable, "-c", _DIE, postgres], cwd=ROOT, check=False)
    assert died.returncode == -signal.SIGKILL
    assert version_of(postgres) == "0002"
    migrate.upgrade(postgres)
    with open_store(postgres) as store:
        assert digest(store) == wanted


def test_a_store_in_use_is_not_migrated(store: Any, any_url: str) -> None:
    write(store, post())
    store.close()
    migrate.downgrade(any_url, "0002")
    impatient = StoreOptions(busy_timeout_s=0.1, patience_s=0.0)
    migrate.upgrade(any_url)
    with open_store(any_url) as held, held.transaction() as db:
        db.execute("UPDATE posts SET title = 'held' WHERE id = 't3_a'")
        with pytest.raises(LockedError):
            migrate.downgrade(any_url, "0002", options=impatient)
    assert version_of(any_url) == SCHEMA_VERSION


def test_the_history_tells_every_version_and_which_are_there(first: Path) -> None:
    assert [state for _, _, state in migrate.history("0001")] == ["applied", *["missing"] * (len(KNOWN_VERSIONS) - 1)]
    assert [number for number, _, _ in migrate.history(None)] == list(KNOWN_VERSIONS)
    assert all(what for _, what, _ in migrate.history(None))
    with pytest.raises(StorageError, match="there is no store"):
        migrate.downgrade(f"sqlite:///{first.parent}/none.db", "0001")


def test_where_the_migrated_store_is_shown_no_password_is(postgres: str) -> None:
    assert "correct-horse" not in migrate.upgrade(postgres)
