"""Forgetting: for good, through every door, in any order, killed anywhere; and the name is kept nowhere."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubbub.errors import ExitCode, UsageError
from hubbub.pipeline.forget import forget as forget_subjects
from hubbub.plugins.contracts import Checkpoint
from hubbub.records.models import Community, Door, MediaItem, Reason, Rejected, User
from hubbub.store import forgetting, reads
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from hubbub.store.search.find import search
from hubbub.store.targets import parse
from hubbub.store.writes import Blob, set_media_state
from tests.servers import PostgresServer
from tests.store.conftest import ONLY_SQLITE
from tests.store.making import HOUR, T0, comment, gone, index_faults, one, post, rows, write

NAME = "zyzzyva"
ME: dict[str, Any] = {"author": NAME, "author_name": "Zyzzyva", "author_id": "t2_z", "author_flair": "expert"}
PROFILE: dict[str, Any] = {"community": f"u_{NAME}", "community_name": f"u_{NAME.title()}"}
AT = T0 + 100 * HOUR
PICTURE = MediaItem(kind="image", url="https://i.example/1.jpg")


def subjects(store: Store, *targets: str) -> list[forgetting.Subject]:
    with store.reading_raw() as db:
        return forgetting.look(db, [parse(target) for target in targets])


def forget(store: Store, *targets: str) -> int:
    report = forget_subjects(store, subjects(store, *targets), blobs=Path("/nonexistent"), now=AT)
    assert report.exit_code is ExitCode.OK, report.errors
    return report.tally.tombstoned


def everywhere(store: Store, word: str) -> set[str]:
    """The tables in which a word lies."""
    listed = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%s_fts'",
        "postgresql": "SELECT table_name FROM information_schema.tables"
        " WHERE table_schema = current_schema AND table_type = 'BASE TABLE' AND table_name NOT LIKE '%_of_reddit%'",
    }
    return {
        table
        for (table,) in rows(store, listed[store.engine])
        for row in rows(store, f'SELECT * FROM "{table}"')
        for value in row
        if word.encode() in (value if isinstance(value, bytes) else str(value).encode()).lower()
    }


def fill(store: Store) -> None:
    aside = Rejected(
        reason="odd", raw=b'{"author":"Zyzzyva","body":"x"}', source="reddit", door=Door.DUMP, where="a.zst:1"
    )
    run_id = store.begin_run(command="sync", target=f"reddit:u/{NAME}", started_at=T0)
    write(
        store,
        post("t3_mine", body=f"{NAME} text", media=(PICTURE,), **ME),
        post("t3_mine", at=T0 + 3 * HOUR, body="another text", media=(PICTURE,), **ME),
        post("t3_home", **ME, **PROFILE),
        comment("t1_guest", post_id="t3_home", parent_id="t3_home", **PROFILE),
        comment("t1_mine", **ME),
        comment("t1_removed", **ME),
        gone("comment", "t1_removed", reason=Reason.MODERATOR),
        post("t3_other"),
        User(source="reddit", id=NAME, door=Door.LIVE, observed_at=T0, name="Zyzzyva", body="me"),
        rejected=[aside],
        checkpoints=[Checkpoint(key=f"u/{NAME}/comments", state="{}"), Checkpoint(key="bugs/new", state="{}")],
        run_id=run_id,
    )
    store.add_finding(run_id=run_id, severity="info", what=f"u/{NAME}: 3 comments could not be read")
    store.end_run(run_id, exit_code=0, summary={"streams": {f"u/{NAME}/posts": "done"}}, ended_at=T0)


def test_a_forgotten_person_is_in_no_table_and_does_not_come_back(store: Store) -> None:
    fill(store)
    (before,) = subjects(store, f"user:{NAME.title()}")
    assert (before.typed, before.stored, before.posts, before.comments) == (f"user:reddit/{NAME}", True, 2, 3)
    assert forget(store, f"user:{NAME}") == 5
    assert everywhere(store, NAME) == set()
    assert {row[0] for row in rows(store, "SELECT id FROM posts WHERE tombstone = 'forget'")} == {"t3_mine", "t3_home"}
    assert one(store, "SELECT count(*) FROM comments WHERE tombstone = 'forget'") == 3
    assert rows(store, "SELECT key FROM checkpoints") == [("bugs/new",)]
    kept = digest(store)
    tally = write(
        store,
        post("t3_mine", at=T0 + 9 * HOUR, body="again", **ME),
        *[post(f"t3_new{n}", at=T0 + 9 * HOUR, **ME) for n in range(6)],
        comment("t1_late", at=T0 + 9 * HOUR, **ME),
        User(source="reddit", id=NAME, door=Door.DUMP, observed_at=T0 + 9 * HOUR, name="Zyzzyva"),
        gone("user", NAME, reason=Reason.GONE),
        Community(source="reddit", id=f"u_{NAME}", door=Door.LIVE, observed_at=T0, name=f"u_{NAME}"),
        comment("t1_visitor", at=T0 + 9 * HOUR, **PROFILE),
        rejected=[Rejected(reason="x", raw=b'{"author": "zyzzyva"}', source="reddit", door=Door.DUMP, where="b:1")],
    )
    assert (tally.tombstoned, tally.new, tally.offered) == (12, 0, 13)
    assert everywhere(store, NAME) == set()
    assert digest(store) != kept, "the new records are there as tombstones"
    assert [hit.id for hit in search(store, "after:2000-01-01")] == ["t3_other"]
    assert index_faults(store) == []


@ONLY_SQLITE
def test_a_forgotten_person_is_in_no_byte_of_the_files(store: Store) -> None:
    fill(store)
    forget(store, f"user:{NAME}")
    data = b"".join(path.read_bytes() for path in store.path.parent.glob("**/*") if path.is_file()).lower()
    for word in (NAME.encode(), b"another text", b"t2_z"):
        assert word not in data, word


def test_a_post_a_comment_and_a_community_are_forgotten_with_their_pictures(store: Store, tmp_path: Path) -> None:
    write(store, post(media=(PICTURE,)), comment(), comment("t1_b"), post("t3_ant", community="ants"))
    write(store, *[comment(f"t1_ant{n}", community="ants", created_at=T0 + n // 3) for n in range(30)])
    write(store, Community(source="reddit", id="ants", door=Door.LIVE, observed_at=T0, name="Ants", body="ants!"))
    (item,) = reads.pending_media(store)
    name = "ab" * 32
    place = tmp_path / "blobs" / name[:2] / name[2:]
    place.parent.mkdir(parents=True)
    place.write_bytes(b"x")
    assert set_media_state(store, item.n, state="stored", blob=Blob(sha256=name, size_bytes=1))
    report = forget_subjects(
        store, subjects(store, "post:t3_a", "comment:t1_b", "community:Ants"), blobs=tmp_path / "blobs", now=AT
    )
    assert (report.target, report.tally.tombstoned) == ("1 comment, 1 community, 1 post", 34)
    assert report.details["files"] == 1
    assert not place.exists()
    assert [hit.id for hit in search(store, "after:2000-01-01")] == ["t1_a"]
    assert write(store, post("t3_new", community="ants", body="a new ant")).tombstoned == 1
    assert everywhere(store, "a new ant") == set()


def test_pages_are_small_and_a_killed_command_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "PAGE_ROWS", 4)
    write(store, *[comment(f"t1_{n}", created_at=None if n % 5 == 0 else T0 + n // 6, **ME) for n in range(40)])
    found = subjects(store, f"user:{NAME}")
    (at,) = forgetting.block(store, found, now=T0 + 5)
    first = next(forgetting.pages(store, found[0], at=at))
    assert len(first) == 4
    write(store, *first)  # and here it was killed
    assert forget(store, f"user:{NAME}") == 36
    assert forget(store, f"user:{NAME}") == 0
    assert set(rows(store, "SELECT tombstone_at FROM comments")) == {(T0 + 5,)}


def test_what_was_never_stored_is_blocked_and_may_be_let_in_again(store: Store) -> None:
    with pytest.raises(UsageError, match="the store is empty"):
        subjects(store, "user:nobody")
    assert forget(store, "user:reddit/nobody", "post:reddit/t3_later") == 0
    assert write(store, post("t3_later"), comment(author="nobody", author_name="Nobody")).tombstoned == 2
    with store.reading_raw() as db:
        assert {(each.kind, each.id) for each in forgetting.entries(db)} == {
            ("post", "t3_later"), ("user", None), ("community", None)}  # fmt: skip
    with pytest.raises(UsageError, match="final"):
        forgetting.lift(store, subjects(store, "post:reddit/t3_later"))
    assert forgetting.lift(store, subjects(store, "user:reddit/nobody")) == [True]
    assert forgetting.lift(store, subjects(store, "user:reddit/nobody")) == [False]
    assert write(store, comment("t1_new", author="nobody"), comment(author="nobody")).new == 1
    assert one(store, "SELECT tombstone FROM comments WHERE id = 't1_a'") == "forget", "what was erased stays so"


def test_a_grave_of_somebody_who_is_forgotten_goes_too(store: Store) -> None:
    write(store, gone("user", NAME), comment(**ME))
    forget(store, f"user:reddit/{NAME}")
    assert rows(store, "SELECT * FROM tombstones WHERE kind = 'user'") == []
    assert rows(store, "SELECT * FROM past_authors") == []


RECORDS = st.sampled_from(
    [
        *(post("t3_mine", at=T0 + n * HOUR, score=n, body=f"text {n % 2}", **ME) for n in range(3)),
        *(comment(f"t1_{n}", **ME) for n in range(2)),
        comment("t1_1", at=T0 + 5 * HOUR, author=None, author_name=None),
        gone("comment", "t1_0", at=T0 + HOUR, reason=Reason.MODERATOR),
        gone("post", "t3_other", reason=Reason.AUTHOR),
        post("t3_other", at=T0 + HOUR),
        *(post(f"t3_plain{n}", community="ants", community_name="Ants") for n in range(5)),
        comment("t1_home", **PROFILE),
        gone("user", "ann", at=T0 + 3),
        Community(source="reddit", id="ants", door=Door.LIVE, observed_at=T0, name="Ants"),
        User(source="reddit", id=NAME, door=Door.LIVE, observed_at=T0, name="Zyzzyva"),
    ]
)
TARGETS = (f"user:reddit/{NAME}", "post:reddit/t3_other", "community:reddit/ants", "comment:reddit/t1_absent")
BATCHES = st.lists(st.lists(RECORDS, max_size=6), min_size=1, max_size=4)


def _stored(url: str, batches: Sequence[Sequence[Any]], *, forget_at: int) -> str:
    with open_store(url) as store:
        for number, batch in enumerate(batches):
            if number == forget_at:
                forget(store, *TARGETS)
            write(store, *batch)
        if forget_at >= len(batches):
            forget(store, *TARGETS)
        assert everywhere(store, NAME) == set()
        return digest(store)


def _agrees(url: Callable[[], AbstractContextManager[str]], batches: list[list[Any]], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(batches)))
    other = data.draw(st.permutations(batches))
    found = set()
    for order, at in ((batches, first), (other, len(batches)), (other, 0)):
        with url() as address:
            found.add(_stored(address, order, forget_at=at))
    assert len(found) == 1


@settings(max_examples=15, deadline=None)
@given(batches=BATCHES, data=st.data())
def test_when_it_was_forgotten_does_not_matter(batches: list[list[Any]], data: st.DataObject) -> None:
    @contextmanager
    def url() -> Iterator[str]:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/hubbub.db"

    _agrees(url, batches, data)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=BATCHES, data=st.data())
def test_when_it_was_forgotten_does_not_matter_in_postgresql(
    postgres_server: PostgresServer, batches: list[list[Any]], data: st.DataObject
) -> None:
    _agrees(postgres_server.database, batches, data)


@pytest.mark.parametrize("name", ["bugs", "new", "comments"])
def test_a_person_whose_name_is_also_a_word_takes_nothing_of_others_along(store: Store, name: str) -> None:
    marks = [Checkpoint(key=key, state="{}") for key in ("bugs/new", "bugs/comments", f"u/{name}/submitted")]
    other = Rejected(
        reason="bad", raw=b'{"author": "ann", "subreddit": "bugs", "new": "comments"}', source="reddit",
        door=Door.DUMP, where="x:1",
    )  # fmt: skip
    theirs = Rejected(reason="bad", raw=f'{{"author":"{name}"}}'.encode(), source="reddit", door=Door.DUMP, where="x:2")
    write(store, post("t3_1", author=name, author_name=name), rejected=[other, theirs], checkpoints=marks)
    forget(store, f"user:{name}")
    assert {key for (key,) in rows(store, "SELECT key FROM checkpoints")} == {"bugs/new", "bugs/comments"}
    assert [row.raw for row in reads.quarantined(store)] == [other.raw]
