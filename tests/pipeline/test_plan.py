from __future__ import annotations

from collections.abc import Callable

import pytest

from hubbub.errors import UsageError
from hubbub.pipeline.batch import batch_of
from hubbub.pipeline.plan import Stages, distinct, narrow, plan_targets
from hubbub.plugins.contracts import Checkpoint, Page, StreamPlan, SyncOptions, Target
from hubbub.records.models import Stub


def stages(*names: tuple[str, ...]) -> Stages:
    return tuple(tuple(StreamPlan(name=name, begin=lambda: iter(())) for name in stage) for stage in names)  # type: ignore[arg-type,return-value]


def planned(*names: tuple[str, ...]) -> Callable[[Target, SyncOptions], Stages]:
    return lambda _target, _options: stages(*names)


def target(name: str, source: str = "reddit") -> Target:
    return Target(source=source, name=name)


def test_a_target_named_twice_in_any_case_is_run_once() -> None:
    named = [target("Ants"), target("bees"), target("ants"), target("ants", "arctic")]
    assert distinct(named) == (target("Ants"), target("bees"), target("ants", "arctic"))


def test_only_keeps_the_named_streams_in_their_order() -> None:
    kept = narrow(stages(("about", "posts"), ("comments",)), frozenset({"posts"}))
    assert [[plan.name for plan in stage] for stage in kept] == [["posts"]]


def test_an_empty_only_keeps_everything() -> None:
    everything = stages(("about", "posts"), ("comments",))
    assert narrow(everything, frozenset()) == everything


def test_only_with_an_unknown_stream_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="votes") as caught:
        plan_targets(
            [target("ants")],
            options=SyncOptions(only=frozenset({"posts", "votes"})),
            plan=planned(("about", "posts"), ("comments",)),
        )
    assert caught.value.advice == "known here: about, comments, posts"


def test_a_stream_that_only_one_target_has_is_known() -> None:
    def plan(each: Target, _: SyncOptions) -> Stages:
        return stages(("about",)) if each.name == "ants" else stages(("about",), ("votes",))

    plans = plan_targets([target("ants"), target("bees")], options=SyncOptions(only=frozenset({"votes"})), plan=plan)
    assert [(each.label, len(each.stages)) for each in plans] == [("reddit:ants", 0), ("reddit:bees", 1)]


def test_no_target_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        plan_targets([], options=SyncOptions(), plan=planned(("about",)))


def test_a_page_and_its_checkpoints_go_into_one_batch() -> None:
    page = Page(
        records=[Stub(source="reddit", kind="user", id="ann")],
        checkpoints=[Checkpoint(key="ants/new", state="{}")],
        repaired=2,
        unknown_fields={"post.shiny": 3},
    )
    batch = batch_of(page, run_id=7, source="reddit", stream="ants/posts")
    assert (batch.records, batch.checkpoints, batch.repaired) == (page.records, page.checkpoints, 2)
    assert (batch.run_id, batch.stream, batch.unknown_fields) == (7, "ants/posts", {"post.shiny": 3})
