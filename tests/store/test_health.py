"""`doctor`, the store's part: every question has an answer in words and numbers, and failures have their exit codes."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from hubbub.errors import ExitCode
from hubbub.store import health, migrate, schema, tables
from hubbub.store.backend import StoreOptions
from hubbub.store.engine import Store, open_store
from hubbub.store.health import Health, examine
from tests.servers import PostgresServer
from tests.store.conftest import ONLY_POSTGRES, ONLY_SQLITE
from tests.store.making import T0, comment, gone, post, write
from tests.store.test_integrity import damage


@pytest.fixture
def filled(store: Store) -> Store:
    run_id = store.begin_run(command="sync", target="reddit:bugs", started_at=T0)
    write(store, post(), *(comment(f"t1_{n}", body=f"word{n} " * 40) for n in range(1_500)), run_id=run_id)
    store.end_run(run_id, exit_code=0, summary={}, ended_at=T0 + 1)
    return store


def asked(url: str, **options: object) -> dict[str, Health]:
    return {found.name: found for found in examine(url, options=StoreOptions(**options))}  # type: ignore[arg-type]


def worried(found: dict[str, Health]) -> dict[str, str]:
    return {name: each.status for name, each in found.items() if each.status != "ok"}


def test_a_store_that_is_well_says_so(filled: Store, any_url: str) -> None:
    found = asked(any_url)
    assert worried(found) == {}
    assert {each.exit_code for each in found.values()} == {ExitCode.OK}
    wanted = {"store", "schema", "engine", "latency", "pool", "size", "dead space", "integrity", "search"}
    assert wanted | {"last run", "unfinished runs", "write lock"} == set(found)
    assert found["store"].facts == {"store": filled.where}
    assert found["engine"].facts["engine"] == filled.engine
    assert found["schema"].facts == {"schema": tables.SCHEMA_VERSION}
    assert 0 < found["latency"].facts["latency_ms"] < 1_000
    assert found["pool"].facts["pool_size"] == 5
    assert found["size"].facts["size_bytes"] > 8192
    assert found["last run"].facts["run"] == 1
    assert "correct-horse" not in repr(found)


def test_a_store_that_is_not_there_is_a_warning(tmp_path: Path, postgres: str) -> None:
    for url in (f"sqlite:///{tmp_path}/none/hubbub.db", postgres):
        found = asked(url)
        assert worried(found) == {"store": "warning"}
        assert "hubbub sync" in str(found["store"].advice)
    assert not (tmp_path / "none" / "hubbub.db").exists()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("mysql://x/y", ExitCode.CONFIG),
        ("postgresql://u:canary4711@127.0.0.1:1/x", ExitCode.STORAGE),
        ("postgresql://u:canary4711@127.0.0.1:port/x", ExitCode.CONFIG),
    ],
)
def test_an_address_that_leads_nowhere_fails_without_its_password(url: str, code: ExitCode) -> None:
    found = asked(url)
    assert (found["store"].status, found["store"].exit_code) == ("failed", code)
    assert "canary4711" not in repr(found)


def test_an_older_store_is_told_how_to_be_upgraded(
    filled: Store, any_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.close()
    for module in (schema, migrate):
        monkeypatch.setattr(module, "KNOWN_VERSIONS", (*tables.KNOWN_VERSIONS, "9000"))
        monkeypatch.setattr(module, "SCHEMA_VERSION", "9000")
    found = asked(any_url)
    assert worried(found) == {"schema": "failed"}
    assert "hubbub db upgrade" in str(found["schema"].advice)
    assert found["schema"].exit_code is ExitCode.STORAGE


def test_a_store_of_a_newer_hubbub_fails(filled: Store, any_url: str) -> None:
    with filled.transaction() as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    filled.close()
    found = asked(any_url)
    assert worried(found) == {"schema": "failed"}
    assert "newer hubbub" in found["schema"].said


def test_what_waits_is_a_warning(filled: Store, any_url: str) -> None:
    filled.search_later = True
    write(filled, comment("t1_later"))
    found = asked(any_url)
    assert worried(found) == {"search": "warning"}
    assert "hubbub db maintain" in str(found["search"].advice)
    write(filled, gone("comment", "t1_1"))
    assert asked(any_url)["search"].facts == {"behind": True, "withdrawn_words": True}


def test_runs_that_were_killed_are_told_from_those_under_way(filled: Store, any_url: str) -> None:
    filled.begin_run(command="sync", target="reddit:bugs", started_at=T0)
    found = asked(any_url)
    assert worried(found) == {}
    assert found["unfinished runs"].facts == {"killed": [], "under_way": 1}
    child = subprocess.run([sys.executable, "-c", ""], check=False)
    assert child.returncode == 0
    gone_pid = subprocess.Popen([sys.executable, "-c", ""])
    gone_pid.wait()
    with filled.transaction() as db:
        db.execute("UPDATE runs SET pid = ? WHERE ended_at IS NULL", (gone_pid.pid,))
    found = asked(any_url)
    assert worried(found) == {"unfinished runs": "warning"}
    assert found["unfinished runs"].facts == {"killed": [2], "under_way": 0}


def test_a_run_that_failed_is_a_warning(filled: Store, any_url: str) -> None:
    run_id = filled.begin_run(command="sync", target="reddit:bugs", started_at=T0)
    filled.end_run(run_id, exit_code=6, summary={}, ended_at=T0 + 1)
    found = asked(any_url)
    assert worried(found) == {"last run": "warning"}
    assert "exit code 6" in found["last run"].said


_HOLD = """
import os, sys
from hubbub.store.engine import open_store
with open_store(sys.argv[1]) as store:
    store.begin_run(command="sync", target="x", started_at=1)
    with store.transaction() as db:
        db.execute("UPDATE runs SET target = 'y'")
        print(os.getpid(), flush=True)
        sys.stdin.read()
"""


def test_who_holds_the_write_lock_is_named(filled: Store, any_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PATIENCE_S", 0.1)
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, any_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    pid = holder.stdout.readline().decode().strip()
    try:
        found = asked(any_url)
    finally:
        holder.communicate(b"")
    assert found["write lock"].status == "failed"
    assert found["write lock"].exit_code is ExitCode.LOCKED
    assert f"process {pid}" in found["write lock"].said
    assert asked(any_url)["write lock"].status == "ok"


@ONLY_SQLITE
def test_a_damaged_file_fails_and_is_not_changed(filled: Store, any_url: str) -> None:
    filled.close()
    raw = damage(filled.path)
    found = asked(any_url)
    assert found["integrity"].status == "failed"
    assert found["integrity"].exit_code is ExitCode.STORAGE
    assert "backup" in str(found["integrity"].advice)
    assert filled.path.read_bytes() == raw


@ONLY_SQLITE
def test_a_large_file_is_not_read_through(filled: Store, any_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LARGE_BYTES", 10_000)
    found = asked(any_url)["integrity"]
    assert (found.status, found.facts) == ("ok", {"looked": False})
    assert "db check --quick" in str(found.advice)


@ONLY_SQLITE
def test_a_disk_that_is_nearly_full_is_a_warning(filled: Store, any_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil.disk_usage(filled.path.parent)._replace(free=5_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    found = asked(any_url)
    assert worried(found) == {"size": "warning"}
    assert found["size"].facts["free_bytes"] == 5_000_000


def test_much_dead_space_is_a_warning(filled: Store, any_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "MUCH_DEAD", 0.01)
    monkeypatch.setattr(health, "MUCH_DEAD_BYTES", 0)
    if filled.engine == "sqlite":
        with filled.transaction() as db:
            db.execute("DELETE FROM comments_fts_data WHERE id > 10")
    else:
        write(filled, *(comment(f"t1_{n}", at=T0 + 9, body="changed") for n in range(1_000)))
        with filled.exclusive() as db:
            db.execute("SELECT pg_stat_force_next_flush()")
    found = asked(any_url)
    assert found["dead space"].status == "warning"
    assert "hubbub db maintain" in str(found["dead space"].advice)


@ONLY_SQLITE
def test_a_file_that_cannot_be_written_is_a_warning(filled: Store, any_url: str) -> None:
    filled.close()
    program = (
        "import os, sys\n"
        "from hubbub.store.backend import StoreOptions\n"
        "from hubbub.store.health import examine\n"
        "import sqlalchemy.dialects.sqlite\n"
        "if os.getuid() == 0:\n    os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "for found in examine(sys.argv[1], options=StoreOptions()):\n    print(found.name, found.status, sep=':')\n"
    )
    folder = filled.path.parent
    for place in [folder, *folder.parents]:
        if place.stat().st_uid == os.getuid() and place != Path("/"):
            place.chmod(place.stat().st_mode | 0o555)
    folder.chmod(0o555)
    filled.path.chmod(0o444)
    done = subprocess.run([sys.executable, "-c", program, any_url], check=True, capture_output=True, text=True)
    folder.chmod(0o755)
    answers = dict(line.split(":") for line in done.stdout.splitlines())
    assert answers["write lock"] == "warning"
    assert "failed" not in answers.values()


@ONLY_POSTGRES
def test_a_crowded_server_is_a_warning(filled: Store, any_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "BUSY_SHARE", 0.0)
    found = asked(any_url)
    assert worried(found) == {"pool": "warning"}
    assert found["pool"].facts["server_max_connections"] == 200


@ONLY_POSTGRES
def test_a_replica_is_asked_how_far_behind_it_is(filled: Store, any_url: str) -> None:
    found = asked(any_url, read_url=any_url)
    assert worried(found) == {}
    assert found["replica"].facts == {"lag_s": 0.0}
    away = asked(any_url, read_url="postgresql://u:canary4711@127.0.0.1:1/x")
    assert worried(away) == {"replica": "warning"}
    assert "canary4711" not in repr(away)


def test_a_server_that_is_down_fails_and_says_so(own_postgres: PostgresServer) -> None:
    url = own_postgres.make_database()
    with open_store(url):
        pass
    own_postgres.stop("immediate")
    found = asked(url)
    assert worried(found) == {"store": "failed"}
    assert "cannot be reached" in found["store"].said
    assert "correct-horse" not in repr(found)


def test_nothing_is_changed_by_asking(url: str, tmp_path: Path) -> None:
    """A copy in SQLite's older mode stays in it."""
    with open_store(url) as store:
        write(store, post())
        path = store.path
    with sqlite3.connect(path, isolation_level=None) as db:
        db.execute("PRAGMA journal_mode = DELETE")
    db.close()
    raw = path.read_bytes()
    assert worried(asked(url)) == {}
    assert path.read_bytes() == raw
