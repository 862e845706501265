"""SQLite and PostgreSQL hold the same: recorded answers, real dumps and a simulated world have one digest on both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hubbub.pipeline.load import LoadOptions, load_files
from hubbub.store import reads
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from hubbub.store.overview import status
from tests.e2e.road import simulated, store_url, sync_all
from tests.e2e.test_worlds_agree import NAMES, dumped
from tests.shared import DATA, needs_shared
from tests.store.making import index_faults


@pytest.fixture
def stores(tmp_path: Path, postgres: str) -> Iterator[tuple[Store, Store]]:
    with open_store(store_url(tmp_path)) as one, open_store(postgres) as other:
        yield one, other


def assert_alike(stores: tuple[Store, Store]) -> None:
    assert len({digest(store) for store in stores}) == 1
    assert len({digest(store, shared=True) for store in stores}) == 1
    first, second = (status(store) for store in stores)
    assert (first.kinds, first.communities, first.media, first.quarantined, first.tombstones) == (
        second.kinds,
        second.communities,
        second.media,
        second.quarantined,
        second.tombstones,
    )
    assert [index_faults(store) for store in stores] == [[], []]


@needs_shared
def test_the_recorded_dumps_are_stored_alike_and_again_change_nothing(stores: tuple[Store, Store]) -> None:
    files = sorted(path for path in (DATA / "archive").iterdir() if path.suffix in {".zst", ".ndjson"})
    assert len(files) >= 4
    for turn in (files, files[::-1]):
        tallies = [
            load_files(store, turn, options=LoadOptions(min_score=-(10**9 + len(turn[0].name)))).tally
            for store in stores
        ]
        assert tallies[0] == tallies[1]
        assert_alike(stores)
    assert tallies[0].new == tallies[0].updated == 0


@needs_shared
def test_the_recorded_answers_are_stored_alike(stores: tuple[Store, Store]) -> None:
    files = sorted((DATA / "reddit").rglob("*.json"))
    assert len(files) > 50
    reports = [load_files(store, files, options=LoadOptions()) for store in stores]
    assert reports[0].tally == reports[1].tally
    assert reports[0].tally.new > 500
    assert_alike(stores)
    first, second = ([(row.kind, row.id, row.reason) for row in reads.quarantined(store, 10_000)] for store in stores)
    assert first == second


def test_the_dump_of_a_simulated_world_is_stored_alike(stores: tuple[Store, Store], tmp_path: Path) -> None:
    with simulated(posts=40, comments=500, communities=NAMES) as running:
        files = dumped(running, tmp_path)
    tallies = [load_files(store, files, options=LoadOptions()).tally for store in stores]
    assert tallies[0] == tallies[1]
    assert tallies[0].new > 900
    assert_alike(stores)


def test_a_simulated_world_is_synced_alike(stores: tuple[Store, Store]) -> None:
    for store in stores:
        with simulated(posts=40, comments=500, communities=("bugs",)) as running:
            assert sync_all(store, running, names=("bugs",)).tally.set_aside == 0
    assert digest(stores[0], shared=True) == digest(stores[1], shared=True)
    assert [index_faults(store) for store in stores] == [[], []]
