"""Slow queries: which statements are told, that no value leaves with them, and that asking for a plan changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hubbub.events import Event, SlowQuery
from hubbub.plugins.contracts import RecallCounts
from hubbub.store import reads
from hubbub.store.backend import StoreOptions
from hubbub.store.engine import Store, open_store
from hubbub.store.search.find import search
from tests.store.conftest import ONLY_POSTGRES, ONLY_SQLITE
from tests.store.making import T0, comment, one, post, write

SECRET = "canarywords"  # in bodies, ids, authors and queries: a value wherever it stands


class Everything(msgspec.Struct, frozen=True):
    communities: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None


@pytest.fixture
def told() -> list[SlowQuery]:
    return []


@pytest.fixture
def measured(any_url: str, told: list[SlowQuery]) -> Iterator[Store]:
    options = StoreOptions(slow_query_ms=0.0001, slow_query_plan=True)
    with open_store(any_url, options=options) as store:

        def keep(event: Event) -> None:
            assert isinstance(event, SlowQuery)
            told.append(event)

        store.tell(keep)
        yield store


def fill(store: Store) -> None:
    write(store, *(post(f"t3_{SECRET}{n}", author=f"{SECRET}{n}", body=f"{SECRET} number {n}") for n in range(30)))
    write(store, *(comment(f"t1_{SECRET}{n}", author=f"{SECRET}{n}", body=f"{SECRET} number {n}") for n in range(30)))
    write(store, post(f"t3_{SECRET}1", at=T0 + 1, author=f"{SECRET}1", body=f"{SECRET} again"))


def read(store: Store) -> list[Any]:
    return [
        reads.known_ids(store, "reddit", "post", [f"t3_{SECRET}1", f"t3_{SECRET}2"]),
        reads.stored_counts(store, "reddit", RecallCounts("bugs")),
        search(store, f"{SECRET} number"),
        len(list(reads.content_rows(store, "comment", ["id", "body"], Everything()))),
    ]


def test_writes_and_reads_of_every_kind_are_told_without_their_values(measured: Store, told: list[SlowQuery]) -> None:
    fill(measured)
    written = " ".join(event.sql for event in told)
    assert "INSERT INTO posts" in written
    assert "INSERT INTO comments" in written
    told.clear()
    read(measured)
    asked = " ".join(event.sql for event in told)
    for part in ("FROM posts", "FROM comments", "SELECT id, body FROM comments"):
        assert part in asked
    assert SECRET not in written + asked
    assert all(event.elapsed_s > 0 for event in told)
    assert all("\n" not in event.sql and len(event.sql) <= 2001 for event in told)


def test_plans_are_told_for_reads_and_writes_and_hold_no_values(measured: Store, told: list[SlowQuery]) -> None:
    fill(measured)
    read(measured)
    list(reads.content_rows(measured, "post", ["id"], Everything(since=T0 - 4321)))
    plans = {event.sql.split()[0]: event.plan for event in told if event.plan is not None}
    whole = " ".join(event.plan for event in told if event.plan is not None)
    assert SECRET not in whole
    assert str(T0 - 4321) not in whole
    assert "'" not in whole
    assert {"SELECT", "INSERT"} <= set(plans)
    index = "sqlite_autoindex_posts_1" if measured.engine == "sqlite" else "Index"
    assert any(index in (event.plan or "") for event in told if "FROM posts" in event.sql)
    assert all(event.plan is None for event in told if event.sql.startswith(("BEGIN", "COMMIT", "PRAGMA", "COPY")))


def test_asking_for_plans_changes_neither_what_is_stored_nor_what_is_read(
    measured: Store, any_url: str, tmp_path: Path
) -> None:
    fill(measured)
    with open_store(f"sqlite:///{tmp_path}/plain.db") as plain:
        fill(plain)
        wanted = read(plain)
    with open_store(any_url) as again:
        found = read(again)
    assert read(measured) == found
    assert [found[0], found[3]] == [wanted[0], wanted[3]]
    assert set(found[1]) == set(wanted[1])
    assert one(measured, "SELECT count(*) FROM posts WHERE observed_at IS NOT NULL") == 30


def test_a_statement_that_failed_is_told_and_leaves_the_transaction_as_it_was(
    measured: Store, told: list[SlowQuery]
) -> None:
    with measured.transaction() as db:
        db.execute("SAVEPOINT before")
        with pytest.raises(measured.backend.refusals):
            db.execute("INSERT INTO blocklist (source, kind, id, added_at) VALUES (?, 'post', '', 1)", ("reddit",))
        db.execute("ROLLBACK TO before")
        db.execute("INSERT INTO blocklist (source, kind, id, added_at) VALUES (?, 'post', 'x', 1)", ("reddit",))
    assert one(measured, "SELECT count(*) FROM blocklist") == 1
    assert sum("INTO blocklist" in event.sql for event in told) == 2


def test_a_high_threshold_tells_nothing(any_url: str, told: list[SlowQuery]) -> None:
    with open_store(any_url, options=StoreOptions(slow_query_ms=60_000)) as store:
        store.tell(told.append)  # type: ignore[arg-type]
        fill(store)
        read(store)
    assert told == []


def test_without_a_threshold_connections_are_the_plain_ones(store: Store) -> None:
    with store.exclusive() as db:
        kind = type(db) if store.engine == "sqlite" else type(db.execute("SELECT 1"))
    assert kind.__name__ in {"SqliteSession", "Cursor"}


@ONLY_SQLITE
def test_time_spent_fetching_counts(any_url: str, told: list[SlowQuery]) -> None:
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT ?) SELECT x FROM c"
    for fetch in (list, lambda found: found.fetchall(), lambda found: [*iter(lambda: found.fetchmany(50_000), [])]):
        told.clear()
        with open_store(any_url, options=StoreOptions(slow_query_ms=20)) as store:
            store.tell(told.append)  # type: ignore[arg-type]
            with store.reading_raw() as db:
                fetch(db.execute(endless, (300_000,)))
        assert [event.sql for event in told] == [endless], fetch


@ONLY_POSTGRES
def test_a_server_that_takes_its_time_is_told(any_url: str, told: list[SlowQuery]) -> None:
    with open_store(any_url, options=StoreOptions(slow_query_ms=40, slow_query_plan=True)) as store:
        store.tell(told.append)  # type: ignore[arg-type]
        with store.reading() as connection:
            connection.exec_driver_sql("SELECT pg_sleep(%s)", (0.05,))
        with store.reading_raw() as db:
            list(db.stream("SELECT pg_sleep(?)", (0.05,)))
    assert [event.sql for event in told] == ["SELECT pg_sleep(%s)"] * 2
    assert all(event.elapsed_s > 0.04 and "Result" in (event.plan or "") for event in told)


def test_a_command_logs_them_on_stderr_as_one_json_object_each(any_url: str, tmp_path: Path) -> None:
    with open_store(any_url) as store:
        fill(store)
    settings = {"SLOW_QUERY_MS": "0.0001", "SLOW_QUERY_PLAN": "true"}
    environment = {**os.environ, **{f"HUBBUB_STORE__{key}": value for key, value in settings.items()}}
    done = subprocess.run(
        [sys.executable, "-m", "hubbub", "--home", str(tmp_path), "--json", "search", f"{SECRET} author:{SECRET}3"],
        env={**environment, "HUBBUB_STORE": any_url, "HUBBUB_LOG__FORMAT": "json"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert [hit["id"] for hit in json.loads(done.stdout)["hits"]] == [f"t1_{SECRET}3", f"t3_{SECRET}3"]
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert lines
    assert {line["event"] for line in lines} == {"slow query"}
    assert {line["level"] for line in lines} == {"warning"}
    assert all({"at", "sql", "elapsed_s", "plan"} <= set(line) for line in lines)
    assert any(line["plan"] for line in lines)
    assert SECRET not in " ".join(line["sql"] for line in lines)
    assert "correct-horse" not in done.stderr
