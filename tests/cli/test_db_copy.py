"""`hubbub db copy`, as a user runs it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from hubbub.events import CopyProgress, Event
from hubbub.store.copying.copy import copy_store
from hubbub.store.engine import open_store
from tests.cli.running import hubbub
from tests.servers import PASSWORD
from tests.store.everything import contents, fill
from tests.store.making import comment, write


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A store with something in every table."""
    path = tmp_path / "mine.db"
    with open_store(f"sqlite:///{path}") as store:
        fill(store)
    return path


def test_a_collection_moves_to_postgresql_and_back(file: Path, postgres: str, tmp_path: Path) -> None:
    back = tmp_path / "back.db"
    there = hubbub("db", "copy", file, f"{postgres}?schema=bugs")
    assert there.code == 0, there.err
    again = hubbub("db", "copy", f"{postgres}?schema=bugs", back, "--json")
    told = again.document
    assert (again.code, told["exit_code"], told["replaced"]) == (0, 0, 0)
    assert told["from"].endswith("(schema bugs)")
    assert told["to"] == str(back)
    assert told["elapsed_s"] > 0
    line = hubbub("db", "digest", "--store", str(file)).out.strip()
    assert told["digest"] == line
    assert there.out.splitlines()[-1] == f"digest {line}"
    with open_store(f"sqlite:///{file}") as one, open_store(f"sqlite:///{back}") as other:
        assert contents(other) == contents(one)
        assert told["rows"] == {table: len(rows) for table, rows in contents(one).items()}
    assert PASSWORD not in there.out + there.err + again.out + again.err


def test_an_unverified_copy_says_so(file: Path, tmp_path: Path) -> None:
    done = hubbub("db", "copy", "--no-verify", file, tmp_path / "there.db")
    assert (done.code, done.out.splitlines()[-1]) == (0, "not compared")


def test_progress_goes_to_stderr_when_asked_for(file: Path, tmp_path: Path) -> None:
    done = hubbub("db", "copy", "-vv", file, tmp_path / "there.db")
    assert "copied table=comments" in done.err
    quiet = hubbub("db", "copy", "-q", file, tmp_path / "again.db")
    assert (quiet.code, quiet.err) == (0, "")


def test_replaced_characters_end_with_3_and_a_count(file: Path, postgres: str) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE comments SET body = char(0) || body || char(0) WHERE id = 't1_0001'")
    connection.close()
    done = hubbub("db", "copy", file, postgres)
    assert done.code == 3
    assert "2 NUL characters" in done.out
    assert "digest " in done.out


def test_a_target_in_use_is_refused_with_a_next_step(file: Path, tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/theirs.db") as store:
        write(store, comment("t1_theirs"))
    done = hubbub("db", "copy", file, tmp_path / "theirs.db")
    assert (done.code, done.out) == (8, "")
    assert "already holds a collection (rows in comments" in done.err
    assert "copy into an empty store" in done.err
    assert hubbub("db", "copy", file, file).code == 8


def test_a_source_that_is_missing_or_of_another_schema_makes_no_target(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "there.db"
    assert "there is no store at" in hubbub("db", "copy", tmp_path / "none.db", target).err
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()
    done = hubbub("db", "copy", file, target)
    assert (done.code, done.out) == (8, "")
    assert "hubbub db upgrade" in done.err
    assert not target.exists()


def test_a_stopped_copy_goes_on_and_says_that_its_source_has_changed(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "there.db"

    def stop(event: Event) -> None:
        if isinstance(event, CopyProgress) and event.table == "digest":
            raise KeyboardInterrupt

    with open_store(f"sqlite:///{file}") as source, open_store(f"sqlite:///{target}") as half:
        with pytest.raises(KeyboardInterrupt):
            copy_store(source, half, tell=stop)
        write(source, comment("t1_late"))
    done = hubbub("db", "copy", file, target)
    assert done.code == 0
    assert "the rows of comments" in done.err
    assert "everything is copied once more" in done.err
    assert hubbub("db", "digest", "--store", str(target)).out == hubbub("db", "digest", "--store", str(file)).out


def test_the_replica_of_the_settings_is_not_asked(file: Path, postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBBUB_STORE__READ_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert hubbub("db", "copy", file, postgres).code == 0
