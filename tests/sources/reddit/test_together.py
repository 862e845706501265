"""The order in which communities are asked together: the agenda, driven by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from hubbub.errors import HubbubError, TransientRemoteError, UnavailableError
from hubbub.plugins.agenda import Rest, Watch
from hubbub.plugins.contracts import Checkpoint, RecallCounts, RecallSaved, StreamPlan, SyncOptions
from hubbub.sources.reddit.listings import Mark, mark_at
from hubbub.sources.reddit.places import Place
from hubbub.sources.reddit.together import ABOUT_EVERY_S, Together
from tests.sources.drive import NOW

Stage = list[str]


class Told:
    """A store and a clock for an agenda: which checkpoints there are, and how streams end."""

    def __init__(self, *, errors: Mapping[str, HubbubError] | None = None) -> None:
        self.saved: dict[str, Checkpoint] = {}
        self.errors = dict(errors or {})
        self.now = NOW
        self.stages: list[Stage] = []

    def knows(self, name: str, *, at: int = NOW - 3_600) -> None:
        """The community was synced before."""
        place = Place(name)
        for key in (place.posts_key, place.comments_key):
            self.saved[key] = mark_at(key, Mark(watermark=at, heard_at=at, deep_at=at))
        self.saved[place.about_key] = Checkpoint(key=place.about_key, state=f'{{"at": {at}}}')

    def answer(self, asked: Any) -> Any:
        if isinstance(asked, RecallSaved):
            return {key: self.saved[key] for key in asked.keys if key in self.saved}
        if isinstance(asked, RecallCounts):
            return []
        if isinstance(asked, Rest):
            self.now = max(self.now, asked.until)
            return self.now
        assert isinstance(asked, tuple)
        plans: tuple[StreamPlan, ...] = asked
        self.stages.append([plan.key for plan in plans])
        self.now += 30
        for plan in plans:
            if plan.name == "about" and plan.key not in self.errors:
                key = f"{plan.target}/about"
                self.saved[key] = Checkpoint(key=key, state=f'{{"at": {self.now}}}')
        return {plan.key: self.errors.get(plan.key) for plan in plans}


def run(told: Told, *names: str, steps: int = 1_000, watch: Watch | None = None, **options: Any) -> Told:
    agenda = Together(names, options=SyncOptions(started_at=NOW, **options), watch=watch).steps()
    answer: Any = None
    for _ in range(steps):
        try:
            answer = told.answer(agenda.send(answer))
        except StopIteration:
            return told
    agenda.close()
    return told


def test_a_new_community_is_described_and_walked_and_then_its_newest_comments_are_read() -> None:
    assert run(Told(), "bugs").stages == [["bugs/about", "bugs/posts"], ["refresh"], ["bugs/comments"]]


def test_known_communities_share_listings() -> None:
    told = Told()
    for name in ("ants", "bees", "wasps"):
        told.knows(name)
    assert run(told, "ants", "bees", "wasps", "bugs").stages == [
        ["bugs/about", "bugs/posts", "ants+2 more/posts"],
        ["refresh"],
        ["bugs/comments", "ants+2 more/comments"],
    ]


def test_descriptions_are_read_again_after_a_week() -> None:
    told = Told()
    told.knows("ants", at=NOW - ABOUT_EVERY_S)
    told.knows("bees")
    assert run(told, "ants", "bees").stages[1] == ["ants/about", "refresh"]


def test_a_community_that_is_closed_is_asked_for_nothing_more() -> None:
    told = Told(errors={"shut/about": UnavailableError("shut is private")})
    stages = run(told, "shut", "bugs").stages
    assert not [key for stage in stages[1:] for key in stage if key.startswith("shut/")]
    assert ["bugs/comments"] in stages


def test_where_nothing_is_answered_nothing_more_is_asked() -> None:
    error = TransientRemoteError("no answer")
    told = Told(errors={"bugs/about": error, "bugs/posts": error})
    assert run(told, "bugs").stages == [["bugs/about", "bugs/posts"]]


@pytest.mark.parametrize(
    ("only", "wanted"),
    [
        ("about", [["bugs/about"]]),
        ("posts", [["bugs/posts"]]),
        ("comments", [["bugs/comments"]]),
        ("refresh", [["refresh"]]),
    ],
)
def test_only_the_named_streams_are_run(only: str, wanted: list[Stage]) -> None:
    assert run(Told(), "bugs", only=frozenset({only})).stages == wanted


@pytest.mark.parametrize("options", [{"full": True}, {"since": NOW - 86_400}, {"max_pages": 2}])
def test_what_asks_for_a_walk_of_its_own_gets_one(options: dict[str, Any]) -> None:
    told = Told()
    told.knows("ants")
    told.knows("bees")
    stages = run(told, "ants", "bees", **options).stages
    assert {"ants/posts", "bees/posts"} <= set(stages[0])


def test_a_watch_never_lets_a_poll_stand_in_for_a_walk_that_failed() -> None:
    told = Told(errors={"bugs/posts": TransientRemoteError("no answer")})
    told.knows("ants")
    stages = run(told, "bugs", "ants", steps=200, watch=Watch(fresh_s=600)).stages
    walks = [stage for stage in stages if "bugs/posts" in stage]
    assert len(walks) > 2  # tried again and again
    told.errors.clear()
    told.stages.clear()
    told.knows("bugs")
    assert "bugs+1 more/posts" in run(told, "bugs", "ants", steps=40, watch=Watch(fresh_s=600)).stages[0]


def test_a_watch_polls_each_listing_in_time_and_refreshes_after_polls() -> None:
    told = Told()
    told.knows("ants")
    began = told.now
    run(told, "ants", steps=200, watch=Watch(fresh_s=600))
    polls = [stage for stage in told.stages if "ants/comments" in stage]
    assert len(polls) >= (told.now - began) / 600 / 2
    assert all(stage == ["refresh"] for stage in told.stages if "refresh" in stage)
