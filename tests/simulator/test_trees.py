"""Comment trees: what is shown, what hides behind `more`, and how it unfolds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from hubbub.simulator.things import HORIZON, Comment, Post
from hubbub.sources.reddit.simulator.view import View, comment_id, post_id
from tests.simulator.conftest import COMMUNITY, Door

Thing = dict[str, Any]


def nested(children: list[Thing]) -> Iterator[Thing]:
    for child in children:
        yield child
        if child["kind"] == "t1" and child["data"]["replies"]:
            yield from nested(child["data"]["replies"]["data"]["children"])


def posts(reddit: Door) -> list[Post]:
    view = View(reddit.platform.world, HORIZON)
    community = reddit.platform.world.community(COMMUNITY)
    return [p for p in community.posts if view.listed(p)]


def biggest(reddit: Door) -> Post:
    return max(posts(reddit), key=lambda p: len(p.comments))


def deepest(reddit: Door) -> Post:
    return max(posts(reddit), key=lambda p: max((c.depth for c in p.comments), default=0))


def tree(reddit: Door, post: Post, **query: Any) -> list[Thing]:
    children: list[Thing] = reddit.get(f"/comments/{post_id(post)}", **query)[1]["data"]["children"]
    return children


def shown(reddit: Door, post: Post) -> set[str]:
    view = View(reddit.platform.world, HORIZON)
    return {comment_id(c) for c in post.comments if view.shown(c)}


def unfold(reddit: Door, post: Post, children: list[str], **form: str) -> list[Thing]:
    asked = {"link_id": f"t3_{post_id(post)}", "children": ",".join(children), "api_type": "json"} | form
    reply = reddit.post("/api/morechildren/", asked)
    assert reply.status == 200
    things: list[Thing] = msgspec.json.decode(reply.body)["json"]["data"]["things"]
    return things


def test_the_whole_tree_is_in_one_answer_when_it_fits(reddit: Door) -> None:
    post = sorted(posts(reddit), key=lambda p: len(p.comments))[len(posts(reddit)) // 2]
    found = list(nested(tree(reddit, post, limit=500)))
    assert {t["data"]["id"] for t in found} == shown(reddit, post)
    assert shown(reddit, post)


def test_more_names_the_direct_children_and_counts_all_below(reddit: Door) -> None:
    post = biggest(reddit)
    found = list(nested(tree(reddit, post, limit=10)))
    mores = [t["data"] for t in found if t["kind"] == "more"]
    assert mores
    for more in mores:
        assert more["id"] == more["children"][0]
        assert more["count"] >= len(more["children"])
    assert any(more["count"] > len(more["children"]) for more in mores)
    assert sum(t["kind"] == "t1" for t in found) + sum(m["count"] for m in mores) == len(post.comments) - sum(
        1 for c in post.comments if comment_id(c) not in shown(reddit, post) and _chosen_and_vanished(found, c)
    )


def _chosen_and_vanished(found: list[Thing], comment: Comment) -> bool:
    """Whether a deleted comment was picked for the answer and then left out, so that no `more` counts it."""
    above = comment.parent
    parent = f"t1_{comment_id(above)}" if above else f"t3_{post_id(comment.post)}"
    named = {name for t in found if t["kind"] == "more" for name in t["data"]["children"]}
    shown_parents = {t["data"]["name"] for t in found} | {f"t3_{post_id(comment.post)}"}
    return comment_id(comment) not in named and parent in shown_parents


def test_deep_threads_end_in_continue_objects_that_lead_on(reddit: Door) -> None:
    post = deepest(reddit)
    found = list(nested(tree(reddit, post, limit=500)))
    stubs = [t["data"] for t in found if t["kind"] == "more" and t["data"]["count"] == 0]
    assert stubs
    for stub in stubs:
        assert (stub["id"], stub["name"], stub["children"]) == ("_", "t1__", [])
        parent = stub["parent_id"].removeprefix("t1_")
        roots = reddit.get(f"/comments/{post_id(post)}/_/{parent}", limit=500)[1]["data"]["children"]
        assert [root["data"]["id"] for root in roots] == [parent]
        assert roots[0]["data"]["replies"]
    assert max(t["data"].get("depth", 0) for t in found if t["kind"] == "t1") == 9


def test_unfolding_everything_finds_every_comment(reddit: Door) -> None:
    post = biggest(reddit)
    found, waiting = {}, list(nested(tree(reddit, post, limit=5)))
    while waiting:
        thing = waiting.pop()
        data = thing["data"]
        if thing["kind"] == "t1":
            found[data["id"]] = data
        elif data["count"] == 0:
            parent = data["parent_id"].removeprefix("t1_")
            waiting.extend(
                nested(reddit.get(f"/comments/{post_id(post)}/_/{parent}", limit=500)[1]["data"]["children"])
            )
        else:
            for start in range(0, len(data["children"]), 100):
                waiting.extend(unfold(reddit, post, data["children"][start : start + 100]))
    assert set(found) == shown(reddit, post)


def test_morechildren_is_flat_with_parents_first_and_capped(reddit: Door) -> None:
    post = biggest(reddit)
    roots = [comment_id(c) for c in post.comments if c.parent is None]
    things = unfold(reddit, post, roots)
    seen = {f"t3_{post_id(post)}"}
    for thing in things:
        assert thing["data"]["parent_id"] in seen
        if thing["kind"] == "t1":
            assert thing["data"]["replies"] == ""
            seen.add(thing["data"]["name"])
    assert 0 < len(seen) - 1 <= 100


def test_morechildren_serves_the_shallowest_depth_only(reddit: Door) -> None:
    roots = (c for p in posts(reddit) for c in p.comments if c.depth == 0 and not c.replies)
    leaf = next(
        c for c in roots if comment_id(c) in shown(reddit, c.post) and any(o.depth == 1 for o in c.post.comments)
    )
    post = leaf.post
    deep = next(c for c in post.comments if c.depth == 1 and comment_id(c) in shown(reddit, post))
    things = unfold(reddit, post, [comment_id(deep), comment_id(leaf)])
    assert [t["data"]["id"] for t in things] == [comment_id(leaf)]
    assert {t["data"]["depth"] for t in unfold(reddit, post, [comment_id(deep)])} >= {1}


def test_limit_children_leaves_out_what_hangs_below(reddit: Door) -> None:
    post = biggest(reddit)
    parents = [
        comment_id(c) for c in post.comments if c.depth == 0 and c.replies and comment_id(c) in shown(reddit, post)
    ]
    things = unfold(reddit, post, parents[:3], limit_children="true")
    assert [t["data"]["id"] for t in things] == parents[:3]


def test_a_deleted_leaf_vanishes_and_a_deleted_parent_stays_blank(reddit: Door) -> None:
    gone = [c for p in posts(reddit) for c in p.comments if c.deleted_at < HORIZON]
    leaf = next(c for c in gone if not c.replies)
    inner = next(c for c in gone if comment_id(c) in shown(reddit, c.post))
    found = {t["data"]["id"]: t["data"] for t in nested(tree(reddit, leaf.post, limit=500))}
    assert comment_id(leaf) not in found
    assert unfold(reddit, leaf.post, [comment_id(leaf)]) == []
    found = {t["data"]["id"]: t["data"] for t in nested(tree(reddit, inner.post, limit=500))}
    blank = found[comment_id(inner)]
    assert (blank["author"], blank["body"]) == ("[deleted]", "[deleted]")
    assert "author_fullname" not in blank
    assert blank["replies"]


def test_the_platforms_count_includes_removed_comments_nobody_sees(reddit: Door) -> None:
    for post in posts(reddit):
        removed = sum(1 for c in post.comments if c.removed_at < HORIZON and comment_id(c) not in shown(reddit, post))
        if removed:
            said = reddit.get(f"/comments/{post_id(post)}")[0]["data"]["children"][0]["data"]["num_comments"]
            alive = sum(1 for c in post.comments if c.deleted_at > HORIZON and comment_id(c) in shown(reddit, post))
            assert said == alive + removed
            return
    pytest.fail("the world has no removed comment")


def test_a_focal_comment_comes_with_as_many_parents_as_asked(reddit: Door) -> None:
    comment = next(c for c in deepest(reddit).comments if c.depth == 6 and comment_id(c) in shown(reddit, c.post))
    path = f"/comments/{post_id(comment.post)}/_/{comment_id(comment)}"
    thing = reddit.get(path, context=3)[1]["data"]["children"][0]
    depths = []
    while True:
        depths.append(thing["data"]["depth"])
        if thing["data"]["id"] == comment_id(comment):
            break
        (thing,) = thing["data"]["replies"]["data"]["children"]
    assert depths == [3, 4, 5, 6]


def test_an_unknown_focal_comment_gives_an_empty_tree_and_an_unknown_post_404(reddit: Door) -> None:
    name = post_id(biggest(reddit))
    assert reddit.get(f"/comments/{name}", comment="zzzzzzz")[1]["data"]["children"] == []
    assert reddit.reply("/comments/zzzzzz").status == 404
    assert reddit.reply(f"/r/spiders/comments/{name}").status == 404
    assert reddit.post("/api/morechildren", {"link_id": "t3_zzzzzz", "children": "a"}).status == 403


def test_threads_can_be_flat_or_without_more(reddit: Door) -> None:
    name = post_id(biggest(reddit))
    flat = reddit.get(f"/comments/{name}", limit=20, threaded="false")[1]["data"]["children"]
    assert len(flat) > 10
    assert all(t["data"].get("replies", "") == "" for t in flat)
    assert all(
        t["kind"] == "t1" for t in reddit.get(f"/comments/{name}", limit=20, showmore="false")[1]["data"]["children"]
    )
