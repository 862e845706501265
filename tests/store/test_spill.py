"""While PostgreSQL is away batches wait on disk, and are stored once, in order, when it is back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hubbub.errors import StorageError
from hubbub.plugins.contracts import Checkpoint
from hubbub.records.models import Record, Tombstone
from hubbub.store import engine, reads
from hubbub.store.backend import StoreOptions
from hubbub.store.batch import Batch, LedgerMark, Tally
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from hubbub.store.spill import Spill, entries
from tests.servers import PostgresServer
from tests.store.making import HOUR, T0, comment, gone, post

MARK = LedgerMark(digest="ab", filters="{}", mapping_version=1, path="x", size_bytes=1, offset=1, lines=1)


def test_a_file_is_never_away_and_needs_no_folder_for_that(tmp_path: Path) -> None:
    (tmp_path / "spill").mkdir()  # of another store that this home once had
    with open_store(f"sqlite:///{tmp_path}/hubbub.db", options=StoreOptions(spill=tmp_path / "spill")) as store:
        assert store.begin_run(command="sync", target="x", started_at=1) == 1


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoreOptions:
    monkeypatch.setattr(engine, "PROBE_EVERY_S", 0.0)
    return StoreOptions(spill=tmp_path / "spill", spill_after_s=0.0, patience_s=5.0)


@pytest.fixture
def url(own_postgres: PostgresServer, options: StoreOptions) -> str:
    made = own_postgres.make_database()
    open_store(made, options=options).close()
    return made


@pytest.fixture
def store(url: str, options: StoreOptions) -> Iterator[Store]:
    with open_store(url, options=options) as opened:
        yield opened


def batch(run_id: int, number: int, *records: Record) -> Batch:
    return Batch(
        run_id=run_id,
        source="reddit",
        stream="bugs/new",
        records=records or [comment(f"t1_{number}_{n}", body=f"word{n}") for n in range(20)],
        checkpoints=[Checkpoint(key="bugs/new", state=str(number))],
        ledger=MARK,
        unknown_fields={"post.mood": 1},
    )


def counted(store: Store, run_id: int) -> tuple[int, int]:
    (run,) = [run for run in reads.runs(store) if run.id == run_id]
    return run.tally.new, run.tally.offered


def begin(store: Store) -> int:
    return store.begin_run(command="sync", target="x", started_at=T0)


def test_batches_wait_on_disk_and_are_stored_in_order(
    store: Store, own_postgres: PostgresServer, tmp_path: Path
) -> None:
    run_id, total = begin(store), Tally()
    stone: Tombstone = gone("comment", "t1_1_0", at=T0 + HOUR)
    total.add(store.write(batch(run_id, 1)))
    own_postgres.stop("immediate")
    for number, records in ((2, [post()]), (3, [stone, post(at=T0 + HOUR, title="newer")]), (4, [])):
        total.add(store.write(batch(run_id, number, *records)))
    assert (store.waiting, total.offered) == (3, 20)
    own_postgres.start()
    total.add(store.write(batch(run_id, 5)))
    assert (store.waiting, total.offered, total.new) == (0, 20 + 1 + 2 + 20 + 20, 61)
    assert counted(store, run_id) == (61, 63)
    checkpoint = reads.checkpoint(store, "reddit", "bugs/new")
    assert checkpoint is not None
    assert checkpoint.state == "5"
    assert not (tmp_path / "spill").exists()
    with open_store(f"sqlite:///{tmp_path}/undisturbed.db") as whole:
        for number, some in ((1, []), (2, [post()]), (3, [stone, post(at=T0 + HOUR, title="newer")]), (4, []), (5, [])):
            whole.write(batch(1, number, *some))
        assert digest(whole) == digest(store)


def test_a_batch_whose_commit_was_not_heard_of_before_the_server_died_counts_once(
    store: Store, own_postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = begin(store)
    with store.exclusive() as db:
        connection: Any = getattr(db, "connection")  # noqa: B009 - only PostgreSQL's session has one
    real = connection.execute

    def execute(sql: Any, *rest: Any) -> Any:
        done = real(sql, *rest)
        if sql == "COMMIT":
            own_postgres.stop("immediate")
            return real("SELECT 1")
        return done

    monkeypatch.setattr(connection, "execute", execute)
    assert store.write(batch(run_id, 1)).offered == 0
    assert store.waiting == 1
    own_postgres.start()
    assert store.catch_up().new == 20
    assert store.waiting == 0
    assert counted(store, run_id) == (20, 20)


def test_what_a_dead_process_left_is_stored_once_by_the_next_command(
    url: str, own_postgres: PostgresServer, options: StoreOptions
) -> None:
    assert options.spill is not None
    folder = options.spill
    with open_store(url, options=options) as store:
        run_id = begin(store)
        own_postgres.stop("immediate")
        store.write(batch(run_id, 1))
        store.write(batch(run_id, 2))
    (left,) = folder.glob("*.spill")
    dead = left.rename(left.with_name(left.name.rpartition("-")[0] + "-99999999.spill"))
    kept = shutil.copy(dead, folder.with_name("kept"))
    own_postgres.start()
    for _ in range(2):  # the second time as if the first had died before it could remove the file
        with open_store(url, options=options) as store:
            begin(store)
            assert counted(store, run_id) == (40, 40)
            assert not dead.exists()
        dead.parent.mkdir(exist_ok=True)
        shutil.copy(kept, dead)


def test_an_entry_cut_by_a_crash_is_no_entry(tmp_path: Path) -> None:
    spill = Spill(tmp_path, name="x")
    for number in (1, 2):
        spill.append(batch(7, number), commits=number)
    spill.close()
    data = spill.path.read_bytes()
    found = [(entry.commits, entry.batch.records, entry.batch.ledger) for entry in entries(spill.path)]
    assert found == [(number, batch(7, number).records, MARK) for number in (1, 2)]
    for cut in (1, 30, len(data) // 2 - 20):
        spill.path.write_bytes(data[:-cut])
        assert [entry.commits for entry in entries(spill.path)] == [1]


def test_a_long_absence_ends_the_run_and_keeps_what_waits(tmp_path: Path) -> None:
    spill = Spill(tmp_path, name="x", max_bytes=800)
    spill.append(batch(7, 1), commits=0)
    with pytest.raises(StorageError, match="is full"):
        list(map(partial(spill.append, commits=1), [batch(7, number) for number in range(2, 9)]))
    spill.close()
    assert len(list(entries(spill.path))) == spill.batches > 0
