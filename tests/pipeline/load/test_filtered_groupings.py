"""What filters of an import say of topics, collections and the listings of what belongs to them."""

from __future__ import annotations

from typing import Any

import pytest

from hubbub.pipeline.load_filters import Filters, select
from hubbub.records.models import Collection, Door, LinkListing, Post, Record, Topic

_SEEN: dict[str, Any] = {"source": "ph", "door": Door.SAVED, "observed_at": 5}


def _listing(link: Any, owner: str) -> LinkListing:
    return LinkListing(source="ph", link=link, owner=owner, members=("x",), observed_at=5, complete=True)


RECORDS: dict[str, Record] = {
    "old": Post(id="1", created_at=10, score=1, author="ann", **_SEEN),
    "new": Post(id="2", created_at=20, score=9, author="bob", **_SEEN),
    "topics of old": _listing("post_topics", "1"),
    "topics of new": _listing("post_topics", "2"),
    "topics of another": _listing("post_topics", "3"),
    "topic": Topic(id="1", created_at=10, **_SEEN),
    "ann's list": Collection(id="1", owner="ann", created_at=10, **_SEEN),
    "nobody's list": Collection(id="2", **_SEEN),
    "posts of ann's": _listing("collection_posts", "1"),
    "posts of nobody's": _listing("collection_posts", "2"),
}
ALL = set(RECORDS)


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        (Filters(), ALL),
        (Filters(since=15), ALL - {"old", "topics of old"}),
        (Filters(min_score=5), ALL - {"old", "topics of old"}),
        (Filters(communities=frozenset({"bugs"})), {"topics of another"}),
        (
            Filters(authors=frozenset({"ann"})),
            {"old", "topics of old", "topics of another", "ann's list", "posts of ann's"},
        ),
    ],
)
def test_a_listing_goes_with_its_owner_and_what_is_in_no_community_stays_out(filters: Filters, kept: set[str]) -> None:
    found, filtered = select(list(RECORDS.values()), filters)
    assert {name for name, record in RECORDS.items() if record in found} == kept
    left_out = [record for name, record in RECORDS.items() if name not in kept]
    assert filtered == sum(not isinstance(record, LinkListing) for record in left_out)
