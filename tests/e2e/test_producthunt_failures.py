"""A sync of Product Hunt that fails or is killed at any request is made whole by running it again.

Programs that move their watermark after a page that failed lose the weeks behind it; a window that was not walked to
its end stays open here. The platform's clock stands still, so that two syncs are told the same times and digests can be
equal."""

from __future__ import annotations

import multiprocessing
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hubbub.errors import ExitCode
from hubbub.http.retry import RetryPolicy
from hubbub.pipeline.run import RunReport
from hubbub.simulator.faults import Fault
from hubbub.store.digest import digest
from hubbub.store.engine import open_store
from hubbub.testing import SimulatedProductHunt
from tests.e2e import hunting_child
from tests.e2e.hunting import DAY_S, END, PLENTY, hunt, hunted, url
from tests.store.making import rows
from tests.virtual import VirtualTime

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.e2e.hunting_child"])
PAUSE = threading.Event()
ONCE = RetryPolicy(attempts=1, rate_attempts=1)
"""Gives up at the first trouble: what is tested is what the next run makes of it."""
EVERY = frozenset({"topics", "posts", "collections", "comments"})
KINDS: tuple[tuple[Fault, ExitCode], ...] = (
    (Fault(action="status", status=500, times=3), ExitCode.REMOTE),
    (Fault(action="status", status=429, html=False), ExitCode.RATE_LIMITED),
    (Fault(action="block"), ExitCode.REMOTE),
    (Fault(action="cut"), ExitCode.REMOTE),
)
"""What may happen to a request, and how a run ends that met it. The first is met again by two retries."""
EACH_KIND = (RetryPolicy(), ONCE, ONCE, ONCE)


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """A world, a store before the sync, and what an undisturbed sync makes of it."""

    running: SimulatedProductHunt
    time: VirtualTime
    folder: Path
    since: int
    only: frozenset[str]
    wanted: str
    requests: int

    def store(self, name: str) -> str:
        """The address of a store as it is before the sync."""
        shutil.copyfile(self.folder / "before.db", self.folder / f"{name}.db")
        return url(self.folder, name)

    def hunt(self, address: str, *, policy: RetryPolicy = ONCE) -> tuple[RunReport, str]:
        """Sync; the report and the digest after it."""
        with open_store(address) as store:
            report = hunt(store, self.running, policy=policy, since=self.since, only=self.only)
            return report, digest(store)


@contextmanager
def ground(
    folder: Path, *, launches: int, comments: int, days: int, since_days: int, before: int, only: frozenset[str] = EVERY
) -> Iterator[Ground]:
    """`since_days` of launches to read; with `before` a sync so many days earlier was whole."""
    with hunted(days=before, span_days=days, launches=launches, comments=comments, moving=False, points=PLENTY) as (
        running,
        time,
    ):
        since = END - since_days * DAY_S
        made: dict[str, Any] = {"running": running, "time": time, "folder": folder, "since": since, "only": only}
        first = Ground(**made, wanted="", requests=0)
        with open_store(url(folder, "before"), create=True) as store:
            if before:
                assert hunt(store, running, since=since, only=only).exit_code is ExitCode.OK
        running.move_to(END)
        time.jump(before * DAY_S)
        running.control(reset_stats=True)
        report, whole = first.hunt(first.store("whole"))
        assert report.exit_code is ExitCode.OK, report.errors
        yield Ground(**made, wanted=whole, requests=asked(running))


def asked(running: SimulatedProductHunt) -> int:
    """Requests since the count was last set back."""
    return sum(running.requests().values())


def assert_no_gap(address: str, running: SimulatedProductHunt) -> None:
    """Whatever window is called closed has all its launches."""
    launched = {key: post["launched"] for key, post in running.truth()["posts"].items()}
    with open_store(address) as store:
        held = {key for (key,) in rows(store, "SELECT id FROM posts WHERE withdrawn = 0 AND title IS NOT NULL")}
        closed = [state for (state,) in rows(store, "SELECT state FROM checkpoints WHERE key LIKE 'day/%'")]
    noted = {key for state in closed for key in msgspec.json.decode(state)["ids"]}
    assert noted & launched.keys() <= held


def fails_and_is_finished(ground: Ground, k: int) -> None:
    """The k-th request meets trouble; the next run makes up for it."""
    fault, code = KINDS[k % len(KINDS)]
    address = ground.store(f"failed{k}")
    ground.running.fail(msgspec.structs.replace(fault, nth=k, route="graphql*"))
    report, _ = ground.hunt(address, policy=EACH_KIND[k % len(KINDS)])
    assert report.exit_code is code, (k, report.errors)
    assert_no_gap(address, ground.running)
    ground.running.recover()
    report, found = ground.hunt(address)
    assert report.exit_code is ExitCode.OK, (k, report.errors)
    assert found == ground.wanted, (k, fault)


def test_a_window_whose_page_failed_is_walked_again_and_nothing_is_lost(tmp_path: Path) -> None:
    """Two or three pages a window, and each of them fails once."""
    posts = frozenset({"posts"})
    with ground(tmp_path, launches=50, comments=0, days=4, since_days=2, before=0, only=posts) as made:
        assert made.requests >= 10
        for k in range(1, made.requests + 1):
            fails_and_is_finished(made, k)


def test_a_later_sync_that_failed_at_any_request_is_finished_by_the_next(tmp_path: Path) -> None:
    """Windows that are read again, threads that have grown, collections that are new."""
    with ground(tmp_path, launches=3, comments=8, days=4, since_days=3, before=1) as made:
        assert made.requests >= 10
        for k in range(1, made.requests + 1):
            fails_and_is_finished(made, k)


STRIDES = [
    pytest.param(5, EVERY - {"collections"}, id="every-fifth"),
    pytest.param(1, EVERY, id="every", marks=pytest.mark.soak),
]


@pytest.mark.parametrize(("stride", "only"), STRIDES)
def test_a_first_sync_that_failed_at_any_request_is_finished_by_the_next(
    stride: int, *, only: frozenset[str], tmp_path: Path
) -> None:
    with ground(tmp_path, launches=3, comments=8, days=4, since_days=2, before=0, only=only) as made:
        for k in range(1, made.requests + 1, stride):
            fails_and_is_finished(made, k)


KILLED = [
    pytest.param(5, 0, EVERY - {"collections"}, id="first-every-fifth"),
    pytest.param(5, 1, EVERY, id="later-every-fifth"),
    pytest.param(1, 0, EVERY, id="first-every", marks=pytest.mark.soak),
    pytest.param(1, 1, EVERY, id="later-every", marks=pytest.mark.soak),
]


@pytest.mark.parametrize(("stride", "before", "only"), KILLED)
def test_a_sync_killed_at_any_request_is_finished_by_the_next(
    stride: int, *, before: int, only: frozenset[str], tmp_path: Path
) -> None:
    with ground(tmp_path, launches=3, comments=8, days=4, since_days=2 + before, before=before, only=only) as made:
        for k in range(1, made.requests + 1, stride):
            address = made.store(f"killed{k}")
            made.running.control(hold_after=k - 1, reset_stats=True)
            process = PROCESSES.Process(
                target=hunting_child.main,
                args=(address,),
                kwargs={
                    "base_url": made.running.address,
                    "token": made.running.token,
                    "now": made.time.now(),
                    "since": made.since,
                    "only": made.only,
                },
            )
            process.start()
            wait_for(made.running, k, process=process)
            process.kill()
            process.join()
            process.close()
            made.running.control(release=True)
            assert_no_gap(address, made.running)
            report, found = made.hunt(address)
            assert report.exit_code is ExitCode.OK, (k, report.errors)
            assert found == made.wanted, k


def wait_for(running: SimulatedProductHunt, k: int, *, process: BaseProcess) -> None:
    """Until the k-th request has come (it gets no answer)."""
    for _ in range(3000):
        if asked(running) >= k:
            return
        assert process.is_alive(), f"ended with {process.exitcode} after {asked(running)} requests, before {k}"
        PAUSE.wait(0.02)
    pytest.fail(f"only {asked(running)} requests came, {k} expected")
