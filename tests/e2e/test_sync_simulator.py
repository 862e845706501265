"""A sync from the simulator that fails or is killed at any request is made whole by running it again (K, D and R of the
promise). The clock stands still, so that two syncs of the same world are told the same times and digests can be equal."""

from __future__ import annotations

import json
import multiprocessing
import threading
import urllib.request
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from hubbub.errors import ExitCode
from hubbub.http.retry import RetryPolicy
from hubbub.pipeline.run import RunReport
from hubbub.pipeline.sync import sync
from hubbub.plugins.contracts import RecallCounts, SyncOptions, Target
from hubbub.simulator.faults import Clock, Limits, Scenario
from hubbub.simulator.server import Running
from hubbub.store import reads
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from tests.e2e import sync_child
from tests.e2e.road import access, get_json, simulated

NAME = "whatisthisbug"
STILL = Scenario(clock=Clock(speed=0.0, step=0.0), limits=Limits(requests=1_000_000, token_requests=1_000_000))
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.e2e.sync_child"])
PAUSE = threading.Event()


@pytest.fixture(scope="module")
def small() -> Iterator[Running]:
    """A community of one listing page whose threads need a dozen requests or two."""
    with simulated(posts=10, comments=90, communities=(NAME,), scenario=STILL) as running:
        yield running


@pytest.fixture(scope="module")
def paged() -> Iterator[Running]:
    """A community of three listing pages and next to no talk."""
    with simulated(posts=230, comments=6, communities=(NAME,), scenario=STILL) as running:
        yield running


def control(running: Running, **order: Any) -> None:
    body = json.dumps(order).encode()
    with urllib.request.urlopen(f"{running.url}/__control", data=body, timeout=30) as answer:
        answer.read()


def asked(running: Running) -> int:
    """Data requests since the count was last set back."""
    stats: dict[str, int] = get_json(running, "/__stats")
    return sum(count for route, count in stats.items() if route != "token")


def synced(store: Store, running: Running) -> RunReport:
    return sync(
        store,
        [Target(source="reddit", name=NAME)],
        options=SyncOptions(),
        settings=access(running),
        policy=RetryPolicy(attempts=1),
    )


def wait_for(running: Running, k: int, *, process: BaseProcess) -> None:
    """Until the k-th request has come (it gets no answer)."""
    for _ in range(3000):
        if asked(running) >= k:
            return
        assert process.is_alive(), f"ended with {process.exitcode} after {asked(running)} requests, before {k}"
        PAUSE.wait(0.02)
    pytest.fail(f"only {asked(running)} requests came, {k} expected")


def url(folder: Path, name: str) -> str:
    return f"sqlite:///{folder}/{name}.db"


def undisturbed(running: Running, folder: Path) -> tuple[str, int]:
    """The digest of a whole sync, and how many requests it took."""
    control(running, release=True, clear=True, reset_stats=True)
    with open_store(url(folder, "whole")) as store:
        report = synced(store, running)
        assert report.exit_code is ExitCode.OK, report.errors
        requests = asked(running)
        control(running, reset_stats=True)
        return digest(store), requests


def test_a_second_sync_changes_nothing(small: Running, tmp_path: Path) -> None:
    control(small, release=True, clear=True, reset_stats=True)
    with open_store(url(tmp_path, "twice")) as store:
        first = synced(store, small)
        before, requests = digest(store), asked(small)
        second = synced(store, small)
        assert (first.exit_code, second.exit_code) == (ExitCode.OK, ExitCode.OK)
        assert first.tally.new > len(get_json(small, "/__truth")[NAME]["posts"])
        assert (second.tally.new, second.tally.updated, second.tally.tombstoned) == (0, 0, 0)
        assert digest(store) == before
        assert asked(small) - requests < requests / 2


def test_everything_the_world_shows_is_stored(small: Running, tmp_path: Path) -> None:
    truth = get_json(small, "/__truth")[NAME]
    control(small, release=True, clear=True)
    with open_store(url(tmp_path, "truth")) as store:
        synced(store, small)
        for kind in ("post", "comment"):
            members = truth[f"{kind}s"]
            assert members
            assert reads.known_ids(store, "reddit", kind, tuple(members)) == frozenset(members)


def test_a_sync_that_fails_at_any_request_is_finished_by_the_next(small: Running, tmp_path: Path) -> None:
    wanted, requests = undisturbed(small, tmp_path)
    for k in range(1, requests + 1):
        control(small, fail={"action": "status", "status": 503, "nth": k + 1, "times": None})  # the token is number one
        with open_store(url(tmp_path, f"failed{k}")) as store:
            assert synced(store, small).exit_code is ExitCode.REMOTE, k
            control(small, clear=True)
            assert synced(store, small).exit_code is ExitCode.OK, k
            assert digest(store) == wanted, k


def test_a_failed_listing_page_leaves_the_watermark(paged: Running, tmp_path: Path) -> None:
    wanted, _ = undisturbed(paged, tmp_path)
    for page in (1, 2, 3):
        control(paged, fail={"action": "status", "status": 503, "route": "new", "nth": page})
        with open_store(url(tmp_path, f"page{page}")) as store:
            assert synced(store, paged).exit_code is ExitCode.REMOTE, page
            assert len(reads.stored_counts(store, "reddit", RecallCounts(NAME))) < len(
                get_json(paged, "/__truth")[NAME]["posts"]
            ), page
            control(paged, clear=True)
            assert synced(store, paged).exit_code is ExitCode.OK, page
            assert digest(store) == wanted, page


def test_a_sync_killed_at_any_request_is_finished_by_the_next(small: Running, tmp_path: Path) -> None:
    wanted, requests = undisturbed(small, tmp_path)
    settings = access(small)["reddit"]
    for k in range(1, requests + 1):
        control(small, hold_after=k - 1, reset_stats=True)
        process = PROCESSES.Process(
            target=sync_child.main,
            args=(url(tmp_path, f"killed{k}"),),
            kwargs={"name": NAME, "base_url": settings.base_url, "credentials": dict(settings.values)},
        )
        process.start()
        wait_for(small, k, process=process)
        process.kill()
        process.join()
        process.close()
        control(small, release=True)
        with open_store(url(tmp_path, f"killed{k}")) as store:
            assert synced(store, small).exit_code is ExitCode.OK, k
            assert digest(store) == wanted, k
