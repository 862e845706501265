"""A comment as the JSON object Reddit shows (API reference, sections 15 and 19)."""

from __future__ import annotations

from typing import Any

from hubbub.simulator.things import Comment, Person
from hubbub.sources.reddit.simulator.posts import permalink
from hubbub.sources.reddit.simulator.shapes import VIEWER, author_fields, community_id, distinguished, text_html
from hubbub.sources.reddit.simulator.view import STAFF_TEXT, View, comment_id, parent_fullname, post_id

_BLANK = {"deleted": "[deleted]", "removed": "[removed]", "staff": STAFF_TEXT}
_COLLAPSE_BELOW = -5


def comment_json(view: View, comment: Comment) -> dict[str, Any]:
    """The `data` of a t1 thing as flat lists show it: `replies` empty, no `depth`."""
    state = view.comment_state(comment)
    live = state == "live"
    post = comment.post
    author: Person | None = comment.author if live and not view.author_gone(comment.author) else None
    body = view.text(comment) if live else _BLANK[state]
    score = view.score(comment)
    low = score < _COLLAPSE_BELOW
    return {
        **VIEWER,
        **author_fields(author),
        "archived": False,
        "associated_award": None,
        "body": body,
        "body_html": text_html(body, fenced=False),
        "collapsed": low or state == "deleted",
        "collapsed_because_crowd_control": None,
        "collapsed_reason": "comment score below threshold" if low else None,
        "collapsed_reason_code": "DELETED" if not live else "LOW_SCORE" if low else None,
        "comment_type": None,
        "controversiality": int(live and comment.number // 64 % 41 == 0),
        "created": float(comment.created_at),
        "created_utc": float(comment.created_at),
        "distinguished": distinguished(author, pinned=comment.pinned),
        "edited": float(comment.edited_at) if live and comment.edited_at <= view.at else False,
        "id": comment_id(comment),
        "is_submitter": author is not None and author is post.author,
        "link_id": f"t3_{post_id(post)}",
        "locked": comment.pinned,
        "name": f"t1_{comment_id(comment)}",
        "no_follow": score < 2,
        "parent_id": parent_fullname(comment),
        "permalink": f"{permalink(view, post)}{comment_id(comment)}/",
        "removal_reason": None,
        "replies": "",
        "score": score,
        "score_hidden": view.at - comment.created_at < 3600,
        "send_replies": True,
        "stickied": comment.pinned,
        "subreddit": view.called(post.community),
        "subreddit_id": f"t5_{community_id(view.world.position(post.community))}",
        "subreddit_name_prefixed": f"r/{view.called(post.community)}",
        "subreddit_type": "public",
        "unrepliable_reason": None,
        "ups": score,
    }


def listed_json(view: View, comment: Comment) -> dict[str, Any]:
    """As `comment_json`, with what comment listings and user pages add about the post."""
    post = comment.post
    gone = view.state(post) in ("deleted", "staff") or view.author_gone(post.author)
    return comment_json(view, comment) | {
        "link_author": "[deleted]" if gone else post.author.name,
        "link_permalink": f"https://www.reddit.com{permalink(view, post)}",
        "link_title": view.title(post),
        "link_url": f"https://www.reddit.com{permalink(view, post)}",
        "num_comments": view.comment_count(post),
        "over_18": post.adult,
        "quarantine": False,
    }
