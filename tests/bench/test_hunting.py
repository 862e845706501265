from __future__ import annotations

import math
from typing import Any

import pytest
from bench.hunting import BY_QUERY, Hunt, World, lived
from bench.judging import Held, judged
from bench.peers.producthuntdb import Pattern

from hubbub.simulator.things import HORIZON
from hubbub.testing import simulated_producthunt

TINY = World(launches_a_day=4, history_days=1, warm_h=6, measured_h=24)


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What there is, and what is gone."""
    with simulated_producthunt(span_days=6) as simulated:
        return {"truth": simulated.truth(since=str(HORIZON - 432_000)), "gone": simulated.truth(deletions="1")}


def kept(told: dict[str, Any]) -> Held:
    """What an all-knowing reader keeps."""
    truth = told["truth"]
    posts = {key: {**post, "topics": set(post["topics"])} for key, post in truth["posts"].items()}
    return Held(posts=posts, comments={key: set(said) for key, said in truth["comments"].items()})


def test_whoever_keeps_everything_is_complete(told: dict[str, Any]) -> None:
    found = judged(kept(told), **told)
    assert found["launches"] > 20
    assert found["complete"] == found["launches"]
    assert {name: n for name, n in found.items() if n and name != "launches" and "complete" not in name} == {}


@pytest.mark.parametrize(
    ("stale", "figure"),
    [
        ({"featured": None}, "featured stale %"),
        ({"votes": 0}, "votes stale %"),
        ({"comments": -1}, "comment count stale %"),
        ({"tagline": None}, "texts stale %"),
        ({"topics": set()}, "topics stale %"),
    ],
)
def test_a_launch_that_is_out_of_date_is_not_complete(
    told: dict[str, Any], stale: dict[str, object], figure: str
) -> None:
    held = kept(told)
    late = next(key for key, post in held.posts.items() if post["featured"] is not None)
    found = judged(Held(posts={**held.posts, late: {**held.posts[late], **stale}}, comments=held.comments), **told)
    assert found["complete"] == found["launches"] - 1
    assert found[figure] == pytest.approx(100 / found["launches"])


def test_a_comment_that_came_late_and_one_that_went_are_both_seen(told: dict[str, Any]) -> None:
    held, gone = kept(told), next(iter(told["gone"]["comments"]))
    (first, some), (second, others) = [(key, ids) for key, ids in held.comments.items() if len(ids) > 1][:2]
    comments = {**held.comments, first: some - {max(some, key=int)}, second: others | {gone}}
    found = judged(Held(posts=held.posts, comments=comments), **told)
    assert found["complete"] == found["launches"] - 2
    assert found["comments missing %"] > 0
    assert found["gone comments kept"] == 1


def test_votes_may_be_nearly_right(told: dict[str, Any]) -> None:
    held = kept(told)
    key, post = max(held.posts.items(), key=lambda each: each[1]["votes"])
    assert post["votes"] > 300
    for off, complete in ((0.99, True), (0.97, False)):
        posts = {**held.posts, key: {**post, "votes": math.ceil(post["votes"] * off)}}
        found = judged(Held(posts=posts, comments=held.comments), **told)
        assert found["complete"] == found["launches"] - 1
        assert (found["complete, votes near %"] == 100) is complete


def test_the_benchmark_runs_and_tells_who_lacks_what() -> None:
    ours = lived(Hunt(every_h=6), world=TINY)
    theirs = lived(Hunt(pattern=Pattern(), every_h=6), world=TINY)
    beside = lived(Hunt(pattern=Pattern(posts_only=True, comments=True), every_h=6), world=TINY)
    assert ours["launches"] == theirs["launches"] == beside["launches"] > 0
    for each in (ours, theirs, beside):
        assert each["points"] == sum(each[BY_QUERY].values()) > 0
        assert each["failed runs"] == 0
        assert each["posts missing %"] == 0
    assert (ours["429"], ours["comments missing %"]) == (0, 0)
    assert theirs["comments missing %"] == 100
    assert 0 < beside["comments missing %"] < 100
    assert ours["complete"] > theirs["complete"]
    assert "Comments" in ours[BY_QUERY]
    assert {"PostsPage", "CollectionsPage"} <= theirs[BY_QUERY].keys()
