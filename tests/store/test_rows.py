"""Records that travel as rows end where the same records as objects do: rows, stubs, media, tombstones and counts."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, Literal

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hubbub.records.models import Post, Reason
from hubbub.records.rows import TIMES, Rows, records_of
from hubbub.store.batch import Batch, Tally
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from hubbub.store.rows import CODECS
from hubbub.store.tables import CONTENT
from tests.store.making import HOUR, T0, index_faults, post, rows, write
from tests.store.test_digest import _empty

SHARED = {"source": "reddit", "door": "dump", "terms": "archive"}
PICTURE = '[{"kind":"inline","url":"https://i.redd.it/%s.png","media_id":"x"}]'
COMMENT = (
    *("id", "community", "post_id", "parent_id", "created_at", "community_name", "author", "author_name"),
    *("body", "locked", "media", "score", *TIMES),
)
POST = (
    "id",
    "community",
    "created_at",
    "community_name",
    "author",
    "author_name",
    "title",
    "media",
    *("score", *TIMES),
)
GONE = {
    "comment": ("id", "community", "post_id", "parent_id", "created_at", "observed_at"),
    "post": ("id", "community", "created_at", "observed_at"),
}
AT = st.sampled_from([T0, T0 + 60, T0 + HOUR])


@st.composite
def live(draw: st.DrawFn, kind: str) -> tuple[Any, ...]:
    at, early = draw(AT), draw(st.sampled_from([None, 30]))
    times = (at, None if early is None else at - early, at if early is None else at - early)
    place, author = draw(st.sampled_from(["bugs", "ants"])), draw(st.sampled_from(["ann", "bob"]))
    named, number = (author, author.title()), draw(st.integers(0, 5))
    media, score = draw(st.sampled_from([None, None, PICTURE % number])), draw(st.sampled_from([None, 3, -4]))
    text = draw(st.sampled_from([None, "one", "two"]))
    if kind == "post":
        return (f"t3_{number}", place, T0 - HOUR, place.title(), *named, text, media, score, *times)
    frame = (f"t1_{number}", place, f"t3_{draw(st.integers(0, 3))}", None, T0 - HOUR, place.title())
    return (*frame, *named, text, draw(st.sampled_from([0, 1, None])), media, score, *times)


@st.composite
def parts(draw: st.DrawFn) -> Rows:
    kinds: list[Literal["post", "comment"]] = ["comment", "comment", "post"]
    kind = draw(st.sampled_from(kinds))
    if draw(st.integers(0, 3)):
        columns = COMMENT if kind == "comment" else POST
        said = draw(st.lists(live(kind), min_size=1, max_size=6))
        return Rows(kind=kind, columns=columns, fixed=dict(SHARED), rows=said)
    reason = draw(st.sampled_from([Reason.AUTHOR, Reason.MODERATOR, Reason.GONE]))
    fixed = SHARED | {"tombstone": str(reason), "tombstone_detail": "deleted"}
    gone = []
    for number in draw(st.lists(st.integers(0, 5), min_size=1, max_size=4)):
        frame = ("bugs", f"t3_{number % 4}", None) if kind == "comment" else ("bugs",)
        gone.append((f"{'t1' if kind == 'comment' else 't3'}_{number}", *frame, T0 - HOUR, draw(AT)))
    return Rows(kind=kind, columns=GONE[kind], fixed=fixed, rows=gone, withdrawn=True)


def content(store: Store) -> list[Any]:
    """Digest, rows, stubs, media and tombstones, without our own bookkeeping."""
    found: list[Any] = [digest(store)]
    for kind, codec in CODECS.items():
        names = ", ".join(name for name in codec.columns if name not in {"terms", "door", "text_since"})
        seen = f"SELECT {names} FROM {CONTENT[kind].name} WHERE observed_at IS NOT NULL"
        found += sorted(map(tuple, rows(store, seen)), key=repr)
        found += sorted(map(tuple, rows(store, f"SELECT source, id FROM {CONTENT[kind].name}")))
    for query in (
        "SELECT post_id, comment_id, position, kind, url, state FROM media",
        "SELECT source, kind, id, reason, at, detail, wiped_to FROM tombstones",
    ):
        found += sorted(map(tuple, rows(store, query)), key=repr)
    assert index_faults(store) == []
    return found


def outcome(url: str, batches: list[list[Rows]], *, spread: bool) -> tuple[list[Any], list[int]]:
    offered = []
    with open_store(url) as store:
        write(store, post("t3_1", at=T0 + 30), post("t3_9"))
        for some in batches:
            copies = [msgspec.structs.replace(part, fixed=dict(part.fixed), rows=list(part.rows)) for part in some]
            batch = Batch(run_id=1, source="reddit", stream="x", rows=copies)
            tally: Tally = store.write(batch.spread() if spread else batch)
            offered.append(tally.offered)
        return content(store), offered


numbers = itertools.count()
BATCHES = st.lists(st.lists(parts(), min_size=1, max_size=4), min_size=1, max_size=4)
_TALK = [
    (f"t1_{n}", "bugs", "t3_2", None, T0 - HOUR, "Bugs", "ann", "Ann", "x", 0, None, 1, T0, None, T0) for n in range(99)
]
_HEAD = [("t3_2", "bugs", T0 - HOUR, "Bugs", "ann", "Ann", "title", PICTURE % 2, 1, T0 + 9, T0, T0)]


def talk() -> Rows:
    return Rows(kind="comment", columns=COMMENT, fixed=dict(SHARED), rows=list(_TALK))


def head() -> Rows:
    return Rows(kind="post", columns=POST, fixed=dict(SHARED), rows=list(_HEAD))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@example(batches=[[talk()], [head()], [talk(), head()]])
@given(batches=BATCHES)
def test_rows_end_where_objects_do(tmp_path: Path, batches: list[list[Rows]]) -> None:
    made = [outcome(f"sqlite:///{tmp_path}/{next(numbers)}.db", batches, spread=spread) for spread in (False, True)]
    assert made[0] == made[1]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@example(batches=[[talk()], [head()], [talk(), head()]])
@given(batches=BATCHES)
def test_both_engines_take_rows_alike(tmp_path: Path, postgres: str, batches: list[list[Rows]]) -> None:
    files = outcome(f"sqlite:///{tmp_path}/{next(numbers)}.db", batches, spread=False)
    assert files == outcome(_empty(postgres), batches, spread=False)


def test_rows_become_the_records_they_stand_for() -> None:
    (made,) = records_of(head())
    assert isinstance(made, Post)
    assert (made.observed_at, made.content_at, made.numbers_at, made.media[0].media_id) == (T0 + 9, T0, None, "x")


def test_a_post_that_was_only_spoken_of_is_found_once_it_came(store: Store) -> None:
    store.write(Batch(run_id=1, source="reddit", stream="x", rows=[talk()]))
    tally = store.write(Batch(run_id=1, source="reddit", stream="x", rows=[head()]))
    assert (tally.new, tally.updated) == (1, 0)
    assert index_faults(store) == []
    assert rows(store, "SELECT count(*) FROM media") == [(1,)]
