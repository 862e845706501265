"""A world that moves on between syncs: what is visible is stored, what was seen to go is gone from every byte."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hubbub.errors import ExitCode
from hubbub.pipeline.load import LoadOptions, load_files
from hubbub.plugins import registry
from hubbub.plugins.contracts import SyncOptions
from hubbub.records.models import LinkListing, Stub
from hubbub.simulator.faults import Clock, Limits, Scenario
from hubbub.simulator.server import Running
from hubbub.simulator.things import HORIZON
from hubbub.simulator.world import World
from hubbub.store.batch import Batch, Tally
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from tests.e2e.living import NAME, SIZE, lingering, mark_world, move_to
from tests.e2e.road import get_json, simulated, store_url, sync_all
from tests.store.making import index_faults, rows

DAY = 86_400
DAYS = (50, 49.8, 46, 40, 29.9, 29.8, 12, 1)
"""Days before the horizon at which the platform is looked at."""


@pytest.fixture(autouse=True)
def _marked(monkeypatch: pytest.MonkeyPatch) -> None:
    mark_world(monkeypatch)


def moments() -> list[int]:
    """When the platform is looked at: on the days above, and just before a few edits."""
    community = World(7, size=SIZE, communities=(NAME,)).community(NAME)
    assert community is not None
    edited = [
        thing.edited_at - 300
        for thing in community.comments
        if thing.edited_at < HORIZON and thing.edited_at - thing.created_at > 600
    ]
    first = int(HORIZON - DAYS[0] * DAY)
    return sorted([int(HORIZON - days * DAY) for days in DAYS] + [at for at in edited if at > first][:4])


@contextmanager
def living() -> Iterator[Running]:
    scenario = Scenario(
        clock=Clock(start=int(HORIZON - DAYS[0] * DAY), speed=0, step=0.7),
        limits=Limits(requests=10**9, token_requests=100_000),
    )
    with simulated(posts=SIZE.posts, comments=SIZE.comments, communities=(NAME,), scenario=scenario) as running:
        yield running


class Recorded:
    """The batches that a store was given."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches: list[Batch] = []
        write = store.write

        def note(batch: Batch) -> Tally:
            self.batches.append(batch)
            return write(batch)

        monkeypatch.setattr(store, "write", note)

    def records(self) -> list[Any]:
        return [record for batch in self.batches for record in batch.spread().records if not isinstance(record, Stub)]


def synced(store: Store, running: Running, *, full: bool = False) -> None:
    report = sync_all(store, running, options=SyncOptions(full=full))
    assert report.exit_code is ExitCode.OK, report.errors
    assert report.tally.offered == sum(getattr(report.tally, name) for name in Tally.__struct_fields__[:-1])


def imported(store: Store, folder: Path, *, at: int) -> None:
    world = World(7, size=SIZE, communities=(NAME,))
    files = sorted(registry.load("simulators", "reddit").dump(world=world, out=folder / str(at), at=at))
    report = load_files(store, files, options=LoadOptions())
    assert report.exit_code is ExitCode.OK, report.errors


def assert_sound(store: Store) -> None:
    assert rows(store, "PRAGMA integrity_check") == [("ok",)]
    assert index_faults(store) == []
    assert rows(store, "SELECT count(*) FROM posts WHERE author_gone AND author_name IS NOT NULL") == [(0,)]
    assert rows(store, "SELECT count(*) FROM comments WHERE author_gone AND author_name IS NOT NULL") == [(0,)]


def replayed(records: list[Any], folder: Path, *, seed: int) -> str:
    """The digest of a store that was given these records in another order, cut otherwise, some of them twice."""
    rng = random.Random(seed)
    again = records + rng.sample(records, len(records) // 3)
    rng.shuffle(again)
    with open_store(f"sqlite:///{folder}/replay{seed}.db") as store:
        while again:
            size = rng.choice([1, 7, 100, 3000])
            part, again = again[:size], again[size:]
            store.write(Batch(run_id=1, source="reddit", stream="again", records=part))
        return digest(store) + digest(store, shared=True)


def test_a_living_world_is_followed_and_what_was_seen_to_go_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with living() as running, open_store(store_url(tmp_path)) as store:
        recorded = Recorded(store, monkeypatch)
        for at in moments():
            move_to(running, at)
            synced(store, running)
            assert lingering(store) == []
        move_to(running, HORIZON)
        synced(store, running, full=True)
        assert lingering(store) == []
        assert_sound(store)
        truth = get_json(running, "/__truth")[NAME]
        live = {
            f"{kind}s": {key for (key,) in rows(store, f"SELECT id FROM {kind}s WHERE withdrawn = 0")}
            for kind in ("post", "comment")
        }
        assert set(truth["posts"]) <= live["posts"]
        assert set(truth["comments"]) - set(truth["blank_comments"]) <= live["comments"]
        assert not set(truth["blank_comments"]) & live["comments"]
        with open_store(f"sqlite:///{tmp_path}/fresh.db") as fresh:
            synced(fresh, running)
            shown = "SELECT id, {} FROM {}s WHERE withdrawn = 0 AND id IN (SELECT value FROM json_each(?)) ORDER BY id"
            for kind, columns in (
                ("post", "title, body, score, comment_count, author_name, edited_at"),
                ("comment", "body, score, author_name, edited_at, parent_id"),
            ):
                ids = json.dumps(truth[f"{kind}s"])
                ours, anew = (rows(each, shown.format(columns, kind), ids) for each in (store, fresh))
                assert ours == anew
        assert rows(store, "SELECT count(*) FROM tombstones") > [(3,)]
        assert rows(store, "SELECT count(*) FROM revisions") > [(0,)]
        assert rows(store, "SELECT count(*) FROM observations") > [(20,)]
        wanted = digest(store) + digest(store, shared=True)
        for seed in (1, 2):
            assert replayed(recorded.records(), tmp_path, seed=seed) == wanted


def test_dumps_of_several_times_and_syncs_in_any_order_give_what_their_observations_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with living() as running, open_store(store_url(tmp_path)) as store:
        recorded = Recorded(store, monkeypatch)
        for days, dumped in ((45, 46), (30, 50), (8, 20), (1, 2)):
            move_to(running, HORIZON - days * DAY)
            imported(store, tmp_path, at=int(HORIZON - dumped * DAY))
            synced(store, running)
            assert lingering(store) == []
        imported(store, tmp_path, at=HORIZON)
        assert lingering(store) == []
        assert_sound(store)
        assert not any(isinstance(record, LinkListing) for record in recorded.records())
        wanted = digest(store) + digest(store, shared=True)
        for seed in (3, 4):
            assert replayed(recorded.records(), tmp_path, seed=seed) == wanted


def test_dumps_of_two_times_give_the_same_in_either_order(tmp_path: Path) -> None:
    found = set()
    for number, dumps in enumerate([(20, 0), (0, 20)]):
        with open_store(f"sqlite:///{tmp_path}/order{number}.db") as store:
            for days in dumps:
                imported(store, tmp_path / str(number), at=int(HORIZON - days * DAY))
            found.add(digest(store) + digest(store, shared=True))
    assert len(found) == 1
