"""Ingest is a merge: the kept record is a function of the set of its observations."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from hubbub.records.facets import Facet
from hubbub.records.history import NumbersRegister, TextRevision, numbers_history, text_history
from hubbub.records.merge import Kept, fold
from hubbub.records.models import Door, MediaItem, Post, Reason, Tombstone

HOUR = 3600
BORN = 1_700_000_000
TIMES = st.sampled_from([BORN + h * HOUR + s for h in (0, 1, 2, 200, 201, 230) for s in (0, 1, 1800)])


class Shelf:
    """A record with its histories, kept the way the store keeps them."""

    def __init__(self) -> None:
        self.kept: Kept | None = None
        self.numbers: list[NumbersRegister] = []
        self.texts: list[TextRevision] = []

    def take(self, seen: Post | Tombstone) -> str:
        folded = fold(self.kept, seen)
        self.kept = folded.kept
        self.numbers += [folded.past_numbers] if folded.past_numbers else []
        self.texts += [folded.past_text] if folded.past_text else []
        if folded.wiped:
            self.wipe(folded.kept)
        return folded.outcome

    def wipe(self, kept: Kept) -> None:
        if kept.tombstone is not None and kept.tombstone.erases:
            self.numbers, self.texts = [], []
        elif kept.wiped_to is not None:
            to = kept.wiped_to
            self.numbers = [n for n in self.numbers if n.observed_at > to]
            self.texts = [msgspec.structs.replace(t, first_at=to) for t in self.texts if t.last_at > to]

    def content(self) -> tuple[Any, ...]:
        assert self.kept is not None
        record = msgspec.structs.replace(self.kept.record, door=Door.LIVE, terms=None)
        kept = msgspec.structs.replace(self.kept, record=record, text_since=None)
        return (
            kept,
            numbers_history(record, self.numbers),
            text_history(record, self.kept.text_since, past=self.texts),
        )


posts = st.builds(
    Post,
    source=st.just("reddit"),
    id=st.just("t3_a"),
    door=st.sampled_from([Door.LIVE, Door.DUMP]),
    observed_at=TIMES,
    stated=st.sampled_from(
        [Facet.ALL, Facet.NUMBERS, Facet.CONTENT, Facet.FRAME | Facet.AUTHOR, Facet.ALL & ~Facet.AUTHOR]
    ),
    numbers_at=st.none() | TIMES,
    community=st.just("bugs"),
    created_at=st.just(BORN),
    permalink=st.sampled_from(["/a", "/b"]),
    over_18=st.sampled_from([None, True, False]),
    author=st.sampled_from([None, "ann", "bob"]),
    author_gone=st.sampled_from([False, False, False, True]),
    title=st.sampled_from(["T", "U"]),
    body=st.sampled_from([None, "", "x", "y"]),
    media=st.sampled_from([(), (MediaItem(kind="image", url="u"),), (MediaItem(kind="image", url="v", width=3),)]),
    score=st.none() | st.integers(-3, 3),
    extra=st.sampled_from([None, "{}"]),
)
stones = st.builds(
    Tombstone,
    source=st.just("reddit"),
    kind=st.just("post"),
    id=st.just("t3_a"),
    door=st.just(Door.LIVE),
    reason=st.sampled_from(list(Reason)),
    at=TIMES,
    detail=st.sampled_from([None, "x", "y"]),
    community=st.just("bugs"),
    created_at=st.sampled_from([None, BORN]),
)
removals = stones.filter(lambda stone: not stone.reason.erases)


def shelve(seen: Sequence[Post | Tombstone]) -> Shelf:
    shelf = Shelf()
    for one in seen:
        shelf.take(one)
    return shelf


@settings(max_examples=400, deadline=None)
@given(
    st.lists(posts, min_size=1, max_size=6),
    st.tuples(st.lists(removals, max_size=2), st.lists(stones, max_size=1)),
    st.randoms(),
)
def test_any_order_and_repetition_keeps_the_same(
    observed: list[Post], buried: tuple[list[Tombstone], list[Tombstone]], chance: random.Random
) -> None:
    seen: list[Post | Tombstone] = [*observed, *buried[0], *buried[1]]
    expected = shelve(seen).content()
    shuffled = seen + chance.choices(seen, k=3)
    chance.shuffle(shuffled)
    assert shelve(shuffled).content() == expected


@settings(max_examples=200, deadline=None)
@given(st.lists(posts, min_size=1, max_size=6), stones)
def test_nothing_brings_an_erased_record_back(observed: list[Post], stone: Tombstone) -> None:
    erased = msgspec.structs.replace(stone, reason=Reason.AUTHOR)
    kept = shelve([erased, *observed]).kept
    assert kept is not None
    assert kept.withdrawn
    record = kept.record
    assert isinstance(record, Post)
    assert (record.title, record.body, record.author, record.score, record.extra, record.media) == (None,) * 5 + ((),)
    assert record.permalink is None


def post(at: int, **fields: Any) -> Post:
    return Post(source="reddit", id="t3_a", door=Door.LIVE, observed_at=at, created_at=BORN, community="bugs", **fields)


def stone(at: int, reason: Reason) -> Tombstone:
    return Tombstone(
        source="reddit", kind="post", id="t3_a", door=Door.LIVE, reason=reason, at=at, created_at=BORN, community="bugs"
    )


def is_withdrawn(shelf: Shelf) -> bool:
    return shelf.kept is not None and shelf.kept.withdrawn


def test_a_removed_post_comes_back_only_with_text_seen_later() -> None:
    shelf = shelve(
        [post(BORN + 10, title="old"), stone(BORN + 20, Reason.MODERATOR), post(BORN + 20, title="same time")]
    )
    assert is_withdrawn(shelf)
    assert shelf.take(post(BORN + 15, title="before")) == "tombstoned"
    assert shelf.take(post(BORN + 30, title="approved again")) == "updated"
    assert not is_withdrawn(shelf)
    assert [t.texts[0] for t in shelf.content()[2]] == ["approved again"]


def test_counters_alone_touch_nothing_else() -> None:
    shelf = shelve([post(BORN + 10, title="T", score=1)])
    counters = Post(
        source="reddit", id="t3_a", door=Door.LIVE, observed_at=BORN + HOUR * 2, stated=Facet.NUMBERS, score=9
    )
    assert shelf.take(counters) == "updated"
    kept = shelf.kept
    assert kept is not None
    record = kept.record
    assert isinstance(record, Post)
    assert (record.title, record.score) == ("T", 9)
    assert record.stated_at(Facet.CONTENT) == BORN + 10
    assert [n.values[0] for n in shelf.content()[1]] == [1, 9]


def test_the_same_observation_again_changes_nothing() -> None:
    shelf = shelve([post(BORN + 10, title="T", score=1)])
    before = shelf.content()
    assert shelf.take(post(BORN + 10, title="T", score=1)) == "unchanged"
    assert shelf.take(post(BORN + 5, title="older", score=0)) == "older"
    assert shelf.content()[0].record == before[0].record


def test_of_two_tombstones_the_higher_rank_stays() -> None:
    shelf = shelve([stone(BORN + 5, Reason.GONE), stone(BORN + 3, Reason.MODERATOR)])
    assert shelf.kept is not None
    assert (shelf.kept.tombstone, shelf.kept.tombstone_at, shelf.kept.wiped_to) == (
        Reason.MODERATOR,
        BORN + 3,
        BORN + 5,
    )
    shelf.take(stone(BORN + 9, Reason.AUTHOR))
    shelf.take(stone(BORN + 8, Reason.AUTHOR))
    assert (shelf.kept.tombstone, shelf.kept.tombstone_at) == (Reason.AUTHOR, BORN + 8)


def test_of_two_removals_of_one_rank_the_later_stays() -> None:
    for first, second in ((5, 9), (9, 5)):
        shelf = shelve([stone(BORN + first, Reason.MODERATOR), stone(BORN + second, Reason.MODERATOR)])
        assert shelf.kept is not None
        assert shelf.kept.tombstone_at == BORN + 9


def test_numbers_of_the_same_hour_make_no_history() -> None:
    hour = BORN - BORN % HOUR
    kept = fold(None, post(hour, title="T", score=1)).kept
    assert fold(kept, post(hour + HOUR - 1, title="T", score=2)).past_numbers is None
    past = fold(kept, post(hour + HOUR, title="T", score=2)).past_numbers
    assert past is not None
    assert past.values[0] == 1


def test_an_account_that_is_gone_stays_gone_and_the_text_stays() -> None:
    gone = post(BORN + 10, body="text", author_gone=True)
    for order in (
        [gone, post(BORN + 20, body="text", author="ann")],
        [post(BORN + 20, body="text", author="ann"), gone],
    ):
        kept = shelve(order).kept
        assert kept is not None
        record = kept.record
        assert isinstance(record, Post)
        assert (record.author, record.body, record.author_gone) == (None, "text", True)
