"""`hubbub db` and `hubbub doctor` as they are typed, on a store in a file and on one in PostgreSQL."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hubbub.store.engine import open_store
from tests.cli.running import Outcome, hubbub

ENGINES = ("sqlite", "postgresql")
PASSWORD = "correct-horse"  # of the test's server: nothing may print it


@pytest.fixture(params=ENGINES)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the store will be."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/home/hubbub.db"
    found: str = request.getfixturevalue("postgres")
    return found


def dump(tmp_path: Path, count: int = 30) -> Path:
    rows = [
        {
            "id": f"{n:03d}",
            "subreddit": "bugs",
            "author": f"ann{n % 4}",
            "title": f"a red beetle {n}",
            "selftext": "found under a stone",
            "created_utc": 1_700_000_000 + n,
            "retrieved_on": 1_700_100_000,
            "score": n,
        }
        for n in range(count)
    ]
    path = tmp_path / "RS_2023-11.ndjson"
    path.write_bytes(b"\n".join(map(msgspec.json.encode, rows)))
    return path


@pytest.fixture
def run(address: str, tmp_path: Path) -> Callable[..., Outcome]:
    """Runs a command on a store that holds a small import."""

    def go(*words: str | Path) -> Outcome:
        done = hubbub("--store", address, *words, home=tmp_path / "home")
        assert PASSWORD not in done.out + done.err
        assert "Traceback" not in done.err
        return done

    assert go("import", dump(tmp_path)).code == 0
    return go


def test_stats_tell_tables_and_bytes(run: Callable[..., Outcome], address: str) -> None:
    done = run("db", "stats")
    assert (done.code, done.err) == (0, "")
    assert re.search(r"^posts +30 ", done.out, re.MULTILINE)
    told = run("db", "stats", "--json").document
    assert told["schema"] == 1
    tables = {table["table"]: table for table in told["stats"]["tables"]}
    assert tables["posts"]["rows"] == 30
    assert tables["posts"]["estimated"] is False
    assert told["stats"]["engine"] == ("sqlite" if address.startswith("sqlite") else "postgresql")
    assert bool(told["stats"]["partitions"]) == address.startswith("postgresql")


def test_a_sound_store_passes_the_check(run: Callable[..., Outcome]) -> None:
    done = run("db", "check")
    assert (done.code, done.err) == (0, "")
    assert "withdrawn texts" in done.out
    quick = run("db", "check", "--quick")
    assert quick.code == 0
    assert len(quick.out.splitlines()) < len(done.out.splitlines())
    told = run("db", "check", "--json").document
    assert (told["failed"], told["exit_code"], told["quick"]) == (0, 0, False)
    assert {check["status"] for check in told["checks"]} == {"ok"}


def test_a_store_with_a_fault_ends_the_check_with_8_and_the_next_step(
    run: Callable[..., Outcome], address: str
) -> None:
    with open_store(address) as store, store.transaction() as db:
        db.execute("INSERT INTO users (source, id) VALUES ('reddit', 'nobody')")
    done = run("db", "check")
    assert done.code == 8
    assert "1 stubs are there though nothing refers to them" in done.out
    assert "hubbub db maintain --full" in done.out
    assert "reddit:nobody" in done.out
    told = run("db", "check", "--json")
    assert told.code == told.document["exit_code"] == 8
    assert "removed 1 stubs" in run("db", "maintain", "--full").out
    assert run("db", "check").code == 0


def test_maintain_says_in_words_what_it_did(run: Callable[..., Outcome], tmp_path: Path) -> None:
    assert run("import", dump(tmp_path, 31), "--no-search").code == 0
    assert "the search index is behind" in run("status").out
    done = run("db", "maintain")
    assert done.code == 0
    assert done.out.splitlines()[0] == "the search index has caught up"
    assert "the search index is behind" not in run("status").out
    told = run("db", "maintain", "--full", "--json").document
    assert {step["done"] for step in told["steps"]} == {True}
    assert all(step["name"] and step["what"] for step in told["steps"])
    assert run("db", "maintain", "--search").out == "the search index is up to date\n"
    assert run("db", "maintain", "--search", "--full").out == "the search index is made anew\n"
    assert run("search", "beetle", "--limit", "2").code == 0
    assert run("db", "check").code == 0


def test_doctor_answers_every_question(run: Callable[..., Outcome]) -> None:
    done = run("doctor")
    assert (done.code, done.err) == (0, "")
    for question in ("latency", "pool", "integrity", "write lock", "last run"):
        assert re.search(rf"^store +{question} +ok ", done.out, re.MULTILINE), question
    told = run("doctor", "--json").document
    assert (told["status"], told["exit_code"]) == ("ok", 0)
    last = next(check for check in told["checks"] if check["name"] == "last run")
    assert last["part"] == "store"
    assert datetime.fromisoformat(last["facts"]["started_at"]).utcoffset() is not None


def test_doctor_warns_with_0_and_fails_with_8(run: Callable[..., Outcome], address: str, tmp_path: Path) -> None:
    assert run("import", dump(tmp_path, 31), "--no-search").code == 0
    warned = run("doctor", "--json")
    assert (warned.code, warned.document["status"]) == (0, "warning")
    with open_store(address) as store, store.transaction() as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    failed = run("doctor", "--json")
    assert (failed.code, failed.document["status"]) == (8, "failed")


def test_history_and_the_way_back_and_forth(run: Callable[..., Outcome], address: str) -> None:
    told = run("db", "history", "--json").document
    newest = told["versions"][-1]["version"]
    assert told["at"] == newest
    assert {version["state"] for version in told["versions"]} == {"applied"}
    before = run("db", "digest").out
    back = run("db", "downgrade", told["versions"][-2]["version"])
    assert back.code == 0
    assert "brought back from schema" in back.out
    assert ("kept as" in back.out) == address.startswith("sqlite")
    lines = run("db", "history").out.splitlines()
    assert [line.split()[1] for line in lines[-2:]] == ["applied", "missing"]
    assert run("status").code == 8
    assert run("db", "upgrade").code == 0
    assert run("db", "digest").out == before
    assert run("db", "check").code == 0


@pytest.mark.parametrize("to", ["0000", "99", "newest"])
def test_a_version_that_is_none_or_not_older_is_refused(run: Callable[..., Outcome], to: str) -> None:
    newest = run("db", "history", "--json").document["at"]
    done = run("db", "downgrade", newest if to == "newest" else to)
    assert (done.code, done.out) == (2, "")


def test_a_backup_goes_into_the_home_and_is_the_store(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert hubbub("import", dump(tmp_path), home=home).code == 0
    done = hubbub("db", "backup", home=home)
    assert done.code == 0
    (copy,) = (home / "backups").iterdir()
    assert re.fullmatch(r"hubbub-\d{8}T\d{6}\.db", copy.name)
    assert done.out.startswith(f"{copy}  ")
    digest = hubbub("db", "digest", home=home).out
    assert hubbub("--store", copy, "db", "digest", home=home).out == digest
    assert hubbub("--store", copy, "db", "check", home=home).code == 0


def test_a_backup_is_compared_on_request_and_never_overwritten(tmp_path: Path) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy.db"
    assert hubbub("import", dump(tmp_path), home=home).code == 0
    told = hubbub("db", "backup", copy, "--verify", "--json", home=home).document
    assert told["backup"]["digest"] == hubbub("db", "digest", home=home).out.strip()
    assert told["backup"]["path"] == str(copy)
    again = hubbub("db", "backup", copy, home=home)
    assert (again.code, again.out) == (8, "")
    assert "--force" in again.err
    assert hubbub("db", "backup", copy, "--force", home=home).code == 0
    (tmp_path / "folder").mkdir()
    assert hubbub("db", "backup", tmp_path / "folder", home=home).code == 0
    assert len(list((tmp_path / "folder").glob("hubbub-*.db"))) == 1


def test_a_backup_is_put_back_as_the_guide_says(tmp_path: Path) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy.db"
    assert hubbub("import", dump(tmp_path), home=home).code == 0
    before = hubbub("db", "digest", home=home).out
    assert hubbub("db", "backup", copy, home=home).code == 0
    assert hubbub("import", dump(tmp_path, 40), home=home).code == 0
    assert hubbub("db", "digest", home=home).out != before
    for name in ("hubbub.db", "hubbub.db-wal", "hubbub.db-shm"):
        (home / name).unlink(missing_ok=True)
    shutil.copy(copy, home / "hubbub.db")
    assert hubbub("db", "check", home=home).code == 0
    assert hubbub("db", "digest", home=home).out == before
    assert hubbub("import", dump(tmp_path, 40), home=home).code == 0


def test_a_store_on_a_server_names_its_ways_of_backup(postgres: str, tmp_path: Path) -> None:
    assert hubbub("--store", postgres, "import", dump(tmp_path), home=tmp_path).code == 0
    done = hubbub("--store", postgres, "db", "backup", home=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "pg_dump" in done.err
    assert "hubbub db copy" in done.err
    assert PASSWORD not in done.err


def test_a_damaged_file_ends_check_and_doctor_with_8_and_is_not_changed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert hubbub("import", dump(tmp_path, 5_000), home=home).code == 0
    path = home / "hubbub.db"
    raw = bytearray(path.read_bytes())
    for start in range(8192 * 120, len(raw) - 8192, 8192):
        raw[start : start + 400] = b"\xff" * 400
    path.write_bytes(raw)
    for words in (("db", "check"), ("db", "check", "--quick"), ("doctor",)):
        done = hubbub(*words, home=home)
        assert done.code == 8, words
        assert "damaged" in done.out
        assert "backup" in done.out
        assert "Traceback" not in done.err
    assert path.read_bytes() == raw


def test_a_file_whose_first_pages_are_damaged_is_told_as_well(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert hubbub("import", dump(tmp_path), home=home).code == 0
    path = home / "hubbub.db"
    raw = bytearray(path.read_bytes())
    raw[8192 : 8192 * 60] = b"\xff" * (8192 * 59)
    path.write_bytes(raw)
    for words in (("db", "check"), ("doctor",)):
        done = hubbub(*words, "--json", home=home)
        assert done.code == 8
        told: Any = done.document
        assert "damaged" in str(told)
    assert path.read_bytes() == raw


@pytest.mark.parametrize("words", ["db stats", "db check", "db maintain", "db backup"])
def test_without_a_store_they_end_with_8_and_make_none(tmp_path: Path, words: str) -> None:
    done = hubbub(*words.split(), home=tmp_path / "none")
    assert (done.code, done.out) == (8, "")
    assert not (tmp_path / "none").exists()


def test_doctor_without_a_store_warns(tmp_path: Path) -> None:
    done = hubbub("doctor", home=tmp_path / "none")
    assert done.code == 0
    assert "there is no store" in done.out
    assert not (tmp_path / "none").exists()


def test_doctor_ends_with_10_for_an_address_that_is_none(tmp_path: Path) -> None:
    done = hubbub("--store", "mysql://x/y", "doctor", "--json", home=tmp_path)
    assert done.code == 10
    assert done.document["checks"][0]["status"] == "failed"


def test_doctor_ends_with_9_while_somebody_holds_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    assert hubbub("import", dump(tmp_path), home=home).code == 0
    monkeypatch.setenv("HUBBUB_STORE__BUSY_TIMEOUT_S", "0.05")
    holder = sqlite3.connect(home / "hubbub.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    done = hubbub("doctor", home=home)
    assert done.code == 9
    assert "locked" in done.out
    holder.execute("ROLLBACK")
    holder.close()
    assert hubbub("doctor", home=home).code == 0
