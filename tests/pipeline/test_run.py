from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from hubbub.errors import AuthError, ExitCode, RateLimitedError, RemoteError, StorageError
from hubbub.events import BatchStored, Event, Finding, Rejection, RequestDone, RunFinished, RunStarted
from hubbub.pipeline.run import Run, conservation
from hubbub.records.models import Door, LinkListing, Post, Reason, Rejected, Stub, Tombstone
from hubbub.store import reads
from hubbub.store.batch import Batch, Tally
from hubbub.store.engine import Store

WHEN = 1_700_000_000


def post(number: int) -> Post:
    return Post(source="forum", id=f"p{number}", door=Door.LIVE, observed_at=WHEN, title=f"question {number}")


def mixed_batch(run: Run) -> Batch:
    """Two posts, a tombstone, a reject and three filtered lines: seven offered; the mentions do not count."""
    return Batch(
        run_id=run.id,
        source="forum",
        stream="insects/posts",
        records=[
            post(1),
            post(2),
            Stub(source="forum", kind="user", id="ann"),
            LinkListing(
                source="forum", link="post_topics", owner="p1", members=("x",), observed_at=WHEN, complete=True
            ),
            Tombstone(source="forum", kind="post", id="p3", door=Door.LIVE, reason=Reason.AUTHOR, at=WHEN),
        ],
        rejected=[Rejected(reason="id is null", raw=b"{}", source="forum", door=Door.LIVE, where="x:1", kind="post")],
        filtered=3,
    )


def open_run(store: Store, **more: Any) -> Run:
    return Run(store, command="sync", target="forum:insects", **more)


def test_every_record_offered_is_in_the_conservation_line(store: Store) -> None:
    with open_run(store) as run:
        run.write(mixed_batch(run))
    report = run.report()
    assert report.tally.offered == 7
    assert report.conservation == (
        "offered 7 = new 2 + updated 0 + unchanged 0 + older 0 + tombstoned 1 + filtered 3 + set aside 1"
    )
    assert report.findings == ()


def test_a_record_the_database_cannot_take_and_one_brought_twice_are_in_the_line(store: Store) -> None:
    """Neighbours are stored, and nothing is counted twice or lost (reliability rows 5 and 14)."""
    huge = msgspec.structs.replace(post(2), score=2**70)
    with open_run(store) as run:
        run.write(Batch(run_id=run.id, source="forum", stream="x", records=[post(1), huge, post(1), post(3)]))
    report = run.report()
    assert (report.tally.offered, report.tally.new, report.tally.set_aside) == (4, 2, 1)
    assert report.findings == ()


def test_a_store_that_loses_a_record_is_found_out(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "write", lambda _batch: Tally(new=1))
    with open_run(store) as run:
        run.write(Batch(run_id=run.id, source="forum", stream="x", records=[post(1), post(2)]))
    report = run.report()
    assert report.exit_code is ExitCode.BUG
    assert [severity for severity, what in report.findings if "x offered 2 records" in what] == ["error"]


def test_large_numbers_are_grouped() -> None:
    assert conservation(Tally(new=12_345)).startswith("offered 12,345 = new 12,345 + ")


def test_records_set_aside_make_the_run_partial(store: Store) -> None:
    with open_run(store) as run:
        run.write(mixed_batch(run))
    assert run.report().exit_code is ExitCode.PARTIAL


def test_a_run_without_trouble_is_done(store: Store) -> None:
    with open_run(store) as run:
        run.write(Batch(run_id=run.id, source="forum", stream="x", records=[post(1)]))
    assert run.report().exit_code is ExitCode.OK


def test_the_worst_of_several_errors_is_the_exit_code(store: Store) -> None:
    with open_run(store) as run:
        run.fail(RemoteError("no answer from api.example"))
        run.fail(AuthError("the password was refused", advice="set HUBBUB_REDDIT__PASSWORD"), where="reddit")
    report = run.report()
    assert report.exit_code is ExitCode.AUTH
    assert report.errors == (
        "no answer from api.example",
        "reddit: the password was refused; set HUBBUB_REDDIT__PASSWORD",
    )


def test_the_latest_time_to_come_back_is_kept(store: Store) -> None:
    with open_run(store) as run:
        run.fail(RateLimitedError("budget spent", until=200))
        run.fail(RateLimitedError("budget spent elsewhere", until=100))
        run.fail(RateLimitedError("no time given"))
    assert run.report().resume_at == 200


def test_an_error_that_ends_the_block_is_in_the_report(store: Store) -> None:
    with open_run(store) as run:
        raise StorageError("the disk is full")
    assert run.report().exit_code is ExitCode.STORAGE
    assert stored_summary(store)["exit_code"] == ExitCode.STORAGE


def test_ctrl_c_ends_the_run_as_interrupted(store: Store) -> None:
    with open_run(store) as run:
        raise KeyboardInterrupt
    assert run.report().exit_code is ExitCode.INTERRUPTED
    assert stored_summary(store)["exit_code"] == ExitCode.INTERRUPTED


def test_a_bug_is_stored_as_one_and_goes_on(store: Store) -> None:
    def crash() -> None:
        with open_run(store) as run:
            run.write(Batch(run_id=run.id, source="forum", stream="x", records=[post(1)]))
            raise ZeroDivisionError("by zero")

    with pytest.raises(ZeroDivisionError):
        crash()
    summary = stored_summary(store)
    assert summary["exit_code"] == ExitCode.BUG
    assert summary["errors"] == ["bug: ZeroDivisionError"]
    assert summary["conservation"].startswith("offered 1 = new 1 +")


def test_observers_see_the_run_from_start_to_end(store: Store) -> None:
    seen: list[Event] = []
    with open_run(store, observers=[seen.append]) as run:
        run.write(mixed_batch(run))
        run.finding("warning", "a gap")
    assert [type(event) for event in seen] == [RunStarted, Rejection, BatchStored, Finding, RunFinished]
    finished = seen[-1]
    assert isinstance(finished, RunFinished)
    assert (finished.offered, finished.exit_code) == (7, ExitCode.PARTIAL)


def test_an_observer_that_fails_is_switched_off_and_named(store: Store) -> None:
    seen: list[Event] = []

    def broken(event: Event) -> None:
        seen.append(event)
        raise BrokenPipeError

    with open_run(store, observers=[broken]) as run:
        run.write(Batch(run_id=run.id, source="forum", stream="x", records=[post(1)]))
    report = run.report()
    assert len(seen) == 1
    assert [severity for severity, what in report.findings if "broken" in what] == ["warning"]
    assert report.exit_code is ExitCode.OK


def test_requests_are_counted_by_attempt(store: Store) -> None:
    with open_run(store) as run:
        for attempt in (1, 2):
            run.emit(
                RequestDone(source="forum", route="posts", status=200, elapsed_s=0.1, body_bytes=2, attempt=attempt)
            )
    assert run.report().requests == 2


def test_findings_are_stored_with_the_run(store: Store) -> None:
    with open_run(store) as run:
        run.finding("warning", "a gap of an hour")
    assert [(found.severity, found.what) for found in reads.findings(store, run.id)] == [
        ("warning", "a gap of an hour")
    ]


def test_unmodelled_fields_are_summed_for_the_drift_report(store: Store) -> None:
    with open_run(store) as run:
        for _ in range(2):
            run.write(Batch(run_id=run.id, source="forum", stream="x", unknown_fields={"post.shiny": 3}))
    assert run.report().details["unknown_fields"] == {"post.shiny": 6}


def stored_summary(store: Store) -> Mapping[str, Any]:
    summary = reads.runs(store, 1)[0].summary
    assert summary is not None
    return summary
