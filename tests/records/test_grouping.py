"""Of topics and collections the freshest observation is kept, whatever the order, repetition and split of all of them."""

from __future__ import annotations

import functools
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubbub.records.grouping import GROUPING_FIELDS, freshest, merged
from hubbub.records.models import Collection, Door, Topic
from hubbub.records.packing import tagged, unpacked

_WORDS = st.sampled_from([None, "", "a", "b", "ä", "\U0001f41e"])
_NUMBERS = st.sampled_from([None, 0, 9, 10])
_SEEN: dict[str, Any] = {
    "source": st.just("ph"),
    "id": st.just("1"),
    "door": st.sampled_from([Door.LIVE, Door.SAVED]),
    "observed_at": st.integers(1, 3),
    "terms": st.sampled_from([None, "x"]),
}
topics = st.builds(Topic, slug=_WORDS, name=_WORDS, created_at=_NUMBERS, post_count=_NUMBERS, **_SEEN)
collections = st.builds(Collection, name=_WORDS, owner=_WORDS, featured_at=_NUMBERS, follower_count=_NUMBERS, **_SEEN)
seen = st.lists(topics, min_size=1, max_size=7) | st.lists(collections, min_size=1, max_size=7)


def topic(at: int = 5, **fields: Any) -> Topic:
    return Topic(source="ph", id="1", door=Door.LIVE, observed_at=at, **fields)


def kept(observations: list[Any]) -> Any:
    return functools.reduce(freshest, observations)


@settings(max_examples=300)
@given(seen, st.randoms())
def test_any_order_and_repetition_keeps_the_same(observed: list[Any], chance: random.Random) -> None:
    shuffled = observed + chance.choices(observed, k=3)
    chance.shuffle(shuffled)
    assert kept(shuffled) == kept(observed)


@settings(max_examples=300)
@given(seen, st.integers(0, 7))
def test_parts_that_were_merged_apart_merge_to_the_same(observed: list[Any], at: int) -> None:
    parts = [kept(part) for part in (observed[:at], observed[at:]) if part]
    assert kept(parts) == kept(parts[::-1]) == kept(observed)


@given(seen)
def test_what_is_kept_was_observed_and_nothing_observed_is_later(observed: list[Any]) -> None:
    assert kept(observed) in observed
    assert kept(observed).observed_at == max(each.observed_at for each in observed)


@pytest.mark.parametrize(
    ("less", "more"),
    [
        (topic(4, slug="z", post_count=9), topic(5)),
        (topic(slug=None, name="z"), topic(slug="")),
        (topic(slug="a", name="z"), topic(slug="b", name="a")),
        (topic(slug="a", post_count=9), topic(slug="a", post_count=10)),
        (topic(post_count=None), topic(post_count=0)),
    ],
)
def test_the_later_one_wins_then_the_greater_values_in_their_order_and_unknown_is_least(
    less: Topic, more: Topic
) -> None:
    assert freshest(less, more) is more
    assert freshest(more, less) is more


def test_the_values_are_all_fields_but_whose_when_and_how() -> None:
    assert GROUPING_FIELDS["topic"] == (
        "slug", "name", "description", "created_at", "url", "follower_count", "post_count",
    )  # fmt: skip
    for kind, made in (("topic", Topic), ("collection", Collection)):
        assert {*GROUPING_FIELDS[kind], "source", "id", "door", "observed_at", "terms"} == {*made.__struct_fields__}


@pytest.mark.parametrize(
    ("again", "becomes", "outcome"),
    [
        (topic(5, name="A"), topic(5, name="A"), "unchanged"),
        (topic(6, name="A"), topic(6, name="A"), "unchanged"),
        (topic(6, name="B"), topic(6, name="B"), "updated"),
        (topic(6), topic(6), "updated"),
        (topic(5, name="B"), topic(5, name="B"), "updated"),
        (topic(5), topic(5, name="A"), "unchanged"),
        (topic(4, name="B"), topic(5, name="A"), "older"),
    ],
)
def test_what_became_of_an_observation_is_told(again: Topic, becomes: Topic, outcome: str) -> None:
    assert merged(None, topic(5, name="A")) == (topic(5, name="A"), "new")
    assert merged(topic(5, name="A"), again) == (becomes, outcome)


@given(seen)
def test_they_can_leave_the_process_and_come_back(observed: list[Any]) -> None:
    sent = msgspec.msgpack.encode(tagged(observed))
    assert unpacked(msgspec.msgpack.decode(sent, type=list[tuple[str, msgspec.Raw]])) == observed
