"""What its authors removed is gone from every table, and only what may come back does."""

from __future__ import annotations

from typing import Any

import pytest

from hubbub.records.models import Door, MediaItem, Reason, Rejected, User
from hubbub.store import reads
from hubbub.store.engine import Store
from hubbub.store.search.find import search
from hubbub.store.writes import Blob, forget_orphan_blobs, set_media_state
from tests.store.conftest import ONLY_SQLITE
from tests.store.making import HOUR, T0, comment, gone, one, post, rows, write

SECRET = "zyzzyva"
PICTURE = MediaItem(kind="image", url=f"https://i.example/{SECRET}.jpg", caption=SECRET)


def everywhere(store: Store) -> list[str]:
    """Every table in which the secret word still lies, the shadow tables of the search index included."""
    found = []
    listed = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
        "postgresql": "SELECT table_name FROM information_schema.tables"
        " WHERE table_schema = current_schema AND table_type = 'BASE TABLE' AND table_name NOT LIKE '%_of_reddit%'",
    }
    for (table,) in rows(store, listed[store.engine]):
        if table in ("posts_fts", "comments_fts"):
            continue
        for row in rows(store, f'SELECT * FROM "{table}"'):
            for value in row:
                raw = value if isinstance(value, bytes) else str(value).encode()
                if SECRET.encode() in raw.lower():
                    found.append(table)
    return sorted(set(found))


def _secret_post(store: Store) -> None:
    secret: dict[str, Any] = {
        "author": SECRET,
        "author_name": SECRET.title(),
        "author_flair": SECRET,
        "extra": f'{{"a":"{SECRET}"}}',
    }
    write(store, post(title=SECRET, url=f"https://x/{SECRET}", body="one", media=(PICTURE,), flair=SECRET, **secret))
    write(store, post(at=T0 + 2 * HOUR, title="plain", body=SECRET, media=(PICTURE,), score=9, **secret))
    write(store, comment(body=SECRET, author="carl"))
    with store.transaction() as connection:
        number = ", n" if store.engine == "sqlite" else ""
        connection.execute(
            f"INSERT INTO labels (source, post_id{number.replace('n', 'post_n')}, label, origin, built_at)"
            f" SELECT source, id{number}, ?, 'x', 1 FROM posts",
            (SECRET,),
        )


def test_an_erased_post_leaves_its_word_in_no_table(store: Store) -> None:
    run_id = store.begin_run(command="sync", target="x", started_at=T0)
    _secret_post(store)
    held = {"posts", "comments", "media", "labels", "revisions", "users"}
    index = {"posts_fts_data", "comments_fts_data"} if store.engine == "sqlite" else set()
    assert held | index <= set(everywhere(store))
    aside = Rejected(
        reason="odd", raw=SECRET.encode(), source="reddit", door=Door.DUMP, where="x", kind="comment", id="t1_a"
    )
    write(store, rejected=[aside])
    write(store, gone("post", "t3_a", at=T0 + 3 * HOUR), gone("comment", "t1_a"))
    assert reads.quarantined(store) == []
    assert set(everywhere(store)) <= {"posts_fts_data", "comments_fts_data"}
    store.end_run(run_id, exit_code=0, summary={}, ended_at=T0)
    assert everywhere(store) == []
    kept = one(store, "SELECT community, created_at, tombstone, tombstone_at, first_seen_at FROM posts")
    assert kept == ("bugs", T0 - HOUR, "author", T0 + 3 * HOUR, T0)
    assert one(store, "SELECT reason, at FROM tombstones WHERE kind = 'post'") == ("author", T0 + 3 * HOUR)
    assert one(store, "SELECT count(*) FROM observations") == 0


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.erases])
def test_nothing_brings_an_erased_record_back(store: Store, reason: Reason) -> None:
    write(store, post(), gone("post", "t3_a", reason=reason))
    tally = write(store, post(at=T0 - 50, body=SECRET), post(at=T0 + 9 * HOUR, body=SECRET))
    assert tally.tombstoned == 2
    assert everywhere(store) == []
    assert search(store, "beetle") == []


@pytest.mark.parametrize("reason", [Reason.MODERATOR, Reason.GONE])
def test_only_text_seen_after_a_removal_restores(store: Store, reason: Reason) -> None:
    write(store, post(body=SECRET, media=(PICTURE,)), gone("post", "t3_a", at=T0 + HOUR, reason=reason))
    assert write(store, post(at=T0 + HOUR, body=SECRET)).tombstoned == 1
    assert search(store, "beetle") == []
    assert write(store, post(at=T0 + HOUR + 1, body="approved again")).updated == 1
    assert [hit.id for hit in search(store, "approved")] == ["t3_a"]
    assert one(store, "SELECT withdrawn, tombstone FROM posts") == (0, str(reason))
    assert everywhere(store) in ([], ["posts_fts_data"])


def test_a_removal_wipes_the_history_up_to_it_and_clips_the_rest(store: Store) -> None:
    for step, body in enumerate(["a", "b", "c", "d"]):
        write(store, post(at=T0 + step * 2 * HOUR, body=body, score=step))
    write(store, gone("post", "t3_a", at=T0 + 3 * HOUR, reason=Reason.MODERATOR))
    assert rows(store, "SELECT first_at, last_at FROM revisions") == [(T0 + 3 * HOUR, T0 + 4 * HOUR)]
    assert rows(store, "SELECT observed_at, score FROM observations") == [(T0 + 4 * HOUR, 2)]


def test_a_person_who_is_gone_vanishes_from_everything_they_wrote(store: Store) -> None:
    run_id = store.begin_run(command="sync", target="x", started_at=T0)
    me: dict[str, Any] = {
        "author": SECRET,
        "author_name": SECRET.title(),
        "author_id": f"t2_{SECRET}",
        "author_flair": SECRET,
    }
    write(store, post(**me), comment(**me), comment("t1_b", author="carl"))
    write(store, User(source="reddit", id=SECRET, door=Door.LIVE, observed_at=T0, name=SECRET.title(), body=SECRET))
    write(store, gone("user", SECRET))
    store.end_run(run_id, exit_code=0, summary={}, ended_at=T0)
    assert everywhere(store) == []
    assert rows(store, "SELECT author_gone, title FROM posts") == [(1, "What is this beetle")]
    assert rows(store, "SELECT author_gone FROM comments ORDER BY id") == [(1,), (0,)]
    tally = write(
        store,
        comment("t1_c", at=T0 + 9 * HOUR, **me),
        User(source="reddit", id=SECRET, door=Door.DUMP, observed_at=T0 + 9 * HOUR, name=SECRET),
    )
    assert (tally.new, tally.tombstoned) == (1, 1)
    assert one(store, "SELECT author_gone, body FROM comments WHERE id = 't1_c'") == (1, "a stag beetle")
    assert everywhere(store) == []


def test_a_record_first_seen_as_deleted_is_a_row_with_its_place(store: Store) -> None:
    tally = write(store, gone("comment", "t1_z", community="bugs", post_id="t3_a", parent_id="t3_a", created_at=5))
    assert tally.tombstoned == tally.offered == 1
    assert one(store, "SELECT post_id, tombstone, body FROM comments") == ("t3_a", "author", None)
    assert reads.known_ids(store, "reddit", "comment", ["t1_z"]) == {"t1_z"}


def test_the_files_of_a_withdrawn_post_can_be_found_and_removed(store: Store) -> None:
    write(store, post(media=(PICTURE,)), post("t3_b", media=(MediaItem(kind="image", url="https://i/other.jpg"),)))
    first, second = reads.pending_media(store)
    shared, own = Blob(sha256="a" * 64, size_bytes=10), Blob(sha256="b" * 64, size_bytes=20)
    assert set_media_state(store, first.n, state="stored", blob=shared)
    assert set_media_state(store, second.n, state="stored", blob=own)
    assert reads.orphan_blobs(store) == []
    write(store, gone("post", "t3_a"))
    assert reads.orphan_blobs(store) == [shared.sha256]
    assert not set_media_state(store, first.n, state="stored", blob=shared)
    assert forget_orphan_blobs(store, [shared.sha256, own.sha256]) == [shared.sha256]
    assert reads.orphan_blobs(store) == []


def test_what_is_on_the_blocklist_becomes_a_tombstone(store: Store) -> None:
    with store.transaction() as connection:
        connection.execute("INSERT INTO blocklist VALUES ('reddit', 'post', 't3_a', ?)", (T0 - 99,))
    tally = write(store, post(body=SECRET), post("t3_b"))
    assert (tally.new, tally.tombstoned) == (1, 1)
    assert one(store, "SELECT tombstone, body FROM posts WHERE id = 't3_a'") == ("forget", None)
    assert everywhere(store) == []


def on_disk(store: Store) -> int:
    """How often the secret word lies in the bytes of the store's files, free pages and write-ahead log included."""
    files = store.path.parent.glob(f"{store.path.name}*")
    return sum(file.read_bytes().lower().count(SECRET.encode()) for file in files)


@ONLY_SQLITE
def test_withdrawn_text_is_in_no_byte_of_the_files_when_the_run_ends(store: Store) -> None:
    run_id = store.begin_run(command="sync", target="x", started_at=T0)
    ids = [f"t3_{n}" for n in range(120)]
    for long in (1, 600):
        write(store, *[post(key, at=T0 + long * HOUR, body=f"{long} {SECRET} " * long) for key in ids])
    assert on_disk(store)
    write(store, *[gone("post", key, at=T0 + 900 * HOUR) for key in ids])
    store.end_run(run_id, exit_code=0, summary={}, ended_at=T0)
    assert on_disk(store) == 0


def test_words_of_a_wiped_text_leave_the_index_though_a_later_text_stands(store: Store) -> None:
    run_id = store.begin_run(command="sync", target="x", started_at=T0)
    write(store, post(body=SECRET))
    write(store, post(at=T0 + 9 * HOUR, body="approved again"))
    write(store, gone("post", "t3_a", at=T0 + HOUR, reason=Reason.MODERATOR))
    assert one(store, "SELECT withdrawn FROM posts") == 0
    store.end_run(run_id, exit_code=0, summary={}, ended_at=T0)
    assert everywhere(store) == []


def _aside(kind: Any, identity: str | None) -> Rejected:
    raw = f'{{"body": "{SECRET}"}}'.encode()
    return Rejected(reason="odd", raw=raw, source="reddit", door=Door.DUMP, where="x", kind=kind, id=identity)


@pytest.mark.parametrize("reason", [Reason.AUTHOR, Reason.MODERATOR])
def test_what_is_set_aside_of_a_withdrawn_record_keeps_no_bytes(store: Store, reason: Reason) -> None:
    write(store, gone("comment", "t1_a", reason=reason))
    write(store, rejected=[_aside("comment", "t1_a"), _aside("comment", "t1_b")])
    assert [(row.id, bool(row.raw)) for row in reads.quarantined(store)] == [("t1_b", True)]


def test_what_is_set_aside_of_a_person_goes_with_them_and_does_not_come_back(store: Store) -> None:
    write(store, rejected=[_aside("user", "ann"), _aside("user", "bob"), _aside(None, None)])
    write(store, gone("user", "ann"))
    write(store, rejected=[_aside("user", "ann")])
    assert [row.id for row in reads.quarantined(store)] == [None, "bob"]
