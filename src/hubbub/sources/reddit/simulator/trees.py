"""Comment trees: the best-first cut, `more` and "continue this thread" objects, and what they unfold to.

The rules are those of the API reference, sections 9 and 10."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from hubbub.simulator.things import Comment, Post
from hubbub.sources.reddit.simulator.comments import comment_json
from hubbub.sources.reddit.simulator.shapes import listing
from hubbub.sources.reddit.simulator.view import View, comment_id, parent_fullname

DEPTH = 10
LIMIT = 500
UNFOLDED = 100
"""Comments one morechildren call hands out."""

Order = Callable[[Comment], tuple[float, ...]]


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """Which comments an answer shows."""

    chosen: frozenset[int]
    left: tuple[Comment, ...]
    """Of the roots, those that found no room."""
    top: int
    """Depth of the roots."""
    depth: int
    """Levels shown."""
    order: Order


def order_of(view: View, sort: str) -> Order:
    """The key by which a sort ranks comments, smallest first; what moderators pin comes first in every sort."""
    if sort == "random":
        dice = view.world.dice("random", view.at)
        return lambda c: (not c.pinned, dice.random())
    if sort in ("new", "live"):
        return lambda c: (not c.pinned, -c.created_at, -c.number)
    if sort == "old":
        return lambda c: (not c.pinned, c.created_at, c.number)
    if sort == "controversial":
        return lambda c: (not c.pinned, abs(view.score(c)), c.number)
    return lambda c: (not c.pinned, -view.score(c), c.number)


def cut(view: View, roots: Iterable[Comment], *, limit: int, depth: int, sort: str) -> Cut:
    """Choose up to `limit` comments, best first, none before the comment it answers."""
    order = order_of(view, sort)
    heap = [(order(c), c.number, c) for c in roots]
    top = min((c.depth for _, _, c in heap), default=0)
    heapq.heapify(heap)
    chosen: set[int] = set()
    while heap and len(chosen) < limit:
        _, _, comment = heapq.heappop(heap)
        chosen.add(comment.number)
        if comment.depth - top + 1 < depth:
            for reply in view.replies(comment):
                heapq.heappush(heap, (order(reply), reply.number, reply))
    left = tuple(c for _, _, c in sorted(heap, key=lambda e: e[:2]) if c.depth == top)
    return Cut(chosen=frozenset(chosen), left=left, top=top, depth=depth, order=order)


def page(
    view: View, post: Post, *, limit: int, depth: int, sort: str, focus: Comment | None, context: int
) -> dict[str, Any]:
    """The second listing of a thread page: the whole tree, or the part around one comment."""
    if focus is None:
        roots = [c for c in view.made(post) if c.parent is None]
        made = cut(view, roots, limit=limit, depth=depth, sort=sort)
        return listing(_level(view, roots, made))
    first = focus
    for _ in range(context):
        if first.parent is None:
            break
        first = first.parent
    made = cut(view, [focus], limit=limit, depth=depth, sort=sort)
    children = _level(view, [focus], made)
    while children and focus is not first and focus.parent is not None:
        focus = focus.parent
        children = [_thing(view, focus, children)]
    return listing(children)


def flat(things: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same things without nesting, a comment before its answers."""
    made: list[dict[str, Any]] = []
    for thing in things:
        replies = thing["data"].get("replies") or None
        made.append(
            {"kind": thing["kind"], "data": thing["data"] | ({"replies": ""} if "replies" in thing["data"] else {})}
        )
        if replies:
            made.extend(flat(replies["data"]["children"]))
    return made


def unfold(view: View, asked: Sequence[Comment], *, sort: str, alone: bool) -> list[dict[str, Any]]:
    """What morechildren answers: a flat list, comments of the shallowest asked depth and what hangs below them.

    `alone` leaves out their answers and further `more` objects."""
    if not asked:
        return []
    top = min(c.depth for c in asked)
    roots = [c for c in asked if c.depth == top]
    if alone:
        return [_thing(view, c, []) for c in roots[:UNFOLDED] if view.shown(c)]
    made = cut(view, roots, limit=UNFOLDED, depth=DEPTH, sort=sort)
    things = flat(_chosen(view, roots, made))
    by_parent: dict[str, list[Comment]] = {}
    for comment in made.left:
        by_parent.setdefault(parent_fullname(comment), []).append(comment)
    return things + [_more(view, left) for left in by_parent.values()]


def _level(view: View, siblings: Iterable[Comment], made: Cut) -> list[dict[str, Any]]:
    """The things of one level: chosen comments in order, then one `more` for those not chosen."""
    everyone = list(siblings)
    missing = [c for c in everyone if c.number not in made.chosen]
    return _chosen(view, everyone, made) + ([_more(view, missing)] if missing else [])


def _chosen(view: View, siblings: Iterable[Comment], made: Cut) -> list[dict[str, Any]]:
    """Chosen comments in order, with what hangs below them; deleted ones without shown answers vanish."""
    chosen = sorted((c for c in siblings if c.number in made.chosen), key=made.order)
    return [_thing(view, c, _below(view, c, made)) for c in chosen if view.shown(c)]


def _below(view: View, comment: Comment, made: Cut) -> list[dict[str, Any]]:
    replies = view.replies(comment)
    if not replies:
        return []
    if comment.depth - made.top == made.depth - 1:
        return [_continue(comment)]
    return _level(view, replies, made)


def _thing(view: View, comment: Comment, below: list[dict[str, Any]]) -> dict[str, Any]:
    data = comment_json(view, comment)
    data["depth"] = comment.depth
    if below:
        data["replies"] = listing(below)
    return {"kind": "t1", "data": data}


def _more(view: View, missing: Sequence[Comment]) -> dict[str, Any]:
    first = missing[0]
    data = {
        "count": len(missing) + sum(view.below(c) for c in missing),
        "name": f"t1_{comment_id(first)}",
        "id": comment_id(first),
        "parent_id": parent_fullname(first),
        "depth": first.depth,
        "children": [comment_id(c) for c in missing],
    }
    return {"kind": "more", "data": data}


def _continue(comment: Comment) -> dict[str, Any]:
    data = {
        "count": 0,
        "name": "t1__",
        "id": "_",
        "parent_id": f"t1_{comment_id(comment)}",
        "depth": comment.depth + 1,
        "children": [],
    }
    return {"kind": "more", "data": data}
