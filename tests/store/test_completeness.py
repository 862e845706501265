"""What `hubbub check` counts, on both engines."""

from __future__ import annotations

from hubbub.plugins.contracts import Checkpoint, RecallCounts
from hubbub.records.models import Reason
from hubbub.store import completeness, reads
from hubbub.store.completeness import CommunityFacts, Lacking
from hubbub.store.engine import Store
from tests.store.making import HOUR, T0, comment, gone, post, write

DAY = 24 * HOUR
NOW = T0 + 10 * DAY


def facts(store: Store, *communities: str, now: int = NOW) -> list[CommunityFacts]:
    with store.reading_raw() as db:
        return completeness.facts(db, communities=[("reddit", name) for name in communities], now=now)


def test_comments_are_counted_as_the_platform_counts_them(store: Store) -> None:
    write(
        store,
        post(comment_count=5),
        comment("t1_live"),
        comment("t1_removed"),
        gone("comment", "t1_removed", reason=Reason.MODERATOR),
        comment("t1_deleted"),
        gone("comment", "t1_deleted", reason=Reason.AUTHOR),
        post("t3_b", comment_count=1),
        comment("t1_b", post_id="t3_b", parent_id="t3_b"),
        comment("t1_more", post_id="t3_b", parent_id="t3_b"),
        post("t3_none", comment_count=0),
        post("t3_unknown", comment_count=None),
        *(post(f"t3_{n}", comment_count=n) for n in range(1, 9)),
        checkpoints=[Checkpoint(key="bugs/tree/t3_a", state="{}")],
    )
    (found,) = facts(store)
    assert (found.expected, found.counted, found.lacking, found.lacking_posts) == (42, 4, 39, 9)
    assert found.worst == [Lacking(id=f"t3_{n}", expected=n, stored=0) for n in (8, 7, 6, 5, 4)]
    assert found.unread_trees == 8  # t3_b lacks nothing, and the tree of t3_a was read
    assert (found.comments.stored, found.comments.withdrawn) == (5, 2)


def test_what_a_tree_did_not_hold_when_it_was_read_is_not_missing(store: Store) -> None:
    write(
        store,
        post(comment_count=5),
        comment("t1_a"),
        post("t3_b", comment_count=4),
        post("t3_c", comment_count=2),
        comment("t1_c", post_id="t3_c", parent_id="t3_c"),
        checkpoints=[
            Checkpoint(key="bugs/tree/t3_a", state='{"count": 5, "lacking": 3}'),
            Checkpoint(key="bugs/tree/t3_b", state='{"count": 4, "lacking": 9}'),
            Checkpoint(key="bugs/tree/t3_c", state='{"count": 2}'),
        ],
    )
    (found,) = facts(store)
    assert (found.lacking, found.lacking_posts, found.not_to_be_had, found.unread_trees) == (2, 2, 7, 0)


def test_check_and_sync_agree_about_what_is_lacking(store: Store) -> None:
    write(
        store,
        post(comment_count=4),
        comment("t1_live"),
        *(comment(f"t1_{reason}") for reason in Reason),
        *(gone("comment", f"t1_{reason}", reason=reason) for reason in Reason),
    )
    (given,) = reads.stored_counts(store, "reddit", RecallCounts("bugs"))
    write(store, comment("t1_younger", created_at=given.observed_at + 1))
    (given,) = reads.stored_counts(store, "reddit", RecallCounts("bugs"))
    (found,) = facts(store)
    assert found.counted == given.stored == 1 + len(Reason) - 2
    assert found.comments.stored == 2 + len(Reason)


def test_what_hangs_in_the_air_is_counted(store: Store) -> None:
    write(
        store,
        post(),
        comment("t1_a"),
        comment("t1_b", parent_id="t1_a"),
        comment("t1_c", parent_id="t1_nowhere"),
        comment("t1_d", post_id="t3_nowhere", parent_id="t3_nowhere"),
        comment("t1_e", post_id="t3_nowhere", parent_id="t1_d"),
        comment("t1_f", post_id="t3_off", parent_id="t3_off", community="ants"),
    )
    ants, bugs = facts(store)
    assert (bugs.orphans, bugs.lost_posts, bugs.lost_parents) == (2, 1, 1)
    assert (ants.community, ants.orphans, ants.lost_posts, ants.lost_parents) == ("ants", 1, 1, 0)
    assert facts(store, "ants") == [ants]


def test_ages_and_windows(store: Store) -> None:
    write(
        store,
        post("t3_new", at=NOW - HOUR),
        post("t3_day", at=NOW - 2 * DAY, created_at=T0 - DAY),
        post("t3_week", at=NOW - HOUR, numbers_at=NOW - 8 * DAY),
        post("t3_dump", at=NOW - 40 * DAY),
        post("t3_gone", at=NOW - 40 * DAY),
        gone("post", "t3_gone"),
        checkpoints=[Checkpoint(key="bugs/new", state='{"watermark":5}'), Checkpoint(key="bugsy/new", state="{}")],
    )
    (found,) = facts(store)
    posts = found.posts
    assert (posts.stored, posts.withdrawn, posts.oldest_created_at) == (5, 1, T0 - DAY)
    assert (posts.older_than_day, posts.older_than_week, posts.older_than_month) == (3, 2, 1)
    assert (posts.api_rows, posts.api_rows_late, posts.oldest_look_at) == (4, 1, NOW - 40 * DAY)
    assert [(mark.door, mark.stream, mark.state) for mark in found.marks] == [("reddit", "new", '{"watermark":5}')]


def test_an_empty_store_has_nothing_to_say(store: Store) -> None:
    assert facts(store) == []
