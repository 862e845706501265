"""Secondary indexes are left out during a large import and there again afterwards, whatever happened between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hubbub.pipeline.run import Run
from hubbub.records.models import Reason
from hubbub.store import indexes
from hubbub.store.engine import Store, open_store
from hubbub.store.maintenance import maintain
from tests.store.making import comment, gone, rows, write


def lacking(store: Store) -> int:
    with store.transaction() as db:
        return len(indexes.missing(db))


def test_a_new_store_has_all_that_are_shipped(store: Store) -> None:
    assert len(indexes.shipped(store.engine)) >= 10
    assert lacking(store) == 0


def test_they_are_built_after_the_block(store: Store) -> None:
    with indexes.left_out(store):
        assert lacking(store) == len(indexes.shipped(store.engine))
    assert lacking(store) == 0


def test_what_an_interrupted_import_left_out_the_next_run_builds(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt), indexes.left_out(store):
        raise KeyboardInterrupt
    assert lacking(store)
    with Run(store, command="sync", target="x") as run:
        assert lacking(store) == 0
    assert any("indexes" in words for _, words in run.report().findings)


def test_maintenance_builds_them_too(store: Store) -> None:
    with indexes.left_out(store, build_after=False):
        pass
    assert lacking(store)
    assert any("indexes" in step.what for step in maintain(store))
    assert lacking(store) == 0


def test_nobody_builds_what_an_import_under_way_leaves_out(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/hubbub.db"
    with open_store(url) as one, open_store(url) as other, indexes.left_out(one):
        assert indexes.build_left_out(other) == 0
        with indexes.left_out(other):
            assert lacking(other)
        assert lacking(other), "the first import builds them"
    with open_store(url) as store:
        assert lacking(store) == 0


def test_indexes_of_the_users_own_stay(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/hubbub.db") as store:
        with store.exclusive() as db:
            db.execute("CREATE INDEX mine ON comments (body)")
        with indexes.left_out(store), store.exclusive() as db:
            names: list[Any] = db.execute("SELECT name FROM sqlite_master WHERE name = 'mine'").fetchall()
        assert names == [("mine",)]


def test_a_long_reader_keeps_them_where_postgresql_would_wait(postgres: str) -> None:
    with open_store(postgres) as store, open_store(postgres) as other, other.reading_raw() as db:
        db.execute("SELECT count(*) FROM comments").fetchall()
        with indexes.left_out(store):
            assert lacking(store) == 0
    with open_store(postgres) as store:
        assert lacking(store) == 0


def test_a_stub_that_was_removed_is_made_again(store: Store) -> None:
    write(store, *(comment(f"t1_{number}") for number in range(50)))
    write(store, *(gone("comment", f"t1_{number}", reason=Reason.FORGET) for number in range(50)))
    list(maintain(store, full=True))
    assert rows(store, "SELECT count(*) FROM users WHERE id = 'bob'") == [(0,)]
    write(store, *(comment(f"t1_1{number}") for number in range(50)))
    assert rows(store, "SELECT count(*) FROM users WHERE id = 'bob'") == [(1,)]
