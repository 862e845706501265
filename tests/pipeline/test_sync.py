from __future__ import annotations

import os
import signal
import warnings
from collections import Counter
from pathlib import Path

import pytest

from hubbub.errors import ConfigError, ExitCode, UsageError
from hubbub.events import BatchStored, Event, RequestDone, StreamDone
from hubbub.pipeline.sync import sync
from hubbub.plugins.contracts import RecallCounts, SyncOptions, Target
from hubbub.store import reads
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from tests.pipeline.conftest import Sync
from tests.pipeline.forum import COMMENTS, PAGE, POSTS, ForumServer

RECORDS = 1 + POSTS + POSTS * COMMENTS
REQUESTS = 1 + POSTS // PAGE + 1 + POSTS


def test_a_sync_stores_everything_in_the_fewest_requests(store: Store, forum: ForumServer, run_sync: Sync) -> None:
    report = run_sync(store)
    assert report.exit_code is ExitCode.OK
    assert (report.tally.new, report.tally.offered, report.requests) == (RECORDS, RECORDS, REQUESTS)
    assert len(forum.asked) == REQUESTS
    assert report.details["streams"] == {
        "insects/about": "done",
        "insects/posts": "done",
        "insects/comments": "done",
    }


def test_a_second_sync_changes_nothing_and_asks_for_little(store: Store, forum: ForumServer, run_sync: Sync) -> None:
    run_sync(store)
    before = digest(store)
    report = run_sync(store)
    assert digest(store) == before
    assert (report.tally.new, report.tally.updated) == (0, 0)
    assert report.requests == 2  # the description, and the first page of posts


def test_a_stage_begins_when_the_one_before_it_is_stored(store: Store, run_sync: Sync) -> None:
    seen: list[Event] = []
    run_sync(store, observers=[seen.append])
    asked = [event.route if isinstance(event, RequestDone) else None for event in seen]
    first_comments = asked.index("comments")
    posts_stored = [n for n, e in enumerate(seen) if isinstance(e, BatchStored) and e.stream == "insects/posts"]
    assert len(posts_stored) == POSTS // PAGE + 1
    assert max(posts_stored) < first_comments


def test_targets_share_one_client_and_are_run_once(store: Store, forum: ForumServer, run_sync: Sync) -> None:
    report = run_sync(store, "insects", "birds", "Insects")
    assert report.target == "forum:insects forum:birds"
    assert report.tally.new == 2 * RECORDS
    assert max(Counter(forum.asked).values()) == 1


def test_only_the_named_streams_are_run(store: Store, forum: ForumServer, run_sync: Sync) -> None:
    report = run_sync(store, only=frozenset({"about"}))
    assert forum.asked == ["/insects/about"]
    assert report.tally.new == 1


def test_a_record_that_cannot_be_kept_is_counted_and_the_rest_is_stored(
    store: Store, forum: ForumServer, run_sync: Sync
) -> None:
    forum.broken_title = "insectsp4"
    report = run_sync(store)
    assert report.exit_code is ExitCode.PARTIAL
    assert report.tally.set_aside == 1
    assert report.tally.offered == RECORDS - COMMENTS
    assert [row.id for row in reads.quarantined(store, 10)] == ["insectsp4"]


def test_one_community_that_is_gone_leaves_the_others(store: Store, forum: ForumServer, run_sync: Sync) -> None:
    forum.statuses["/ghosts/"] = 404
    report = run_sync(store, "ghosts", "insects")
    assert report.exit_code is ExitCode.PARTIAL
    assert report.tally.new == RECORDS
    assert all("forum:ghosts" in line for line in report.errors)
    assert report.errors
    assert not any(path.startswith("/ghosts/comments") for path in forum.asked)


def test_the_only_community_being_gone_is_a_remote_error(store: Store, forum: ForumServer, run_sync: Sync) -> None:
    forum.statuses["/insects/"] = 404
    assert run_sync(store).exit_code is ExitCode.REMOTE


def test_the_failure_of_one_stream_leaves_the_others(store: Store, forum: ForumServer, run_sync: Sync) -> None:
    seen: list[Event] = []
    forum.statuses["/insects/about"] = 500
    report = run_sync(store, observers=[seen.append])
    assert report.exit_code is ExitCode.REMOTE
    assert report.tally.new == RECORDS - 1
    ended = {event.stream: event.error for event in seen if isinstance(event, StreamDone)}
    assert ended["insects/posts"] is None
    assert ended["insects/comments"] is None
    assert ended["insects/about"] is not None


def test_a_stage_of_which_nothing_succeeded_is_the_last(store: Store, forum: ForumServer, run_sync: Sync) -> None:
    forum.statuses |= {"/insects/about": 500, "/insects/posts": 500}
    report = run_sync(store)
    assert report.exit_code is ExitCode.REMOTE
    assert report.details["streams"]["insects/comments"] == "not begun"


def test_refused_credentials_end_the_source_after_one_question(
    store: Store, forum: ForumServer, run_sync: Sync
) -> None:
    forum.statuses["/"] = 401
    report = run_sync(store, "a", "b", "c", "d", "e", "f", "g", "h")
    assert report.exit_code is ExitCode.AUTH
    assert len(report.errors) == 1
    assert len(forum.asked) <= 8  # two streams of the four targets that were under way, none of the others
    assert report.details["streams"]["h/about"] == "not begun"


def test_a_spent_budget_says_when_to_come_back(store: Store, forum: ForumServer, run_sync: Sync) -> None:
    forum.statuses["/insects/comments"] = 429
    forum.headers["Retry-After"] = "31536000"
    report = run_sync(store)
    assert report.exit_code is ExitCode.RATE_LIMITED
    assert report.resume_at is not None
    assert report.resume_at > report.started_at
    assert report.tally.new == 1 + POSTS


def test_a_block_page_ends_the_source(store: Store, forum: ForumServer, run_sync: Sync) -> None:
    forum.statuses["/insects/posts"] = 403
    report = run_sync(store, "insects", "birds")
    assert report.exit_code is ExitCode.REMOTE
    assert not any("/comments/" in path for path in forum.asked)
    assert len(report.errors) == 1


def test_a_stream_may_store_what_it_has_but_not_ask_on_when_the_source_has_ended(
    store: Store, forum: ForumServer, run_sync: Sync
) -> None:
    forum.statuses["/insects/about"] = 401
    report = run_sync(store, only=frozenset({"stubborn"}))
    assert report.exit_code is ExitCode.AUTH
    assert ("warning", "insects/stubborn: what was gathered so far") in report.findings
    assert len(forum.asked) == 1


def test_a_misspelt_target_ends_before_a_run_begins(store: Store, run_sync: Sync) -> None:
    with pytest.raises(UsageError):
        run_sync(store, "no/forum")
    assert reads.runs(store, 10) == []


def test_an_unknown_source_ends_before_a_run_begins(store: Store) -> None:
    with pytest.raises((UsageError, ConfigError)):
        sync(store, [Target(source="nowhere", name="x")], options=SyncOptions(), settings={})
    assert reads.runs(store, 10) == []


def test_a_sync_that_fails_at_any_request_is_finished_by_the_next(
    tmp_path: Path, forum: ForumServer, run_sync: Sync
) -> None:
    with open_store(f"sqlite:///{tmp_path}/whole.db") as whole:
        run_sync(whole)
        wanted = digest(whole)
    for k in range(1, REQUESTS + 1):
        forum.asked.clear()
        forum.fail_at = k
        with open_store(f"sqlite:///{tmp_path}/failed{k}.db") as store:
            assert run_sync(store).exit_code is ExitCode.REMOTE, k
            mark = reads.checkpoint(store, "forum", "insects/posts")
            if mark is not None:  # the watermark claims every post: they had better be there
                assert len(reads.stored_counts(store, "forum", RecallCounts("insects"))) == POSTS, k
            forum.fail_at = None
            assert run_sync(store).exit_code is ExitCode.OK, k
            assert digest(store) == wanted, k


def test_nothing_is_left_open(store: Store, run_sync: Sync) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run_sync(store)
    assert [str(warning.message) for warning in caught if issubclass(warning.category, ResourceWarning)] == []


def test_the_second_signal_ends_a_sync_at_once_and_the_next_finishes_it(
    tmp_path: Path, store: Store, run_sync: Sync
) -> None:
    """Two different signals, because two of one kind may be delivered as one."""

    signals = iter([(signal.SIGINT, signal.SIGTERM)])

    def stop_twice(event: Event) -> None:
        if isinstance(event, BatchStored) and event.stream == "insects/posts":
            for number in next(signals, ()):
                os.kill(os.getpid(), number)

    report = run_sync(store, observers=[stop_twice])
    assert report.exit_code is ExitCode.INTERRUPTED
    assert reads.runs(store, 1)[0].exit_code == ExitCode.INTERRUPTED
    assert report.tally.new < RECORDS
    assert run_sync(store).exit_code is ExitCode.OK
    with open_store(f"sqlite:///{tmp_path}/whole.db") as whole:
        run_sync(whole)
        assert digest(store) == digest(whole)
