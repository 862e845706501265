"""Killed at random moments (hubbub with -9, the server as by a power cut), a sync and an import end with the same store.

A few points in every run; two hundred with `make soak`. The random moments are drawn from a seed that is printed when a
test fails."""

from __future__ import annotations

import multiprocessing
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from hubbub.errors import ExitCode, HubbubError
from hubbub.store import indexes, reads
from hubbub.store.digest import digest
from hubbub.store.engine import open_store
from tests.conftest import private_postgres
from tests.keeper import Keeper
from tests.pipeline import child
from tests.pipeline.conftest import Sync
from tests.pipeline.forum import ForumServer
from tests.pipeline.load import child as load_child
from tests.pipeline.load.test_resume import dump
from tests.servers import PostgresServer

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.pipeline.child", "tests.pipeline.load.child", "hubbub.store.postgres.backend"])

FEW, MANY = 2, 50
POINTS = [
    *range(FEW),
    *(pytest.param(number, marks=pytest.mark.soak) for number in range(FEW, MANY)),
]


@dataclass(frozen=True)
class Job:
    """A command to tear: how it is begun, and what its store holds when nothing tore it."""

    begin: Callable[[str], BaseProcess]
    wanted: str
    new: int
    """Records that a store has never seen."""
    lasts_s: float
    said: Path
    good: tuple[int, ...] = field(default=(int(ExitCode.OK),))
    """Exit codes of a run that came to its end, or had nothing left to do."""

    def run(self, url: str, *, tear: Callable[[BaseProcess], None] | None = None) -> int | None:
        process = self.begin(url)
        process.start()
        try:
            if tear is not None:
                tear(process)
            process.join(90)
            return process.exitcode
        finally:
            process.kill()
            process.join()
            process.close()

    def check(self, url: str) -> None:
        """Nothing is lost, nothing is there twice, and nothing was counted twice."""
        with open_store(url) as store:
            assert digest(store) == self.wanted
            counted = sum(run.tally.new for run in reads.runs(store, 1000))
            assert counted == self.new
            with store.transaction() as db:
                assert indexes.missing(db) == []


def _measured(begin: Callable[[str], BaseProcess], url: str, *, said: Path, good: tuple[int, ...]) -> Job:
    blank = Job(begin, "", 0, 0.0, said, good)
    began = time.monotonic()
    assert blank.run(url) in good, said.read_text()
    lasts_s = time.monotonic() - began
    with open_store(url) as store:
        return Job(begin, digest(store), sum(run.tally.new for run in reads.runs(store)), lasts_s, said, good)


@pytest.fixture
def sync_job(tmp_path: Path, forum: ForumServer, run_sync: Sync) -> Job:
    said = tmp_path / "stderr"

    def begin(url: str) -> BaseProcess:
        more = {"forum": forum.url, "plugins": str(tmp_path / "plugins"), "said": str(said)}
        return PROCESSES.Process(target=_sync, args=(url,), kwargs=more)

    return _measured(begin, f"sqlite:///{tmp_path}/whole-sync.db", said=said, good=(0,))


def _guarded(main: Callable[[], object], said: str) -> None:
    """As the command line ends: a known error is a line and a code."""
    with Path(said).open("a", buffering=1) as stream:
        sys.stderr = stream
        try:
            sys.exit(main())  # type: ignore[arg-type]
        except HubbubError as error:
            print(error, file=stream)
            sys.exit(int(error.exit_code))
        finally:
            sys.stderr = sys.__stderr__


def _import(url: str, *, file: str, said: str, how: str) -> None:
    sys.argv = ["child", url, how, "0", file]
    _guarded(load_child.main, said)


def _sync(url: str, *, forum: str, plugins: str, said: str) -> None:
    _guarded(partial(child.main, forum, url, plugins=plugins, said=said), said)


def _import_job(folder: Path, *, how: str) -> Job:
    said, file = folder / "stderr-import", folder / "RS_2024-01.zst"
    file.write_bytes(dump())

    def begin(url: str) -> BaseProcess:
        return PROCESSES.Process(target=partial(_import, file=str(file), said=str(said), how=how), args=(url,))

    return _measured(begin, f"sqlite:///{folder}/whole-import.db", said=said, good=(int(ExitCode.PARTIAL), 0))


@pytest.fixture
def import_job(tmp_path: Path) -> Job:
    return _import_job(tmp_path, how="paced")


@pytest.fixture
def large_job(tmp_path: Path) -> Job:
    return _import_job(tmp_path, how="large")


@pytest.fixture(params=["sync", "import", "large"])
def job(request: pytest.FixtureRequest) -> Job:
    found: Job = request.getfixturevalue(f"{request.param}_job")
    return found


@pytest.fixture(scope="module")
def server(postgres_keeper: Keeper) -> Iterator[PostgresServer]:
    with private_postgres(postgres_keeper) as own:
        yield own


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/torn.db"
    own: PostgresServer = request.getfixturevalue("server")
    return own.make_database()


def _moment(job: Job, seed: Any) -> float:
    """When to tear, in seconds since the beginning: any time, until a little before the end."""
    return random.Random(repr(seed)).uniform(0.0, job.lasts_s)


@pytest.mark.parametrize("point", POINTS)
def test_a_run_killed_at_a_random_moment_is_finished_by_the_next(job: Job, url: str, point: int) -> None:
    def tear(process: BaseProcess) -> None:
        process.join(_moment(job, (point, job.new, url[:6])))
        process.kill()

    job.run(url, tear=tear)
    assert job.run(url) in job.good, job.said.read_text()
    job.check(url)


@pytest.mark.parametrize("point", POINTS)
def test_a_run_outlives_a_server_that_dies_and_comes_back(job: Job, server: PostgresServer, point: int) -> None:
    url = server.make_database()
    open_store(url).close()  # nobody waits for a server that was never there

    def tear(process: BaseProcess) -> None:
        process.join(_moment(job, (point, job.new)))
        server.stop("immediate")
        process.join(0.1)
        server.start()

    first = job.run(url, tear=tear)
    if first not in job.good:  # it met the gap before it had opened the store
        assert first == ExitCode.STORAGE, job.said.read_text()
        assert "Traceback" not in job.said.read_text()
        assert job.run(url) in job.good, job.said.read_text()
    job.check(url)
