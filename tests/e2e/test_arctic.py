"""A community synced from the pretend Arctic Shift: the same content as the dump of the same world, whatever happens on
the way. The clock stands still, so that digests of two stores can be equal."""

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
from hubbub.pipeline.load import LoadOptions, load_files
from hubbub.pipeline.run import RunReport
from hubbub.pipeline.sync import sync
from hubbub.plugins import registry
from hubbub.plugins.contracts import SourceSettings, SyncOptions, Target
from hubbub.simulator.faults import Clock, Limits, Scenario
from hubbub.simulator.server import Options, Running
from hubbub.simulator.things import Size
from hubbub.simulator.world import World
from hubbub.store import reads
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from tests.e2e import sync_child
from tests.e2e.road import access, get_json, store_url, sync_all

NAME = "whatisthisbug"
POSTS, COMMENTS = 130, 900
STILL = Scenario(clock=Clock(speed=0.0, step=0.0), limits=Limits(requests=1_000_000, token_requests=1_000_000))
PROCESSES = multiprocessing.get_context("forkserver")
PAUSE = threading.Event()


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    routes = [registry.load("simulators", name) for name in ("arctic", "reddit")]
    options = Options(routes=routes, posts=POSTS, comments=COMMENTS, communities=(NAME,), scenario=STILL)
    with Running(options) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def imported(running: Running, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The digests (whole, shared) of an import of the same world's dump."""
    folder = tmp_path_factory.mktemp("imported")
    with open_store(store_url(folder / "store")) as store:
        report = load_files(store, dumped(running, folder), options=LoadOptions())
        assert report.exit_code is ExitCode.OK, report.errors
        return digest(store), digest(store, shared=True)


def dumped(running: Running, folder: Path) -> list[Path]:
    world = World(running.options.seed, size=Size(posts=POSTS, comments=COMMENTS), communities=(NAME,))
    written = registry.load("simulators", "reddit").dump(world=world, out=folder, base_url=running.url)
    return sorted(Path(path) for path in written)


def control(running: Running, **order: Any) -> None:
    body = json.dumps(order).encode()
    with urllib.request.urlopen(f"{running.url}/__control", data=body, timeout=30) as answer:
        answer.read()


def asked(running: Running) -> int:
    stats: dict[str, int] = get_json(running, "/__stats")
    return sum(count for route, count in stats.items() if route.startswith("arctic"))


def synced(store: Store, running: Running, *, name: str = NAME, **options: Any) -> RunReport:
    return sync(
        store,
        [Target(source="arctic", name=name)],
        options=SyncOptions(**options),
        settings={"arctic": SourceSettings(values={}, base_url=running.url)},
        policy=RetryPolicy(attempts=2, backoff_s=0.01, rate_floor_s=0.01),
    )


def test_a_sync_stores_what_an_import_of_the_dump_stores_and_a_second_one_changes_nothing(
    running: Running, imported: tuple[str, str], tmp_path: Path
) -> None:
    control(running, release=True, clear=True, reset_stats=True)
    with open_store(store_url(tmp_path)) as store:
        first = synced(store, running)
        assert (first.exit_code, first.missing, first.findings) == (ExitCode.OK, 0, ())
        assert (digest(store), digest(store, shared=True)) == imported
        requests = asked(running)
        second = synced(store, running)
        assert second.exit_code is ExitCode.OK
        assert (second.tally.new, second.tally.updated, second.tally.older) == (0, 0, 0)
        assert digest(store) == imported[0]
        assert asked(running) - requests < requests
        whole = synced(store, running, full=True)
        assert (whole.tally.new, whole.tally.updated, whole.missing) == (0, 0, 0)
        assert whole.tally.offered == first.tally.offered


def test_an_import_and_a_live_sync_before_or_after_come_to_the_same(running: Running, tmp_path: Path) -> None:
    control(running, release=True, clear=True)
    found: dict[str, str] = {}
    files = dumped(running, tmp_path)
    orders = {"live, arctic": "la", "arctic, live": "al", "dump, arctic, live": "dal", "arctic, dump, live": "adl"}
    for order, steps in orders.items():
        with open_store(store_url(tmp_path / order)) as store:
            for step in steps:
                if step == "d":
                    load_files(store, files, options=LoadOptions())
                elif step == "a":
                    assert synced(store, running).exit_code is ExitCode.OK
                else:
                    assert sync_all(store, running).exit_code is ExitCode.OK
            found[order] = digest(store, shared=True)
            assert {row.source for row in reads.status(store).communities} == {"reddit"}
    assert len(set(found.values())) == 1, found


def test_both_doors_of_one_community_in_one_run_are_told_apart(running: Running, tmp_path: Path) -> None:
    control(running, release=True, clear=True)
    told = access(running) | {"arctic": SourceSettings(values={}, base_url=running.url)}
    targets = [Target(source=source, name=NAME) for source in ("reddit", "arctic")]
    with open_store(store_url(tmp_path)) as store:
        report = sync(store, targets, options=SyncOptions(), settings=told)
    assert report.exit_code is ExitCode.OK
    assert set(report.details["streams"].values()) == {"done"}
    assert {f"arctic:{NAME}/posts", f"reddit:{NAME}/posts"} <= set(report.details["streams"])


def wait_for(running: Running, k: int, *, process: BaseProcess) -> None:
    """Until the k-th request has come (it gets no answer)."""
    for _ in range(3000):
        if asked(running) >= k:
            return
        assert process.is_alive(), f"ended with {process.exitcode} after {asked(running)} requests, before {k}"
        PAUSE.wait(0.02)
    pytest.fail(f"only {asked(running)} requests came, {k} expected")


def test_a_sync_killed_at_any_request_is_finished_by_the_next(
    running: Running, imported: tuple[str, str], tmp_path: Path
) -> None:
    control(running, release=True, clear=True, reset_stats=True)
    with open_store(store_url(tmp_path / "whole")) as store:
        synced(store, running)
    for k in range(1, asked(running) + 1):
        control(running, hold_after=k - 1, reset_stats=True)
        place = store_url(tmp_path / str(k))
        process = PROCESSES.Process(
            target=sync_child.main,
            args=(place,),
            kwargs={"name": NAME, "base_url": running.url, "credentials": {}, "source": "arctic"},
        )
        process.start()
        wait_for(running, k, process=process)
        process.kill()
        process.join()
        process.close()
        control(running, release=True, reset_stats=True)
        with open_store(place) as store:
            assert synced(store, running).exit_code is ExitCode.OK, k
            assert digest(store) == imported[0], k


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "status", "status": 422, "times": 3},
        {"action": "status", "status": 422, "share": 0.5, "times": None},
        {"action": "status", "status": 429, "times": 2, "html": False, "retry_after": "0"},
        {"action": "status", "status": 502},
        {"action": "truncate", "nth": 2},
        {"action": "cut", "nth": 3},
        {"action": "reset"},
    ],
    ids=lambda fault: f"{fault['action']}-{fault.get('status', '')}-{fault.get('share', '')}",
)
def test_trouble_on_the_way_changes_nothing_in_what_is_stored(
    running: Running, imported: tuple[str, str], tmp_path: Path, *, fault: dict[str, Any]
) -> None:
    control(running, release=True, clear=True, fail={"route": "arctic_*s", **fault})
    with open_store(store_url(tmp_path)) as store:
        reports = [synced(store, running)]
        if reports[0].exit_code is not ExitCode.OK:  # many time-outs in a row may end one run
            control(running, clear=True)
            reports.append(synced(store, running))
        assert reports[-1].exit_code is ExitCode.OK, reports[-1].errors
        assert digest(store) == imported[0]
    control(running, clear=True)


def test_failing_for_good_ends_with_what_came_and_the_next_sync_goes_on(
    running: Running, imported: tuple[str, str], tmp_path: Path
) -> None:
    control(running, release=True, clear=True)
    control(running, fail={"route": "arctic_comments", "action": "status", "status": 503, "nth": 3, "times": None})
    with open_store(store_url(tmp_path)) as store:
        failed = synced(store, running)
        assert failed.exit_code is ExitCode.REMOTE
        assert any(f"arctic:{NAME} (comments)" in line for line in failed.errors)
        control(running, clear=True)
        assert synced(store, running).exit_code is ExitCode.OK
        assert digest(store) == imported[0]


def test_a_community_the_archive_does_not_know_ends_the_run_in_words(running: Running, tmp_path: Path) -> None:
    control(running, release=True, clear=True)
    with open_store(store_url(tmp_path)) as store:
        report = synced(store, running, name="nosuchplace")
    assert report.exit_code is ExitCode.REMOTE
    assert "holds nothing of r/nosuchplace" in report.errors[0]
