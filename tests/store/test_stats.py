"""`db stats`: rows are counted or said to be estimated, bytes add up, dead space and what waits is told."""

from __future__ import annotations

import pytest

from hubbub.store import stats as measuring
from hubbub.store.engine import Store, open_store
from hubbub.store.maintenance import maintain
from hubbub.store.stats import StoreStats, TableStats, dead_share, stats
from hubbub.store.tables import metadata
from tests.servers import PostgresServer
from tests.store.conftest import ONLY_POSTGRES, ONLY_SQLITE
from tests.store.making import T0, comment, gone, one, post, write


@pytest.fixture
def filled(store: Store) -> Store:
    write(store, post(), *(comment(f"t1_{n}", body=f"word{n} " * 40) for n in range(2_000)))
    return store


def table(found: StoreStats, name: str) -> TableStats:
    return next(each for each in found.tables if each.table == name)


def test_every_table_is_told_largest_first_and_the_bytes_add_up(filled: Store) -> None:
    list(maintain(filled))
    found = stats(filled)
    assert {each.table for each in found.tables} == {each.name for each in metadata.sorted_tables}
    assert found.tables[0].table == "comments"
    assert (table(found, "comments").rows, table(found, "posts").rows, table(found, "users").rows) == (2_000, 1, 2)
    assert not any(each.estimated for each in found.tables)
    whole = sum((each.table_bytes or 0) + (each.index_bytes or 0) for each in found.tables)
    assert 0.9 * found.size_bytes < whole <= found.size_bytes
    assert (table(found, "comments").index_bytes or 0) > 8192 * 10  # the search index is one of them
    assert found.schema == one(filled, "SELECT version_num FROM alembic_version")
    assert found.engine_version[0].isdigit()


def test_what_waits_is_told(filled: Store) -> None:
    filled.search_later = True
    write(filled, comment("t1_later"))
    write(filled, gone("comment", "t1_1"))
    found = {state.kind: (state.behind, state.withdrawn_words) for state in stats(filled).search}
    assert found == {"post": (True, False), "comment": (True, True)}
    list(maintain(filled))
    assert {(state.behind, state.withdrawn_words) for state in stats(filled).search} == {(False, False)}


@ONLY_SQLITE
def test_free_pages_and_the_log_are_told(filled: Store) -> None:
    found = stats(filled)
    assert found.log_bytes == filled.path.with_name(filled.path.name + "-wal").stat().st_size > 0
    with filled.transaction() as db:
        db.execute("DELETE FROM comments_fts_data WHERE id > 10")
    found = stats(filled)
    assert found.free_bytes is not None
    assert found.free_bytes > 8192
    assert 0 < found.dead_share < 1
    assert found.partitions == ()


@ONLY_SQLITE
def test_a_sqlite_that_cannot_tell_bytes_counts_rows_all_the_same(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "DBSTAT", measuring.DBSTAT.replace("dbstat", "no_such_module"))
    found = stats(filled)
    assert table(found, "comments").rows == 2_000
    assert {each.table_bytes for each in found.tables} == {None}
    assert found.size_bytes > 0


@ONLY_POSTGRES
def test_large_tables_are_estimated_and_it_says_so(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "LARGE_ROWS", 1_000)
    assert not table(stats(filled), "comments").estimated  # nobody has looked at it yet: it is counted
    list(maintain(filled))
    found = stats(filled)
    assert (table(found, "comments").estimated, table(found, "comments").rows) == (True, 2_000)
    assert (table(found, "posts").estimated, table(found, "posts").rows) == (False, 1)


@ONLY_POSTGRES
def test_dead_rows_and_the_largest_partitions_are_told(filled: Store) -> None:
    list(maintain(filled))
    write(filled, *(comment(f"t1_{n}", at=T0 + 9, body="changed") for n in range(1_000)))
    with filled.exclusive() as db:
        db.execute("SELECT pg_stat_force_next_flush()")
    found = stats(filled)
    assert (table(found, "comments").dead_rows or 0) >= 1_000
    assert 0.2 < found.dead_share < 0.7
    assert len(found.partitions) == measuring.PARTITIONS
    assert found.partitions[0].table == "comments"
    sizes = [part.size_bytes for part in found.partitions]
    assert sizes == sorted(sizes, reverse=True)
    assert sum(part.rows for part in found.partitions if part.table == "comments") == 2_000


@ONLY_POSTGRES
def test_the_servers_log_is_told_to_those_who_may_know(filled: Store) -> None:
    assert stats(filled).log_bytes is None


def test_a_user_who_may_look_is_told_the_size_of_the_servers_log(own_postgres: PostgresServer) -> None:
    own_postgres.sql("GRANT pg_monitor TO hubbub")
    with open_store(own_postgres.make_database()) as store:
        assert (stats(store).log_bytes or 0) >= 4 << 20


def test_an_empty_store_has_no_dead_space(store: Store) -> None:
    with store.reading_raw() as db:
        assert dead_share(db) == 0
    assert stats(store).dead_share == 0
