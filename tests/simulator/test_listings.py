"""Listings behave as the real ones: capped, filtered after the cut, anchored at items."""

from __future__ import annotations

from typing import Any

import pytest

from hubbub.simulator.faults import Clock, Scenario
from hubbub.simulator.things import HORIZON, Post
from hubbub.sources.reddit.simulator.view import post_id
from tests.simulator.conftest import COMMUNITY, Door, door


def walk(reddit: Door, path: str, **query: Any) -> list[list[dict[str, Any]]]:
    """All pages, to the end that the listing itself names."""
    pages, after = [], ""
    while True:
        data = reddit.get(path, **query, **({"after": after} if after else {}))["data"]
        pages.append(data["children"])
        after = data["after"]
        if after is None:
            return pages


def ids(pages: list[list[dict[str, Any]]]) -> list[str]:
    return [child["data"]["id"] for page in pages for child in page]


def world_posts(reddit: Door) -> list[Post]:
    community = reddit.platform.world.community(COMMUNITY)
    assert community is not None
    posts: list[Post] = community.posts
    return posts


def test_new_ends_after_a_thousand_items_hidden_ones_included() -> None:
    big = door(posts=1100, comments=0, communities=(COMMUNITY,))
    found = ids(walk(big, f"/r/{COMMUNITY}/new", limit=100))
    assert 850 < len(found) < 1000
    assert len(set(found)) == len(found)
    assert found == big.truth()[COMMUNITY]["posts"]
    assert len(walk(big, f"/r/{COMMUNITY}/new", limit=100)) == 10


def test_pages_may_be_short_and_still_name_the_next(reddit: Door) -> None:
    pages = walk(reddit, f"/r/{COMMUNITY}/new", limit=5)
    assert any(len(page) < 5 for page in pages[:-1])
    assert ids(pages) == reddit.truth()[COMMUNITY]["posts"]


def test_a_page_with_nothing_to_show_is_not_the_end(reddit: Door) -> None:
    pages = walk(reddit, f"/r/{COMMUNITY}/new", limit=1)
    assert [] in pages[:-1]
    assert ids(pages) == reddit.truth()[COMMUNITY]["posts"]


def test_a_deleted_anchor_gives_an_empty_page_that_looks_like_the_end(reddit: Door) -> None:
    deleted = next(p for p in world_posts(reddit) if p.deleted_at < HORIZON)
    for name in ("after", "before"):
        data = reddit.get(f"/r/{COMMUNITY}/new", **{name: f"t3_{post_id(deleted)}"})["data"]
        assert data["children"] == []
        assert data["after"] is None


def test_before_gives_what_is_newer(reddit: Door) -> None:
    shown = reddit.truth()[COMMUNITY]["posts"]
    page = reddit.get(f"/r/{COMMUNITY}/new", before=f"t3_{shown[4]}", limit=100)
    assert ids([page["data"]["children"]]) == shown[:4]


def test_hot_puts_the_pinned_post_on_top_of_the_limit(reddit: Door) -> None:
    first = reddit.get(f"/r/{COMMUNITY}/hot", limit=10)["data"]["children"]
    assert first[0]["data"]["stickied"] is True
    assert len(first) > len(
        reddit.get(f"/r/{COMMUNITY}/hot", limit=10, after=first[-1]["data"]["name"])["data"]["children"]
    )


def test_top_is_ordered_by_score_within_its_span(reddit: Door) -> None:
    whole = reddit.get(f"/r/{COMMUNITY}/top", t="all", limit=100)["data"]["children"]
    month = reddit.get(f"/r/{COMMUNITY}/top", t="month", limit=100)["data"]["children"]
    scores = [child["data"]["score"] for child in whole]
    assert scores == sorted(scores, reverse=True)
    assert 0 < len(month) < len(whole)
    assert all(child["data"]["created_utc"] > HORIZON - 32 * 86_400 for child in month)


@pytest.mark.parametrize("path", ["/r/WhatIsThisBug/new/", "/r/whatisthisbug/new.json", "/r/whatisthisbug/new/.json"])
def test_paths_are_taken_in_every_spelling(reddit: Door, path: str) -> None:
    assert ids([reddit.get(path, limit=100)["data"]["children"]]) == reddit.truth()[COMMUNITY]["posts"]


def test_several_communities_share_one_listing(reddit: Door) -> None:
    found = walk(reddit, f"/r/{COMMUNITY}+spiders+simulated_private/new", limit=100)
    truth = reddit.truth()
    assert sorted(ids(found)) == sorted(truth[COMMUNITY]["posts"] + truth["spiders"]["posts"])
    times = [child["data"]["created_utc"] for page in found for child in page]
    assert times == sorted(times, reverse=True)


def test_the_thousand_of_a_common_listing_is_shared_and_its_pages_join() -> None:
    busy = door(posts=700, comments=0)
    both = f"/r/{COMMUNITY}+spiders+SPIDERS+simulated_banned+nobody_made_this/new"
    found = ids(walk(busy, both, limit=100))
    newest = sorted(
        (p for name in (COMMUNITY, "spiders") for p in busy.platform.world.community(name).posts),
        key=lambda p: (-p.created_at, -p.number),
    )[:1000]
    listed = {post_id(p) for p in newest if busy.platform.view(HORIZON).listed(p)}
    assert set(found) == listed
    assert len(found) == len(listed) < 1000
    assert found == ids(walk(busy, both, limit=7))


def test_comments_of_several_communities_come_in_one_stream(reddit: Door) -> None:
    found = ids(walk(reddit, f"/r/{COMMUNITY}+spiders+simulated_private/comments", limit=100))
    truth = reddit.truth()
    live = [c for name in (COMMUNITY, "spiders") for c in truth[name]["comments"]]
    blank = {c for name in (COMMUNITY, "spiders") for c in truth[name]["blank_comments"]}
    whole = [c for name in (COMMUNITY, "spiders") for c in reddit.platform.view(HORIZON).comment_stream(name)]
    cut = sorted(whole, key=lambda c: (-c.created_at, -c.number))[:1000]
    oldest = cut[-1].created_at
    assert set(found) <= set(live) - blank
    assert len(found) == sum(1 for c in cut if reddit.platform.view(HORIZON).streamed(c) and c.created_at >= oldest)


@pytest.mark.parametrize(
    ("names", "status"),
    [("nobody_a+nobody_b", 302), ("simulated_private+nobody_a", 403), ("simulated_banned", 404), ("nobody_a", 302)],
)
def test_a_listing_of_none_but_unknown_communities_answers_as_for_one(reddit: Door, names: str, status: int) -> None:
    for kind in ("new", "comments"):
        assert reddit.reply(f"/r/{names}/{kind}").status == status


def test_addresses_of_2564_characters_pass_and_longer_ones_do_not(reddit: Door) -> None:
    room = 2564 - len("/r//new?raw_json=1") - len(COMMUNITY)
    fitting = COMMUNITY + "+nobody" * (room // 7)
    fitting += "x" * (2564 - len(f"/r/{fitting}/new?raw_json=1"))
    assert reddit.reply(f"/r/{fitting}/new").status == 200
    reply = reddit.reply(f"/r/{fitting}x/new")
    assert (reply.status, reply.body, reply.headers) == (414, b"URI Too Long", ())


def test_the_comment_stream_shows_live_comments_newest_first(reddit: Door) -> None:
    found = walk(reddit, f"/r/{COMMUNITY}/comments", limit=100)
    truth = reddit.truth()[COMMUNITY]
    assert set(ids(found)) == set(truth["comments"]) - set(truth["blank_comments"])
    assert found[0][0]["data"]["link_title"]


def test_a_held_back_post_appears_later_at_its_old_place() -> None:
    early = door(Scenario(clock=Clock(start=HORIZON - 86_400 * 100, step=0.0)))
    held = next(p for p in world_posts(early) if p.held_until)
    name = post_id(held)
    early.move_to(held.held_until - 30)
    assert name not in ids(walk(early, f"/r/{COMMUNITY}/new", limit=100))
    early.move_to(held.held_until + 1)
    found = early.get(f"/r/{COMMUNITY}/new", limit=100)["data"]["children"]
    times = [child["data"]["created_utc"] for child in found]
    assert name in [child["data"]["id"] for child in found]
    assert times == sorted(times, reverse=True)


def test_posts_change_while_the_clock_runs_and_stand_still_at_the_horizon() -> None:
    moving = door(Scenario(clock=Clock(start=HORIZON - 86_400 * 60, speed=0.0, step=0.0)))
    first = moving.get(f"/r/{COMMUNITY}/new", limit=100)
    assert moving.get(f"/r/{COMMUNITY}/new", limit=100) == first
    moving.move_to(HORIZON - 86_400 * 58)
    assert moving.get(f"/r/{COMMUNITY}/new", limit=100) != first
    moving.move_to(HORIZON)
    last = moving.get(f"/r/{COMMUNITY}/new", limit=100)
    moving.move_to(HORIZON + 86_400 * 30)
    assert moving.get(f"/r/{COMMUNITY}/new", limit=100) == last


def test_search_finds_words_of_titles(reddit: Door) -> None:
    post = reddit.get(f"/r/{COMMUNITY}/new", limit=1)["data"]["children"][0]["data"]
    word = max(post["title"].replace(",", " ").split(), key=len)
    found = reddit.get(f"/r/{COMMUNITY}/search", q=word, restrict_sr=1, sort="new", limit=100)["data"]["children"]
    assert post["id"] in [child["data"]["id"] for child in found]
