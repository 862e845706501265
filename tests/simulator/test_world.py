"""The world is the same for the same seed, and says what a community says."""

from __future__ import annotations

import msgspec
import pytest

from hubbub.simulator.taxa import TAXA
from hubbub.simulator.things import HORIZON, Post, Size, community_names
from hubbub.simulator.world import World, text_of, title_of
from tests.simulator.conftest import COMMUNITY, door

SMALL = Size(posts=40, comments=600)


def posts_of(world: World, name: str = COMMUNITY) -> list[Post]:
    community = world.community(name)
    assert community is not None
    return community.posts


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    paths = (f"/r/{COMMUNITY}/new", "/r/spiders/comments", f"/r/{COMMUNITY}/about", "/user/AutoModerator/overview")
    first, second, other = (door(seed=seed) for seed in (11, 11, 12))
    for path in paths:
        assert first.reply(path, limit=100).body == second.reply(path, limit=100).body
    assert first.reply(paths[0]).body != other.reply(paths[0]).body
    assert msgspec.json.encode(first.truth()) == msgspec.json.encode(second.truth())


def test_the_order_of_questions_changes_no_answer() -> None:
    forth, back = World(3, size=SMALL), World(3, size=SMALL)
    for name in forth.names:
        forth.community(name)
    for name in back.names[::-1]:
        back.community(name)
    assert [p.number for p in posts_of(forth, "bugs")] == [p.number for p in posts_of(back, "bugs")]


@pytest.mark.parametrize(("posts", "comments"), [(1, 0), (1, 30), (40, 600), (7, 0)])
def test_counts_are_exact(posts: int, comments: int) -> None:
    world = World(5, size=Size(posts=posts, comments=comments))
    for community in world.communities():
        assert len(community.posts) == posts
        assert len(community.comments) == sum(len(p.comments) for p in community.posts) == comments


def test_numbers_rise_with_time_and_are_never_shared() -> None:
    world = World(7, size=SMALL)
    posts = [p.number for c in world.communities() for p in c.posts]
    comments = [c.number for community in world.communities() for c in community.comments]
    assert len(set(posts)) == len(posts)
    assert len(set(comments)) == len(comments)
    for community in world.communities():
        assert [p.number for p in community.posts] == sorted(p.number for p in community.posts)
        assert [c.number for c in community.comments] == sorted(c.number for c in community.comments)


def test_thousands_of_communities_share_no_number_and_every_one_is_found() -> None:
    names = community_names(2000)
    assert len(set(names)) == 2000
    assert max(map(len, names)) <= 21
    world = World(7, size=Size(posts=3, comments=15, span_days=1), communities=names)
    chosen = [c for name in (*names[:70], *names[-70:]) if (c := world.community(name)) is not None]
    fresh = World(7, size=Size(posts=3, comments=15, span_days=1), communities=names)
    for kind in ("posts", "comments"):
        things = [(thing.number, c.name) for c in chosen for thing in getattr(c, kind)]
        assert len({number for number, _ in things}) == len(things)
        find = fresh.post if kind == "posts" else fresh.comment
        assert all(find(number) is not None for number, _ in things)


@pytest.mark.parametrize("days", [1, 3, 120, 900])
def test_the_story_takes_as_long_as_was_asked_for(days: int) -> None:
    world = World(7, size=Size(posts=300, comments=900, span_days=days))
    times = [p.created_at for p in posts_of(world)]
    assert HORIZON - days * 86_400 <= min(times) < max(times) < HORIZON
    assert max(times) - min(times) > 0.9 * (days * 86_400 - 7200)
    halves = sum(1 for at in times if at < HORIZON - days * 43_200)
    assert 110 < halves < 190
    assert all(p.created_at < min(times) for p in world.people)


def test_nobody_answers_before_the_question_and_nothing_happens_after_the_horizon() -> None:
    for community in World(7, size=SMALL).communities():
        for comment in community.comments:
            above = comment.parent or comment.post
            assert above.created_at <= comment.created_at < HORIZON - 3600
        for post in community.posts:
            for at in (post.edited_at, post.deleted_at, post.removed_at, post.gone_at):
                assert post.created_at < at
                assert at < HORIZON or at > HORIZON * 2


def test_a_small_world_has_deep_and_long_threads() -> None:
    posts = posts_of(World(7, size=Size(posts=200, comments=6000)))
    assert max(c.depth for p in posts for c in p.comments) >= 12
    assert max(len(p.comments) for p in posts) >= 200
    assert any(not p.comments for p in posts)


def test_questions_have_a_true_answer_that_people_mostly_give() -> None:
    world = World(7, size=SMALL)
    claims = [c.claim == p.taxon for p in posts_of(world) for c in p.comments if c.claim is not None]
    assert 0.55 < sum(claims) / len(claims) < 0.95
    named = next(c for p in posts_of(world) for c in p.comments if c.claim is not None)
    assert named.claim is not None
    taxon = TAXA[named.claim]
    text = text_of(world, named, at=HORIZON)
    assert taxon.common.casefold() in text.casefold() or taxon.scientific in text


def test_talk_holds_what_breaks_careless_readers() -> None:
    world = World(7, size=SMALL)
    said = [title_of(world, p) for p in posts_of(world)]
    said += [text_of(world, c, at=HORIZON) for p in posts_of(world) for c in p.comments]
    whole = "\n".join(said)
    for mark in ("&", "<", "> ", '"', "\n\n", "*", "😍", "…"):
        assert mark in whole
    assert all(0 < len(title_of(world, p)) <= 300 for p in posts_of(world))


def test_an_edit_changes_the_text_when_it_happens() -> None:
    world = World(7, size=Size(posts=40, comments=900))
    edited = next(c for p in posts_of(world) for c in p.comments if c.edited_at < HORIZON)
    before, after = (text_of(world, edited, at=edited.edited_at + shift) for shift in (-1, 0))
    assert after.startswith(before)
    assert after != before


def test_names_are_unique_and_plausible() -> None:
    names = [p.name for p in World(7).people]
    assert len({n.casefold() for n in names}) == len(names)
    assert all(3 <= len(n) <= 20 and n.isascii() and n.replace("_", "").replace("-", "").isalnum() for n in names)
