from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from hubbub.errors import ExitCode, LockedError
from hubbub.plugins.contracts import RecallCounts
from hubbub.store import reads
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from tests.pipeline import child
from tests.pipeline.conftest import Sync
from tests.pipeline.forum import PAGE, POSTS, ForumServer

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.pipeline.child"])
REQUESTS = 1 + POSTS // PAGE + 1 + POSTS


@dataclass(frozen=True)
class Ground:
    """A forum, a new store's address, and the digest of an undisturbed sync."""

    forum: ForumServer
    database: str
    plugins: Path
    run_sync: Sync
    wanted: str

    @contextmanager
    def syncing(self, *, file_limit: int | None = None) -> Iterator[BaseProcess]:
        """A sync in a process of its own, gone at the end of the block."""
        process = PROCESSES.Process(
            target=child.main,
            args=(self.forum.url, self.database),
            kwargs={"plugins": str(self.plugins), "said": str(self.said_file), "file_limit": file_limit},
        )
        process.start()
        try:
            yield process
        finally:
            process.kill()
            process.join()
            process.close()

    @property
    def said_file(self) -> Path:
        return self.plugins.parent / "stderr"

    def said(self) -> str:
        return self.said_file.read_text()

    def finish(self, store: Store) -> str:
        self.forum.hold_at = None
        self.forum.release.set()
        assert self.run_sync(store).exit_code is ExitCode.OK
        return digest(store)


@pytest.fixture
def ground(tmp_path: Path, forum: ForumServer, run_sync: Sync) -> Ground:
    with open_store(f"sqlite:///{tmp_path}/whole.db") as whole:
        run_sync(whole)
        wanted = digest(whole)
    forum.asked.clear()
    return Ground(forum, f"sqlite:///{tmp_path}/hubbub.db", tmp_path / "plugins", run_sync, wanted)


@pytest.mark.parametrize("k", range(1, REQUESTS + 1))
def test_a_sync_killed_at_a_request_is_finished_by_the_next(ground: Ground, k: int) -> None:
    ground.forum.hold_at = k
    with ground.syncing() as process:
        assert ground.forum.held.wait(30), ground.said()
        process.kill()
    with open_store(ground.database) as store:
        if reads.checkpoint(store, "forum", "insects/posts") is not None:
            assert len(reads.stored_counts(store, "forum", RecallCounts("insects"))) == POSTS
        assert ground.finish(store) == ground.wanted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_sync_keeps_what_it_has_and_is_finished_by_the_next(ground: Ground, number: int) -> None:
    ground.forum.hold_at = 4
    with ground.syncing() as process:
        assert ground.forum.held.wait(30), ground.said()
        os.kill(process.pid or 0, number)
        process.join(20)
        assert process.exitcode == ExitCode.INTERRUPTED, ground.said()
    assert ground.said() == "stopped by the user; the same command goes on from here\n"
    with open_store(ground.database) as store:
        assert reads.runs(store, 1)[0].exit_code == ExitCode.INTERRUPTED
        assert len(reads.stored_counts(store, "forum", RecallCounts("insects"))) == 2 * PAGE
        assert ground.finish(store) == ground.wanted


def test_a_full_disk_ends_with_storage_and_the_rest_follows_when_there_is_room(ground: Ground) -> None:
    with open_store(ground.database):
        pass
    size = Path(ground.database.removeprefix("sqlite:///")).stat().st_size
    with ground.syncing(file_limit=size // 4) as process:
        process.join(30)
        assert process.exitcode == ExitCode.STORAGE, ground.said()
    assert "Traceback" not in ground.said()
    assert "the system refused to read or write" in ground.said()
    assert "damaged" not in ground.said()
    with open_store(ground.database) as store:
        assert ground.finish(store) == ground.wanted


def test_a_second_sync_of_the_same_source_names_the_first_and_ends(ground: Ground) -> None:
    ground.forum.hold_at = 4
    with ground.syncing() as process:
        assert ground.forum.held.wait(30), ground.said()
        with open_store(ground.database) as store:
            with pytest.raises(LockedError, match=f"process {process.pid}"):
                ground.run_sync(store)
            process.kill()
            process.join()
            assert ground.finish(store) == ground.wanted
    assert not list(ground.plugins.parent.glob("*.lock"))
