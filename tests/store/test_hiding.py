"""Hiding and restoring: what it takes along, what it leaves, and that nothing but the user ever changes it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from hubbub.errors import UsageError
from hubbub.records.models import Community, Door, MediaItem, Post, User
from hubbub.store import hiding, reads
from hubbub.store.digest import digest
from hubbub.store.engine import Store
from hubbub.store.hiding import Marked, hidden
from hubbub.store.hiding import hide as hide_records
from hubbub.store.hiding import restore as restore_records
from hubbub.store.search.find import search
from hubbub.store.targets import parse
from tests.store.making import HOUR, T0, comment, gone, one, post, rows, write

PICTURE = MediaItem(kind="image", url="https://i/1.jpg")


class Everything(msgspec.Struct, frozen=True):
    communities: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None


@pytest.fixture
def filled(store: Store) -> Store:
    write(
        store,
        post("t3_a", media=(PICTURE,)),
        post("t3_b", author="bob", author_name="Bob", title="A wasp"),
        post("t3_c", community="ants", community_name="Ants", title="An ant"),
        comment("t1_a", media=(MediaItem(kind="inline", url="https://i/2.jpg"),)),
        comment("t1_b", author="ann", author_name="Ann", body="a scarab beetle"),
        comment("t1_c", community="ants", community_name="Ants", body="a wood ant"),
        comment("t1_gone"),
        gone("comment", "t1_gone"),
        User(source="reddit", id="ann", door=Door.LIVE, observed_at=T0, name="Ann"),
        Community(source="reddit", id="bugs", door=Door.LIVE, observed_at=T0, name="Bugs"),
    )
    return store


def hide(store: Store, *targets: str, by: str = "me", now: int = T0 + 100) -> list[Marked]:
    return hide_records(store, [parse(target) for target in targets], by=by, now=now)


def restore(store: Store, *targets: str, now: int = T0 + 900) -> list[Marked]:
    return restore_records(store, [parse(target) for target in targets], now=now)


def marks(store: Store) -> dict[str, tuple[int, str]]:
    """Everything with a mark: its id, and the mark."""
    found = {}
    for table in ("posts", "comments", "users", "communities"):
        for record_id, at, by in rows(store, f"SELECT id, hidden_at, hidden_by FROM {table} WHERE hidden_at > 0"):
            found[record_id] = (at, by)
    return found


def visible(store: Store) -> set[str]:
    """Ids that leave the store: by an export, by a search; both must agree."""
    exported = {row[0] for kind in ("post", "comment") for row in reads.content_rows(store, kind, ["id"], Everything())}
    assert {hit.id for hit in search(store, "after:2000-01-01", limit=100)} == exported
    return exported


def test_a_hidden_record_stays_out_of_search_exports_and_downloads_until_it_is_restored(filled: Store) -> None:
    before = digest(filled)
    (done,) = hide(filled, "post:t3_a")
    assert (done.typed, done.was_hidden, done.rows) == ("post:reddit/t3_a", False, 1)
    assert visible(filled) == {"t3_b", "t3_c", "t1_a", "t1_b", "t1_c"}
    assert [item.url for item in reads.pending_media(filled)] == ["https://i/2.jpg"]
    assert one(filled, "SELECT hidden_at, hidden_by, updated_at FROM posts WHERE id = 't3_a'") == (
        T0 + 100,
        "me",
        T0 + 100,
    )
    assert digest(filled) == before
    (back,) = restore(filled, "post:t3_a")
    assert (back.was_hidden, back.hidden_at, back.rows) == (True, None, 1)
    assert marks(filled) == {}
    assert one(filled, "SELECT updated_at FROM posts WHERE id = 't3_a'") == T0 + 900
    assert visible(filled) == {"t3_a", "t3_b", "t3_c", "t1_a", "t1_b", "t1_c"}
    assert len(reads.pending_media(filled)) == 2
    assert digest(filled) == before


def test_a_community_takes_its_posts_and_comments_along_and_brings_them_back(filled: Store) -> None:
    (done,) = hide(filled, "community:r/Bugs")
    assert (done.posts, done.comments, done.rows) == (2, 3, 6)
    assert visible(filled) == {"t3_c", "t1_c"}
    assert reads.pending_media(filled) == []
    assert list(reads.content_rows(filled, "community", ["id"], Everything())) == []
    assert [(each.community, each.posts) for each in reads.status(filled).communities] == [("ants", 1)]
    (back,) = restore(filled, "community:bugs")
    assert (back.posts, back.comments, back.still_hidden) == (2, 3, 0)
    assert marks(filled) == {}


def test_a_person_takes_along_what_they_wrote(filled: Store) -> None:
    (done,) = hide(filled, "user:u/Ann")
    assert (done.posts, done.comments) == (2, 1)
    assert visible(filled) == {"t3_b", "t1_a", "t1_c"}
    assert list(reads.content_rows(filled, "user", ["id"], Everything())) == []
    restore(filled, "user:ann")
    assert marks(filled) == {}


def test_hiding_and_restoring_twice_changes_nothing(filled: Store) -> None:
    hide(filled, "community:bugs", "post:t3_c")
    first = marks(filled)
    stamps = rows(filled, "SELECT updated_at FROM posts ORDER BY id")
    again = hide(filled, "community:bugs", "post:t3_c", by="somebody else", now=T0 + 500)
    assert [(each.was_hidden, each.hidden_by, each.rows) for each in again] == [(True, "me", 0), (True, "me", 0)]
    assert marks(filled) == first
    assert rows(filled, "SELECT updated_at FROM posts ORDER BY id") == stamps
    restore(filled, "community:bugs", "post:t3_c")
    (nothing,) = restore(filled, "community:bugs", now=T0 + 999)
    assert (nothing.was_hidden, nothing.rows) == (False, 0)
    assert rows(filled, "SELECT count(*) FROM posts WHERE updated_at = ?", T0 + 999) == [(0,)]


def test_no_ingest_touches_a_mark_and_what_came_since_is_hidden_by_hiding_again(filled: Store) -> None:
    hide(filled, "community:bugs")
    kept = marks(filled)
    write(
        filled,
        post("t3_a", at=T0 + HOUR, score=99, title="Another title"),
        comment("t1_a", at=T0 + HOUR, body="edited"),
        gone("comment", "t1_b"),
        post("t3_new"),
        Community(source="reddit", id="bugs", door=Door.LIVE, observed_at=T0 + HOUR, name="Bugs", member_count=9),
    )
    assert marks(filled) == kept
    assert one(filled, "SELECT title FROM posts WHERE id = 't3_a'") == "Another title"
    assert visible(filled) == {"t3_new", "t3_c", "t1_c"}
    (again,) = hide(filled, "community:bugs", by="you", now=T0 + 2 * HOUR)
    assert (again.was_hidden, again.posts, again.comments) == (True, 1, 0)
    assert marks(filled)["t3_new"] == (T0 + 100, "me")
    (back,) = restore(filled, "community:bugs")
    assert (back.posts, back.comments) == (3, 3)
    assert marks(filled) == {}


def test_what_was_hidden_for_itself_stays_hidden_when_its_community_comes_back(filled: Store) -> None:
    hide(filled, "post:t3_a", now=T0 + 50)
    hide(filled, "community:bugs")
    restore(filled, "community:bugs")
    assert marks(filled) == {"t3_a": (T0 + 50, "me")}


@pytest.mark.parametrize("order", [("user:ann", "community:bugs"), ("community:bugs", "user:ann")])
def test_a_record_stays_hidden_while_either_its_author_or_its_community_is(
    filled: Store, order: tuple[str, str]
) -> None:
    for number, target in enumerate(order):
        hide(filled, target, now=T0 + 100 + number)
    (back,) = restore(filled, order[0])
    (mine,) = rows(filled, "SELECT count(*) FROM posts WHERE id = 't3_a' AND hidden_at IS NOT NULL")
    assert mine == (1,)
    expected = {"user:ann": (1, 0, 2), "community:bugs": (1, 2, 2)}[order[0]]
    assert (back.posts, back.comments, back.still_hidden) == expected
    restore(filled, order[1])
    assert marks(filled) == {}


def test_author_and_community_hidden_in_the_same_second_are_told_apart(filled: Store) -> None:
    hide(filled, "user:ann", "community:bugs")
    restore(filled, "user:ann")
    assert "t3_a" in marks(filled)
    assert visible(filled) == {"t3_c", "t1_c"}


def test_the_list_tells_who_hid_what_and_when_newest_first(filled: Store) -> None:
    hide(filled, "post:t3_a", by="ann", now=T0 + 1)
    hide(filled, "community:bugs", by="bob", now=T0 + 2)
    hide(filled, "comment:t1_c", by="carl", now=T0 + 3)
    hide(filled, "user:ann", by="dora", now=T0 + 4)
    told = [
        (each.typed, each.hidden_by, each.hidden_at, each.posts, each.comments) for each in hidden(filled, limit=50)
    ]
    assert told == [
        ("user:reddit/ann", "dora", T0 + 4, 1, 0),
        ("comment:reddit/t1_c", "carl", T0 + 3, 0, 0),
        ("community:reddit/bugs", "bob", T0 + 2, 1, 3),
        ("post:reddit/t3_a", "ann", T0 + 1, 0, 0),
    ]
    assert len(hidden(filled, limit=2)) == 2


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("post:t3_aa", "did you mean post:t3_a?"),
        ("community:bug", "did you mean community:bugs?"),
        ("community:xugs", "did you mean community:bugs?"),
        ("community:reddit/bug", "did you mean community:reddit/bugs?"),
        ("user:anne", "did you mean user:ann?"),
        ("post:t1_a", "write comment:t1_a"),
        ("user:bugs", "write community:bugs"),
        ("post:producthunt/t3_a", "no post 't3_a' in producthunt"),
        ("comment:nothing", "no comment 'nothing' in the store$"),
    ],
)
def test_an_unknown_target_is_refused_with_the_nearest_and_nothing_changes(
    filled: Store, target: str, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        hide(filled, "post:t3_b", target)
    assert marks(filled) == {}
    with pytest.raises(UsageError, match=says):
        restore(filled, target)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("t3_a", "write post:ID"),
        ("post:", "write post:ID"),
        ("pst:t3_a", "did you mean post:t3_a?"),
        ("reddit:bugs", "no kind 'reddit'; write post:ID"),
        ("post:reddit/", "names no post"),
        ("community:/", "names no community"),
    ],
)
def test_a_target_that_cannot_be_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse(text)


def elsewhere(record_id: str, **fields: Any) -> Post:
    known = {"door": Door.LIVE, "observed_at": T0, "title": "A launch", "created_at": T0}
    return Post(source="producthunt", id=record_id, **{**known, **fields})


def test_an_id_in_several_sources_needs_its_source(filled: Store) -> None:
    write(filled, elsewhere("t3_a"))
    with pytest.raises(UsageError, match="write post:producthunt/t3_a or post:reddit/t3_a"):
        hide(filled, "post:t3_a")
    hide(filled, "post:producthunt/t3_a")
    assert rows(filled, "SELECT source FROM posts WHERE hidden_at IS NOT NULL") == [("producthunt",)]


def test_a_person_whose_key_is_a_number_is_found_by_name(filled: Store) -> None:
    write(
        filled,
        elsewhere("17", author="4711", author_name="Dora"),
        User(source="producthunt", id="4711", door=Door.LIVE, observed_at=T0, name="Dora"),
    )
    (done,) = hide(filled, "user:Dora")
    assert (done.typed, done.posts) == ("user:producthunt/4711", 1)


def test_a_target_that_is_named_twice_is_changed_once(filled: Store) -> None:
    assert len(hide(filled, "post:t3_a", "post:reddit/t3_a")) == 1


@pytest.mark.parametrize("span", [0, 1, 2, 7])
def test_a_community_is_walked_in_spans_and_no_row_is_missed(
    store: Store, monkeypatch: pytest.MonkeyPatch, span: int
) -> None:
    monkeypatch.setattr(hiding, "SPAN_ROWS", span)
    times = [None, None, *([T0] * 5), *range(T0 + 1, T0 + 6), None]
    write(store, *(comment(f"t1_{n}", created_at=at) for n, at in enumerate(times)))
    (done,) = hide(store, "community:bugs")
    assert (done.posts, done.comments) == (0, len(times))
    assert one(store, "SELECT count(*) FROM comments WHERE hidden_at IS NULL") == 0
    (back,) = restore(store, "community:bugs")
    assert (back.comments, marks(store)) == (len(times), {})


class _Killed(Exception):  # noqa: N818
    """Stands for the end of the process."""


def test_a_command_that_was_interrupted_is_finished_by_the_same_command(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hiding, "SPAN_ROWS", 2)
    write(store, *(comment(f"t1_{n}", created_at=T0 + n) for n in range(9)))
    for command in (hide, restore):
        with monkeypatch.context() as patch:
            plain = hiding._spans

            def cut_short(*which: Any) -> Iterator[Any]:
                yield from itertools.islice(plain(*which), 3)  # noqa: B023
                if which[-1] == "comments":
                    raise _Killed

            patch.setattr(hiding, "_spans", cut_short)
            with pytest.raises(_Killed):
                command(store, "community:bugs")
        assert 0 < len(marks(store)) < 10
        command(store, "community:bugs")
        assert len(marks(store)) == (10 if command is hide else 0)


def test_members_are_found_through_an_index(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = [
        record
        for n in range(1500)
        for community, author in [(f"place{n % 50}", f"someone{n % 60}")]
        for record in (
            post(f"t3_{n}", community=community, author=author),
            comment(f"t1_{n}", community=community, author=author),
        )
    ]
    write(store, *crowd)
    with store.exclusive() as db:
        db.execute("ANALYZE")
        kind: Any = type(db)
    asked: list[tuple[str, Any]] = []
    plain = kind.execute

    def noted(session: Any, sql: str, parameters: Any = (), /) -> Any:
        asked.append((sql, parameters))
        return plain(session, sql, parameters)

    monkeypatch.setattr(kind, "execute", noted)
    hide(store, "community:place1", "user:someone2")
    restore(store, "community:place1", "user:someone2")
    monkeypatch.undo()
    updates = [(sql, values) for sql, values in asked if sql.startswith(("UPDATE posts", "UPDATE comments"))]
    assert len(updates) == 2 * (1 + 2) + 4 * (1 + 2), "communities are walked in two spans here: no time, and all times"
    with store.transaction() as db:
        if store.engine == "postgresql":  # these tables are too small for it to look at an index by itself
            db.execute("SET LOCAL enable_seqscan TO off")
        for sql, values in updates:
            explain = "EXPLAIN QUERY PLAN" if store.engine == "sqlite" else "EXPLAIN"
            plan = [str(row[-1]).strip() for row in db.execute(f"{explain} {sql}", values)]
            large = [step for step in plan if re.match(r"SCAN|(->  )?Seq Scan on (posts|comments)", step)]
            assert large == [], (sql, plan)
            assert any(re.search(r"(=\? AND |Index Cond.*)(community|author|created_at)", step) for step in plan), plan
