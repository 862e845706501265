"""What one batch leaves behind: rows, stubs, media, quarantine, counters; all of it or nothing."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest

from hubbub import clock
from hubbub.plugins.contracts import Checkpoint
from hubbub.records.models import Door, LinkListing, MediaItem, Record, Rejected, Stub
from hubbub.store import bookkeeping, reads
from hubbub.store.batch import LedgerMark
from hubbub.store.engine import Store
from hubbub.store.maintenance import maintain_search
from hubbub.store.search.find import search
from hubbub.store.sqlite import SqliteSession
from hubbub.store.writes import set_media_state
from tests.store.conftest import ONLY_SQLITE
from tests.store.making import HOUR, T0, comment, gone, one, post, rows, write


def _rejected(n: int = 0, raw: bytes = b"{broken") -> Rejected:
    return Rejected(reason="created_utc is null", raw=raw, source="reddit", door=Door.DUMP, where=f"RC.zst:{n}")


@pytest.mark.parametrize("door", [Door.LIVE, Door.MIRROR])
def test_a_broken_record_that_every_sync_meets_again_is_kept_once(store: Store, door: Door) -> None:
    live = msgspec.structs.replace(_rejected(), door=door, where="http://x/new")
    other = msgspec.structs.replace(live, raw=b"{other")
    for run_id in (1, 2, 3):
        tally = write(store, rejected=[live, *([other] if run_id == 2 else [])], run_id=run_id)
        assert tally.set_aside == 1 + (run_id == 2), "it counts in every run"
    assert sorted((row.run_id, row.raw_bytes) for row in reads.quarantined(store)) == [(2, 6), (3, 7)]


def test_the_conservation_line_of_a_run_adds_up(store: Store) -> None:
    run_id = store.begin_run(command="sync", target="bugs", started_at=T0)
    first = write(
        store, post(), comment(), Stub(source="reddit", kind="user", id="ann"), run_id=run_id, filtered=3, repaired=2
    )
    second = write(
        store,
        post(),
        post(at=T0 + 5, title="Edited"),
        post(at=T0 - 5),
        gone("comment", "t1_a"),
        comment(at=T0 + 99),
        rejected=[_rejected()],
        run_id=run_id,
    )
    assert (first.new, first.filtered, first.repaired, first.offered) == (2, 3, 2, 5)
    assert (second.unchanged, second.updated, second.older, second.tombstoned, second.set_aside) == (1, 1, 1, 2, 1)
    assert second.offered == 6
    (run,) = reads.runs(store)
    assert run.tally.offered == 11


def test_the_same_record_many_times_in_a_batch_is_folded_in_order(store: Store) -> None:
    tally = write(store, *(post(at=T0 + n * HOUR, title=f"title {n % 2}", score=n) for n in range(6)))
    assert (tally.new, tally.updated) == (1, 5)
    assert one(store, "SELECT title, score, first_seen_at, last_seen_at FROM posts") == (
        "title 1",
        5,
        T0,
        T0 + 5 * HOUR,
    )
    assert one(store, "SELECT count(*) FROM observations") == 5
    assert rows(store, "SELECT first_at, last_at FROM revisions ORDER BY 1") == [
        (T0, T0 + 4 * HOUR),
        (T0 + HOUR, T0 + 3 * HOUR),
    ]


@ONLY_SQLITE
def test_an_unchanged_record_costs_no_write(store: Store) -> None:
    write(store, post(), comment())
    before = one(store, "SELECT updated_at, run_id FROM posts")
    with store.exclusive() as connection:
        assert isinstance(connection, SqliteSession)
        changes = connection.total_changes
        assert write(store, post(), comment()).unchanged == 2
        assert connection.total_changes - changes == 0
    assert one(store, "SELECT updated_at, run_id FROM posts") == before


def test_a_failing_batch_leaves_nothing_behind(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def power_cut(*_: Any, **__: Any) -> None:
        raise OSError("power cut")

    monkeypatch.setattr(bookkeeping, "count", power_cut)
    with pytest.raises(OSError, match="power cut"):
        write(store, post(), rejected=[_rejected()], checkpoints=[Checkpoint(key="bugs/new", state="{}")])
    monkeypatch.undo()
    assert reads.checkpoint(store, "reddit", "bugs/new") is None
    assert reads.quarantined(store) == []
    assert one(store, "SELECT count(*) FROM posts") == 0
    assert write(store, post()).new == 1


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (comment("t1_bad", score=2**63), "score is beyond 64 bits"),
        (comment("t1_bad", body="a \ud800 b"), "body holds a lone surrogate"),
        (post("t3_bad", comment_count=-1), "comment_count is negative"),
        (post("t3_bad", upvote_ratio=1.5), "upvote_ratio is not within"),
        (comment(""), "source or id is empty"),
        (comment("t1_bad", media=(MediaItem(kind="image", url="u", width=2**70),)), "the database refused it"),
        (comment("t1_bad", at=clock.now() + 2 * 86_400), "in the future"),
        (gone("post", "t3_bad", at=clock.now() + 2 * 86_400), "in the future"),
        (comment("t1_bad", at=0), "no time"),
    ],
)
def test_a_record_that_cannot_be_stored_is_set_aside_and_its_neighbours_are_kept(
    store: Store, bad: Record, why: str
) -> None:
    tally = write(store, comment("t1_a"), bad, comment("t1_b"))
    assert (tally.new, tally.set_aside, tally.offered) == (2, 1, 3)
    (kept,) = reads.quarantined(store)
    assert why in kept.reason
    assert len(kept.raw) > 10
    assert rows(store, "SELECT id FROM comments WHERE observed_at IS NOT NULL ORDER BY id") == [("t1_a",), ("t1_b",)]


def test_quarantine_is_bounded_in_bytes_and_rows_and_counts_the_rest(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bookkeeping, "ROWS_LIMIT", 5)
    run_id = store.begin_run(command="import", target="x", started_at=T0)
    write(store, rejected=[_rejected(raw=b"x" * 200_000)], run_id=run_id)
    write(store, rejected=[_rejected(n) for n in range(9)], run_id=run_id)
    kept = reads.quarantined(store)
    assert len(kept) == 5
    assert (len(kept[-1].raw), kept[-1].raw_bytes) == (bookkeeping.RAW_LIMIT_BYTES, 200_000)
    assert reads.runs(store)[0].tally.set_aside == 10


def test_stubs_exist_exactly_while_something_refers_to_them(store: Store) -> None:
    write(store, comment())
    assert rows(store, "SELECT id, name, observed_at FROM users") == [("bob", "Bob", None)]
    assert rows(store, "SELECT id, observed_at FROM posts") == [("t3_a", None)]
    assert reads.known_ids(store, "reddit", "post", ["t3_a"]) == frozenset()
    assert write(store, post()).new == 1
    assert search(store, "stone")[0].id == "t3_a"
    write(store, gone("comment", "t1_a"))
    assert rows(store, "SELECT id FROM users ORDER BY id") == [("ann",)]


def test_media_rows_follow_the_content_and_keep_what_is_known_of_an_address(store: Store) -> None:
    one_, two, three = (MediaItem(kind="gallery", url=f"https://i/{n}.jpg") for n in (1, 2, 3))
    poll = MediaItem(kind="poll", details="{}")
    failed = MediaItem(kind="gallery", status="failed")
    write(store, post(media=(one_, two, poll, failed), score=5))
    states = "SELECT position, url, state FROM media ORDER BY position"
    assert [row[2] for row in rows(store, states)] == ["pending", "pending", "refused", "refused"]
    second = reads.pending_media(store)[1].n
    assert set_media_state(store, second, state="gone", reason="404")
    write(store, post(at=T0 + 5, media=(two, three), score=5))
    assert rows(store, states) == [(0, "https://i/2.jpg", "gone"), (1, "https://i/3.jpg", "pending")]
    assert one(store, "SELECT n FROM media WHERE position = 0") == second
    assert [item.url for item in reads.pending_media(store, min_score=5, community="bugs")] == ["https://i/3.jpg"]
    assert reads.pending_media(store, min_score=6) == []
    assert reads.pending_media(store, min_comments=0) == []
    assert reads.pending_media(store, kinds=["video"]) == []


def test_a_link_not_seen_in_a_later_complete_listing_is_over(store: Store) -> None:
    def listing(at: int, *members: str, complete: bool) -> LinkListing:
        return LinkListing(
            source="ph", link="post_topics", owner="1", members=members, observed_at=at, complete=complete
        )

    write(
        store, listing(20, "b", complete=True), listing(10, "a", "b", complete=True), listing(15, "c", complete=False)
    )
    holding = (
        "SELECT member FROM post_topics t JOIN link_listings l ON l.owner = t.owner"
        " WHERE t.seen_at >= l.complete_at ORDER BY 1"
    )
    assert rows(store, holding) == [("b",)]


def test_checkpoints_ledger_and_drift_are_kept(store: Store) -> None:
    mark = LedgerMark(
        digest="ab", filters="{}", mapping_version=1, path="RC.zst", size_bytes=9, offset=5, lines=2, done=True
    )
    checkpoints = [Checkpoint(key=key, state=f'"{key}"') for key in ("bugs/new", "bugs/tree/1", "bugs/tree/2", "c")]
    for _ in range(2):
        write(store, checkpoints=checkpoints, ledger=mark, unknown_fields={"post.mood": 2})
    assert reads.checkpoint(store, "reddit", "bugs/new") == checkpoints[0]
    assert list(reads.checkpoints(store, "reddit", "bugs/tree/")) == ["bugs/tree/1", "bugs/tree/2"]
    assert len(reads.checkpoints(store, "reddit", "")) == 4
    assert reads.ledger(store, "ab", "{}", 1) == mark
    assert reads.ledger(store, "ab", "{}", 2) is None
    assert rows(store, "SELECT field, seen FROM drift") == [("post.mood", 4)]


def test_a_search_index_left_for_later_is_caught_up(store: Store) -> None:
    write(store, comment("t1_a", body="early beetle"), comment("t1_b", body="early moth"))
    store.search_later = True
    write(store, comment("t1_c", body="late beetle"), comment("t1_a", at=T0 + 5, body="changed wasp"))
    write(store, comment("t1_c", at=T0 + 5, body="later beetle"), gone("comment", "t1_b"))
    assert reads.status(store).search_pending
    for _ in range(2):
        maintain_search(store)
        assert not reads.status(store).search_pending
        assert {hit.id for hit in search(store, "beetle OR wasp OR moth OR early")} == {"t1_a", "t1_c"}


def test_readers_see_whole_batches_while_another_thread_writes(store: Store) -> None:
    write(store, comment("t1_0"))
    failures: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                assert one(store, "SELECT count(*) % 20 FROM comments") == 1
                reads.status(store)
        except BaseException as err:  # noqa: BLE001 - handed to the test
            failures.append(err)

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(10):
        write(store, *(comment(f"t1_{n}_{k}") for k in range(20)))
    done.set()
    reader.join()
    assert failures == []


def test_mentions_that_cannot_be_stored_do_not_unbalance_the_conservation_line(store: Store) -> None:
    broken = "ann\ud800"
    link = LinkListing(
        source="reddit", link="post_topics", owner="t3_a", members=("x",), observed_at=T0, complete=False
    )
    tally = write(
        store,
        post(author=broken, author_name=broken),
        Stub(source="reddit", kind="user", id=broken, name=broken),
        msgspec.structs.replace(link, members=(broken,)),
        msgspec.structs.replace(link, owner="t3_x", members=("",)),
        msgspec.structs.replace(link, owner="t3_y", observed_at=2**40),
        post("t3_b"),
    )
    assert (tally.offered, tally.new, tally.set_aside) == (2, 1, 1)
    assert len(reads.quarantined(store)) == 4


def test_a_new_picture_does_not_take_the_number_of_one_that_is_written_again(store: Store) -> None:
    first, second, third = (MediaItem(kind="image", url=f"https://i/{n}.jpg") for n in range(3))
    write(store, post("t3_a"), post("t3_b", media=(first, second)), post("t3_c"))
    numbers = dict(rows(store, "SELECT url, n FROM media"))
    shuffled = post("t3_b", media=(second, first), at=T0 + HOUR)
    for other in ("t3_a", "t3_c"):
        write(store, post(other, media=(third,), at=T0 + HOUR), shuffled)
        shuffled = post("t3_b", media=(first, second), at=T0 + 2 * HOUR)
    found = rows(store, "SELECT url, n FROM media")
    assert {url: n for url, n in found if url in numbers} == numbers
    assert len({n for _, n in found}) == len(found) == 4
