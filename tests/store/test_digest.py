"""The stored content is a function of the set of observations: any order, repetition or split gives one digest."""

from __future__ import annotations

import itertools
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubbub.records.facets import Facet
from hubbub.records.models import (
    Collection,
    Comment,
    Community,
    Door,
    LinkListing,
    MediaItem,
    Post,
    Reason,
    Record,
    Rule,
    Stub,
    Tombstone,
    Topic,
    User,
)
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from hubbub.store.postgres.tables import metadata as postgres_metadata
from tests.store import making
from tests.store.making import HOUR, T0, index_faults, post, rows, write

TIMES = st.sampled_from(
    [T0 + step for step in (0, 0, 60, HOUR, HOUR + 60, 3 * HOUR, 9 * 24 * HOUR, 9 * 24 * HOUR + HOUR)]
)
TEXTS = st.sampled_from([None, "one", "two", "three"])
AUTHORS = st.sampled_from([None, "ann", "bob"])
SCORES = st.sampled_from([None, -3, 0, 7])
MEDIA = st.sampled_from(
    [(), (MediaItem(kind="image", url="https://i/1"),), (MediaItem(kind="image", url="https://i/2"),)]
)


@st.composite
def _seen(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    stated = 0
    facets = [Facet.FRAME, Facet.CONTENT, Facet.NUMBERS, Facet.EXTRA]
    facets += [Facet.AUTHOR] if kind in ("post", "comment") else []
    for facet in facets:
        if draw(st.booleans()) or draw(st.booleans()):
            stated |= facet
    fields: dict[str, Any] = {"observed_at": draw(TIMES), "stated": stated, "door": draw(st.sampled_from(list(Door)))}
    for name in ("frame_at", "content_at", "numbers_at"):
        if draw(st.integers(0, 4)) == 0:
            fields[name] = draw(TIMES)
    return fields


@st.composite
def _written(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    author = draw(AUTHORS)
    gone = draw(st.integers(0, 9)) == 0
    return {
        **draw(_seen(kind)),
        "source": "reddit",
        "community": draw(st.sampled_from(["bugs", "ants"])),
        "created_at": T0 - HOUR,
        "author": None if gone else author,
        "author_name": None if gone or author is None else author.title(),
        "author_gone": gone,
        "body": draw(TEXTS),
        "score": draw(SCORES),
        "media": draw(MEDIA),
    }


@st.composite
def _records(draw: st.DrawFn) -> Record:  # noqa: PLR0911 - one return a kind of record
    which = draw(st.integers(0, 10))
    if which <= 2:
        fields = draw(_written("post"))
        return Post(id=draw(st.sampled_from(["t3_a", "t3_b"])), title=draw(TEXTS), **fields)
    if which <= 4:
        fields = draw(_written("comment"))
        return Comment(id=draw(st.sampled_from(["t1_a", "t1_b"])), post_id="t3_a", parent_id="t3_a", **fields)
    if which == 5:
        return User(
            source="reddit",
            id=draw(st.sampled_from(["ann", "bob"])),
            body=draw(TEXTS),
            total_karma=draw(SCORES),
            **draw(_seen("user")),
        )
    if which == 6:
        seen = draw(_seen("community"))
        seen["stated"] |= Facet.RULES if draw(st.booleans()) else 0
        rules = draw(st.sampled_from([(), (Rule(short_name="be kind"),)]))
        return Community(source="reddit", id="bugs", body=draw(TEXTS), member_count=3, rules=rules, **seen)
    if which == 7:
        return LinkListing(
            source="reddit",
            link="post_topics",
            owner="t3_a",
            observed_at=draw(TIMES),
            complete=draw(st.booleans()),
            members=tuple(draw(st.sets(st.sampled_from(["x", "y"])))),
        )
    if which == 10:
        return draw(_groupings())
    if which == 8 and draw(st.booleans()):
        return Stub(source="reddit", kind="user", id=draw(st.sampled_from(["ann", "bob"])), name="Ann")
    return draw(_tombstones())


@st.composite
def _groupings(draw: st.DrawFn) -> Topic | Collection:
    at = draw(TIMES)
    known: dict[str, Any] = {"observed_at": at, "name": draw(TEXTS), "follower_count": draw(st.sampled_from([None, 7]))}
    known |= {"source": "reddit", "id": draw(st.sampled_from(["1", "2"])), "door": draw(st.sampled_from(list(Door)))}
    if draw(st.booleans()):
        return Topic(**known)
    return Collection(owner="ann" if at == T0 else "bob", **known)  # at one time a platform names one owner


@st.composite
def _tombstones(draw: st.DrawFn) -> Tombstone:
    kind: Any = draw(st.sampled_from(["post", "post", "comment", "comment", "community", "user"]))
    ids = {"post": ["t3_a", "t3_b"], "comment": ["t1_a", "t1_b"], "community": ["bugs"], "user": ["ann", "bob"]}
    place: dict[str, Any] = {}
    if kind in ("post", "comment") and draw(st.booleans()):
        place = {"community": "bugs", "created_at": T0 - HOUR}
        place |= {"post_id": "t3_a", "parent_id": "t3_a"} if kind == "comment" else {}
    return Tombstone(
        source="reddit",
        kind=kind,
        id=draw(st.sampled_from(ids[kind])),
        door=Door.LIVE,
        reason=draw(st.sampled_from([*Reason, Reason.MODERATOR, Reason.GONE])),
        at=draw(TIMES),
        detail=draw(st.sampled_from([None, "a", "b"])),
        **place,
    )


def _state(batches: Sequence[Sequence[Record]], url: str) -> tuple[Any, ...]:
    """Everything that must not depend on how the records were handed over, or on the engine."""
    with open_store(url) as store:
        for batch in batches:
            write(store, *batch)
            assert not index_faults(store)
        stubs = [
            rows(store, f"SELECT id FROM {table} WHERE observed_at IS NULL ORDER BY id")
            for table in ("users", "posts", "communities")
        ]
        media = sorted(rows(store, "SELECT post_id, comment_id, position, url, state FROM media"), key=repr)
        stones = rows(store, "SELECT source, kind, id, reason, at, detail, wiped_to FROM tombstones ORDER BY 1, 2, 3")
        return digest(store), digest(store, shared=True), stubs, media, stones


def _split(records: Sequence[Record], rng: random.Random) -> list[list[Record]]:
    batches: list[list[Record]] = [[]]
    for record in records:
        if rng.random() < 0.35:
            batches.append([])
        batches[-1].append(record)
    return batches


def _empty(url: str) -> str:
    """The address again, of a store without any record."""
    with open_store(url) as store, store.transaction() as db:
        for table in postgres_metadata.sorted_tables[::-1]:
            if table.name != "search_state":
                db.execute(f"DELETE FROM {table.name}")
    return url


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(records=st.lists(_records(), min_size=2, max_size=14), seed=st.integers(0, 2**32))
def test_any_order_repetition_split_and_engine_gives_the_same_content(
    postgres: str, records: list[Record], seed: int
) -> None:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        plain = _state([records], f"sqlite:///{folder}/plain.db")
        shuffled = records + rng.sample(records, len(records) // 2)
        rng.shuffle(shuffled)
        assert _state(_split(shuffled, rng), f"sqlite:///{folder}/shuffled.db") == plain
        assert _state([[record] for record in reversed(records)], f"sqlite:///{folder}/reversed.db") == plain
        rng.shuffle(shuffled)
        assert _state(_split(shuffled, rng), _empty(postgres)) == plain


@pytest.mark.parametrize(
    "records",
    [
        [post(author="ann"), post(at=T0 + 9, author="bob"), making.gone("user", "ann")],
        [
            post(author="ann"),
            making.gone("post", "t3_a", at=T0 + 5, reason=Reason.GONE),
            post(at=T0 + 9, author="bob"),
            making.gone("user", "ann"),
        ],
        [making.comment(author="ann"), making.comment(author="bob"), making.gone("user", "bob", reason=Reason.GONE)],
    ],
)
def test_a_person_who_is_gone_is_erased_under_every_name_a_record_had(records: list[Record], tmp_path: Path) -> None:
    states = {
        repr(_state([[record] for record in order], f"sqlite:///{tmp_path}/order{n}.db"))
        for n, order in enumerate(itertools.permutations(records))
    }
    assert len(states) == 1


def test_different_content_has_different_digests(store: Store) -> None:
    seen = set()
    for change in (
        post(),
        post(at=T0 + 1, title="Another title"),
        making.comment(),
        making.gone("comment", "t1_a"),
        LinkListing(source="reddit", link="post_topics", owner="t3_a", members=("x",), observed_at=T0, complete=False),
        making.gone("user", "carl"),
        Topic(source="reddit", id="x", door=Door.LIVE, observed_at=T0),
        Collection(source="reddit", id="x", door=Door.LIVE, observed_at=T0),
        Collection(source="reddit", id="x", door=Door.LIVE, observed_at=T0, owner="ann"),
        Collection(source="reddit", id="x", door=Door.LIVE, observed_at=T0 + 1, owner="ann"),
    ):
        write(store, change)
        seen.add(digest(store))
    assert len(seen) == 10


def test_the_digest_ignores_run_door_hidden_marks_and_stubs(store: Store, tmp_path: Path) -> None:
    write(store, post())
    with open_store(f"sqlite:///{tmp_path}/other.db") as other:
        begun = other.begin_run(command="import", target="file", started_at=T0)
        write(other, msgspec.structs.replace(post(), door=Door.DUMP, terms="archive"), run_id=begun)
        with other.transaction() as connection:
            connection.execute("UPDATE posts SET hidden_at = 5, hidden_by = 'me'")
            connection.execute("DELETE FROM users")
        assert digest(other) == digest(store)


def digests(folder: Path, *stores: Sequence[Record]) -> list[str]:
    found = []
    for number, records in enumerate(stores):
        with open_store(f"sqlite:///{folder}/{number}.db") as store:
            write(store, *records)
            found.append(digest(store))
    return found


def test_the_digest_ignores_signed_addresses(tmp_path: Path) -> None:
    one, other = (MediaItem(kind="image", url="https://i/1", fallback_url=f"https://p/1?s={n}") for n in (1, 2))
    first, second = digests(tmp_path, [post(media=(one,))], [post(media=(other,))])
    assert first == second


def test_the_digest_tells_removals_apart_also_after_the_text_came_back(tmp_path: Path) -> None:
    said = ("automod_filtered", "reddit")
    removals = [making.gone("post", "t3_a", at=T0, reason=Reason.MODERATOR, detail=word) for word in said]
    histories: list[list[Record]] = [[removal, post(at=T0 + 60)] for removal in removals]
    first, second = digests(tmp_path, *histories)
    assert first != second


def test_the_digest_tells_a_gone_author_from_an_unknown_one(tmp_path: Path) -> None:
    unnamed: dict[str, Any] = {"author": None, "author_name": None}
    gone, unknown = post(author_gone=True, **unnamed), post(stated=Facet.ALL & ~Facet.AUTHOR, **unnamed)
    first, second = digests(tmp_path, [gone], [unknown])
    assert first != second


def test_the_shared_digest_sees_only_what_every_door_carries(store: Store, tmp_path: Path) -> None:
    write(store, post(), making.comment())
    with open_store(f"sqlite:///{tmp_path}/other.db") as other:
        write(
            other, post(at=T0 + 99, flair="beetles", upvote_ratio=0.9), making.comment(at=T0 + 99, score_hidden=False)
        )
        assert digest(other) != digest(store)
        assert digest(other, shared=True) == digest(store, shared=True)
        write(other, making.comment(at=T0 + 100, score=3))
        assert digest(other, shared=True) != digest(store, shared=True)
