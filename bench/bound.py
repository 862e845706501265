"""The least requests with which giant threads could be read by somebody who knew them beforehand.

Nobody does: ids must be found before they can be asked for. What no client can beat is a reader who knows every id,
wastes no place in a request, and reads of each thread whichever trees bring it most: the whole thread or what is below
one of its comments, in any order the platform offers."""

from __future__ import annotations

from typing import Any

from hubbub.simulator.things import HORIZON, Comment, Post, Size
from hubbub.simulator.world import World
from hubbub.sources.reddit.simulator.trees import cut
from hubbub.sources.reddit.simulator.view import View

TREE, DEPTH, OTHER = 500, 10, 100
"""Comments that a tree shows at most and how deep, and what every other request brings at most (reddit.md §6, §7)."""
SORTS = ("new", "old", "confidence", "controversial")
BEFORE = 2
"""Requests without which no thread is known: the listing of posts and that of comments."""
TRIED = 60
"""Of the comments below which most is unseen, so many are tried as the root of a tree."""


def least_requests(*, name: str, posts: int, comments: int, seed: int) -> dict[str, Any]:
    """For the world that the simulator serves with the same arguments."""
    world = World(seed, size=Size(posts=posts, comments=comments), communities=(name,))
    view = View(world, HORIZON)
    community = world.community(name)
    found = [_thread(view, post) for post in ([] if community is None else community.posts)]
    trees, rest = sum(read for read, _ in found), sum(left for _, left in found)
    return {"trees": trees, "others": rest / OTHER, "requests": BEFORE + trees + rest / OTHER}


def _thread(view: View, post: Post) -> tuple[int, int]:
    """How many trees are read of a thread, and how many comments are left for other requests: a tree more is read while
    it brings more than another request would."""
    made = view.made(post)
    roots = [comment for comment in made if comment.parent is None]
    left, read = {comment.number for comment in made if view.shown(comment)}, 0
    while left:
        starts = [roots, *([each] for each in _fullest(view, roots, left))]
        best = max((_brought(view, start, sort) & left for start in starts for sort in SORTS), key=len)
        if len(best) <= OTHER and read:
            break
        left -= best
        read += 1
    return read, len(left)


def _brought(view: View, start: list[Comment], sort: str) -> frozenset[int]:
    return cut(view, start, limit=TREE, depth=DEPTH, sort=sort).chosen


def _fullest(view: View, roots: list[Comment], left: set[int]) -> list[Comment]:
    """The comments below which more is left than another request would bring."""
    sizes: dict[int, int] = {}
    found: list[Comment] = []
    waiting = [(root, False) for root in roots]
    while waiting:
        comment, answered = waiting.pop()
        replies = view.replies(comment)
        if not answered:
            waiting += [(comment, True), *((reply, False) for reply in replies)]
            continue
        sizes[comment.number] = (comment.number in left) + sum(sizes[reply.number] for reply in replies)
        if sizes[comment.number] > OTHER:
            found.append(comment)
    return sorted(found, key=lambda comment: -sizes[comment.number])[:TRIED]
