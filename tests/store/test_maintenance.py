"""`db maintain`: what it does, that others go on meanwhile, and that it may be killed anywhere and run again."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading

import psycopg
import pytest

from hubbub.store import vacuum
from hubbub.store.backend import StoreOptions
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from hubbub.store.integrity import check
from hubbub.store.maintenance import maintain, maintain_search, rebuild_search
from hubbub.store.search.find import search
from tests.store.conftest import ONLY_POSTGRES, ONLY_SQLITE
from tests.store.making import T0, comment, gone, index_faults, one, post, write

WORD = "zyzzyva"


def steps(store: Store, *, full: bool = False) -> dict[str, tuple[bool, str]]:
    return {step.name: (step.done, step.what) for step in maintain(store, full=full)}


def fill(store: Store, count: int = 600) -> None:
    write(store, post(), *(comment(f"t1_{n}", body=f"{WORD}{n} said something " * 5) for n in range(count)))


def withdraw(store: Store, first: int, last: int) -> None:
    write(store, *(gone("comment", f"t1_{n}") for n in range(first, last)))


@pytest.mark.parametrize("full", [False, True])
def test_it_changes_nothing_that_is_stored_and_can_be_repeated(store: Store, *, full: bool) -> None:
    fill(store)
    withdraw(store, 0, 50)
    before = digest(store)
    for _ in range(2):
        done = steps(store, full=full)
        assert all(was_done for was_done, _ in done.values()), done
        assert digest(store) == before
        assert index_faults(store) == []
        assert [each.name for each in check(store) if each.status != "ok"] == []
    assert len(search(store, f"{WORD}77")) == 1


def test_an_index_left_behind_catches_up(store: Store) -> None:
    store.search_later = True
    fill(store)
    store.search_later = False
    assert search(store, f"{WORD}7") == []
    assert steps(store)["search"] == (True, "the search index has caught up")
    assert len(search(store, f"{WORD}7")) == 1
    assert steps(store)["search"] == (True, "the search index was up to date")


def test_withdrawn_words_are_gone_for_good(store: Store) -> None:
    fill(store)
    withdraw(store, 5, 6)
    assert one(store, "SELECT max(purge) FROM search_state") == 1
    assert steps(store)["withdrawn words"][0]
    assert one(store, "SELECT max(purge) FROM search_state") == 0
    left = (
        "SELECT max(segments) FROM (SELECT count(DISTINCT segid) AS segments FROM comments_fts_idx)"
        if store.engine == "sqlite"
        else "SELECT 1 + sum(pg_stat_get_dead_tuples(relid)) FROM pg_partition_tree('comments')"
    )
    assert one(store, left) == 1
    assert steps(store)["withdrawn words"] == (True, "no withdrawn words to remove")


@ONLY_SQLITE
def test_the_search_index_is_merged_in_small_transactions(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writers wait for each other at most as long as one of them takes."""
    for n in range(60):
        write(store, *(comment(f"t1_{n}_{k}", body=f"{WORD}{n}x{k} " * 9) for k in range(20)))
    write(store, gone("comment", "t1_5_5"))
    monkeypatch.setattr(vacuum, "MERGE_PAGES", 4)
    merged: list[bool] = []
    merge = vacuum._merged

    def once(*asked: object) -> bool:
        merged.append(merge(*asked))  # type: ignore[arg-type]
        return merged[-1]

    monkeypatch.setattr(vacuum, "_merged", once)
    assert steps(store)["withdrawn words"][0]
    assert len(merged) > 3
    assert one(store, "SELECT count(DISTINCT segid) FROM comments_fts_idx") == 1
    assert index_faults(store) == []


@ONLY_SQLITE
def test_the_file_is_written_anew_without_its_free_pages(store: Store) -> None:
    fill(store, 3_000)
    withdraw(store, 0, 2_900)
    steps(store)
    large = store.size_bytes()
    assert one(store, "PRAGMA freelist_count") > 10
    done = steps(store, full=True)
    assert done["file"][0]
    assert store.size_bytes() < large
    assert one(store, "PRAGMA freelist_count") == 0
    assert [entry.name for entry in store.path.parent.iterdir() if "etilqs" in entry.name] == []
    assert one(store, "PRAGMA application_id") == 0x68756262


@ONLY_SQLITE
def test_a_file_without_room_to_be_written_anew_is_left_as_it_is(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store)
    full = shutil.disk_usage(store.path.parent)._replace(free=10_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    done = steps(store, full=True)
    assert not done["file"][0]
    assert "10,000 are free" in done["file"][1]
    assert done["log"][0]


@ONLY_SQLITE
def test_what_somebody_else_holds_is_left_for_later(any_url: str) -> None:
    with open_store(any_url, options=StoreOptions(busy_timeout_s=0.05)) as store:
        fill(store)
        reader = sqlite3.connect(store.path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM comments").fetchone()
        fill(store, 700)
        done = steps(store)
        assert done["log"] == (False, "the write-ahead log stays for now: somebody is reading or writing")
        reader.execute("ROLLBACK")
        reader.close()
        assert steps(store)["log"][0]
        assert not store.path.with_name(store.path.name + "-wal").stat().st_size


@ONLY_POSTGRES
def test_dead_rows_go_and_statistics_come(store: Store) -> None:
    fill(store, 3_000)
    write(store, *(comment(f"t1_{n}", at=T0 + 9, body="changed") for n in range(2_000)))
    steps(store)
    dead = (
        "SELECT sum(n_dead_tup), max(last_vacuum) IS NOT NULL, max(last_analyze) IS NOT NULL, sum(n_live_tup)"
        " FROM pg_stat_all_tables WHERE schemaname = 'hubbub' AND relname LIKE 'comments%'"
    )
    assert one(store, dead) == (0, True, True, 3_000)
    assert one(store, "SELECT reltuples FROM pg_class WHERE oid = 'comments'::regclass") == 3_000


@ONLY_POSTGRES
def test_while_an_old_transaction_needs_dead_rows_words_are_not_called_gone(store: Store, any_url: str) -> None:
    fill(store)
    with psycopg.connect(any_url) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM hubbub.comments").fetchone()
        withdraw(store, 0, 30)
        done, what = steps(store)["withdrawn words"]
        assert not done
        assert "open transaction" in what
        assert one(store, "SELECT max(purge) FROM search_state") == 1
    assert steps(store)["withdrawn words"][0]
    assert one(store, "SELECT max(purge) FROM search_state") == 0


@ONLY_POSTGRES
def test_words_withdrawn_while_it_vacuums_are_not_called_gone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from hubbub.store import postgres_vacuum  # noqa: PLC0415 - needs the driver

    fill(store)
    withdraw(store, 0, 10)
    look = postgres_vacuum._Place.dead

    def meanwhile(place: postgres_vacuum._Place, table: str) -> int:
        left = look(place, table)
        with open_store(any_url_of(store)) as other:
            withdraw(other, 10, 20)
        return left

    monkeypatch.setattr(postgres_vacuum._Place, "dead", meanwhile)
    assert steps(store)["withdrawn words"] == (False, "left for the next time: more were withdrawn meanwhile")
    assert one(store, "SELECT max(purge) FROM search_state") == 1


def any_url_of(store: Store) -> str:
    from hubbub.store.postgres.backend import PostgresBackend  # noqa: PLC0415 - needs the driver

    assert isinstance(store.backend, PostgresBackend)
    return store.backend.address.conninfo


def test_others_write_and_read_while_everything_is_made_anew(store: Store, any_url: str) -> None:
    fill(store, 2_000)
    over, emptied = threading.Event(), threading.Event()
    wrote: list[int] = []

    def go_on() -> None:
        with open_store(any_url) as other:
            while not over.is_set() or len(wrote) < 3:
                write(other, comment(f"t1_new{len(wrote)}", body=f"{WORD} once more"))
                found = search(other, f"{WORD}77")
                assert found or emptied.is_set()  # SQLite's index is behind while it is made anew
                wrote.append(1)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        done = steps(store, full=True)
        if store.engine == "sqlite":
            emptied.set()
        rebuild_search(store)
    finally:
        over.set()
        thread.join()
    assert done["search"][0]
    assert one(store, "SELECT count(*) FROM comments") == 2_000 + len(wrote)
    assert index_faults(store) == []


_MAINTAIN = """
import sys
from hubbub.store.engine import open_store
from hubbub.store.maintenance import maintain, rebuild_search
with open_store(sys.argv[1]) as store:
    print("ready", flush=True)
    while True:
        for step in maintain(store, full=True):
            print(step.name, flush=True)
        rebuild_search(store)
        print("rebuilt", flush=True)
"""


@pytest.mark.parametrize("after", [1, 4, 6, 9])
def test_killed_anywhere_it_leaves_a_whole_store_and_can_be_repeated(store: Store, any_url: str, after: int) -> None:
    fill(store, 1_500)
    withdraw(store, 0, 100)
    before = digest(store)
    process = subprocess.Popen([sys.executable, "-c", _MAINTAIN, any_url], stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(after):
        process.stdout.readline()
    process.kill()
    process.wait()
    process.stdout.close()
    assert digest(store) == before
    if store.engine == "postgresql":
        forget_killed(store)
    assert all(done for done, _ in steps(store, full=True).values())
    maintain_search(store)
    assert digest(store) == before
    assert [each.name for each in check(store) if each.status != "ok"] == []
    assert index_faults(store) == []


def forget_killed(store: Store) -> None:
    """The server notices a killed client at its next word to it; here at once."""
    with store.exclusive() as db:
        db.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND state = 'active'"
            " AND datname = current_database() AND pid <> pg_backend_pid()"
        )
