"""Named queries: what they answer, and that none of them scans a table that grows."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import event

from hubbub.errors import UsageError
from hubbub.plugins.contracts import Checkpoint, RecallCounts, RecallRipe, RecallTotals
from hubbub.records.models import Community, Door, MediaItem, Reason, Rule, User
from hubbub.store import reads
from hubbub.store.engine import Store
from hubbub.store.search.find import search
from hubbub.store.sqlite_backend import SqliteBackend
from tests.store.conftest import ONLY_SQLITE
from tests.store.making import HOUR, T0, comment, gone, one, post, rows, write


class Chosen(msgspec.Struct, frozen=True):
    communities: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None


@pytest.fixture
def filled(store: Store) -> Store:
    picture = MediaItem(kind="image", url="https://i/1.jpg")
    write(
        store,
        post("t3_1", comment_count=5, created_at=T0, media=(picture,)),
        post("t3_2", comment_count=None, created_at=T0 + HOUR, community="ants"),
        post("t3_3", comment_count=0, created_at=T0 + 2 * HOUR),
        comment("t1_1", post_id="t3_1"),
        comment("t1_2", post_id="t3_1"),
        gone("comment", "t1_2"),
        gone("post", "t3_4", community="bugs", created_at=T0),
        User(source="reddit", id="ann", door=Door.LIVE, observed_at=T0, name="Ann"),
        User(source="reddit", id="shy", door=Door.LIVE, observed_at=T0, name="Shy", no_index=True),
    )
    return store


def test_stored_counts_are_of_live_posts_newest_first_and_leave_out_what_authors_deleted(filled: Store) -> None:
    write(filled, comment("t1_3", post_id="t3_1"), gone("comment", "t1_3", reason=Reason.MODERATOR))
    counts = reads.stored_counts(filled, "reddit", RecallCounts("bugs"))
    assert [(c.post_id, c.comment_count, c.stored) for c in counts] == [("t3_3", 0, 0), ("t3_1", 5, 2)]
    assert {c.community for c in counts} == {"bugs"}


def test_stored_counts_leave_out_comments_that_are_younger_than_the_platforms_count(filled: Store) -> None:
    counted_at = reads.stored_counts(filled, "reddit", RecallCounts("bugs", post_ids=("t3_1",)))[0].observed_at
    write(filled, comment("t1_4", post_id="t3_1", created_at=counted_at))
    write(filled, comment("t1_5", post_id="t3_1", created_at=counted_at + 1))
    counts = reads.stored_counts(filled, "reddit", RecallCounts("bugs", lacking=True))
    assert [(c.post_id, c.stored) for c in counts] == [("t3_1", 2)]


def test_posts_that_lack_nothing_are_left_out_when_asked(filled: Store) -> None:
    write(filled, *(comment(f"t1_{n}0", post_id="t3_1") for n in range(1, 5)))
    assert reads.stored_counts(filled, "reddit", RecallCounts("bugs", lacking=True)) == []


def test_what_is_due_was_last_seen_before_the_greatest_age_it_has_reached(filled: Store) -> None:
    now = T0 + 1_000_000
    for record_id, made, seen in (
        ("t1_never", now - 5 * HOUR, now - 5 * HOUR),
        ("t1_early", now - 5 * HOUR, now - 4 * HOUR - 1),
        ("t1_young", now - HOUR + 1, now - HOUR + 1),
        ("t1_late", now - 7 * HOUR, now - 2 * HOUR),
        ("t1_done", now - 7 * HOUR, now - HOUR),
        ("t1_old", now - 12 * HOUR - 1, now - 12 * HOUR),
    ):
        write(filled, comment(record_id, created_at=made, at=seen, community="ants"))
    dumped = comment("t1_dump", created_at=now - 5 * HOUR, at=now - 5 * HOUR, community="ants")
    write(filled, msgspec.structs.replace(dumped, door=Door.DUMP))
    write(filled, comment("t1_gone", created_at=now - 5 * HOUR, at=now - 5 * HOUR, community="ants"))
    write(filled, gone("comment", "t1_gone", at=now))
    asked = RecallRipe(kind="comment", communities=("ants",), ages_s=(HOUR, 6 * HOUR), until=now, limit=10)
    assert {due.id for due in reads.stored_ripe(filled, "reddit", asked)} == {"t1_never", "t1_early", "t1_late"}
    assert len(reads.stored_ripe(filled, "reddit", msgspec.structs.replace(asked, limit=2))) == 2


def test_saved_checkpoints_are_those_that_are_there(filled: Store) -> None:
    marks = [Checkpoint(key=f"bugs/{n}", state="{}") for n in range(3)]
    write(filled, checkpoints=marks)
    assert reads.saved(filled, "reddit", ["bugs/0", "bugs/2", "ants/0"]) == {"bugs/0": marks[0], "bugs/2": marks[2]}


def test_stored_totals_count_by_time_of_creation_tombstones_included_and_stubs_not(filled: Store) -> None:
    write(filled, comment("t1_9", post_id="t3_unknown", created_at=T0))  # leaves a stub of a post
    asked = RecallTotals(source="reddit", kind="post", community="bugs", bounds=(0, T0, T0 + HOUR, T0 + 9 * HOUR))
    assert reads.stored_totals(filled, asked) == (0, 2, 1)
    assert reads.stored_totals(filled, msgspec.structs.replace(asked, community="wasps")) == (0, 0, 0)
    assert reads.stored_totals(filled, msgspec.structs.replace(asked, source="elsewhere")) == (0, 0, 0)
    assert reads.stored_totals(filled, msgspec.structs.replace(asked, kind="comment", bounds=(T0, T0 + 1))) == (1,)


def test_status_tells_what_is_here(filled: Store) -> None:
    run_id = filled.begin_run(command="sync", target="bugs", started_at=T0)
    filled.end_run(run_id, exit_code=3, summary={}, ended_at=T0 + 1)
    status = reads.status(filled)
    kinds = {kind.kind: (kind.live, kind.withdrawn, kind.stubs) for kind in status.kinds}
    assert kinds == {"post": (3, 1, 0), "comment": (1, 1, 0), "user": (2, 0, 1), "community": (0, 0, 2)}
    assert [(c.community, c.posts, c.comments) for c in status.communities] == [("ants", 1, 0), ("bugs", 2, 1)]
    assert status.media == {"pending": 1}
    assert (status.tombstones, status.last_run, status.last_run_exit_code) == (2, run_id, 3)
    assert status.size_bytes > 8192


def test_exports_get_live_visible_rows_in_order_page_by_page(filled: Store) -> None:
    with filled.transaction() as connection:
        connection.execute("UPDATE posts SET hidden_at = 1 WHERE id = 't3_3'")

    def ids(kind: str, **chosen: Any) -> list[str]:
        return [row[0] for row in reads.content_rows(filled, kind, ["id"], Chosen(**chosen))]

    assert ids("post") == ["t3_1", "t3_2"]
    assert ids("comment") == ["t1_1"]
    assert ids("user") == ["ann"]
    assert ids("post", communities=("ants",)) == ["t3_2"]
    assert ids("post", since=T0 + 1) == ["t3_2"]
    assert ids("post", until=T0 + 1) == ["t3_1"]
    hostile = reads.content_rows(filled, "post", ["id; DROP TABLE posts"], Chosen())
    with pytest.raises(UsageError, match="no column 'id; DROP"):
        next(hostile)


def test_an_export_being_read_does_not_hold_up_writers(filled: Store) -> None:
    reading = reads.content_rows(filled, "post", ["id"], Chosen())
    assert next(reading) == ("t3_1",)
    write(filled, post("t3_9"))
    assert [row[0] for row in reading] == ["t3_2", "t3_3"]


def test_findings_and_untrusted_runs_are_kept(store: Store) -> None:
    run_id = store.begin_run(command="import", target="x.zst", started_at=T0)
    store.add_finding(run_id=run_id, severity="warning", what="a gap")
    store.mark_untrusted(run_id, why="checksum")
    store.mark_untrusted(run_id, why="again")
    assert [(f.severity, f.what) for f in reads.findings(store, run_id)] == [("warning", "a gap")]
    (run,) = reads.runs(store)
    assert (run.untrusted, run.ended_at, run.exit_code) == ("checksum; again", None, None)


def test_rules_of_a_community_read_as_a_table(store: Store) -> None:
    rules = (Rule(short_name="be kind", applies_to="all"), Rule(short_name="no spam"))
    write(store, Community(source="reddit", id="bugs", door=Door.LIVE, observed_at=T0, name="Bugs", rules=rules))
    found = rows(store, "SELECT community, position, short_name, applies_to FROM rules ORDER BY position")
    assert found == [("bugs", 1, "be kind", "all"), ("bugs", 2, "no spam", None)]


@ONLY_SQLITE
def test_other_programs_find_search_and_foreign_keys(store: Store) -> None:
    """As Datasette and sqlite-utils ask (datasette/utils detect_fts_sql)."""
    asked = (
        "SELECT name FROM sqlite_master WHERE rootpage = 0 AND"
        " (sql LIKE '%VIRTUAL TABLE%USING FTS%content=\"posts\"%' OR sql LIKE '%VIRTUAL TABLE%USING FTS%content=[posts]%')"
    )
    assert one(store, asked) == "posts_fts"
    targets = {row[2] for row in rows(store, "PRAGMA foreign_key_list(media)")}
    assert targets == {"posts", "comments", "blobs"}


@ONLY_SQLITE
def test_no_read_scans_a_table_that_grows(filled: Store) -> None:
    asked: list[tuple[str, Any]] = []
    assert isinstance(filled.backend, SqliteBackend)
    event.listen(filled.backend.reads, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    reads.checkpoint(filled, "reddit", "a")
    reads.checkpoints(filled, "reddit", "a")
    reads.known_ids(filled, "reddit", "post", ["t3_1"])
    reads.stored_counts(filled, "reddit", RecallCounts("bugs"))
    reads.ledger(filled, "a", "{}", 1)
    reads.pending_media(filled, source="reddit")
    reads.runs(filled)
    reads.findings(filled, 1)
    with filled.reading_raw() as connection:
        for sql, values in asked:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
            scans = [
                step for step in plan if step.startswith("SCAN") and "json_each" not in step and "runs" not in step
            ]
            assert scans == [], (sql, plan)


@ONLY_SQLITE
@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (
            "SELECT * FROM posts WHERE source = ? AND community = ? ORDER BY created_at DESC",
            "ix_posts_community_created",
        ),
        ("SELECT * FROM posts WHERE source = ? AND community = ? ORDER BY score DESC", "ix_posts_community_score"),
        ("SELECT * FROM posts WHERE source = ? AND author = ?", "ix_posts_author"),
        ("SELECT * FROM comments WHERE source = ? AND post_id = ?", "ix_comments_post"),
        ("SELECT * FROM comments WHERE source = ? AND parent_id = ?", "ix_comments_parent"),
        ("SELECT * FROM comments WHERE source = ? AND author = ?", "ix_comments_author"),
        (
            "SELECT * FROM comments WHERE source = ? AND community = ? ORDER BY score DESC",
            "ix_comments_community_score",
        ),
    ],
)
def test_the_reads_we_ship_have_their_index(store: Store, sql: str, index: str) -> None:
    values = ("reddit", "x")[: sql.count("?")]
    plan = [row[3] for row in rows(store, f"EXPLAIN QUERY PLAN {sql}", *values)]
    assert any(index in step for step in plan)
    assert not any("TEMP B-TREE" in step for step in plan)


def test_search_with_filters_reaches_rows_through_the_index(filled: Store) -> None:
    assert [hit.id for hit in search(filled, "community:bugs kind:post")] == ["t3_3", "t3_1"]
