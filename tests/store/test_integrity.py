"""`db check`: a sound store passes, everything that must hold is noticed when it does not, and nothing is changed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from hubbub.records.models import Community, Door, MediaItem, Reason, Rejected, User
from hubbub.store import integrity
from hubbub.store.checks import CHECKS
from hubbub.store.engine import Store, open_store
from hubbub.store.integrity import check
from hubbub.store.maintenance import maintain, rebuild_search
from tests.servers import PostgresServer
from tests.store.conftest import ONLY_POSTGRES, ONLY_SQLITE
from tests.store.making import HOUR, T0, comment, gone, index_faults, one, post, write


@pytest.fixture
def lived(store: Store) -> Store:
    """A store that has seen everything: edits, deletions of every kind, people who are gone, pictures, stubs."""
    run_id = store.begin_run(command="sync", target="bugs", started_at=T0)
    picture = MediaItem(kind="image", url="https://i.test/1.jpg")
    broken = Rejected(reason="no id", raw=b"{}", source="reddit", door=Door.LIVE, where="x", kind="post", id="t3_odd")
    write(
        store,
        *(post(f"t3_{n}", author=f"p{n % 7}", media=(picture,) if n % 2 else ()) for n in range(40)),
        *(comment(f"t1_{n}", post_id=f"t3_{n % 50}", author=f"p{n % 9}", body=f"first text {n}") for n in range(200)),
        User(source="reddit", id="p1", door=Door.LIVE, observed_at=T0, name="P1"),
        Community(source="reddit", id="bugs", door=Door.LIVE, observed_at=T0, name="Bugs"),
        rejected=[broken],
        run_id=run_id,
    )
    later = T0 + 2 * HOUR
    write(
        store,
        *(
            comment(f"t1_{n}", post_id=f"t3_{n % 50}", author=f"p{n % 9}", at=later, score=9, body="edited")
            for n in range(90)
        ),
    )
    reasons = [Reason.AUTHOR, Reason.MODERATOR, Reason.GONE, Reason.LEGAL, Reason.STAFF, Reason.FORGET]
    write(store, *(gone("comment", f"t1_{n}", at=later + 9, reason=reasons[n % 6]) for n in range(30)))
    write(store, *(gone("post", f"t3_{n}", at=later + 9, reason=reasons[n % 6]) for n in range(12)))
    write(store, *(gone("comment", f"t1_x{n}", at=later, reason=Reason.MODERATOR) for n in range(3)))
    write(store, gone("user", "p1", at=later), gone("post", "t3_odd"))
    write(store, *(comment(f"t1_{n}", at=later + HOUR, body="it came back") for n in range(6)))
    store.end_run(run_id, exit_code=0, summary={}, ended_at=T0 + 1)
    return store


def found(store: Store, *, quick: bool = False) -> dict[str, tuple[str, int]]:
    """What is not well, by the name of the check."""
    return {each.name: (each.status, each.count) for each in check(store, quick=quick) if each.status != "ok"}


def change(store: Store, *statements: str) -> None:
    with store.transaction() as db:
        for statement in statements:
            db.execute(statement)


def test_a_store_that_has_seen_everything_is_sound(lived: Store) -> None:
    assert found(lived) == {}
    assert found(lived, quick=True) == {}
    assert one(lived, "SELECT count(*) FROM posts WHERE withdrawn = 1") > 5
    assert one(lived, "SELECT count(*) FROM comments WHERE tombstone IS NOT NULL AND withdrawn = 0") > 0


def test_a_quick_look_asks_less(lived: Store) -> None:
    quick, whole = ([each.name for each in check(lived, quick=how)] for how in (True, False))
    assert set(quick) < set(whole)
    assert {each.name for each in CHECKS} <= set(whole)


BROKEN = {
    "a text is left": ("withdrawn texts", "UPDATE posts SET body = 'it was' WHERE id = 't3_0'"),
    "a name is left": ("withdrawn texts", "UPDATE posts SET author = 'who' WHERE id = 't3_3'"),
    "media are left": ("withdrawn texts", "UPDATE comments SET media = '[]' WHERE id = 't1_7'"),
    "a past text is left": (
        "withdrawn past",
        (
            "INSERT INTO revisions (source, kind, id, hash, first_at, last_at, text)"
            " VALUES ('reddit', 'comment', 't1_9', 'x', 1, 2, '[]')"
        ),
    ),
    "a past number is left": (
        "withdrawn past",
        "INSERT INTO observations (source, kind, id, hour, observed_at) VALUES ('reddit', 'post', 't3_0', 0, 1)",
    ),
    "a past name is left": (
        "withdrawn past",
        "INSERT INTO past_authors (source, author, kind, id) VALUES ('reddit', 'x', 'comment', 't1_9')",
    ),
    "its bytes are left": ("withdrawn past", "UPDATE quarantine SET id = 't3_odd' WHERE id = 't3_none'"),
    "a flag is off": ("withdrawn flags", "UPDATE comments SET withdrawn = 0 WHERE id = 't1_9'"),
    "a flag is on": ("withdrawn flags", "UPDATE comments SET withdrawn = 1 WHERE id = 't1_150'"),
    "a tombstone is lost": ("tombstones", "DELETE FROM tombstones WHERE id = 't3_0'"),
    "a tombstone differs": ("tombstones", "UPDATE tombstones SET reason = 'gone' WHERE id = 't3_0'"),
    "a tombstone is of nothing": ("tombstones", "UPDATE tombstones SET id = 't3_none' WHERE id = 't3_0'"),
    "a stub is left": ("stubs", "INSERT INTO users (source, id) VALUES ('reddit', 'nobody')"),
    "a post's stub is left": ("stubs", "INSERT INTO posts (source, id) VALUES ('reddit', 't3_none')"),
    "a picture has no file": ("media files", "UPDATE media SET state = 'stored'"),
}


@pytest.mark.parametrize("wrong", BROKEN)
def test_what_must_hold_is_noticed_when_it_does_not(lived: Store, wrong: str) -> None:
    name, statement = BROKEN[wrong]
    odd = Rejected(reason="no time", raw=b"{}", source="reddit", door=Door.DUMP, where="x", kind="post", id="t3_none")
    write(lived, rejected=[odd])
    assert found(lived) == {}
    change(lived, statement)
    noticed = found(lived)
    assert noticed[name][0] == "failed"
    assert noticed[name][1] >= 1
    said = next(each for each in check(lived) if each.name == name)
    assert said.advice
    assert said.examples


def test_media_of_withdrawn_records_are_noticed_and_removed(lived: Store) -> None:
    pictured = one(lived, "SELECT min(post_id) FROM media")
    live = one(lived, "SELECT count(*) FROM media")
    change(
        lived,
        f"UPDATE posts SET withdrawn = 1 WHERE id = '{pictured}'",
        "INSERT INTO users (source, id) VALUES ('reddit', 'nobody')",
    )
    noticed = found(lived)
    assert noticed["media rows"] == ("failed", 1)
    assert noticed["stubs"] == ("failed", 1)
    said = [step.what for step in maintain(lived, full=True) if step.name == "leftovers"]
    assert said == ["removed 1 stubs and 1 media rows and labels"]
    assert not {"media rows", "stubs"} & set(found(lived))
    assert one(lived, "SELECT count(*) FROM media") == live - 1


def test_rows_without_a_search_entry_are_noticed_and_come_back(lived: Store) -> None:
    if lived.engine == "sqlite":
        change(
            lived,
            "INSERT INTO comments_fts (comments_fts, rowid, body, facts)"
            " SELECT 'delete', n, body, facts FROM comments_words WHERE n IN (SELECT n FROM comments WHERE id = 't1_150')",
        )
    else:
        change(lived, "UPDATE comments SET search = NULL WHERE id = 't1_150'")
    assert found(lived) == {"search entries": ("failed", 1)}
    change(lived, "UPDATE search_state SET pending = 1")
    assert found(lived) == {"search entries": ("warning", 1)}
    assert [step.what for step in maintain(lived) if step.name == "search"] == ["the search index has caught up"]
    assert found(lived) == {}
    assert index_faults(lived) == []


def test_entries_of_records_that_are_not_live_are_noticed_and_go(lived: Store) -> None:
    if lived.engine == "sqlite":
        change(
            lived, "INSERT INTO comments_fts (rowid, body, facts) SELECT n, 'x', 'y' FROM comments WHERE id = 't1_9'"
        )
    else:
        change(lived, "UPDATE comments SET search = 'x'::tsvector WHERE id = 't1_9'")
    assert found(lived)["search leftovers"] == ("failed", 1)
    rebuild_search(lived)
    assert found(lived) == {}
    assert index_faults(lived) == []


def test_wrong_words_in_the_index_are_put_right_by_making_it_anew(lived: Store) -> None:
    if lived.engine == "sqlite":
        change(
            lived, "INSERT INTO comments_fts (rowid, body, facts) SELECT n, 'x', 'y' FROM comments WHERE id = 't1_9'"
        )
        change(lived, "UPDATE comments_fts_data SET block = zeroblob(20) WHERE id > 1000")
        assert found(lived)["search words"][0] == "failed"
    else:
        change(lived, "UPDATE comments SET search = 'x'::tsvector WHERE id = 't1_150'")
        assert index_faults(lived)
    rebuild_search(lived)
    assert index_faults(lived) == []
    assert found(lived) == {}


def test_a_run_that_never_ended_is_a_warning(lived: Store) -> None:
    lived.begin_run(command="sync", target="bugs", started_at=T0)
    assert found(lived, quick=True) == {"runs": ("warning", 1)}


def test_a_missing_index_is_noticed(lived: Store) -> None:
    change(lived, "DROP INDEX ix_comments_post")
    assert found(lived, quick=True) == {"schema": ("failed", 1)}


@ONLY_SQLITE
def test_rows_that_refer_to_nothing_are_noticed(lived: Store) -> None:
    with lived.exclusive() as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("UPDATE media SET post_n = 999999 WHERE n = (SELECT min(n) FROM media)")
        db.execute("PRAGMA foreign_keys = ON")
    assert found(lived)["references"] == ("failed", 1)


def damage(path: Path, *, first_page: int = 120) -> bytes:
    raw = bytearray(path.read_bytes())
    for start in range(8192 * first_page, len(raw) - 8192, 8192):
        raw[start : start + 400] = b"\xff" * 400
    path.write_bytes(raw)
    return bytes(raw)


@ONLY_SQLITE
@pytest.mark.parametrize("quick", [True, False])
def test_a_damaged_file_is_told_clearly_and_never_changed(lived: Store, any_url: str, *, quick: bool) -> None:
    write(lived, *(comment(f"t1_z{n}", body=f"word{n} " * 40) for n in range(2_000)))
    lived.close()
    raw = damage(lived.path)
    with open_store(any_url, create=False, read_only=True) as store:
        answers = list(check(store, quick=quick))
    assert {each.name: each.status for each in answers if each.status == "failed"}["file"] == "failed"
    file = next(each for each in answers if each.name == "file")
    assert str(lived.path) in file.said
    assert "damaged" in file.said
    assert file.examples
    assert "backup" in str(file.advice)
    assert all(each.status == "skipped" for each in answers if each.name in {one.name for one in CHECKS})
    assert lived.path.read_bytes() == raw


@ONLY_SQLITE
def test_the_search_index_is_not_looked_at_while_somebody_writes_or_for_too_long(
    lived: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sqlite3.connect(lived.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert found(lived) == {"search words": ("skipped", 0)}
    other.execute("ROLLBACK")
    other.close()
    monkeypatch.setattr(integrity, "WORDS_S", 0.0)
    write(lived, *(comment(f"t1_y{n}", body=f"word{n} other{n * 7 % 1000} " * 20) for n in range(3_000)))
    assert found(lived) == {"search words": ("skipped", 0)}


@ONLY_POSTGRES
def test_an_invalid_index_is_noticed_and_what_a_killed_one_left_is_removed(
    lived: Store, postgres_server: PostgresServer, any_url: str
) -> None:
    database = any_url.rpartition("/")[2]
    postgres_server.sql(
        "SET search_path TO hubbub; CREATE INDEX media_pkey_ccnew ON media (n);"
        " UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'media_pkey_ccnew'::regclass;"
        " ALTER TABLE media_pkey_ccnew OWNER TO hubbub",
        database=database,
    )
    assert found(lived, quick=True) == {"indexes": ("failed", 1)}
    (said,) = [step.what for step in maintain(lived, full=True) if step.name == "indexes"]
    assert said == "every index is made anew; 1 that were left half made are gone"
    assert found(lived) == {}
