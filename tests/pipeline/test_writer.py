from __future__ import annotations

import asyncio
import threading
from contextlib import closing

import pytest

from hubbub.errors import StorageError
from hubbub.pipeline.run import Run
from hubbub.pipeline.writer import Writer
from hubbub.plugins.contracts import Checkpoint
from hubbub.store import reads
from hubbub.store.batch import Batch, Tally
from hubbub.store.engine import Store


class GatedRun(Run):
    """A run whose writes wait for a gate, and fail from one of them on."""

    def __init__(self, store: Store, *, fail_at: int | None = None) -> None:
        super().__init__(store, command="sync", target="forum:insects")
        self.gate = threading.Event()
        self.fail_at = fail_at
        self.tried = 0

    def write(self, batch: Batch) -> Tally:
        self.gate.wait(10)
        self.tried += 1
        if self.tried == self.fail_at:
            raise StorageError("the disk is full")
        return super().write(batch)


def page(run: Run, number: int) -> Batch:
    mark = Checkpoint(key="insects/posts", state=f'{{"page":{number}}}')
    return Batch(run_id=run.id, source="forum", stream="insects/posts", checkpoints=[mark])


def stored_page(store: Store) -> str | None:
    mark = reads.checkpoint(store, "forum", "insects/posts")
    return None if mark is None else mark.state


async def test_a_question_is_answered_after_what_was_put_before(store: Store) -> None:
    with GatedRun(store) as run, closing(Writer(run)) as writer:
        for number in (1, 2, 3):
            await writer.put(page(run, number))
        asked = asyncio.ensure_future(writer.ask(lambda: stored_page(store)))
        run.gate.set()
        assert await asked == '{"page":3}'


async def test_producers_wait_while_the_queue_is_full(store: Store) -> None:
    with GatedRun(store) as run, closing(Writer(run, room=2)) as writer:
        await writer.put(page(run, 1))
        await writer.put(page(run, 2))
        third = asyncio.ensure_future(writer.put(page(run, 3)))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not third.done()
        run.gate.set()
        await third
        await writer.flush()
    assert stored_page(store) == '{"page":3}'


async def test_after_a_failed_batch_nothing_behind_it_is_stored(store: Store) -> None:
    with GatedRun(store, fail_at=2) as run, closing(Writer(run)) as writer:
        for number in (1, 2, 3):
            await writer.put(page(run, number))
        run.gate.set()
        with pytest.raises(StorageError, match="the disk is full"):
            await writer.flush()
        with pytest.raises(StorageError, match="the disk is full"):
            await writer.put(page(run, 4))
        assert run.tried == 2
    assert stored_page(store) == '{"page":1}'


async def test_a_failed_batch_wakes_the_producers_that_wait(store: Store) -> None:
    with GatedRun(store, fail_at=1) as run, closing(Writer(run, room=1)) as writer:
        await writer.put(page(run, 1))
        waiting = [asyncio.ensure_future(writer.put(page(run, number))) for number in (2, 3, 4)]
        run.gate.set()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(result, StorageError) for result in results)


async def test_closing_drops_what_is_queued_and_ends_the_thread(store: Store) -> None:
    with GatedRun(store) as run:
        writer = Writer(run)
        for number in (1, 2, 3):
            await writer.put(page(run, number))

        def open_the_gate_once_closing() -> None:
            while not writer._abandoned:
                pass
            run.gate.set()

        threading.Thread(target=open_the_gate_once_closing).start()
        writer.close()
        assert run.tried == 1
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("writer")]


async def test_what_a_page_missed_and_notes_is_counted_once_it_is_stored(store: Store) -> None:
    with GatedRun(store) as run, closing(Writer(run)) as writer:
        run.gate.set()
        await writer.put(page(run, 1), missing=4, note="the listing ended early")
        await writer.flush()
    report = run.report()
    assert report.missing == 4
    assert report.findings == (("warning", "insects/posts: the listing ended early"),)
