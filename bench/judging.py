"""Whether what was kept of Product Hunt's launches equals what there is: post by post, comment by comment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from bench.peers.producthuntdb import ProductHuntDB
from hubbub.store.engine import Store

TEXTS = ("name", "slug", "tagline", "description", "created")
NEAR = 0.01
"""Share by which votes may be off, one at least, to be called near."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader keeps, as far as it is judged."""

    posts: Mapping[str, Mapping[str, Any]]
    """By id: the fields of the pretend platform's own truth, `topics` a set of slugs."""
    comments: Mapping[str, set[str]]
    """Ids by post."""


def hubbub_holds(store: Store) -> Held:
    """What is live in a store."""
    with store.reading_raw() as db:
        slugs = dict(db.execute("select id, slug from topics"))
        topics: dict[str, set[str]] = {}
        for owner, member in db.execute("select owner, member from post_topics"):
            topics.setdefault(owner, set()).add(slugs.get(member, member))
        rows = db.execute(
            "select id, title, extra, tagline, body, created_at, featured_at, score, comment_count from posts "
            "where withdrawn = 0"
        )
        posts = {
            key: {
                "name": title,
                "slug": json.loads(extra or "{}").get("slug"),
                "tagline": tagline,
                "description": body,
                "created": created,
                "featured": featured,
                "votes": votes,
                "comments": count,
                "topics": topics.get(key, set()),
            }
            for key, title, extra, tagline, body, created, featured, votes, count in rows
        }
        comments: dict[str, set[str]] = {}
        for post, key in db.execute("select post_id, id from comments where withdrawn = 0"):
            comments.setdefault(post, set()).add(key)
    return Held(posts=posts, comments=comments)


def peer_holds(peer: ProductHuntDB) -> Held:
    """What the restated pattern keeps: it forgets nothing."""
    posts = {
        key: {
            **{name: node[name] for name in ("name", "slug", "tagline", "description")},
            "created": _epoch(node["createdAt"]),
            "featured": _epoch(node["featuredAt"]),
            "votes": node["votesCount"],
            "comments": node["commentsCount"],
            "topics": {topic["slug"] for topic in node["topics"]["nodes"]},
        }
        for key, node in peer.posts.items()
    }
    return Held(posts=posts, comments=peer.comments)


def _epoch(written: str | None) -> int | None:
    return None if written is None else int(datetime.fromisoformat(written).timestamp())


def judged(held: Held, *, truth: Mapping[str, Any], gone: Mapping[str, Any]) -> dict[str, Any]:
    """How many launches are complete, and shares (in per cent) of what is missing, stale or should be forgotten.

    A launch is complete when every field, its topics, its numbers and its featuring are as they are now, and its
    comments are all there and no others; `votes near` lets the votes be off by `NEAR`. `stale` shares are of the
    launches that are there at all."""
    posts: Mapping[str, Mapping[str, Any]] = truth["posts"]
    there = {key: held.posts[key] for key in posts if key in held.posts}
    said = {key: set(truth["comments"].get(key, ())) for key in posts}
    had = {key: held.comments.get(key, set()) for key in posts}

    def stale(*names: str) -> float:
        wrong = sum(any(post[name] != posts[key][name] for name in names) for key, post in there.items())
        return _share(wrong, len(there))

    near = {key for key, post in there.items() if _near(post, posts[key])}
    right = {key for key in near if there[key]["votes"] == posts[key]["votes"]}
    complete = sum(had[key] == said[key] for key in right)
    comments = sum(map(len, said.values()))
    return {
        "complete": complete,
        "launches": len(posts),
        "complete %": _share(complete, len(posts)),
        "complete, votes near %": _share(sum(had[key] == said[key] for key in near), len(posts)),
        "fields complete, votes near %": _share(len(near), len(posts)),
        "posts missing %": _share(len(posts) - len(there), len(posts)),
        "votes stale %": stale("votes"),
        "comment count stale %": stale("comments"),
        "featured stale %": stale("featured"),
        "texts stale %": stale(*TEXTS),
        "topics stale %": _share(sum(p["topics"] != set(posts[key]["topics"]) for key, p in there.items()), len(there)),
        "comments missing %": _share(sum(len(said[key] - had[key]) for key in posts), comments),
        "gone posts kept": len(held.posts.keys() & gone["posts"].keys()),
        "gone comments kept": len({key for ids in held.comments.values() for key in ids} & gone["comments"].keys()),
    }


def _near(post: Mapping[str, Any], true: Mapping[str, Any]) -> bool:
    """Whether everything but the comments themselves is right, the votes nearly so."""
    off = abs((post["votes"] or 0) - true["votes"])
    fields = (*TEXTS, "featured", "comments")
    return (
        all(post[name] == true[name] for name in fields)
        and post["topics"] == set(true["topics"])
        and off <= max(1, NEAR * true["votes"])
    )


def _share(some: int, of: int) -> float:
    return 100 * some / max(1, of)
