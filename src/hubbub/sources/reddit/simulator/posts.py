"""A post as the JSON object Reddit shows (API reference, sections 14, 18 and 19)."""

from __future__ import annotations

import re
import unicodedata
from typing import Any
from urllib.parse import quote

from hubbub.simulator.taxa import TAXA
from hubbub.simulator.things import Person, Post
from hubbub.simulator.world import title_of
from hubbub.sources.reddit.simulator import pictures
from hubbub.sources.reddit.simulator.media import Addresses
from hubbub.sources.reddit.simulator.shapes import VIEWER, author_fields, community_id, distinguished, text_html
from hubbub.sources.reddit.simulator.view import LEGAL_TEXT, STAFF_TEXT, View, post_id

_CATEGORIES = {"deleted": "deleted", "removed": "moderator", "held": "automod_filtered", "legal": "copyright_takedown"}
_STAFF_CATEGORIES = ("reddit", "anti_evil_ops", "community_ops", "content_takedown")
_FLAIR_ID = "0b1c8a2e-aaaa-11e3-b0a1-12313d18e1d5"


_FIXED: dict[str, Any] = {
    "allow_live_comments": False,
    "archived": False,
    "category": None,
    "clicked": False,
    "content_categories": None,
    "contest_mode": False,
    "discussion_type": None,
    "hidden": False,
    "is_created_from_ads_ui": False,
    "is_meta": False,
    "is_original_content": False,
    "media_only": False,
    "num_crossposts": 0,
    "parent_whitelist_status": "all_ads",
    "pinned": False,
    "pwls": 6,
    "quarantine": False,
    "removed_by": None,
    "send_replies": True,
    "suggested_sort": None,
    "view_count": None,
    "visited": False,
    "whitelist_status": "all_ads",
    "wls": 6,
}
"""Fields that are the same for every post of the world."""


def slug(title: str) -> str:
    """The last part of a permalink: words joined by _, non-ASCII letters percent-encoded."""
    words = re.sub(r"[^\w]+", "_", unicodedata.normalize("NFC", title).lower()).strip("_")
    return quote(words[:50].strip("_")) or "_"


def permalink(view: View, post: Post) -> str:
    """Relative, ending in a slash; made from the title as it was posted."""
    known = view.permalinks.get(post.number)
    if known is None:
        known = f"/r/{view.called(post.community)}/comments/{post_id(post)}/{slug(title_of(view.world, post))}/"
        view.permalinks[post.number] = known
    return known


def post_json(view: View, post: Post, addresses: Addresses) -> dict[str, Any]:
    """The `data` of a t3 thing."""
    state = view.state(post)
    gone = state in ("deleted", "staff") or view.author_gone(post.author)
    author: Person | None = None if gone else post.author
    link = permalink(view, post)
    score = max(0, view.score(post))
    live = state == "live"
    data: dict[str, Any] = {
        **VIEWER,
        **_FIXED,
        **author_fields(author),
        **_text(view, post),
        **_flair(post),
        **_place(view, post),
        "created": float(post.created_at),
        "created_utc": float(post.created_at),
        "distinguished": distinguished(author, pinned=post.pinned),
        "edited": float(post.edited_at) if post.edited_at <= view.at and view.text(post) and live else False,
        "hide_score": view.at - post.created_at < 3600,
        "id": post_id(post),
        "is_crosspostable": live,
        "is_robot_indexable": live,
        "is_self": post.kind in ("text", "poll"),
        "is_video": post.kind == "video" and live,
        "locked": post.locked or not live,
        "name": f"t3_{post_id(post)}",
        "no_follow": score < 2,
        "num_comments": view.comment_count(post),
        "over_18": post.adult,
        "permalink": link,
        "removal_reason": "legal" if state == "legal" else None,
        "removed_by_category": _category(post, state),
        "score": score,
        "spoiler": post.spoiler,
        "stickied": post.pinned,
        "title": view.title(post),
        "ups": score,
        "upvote_ratio": round(0.72 + post.number % 29 / 100, 2),
    }
    data |= pictures.fields(view, post, addresses, permalink=link)
    if post.kind == "crosspost":
        data |= _crosspost(view, post, addresses)
    if post.kind == "poll" and live:
        data["poll_data"] = _poll(view, post)
    return data


def _place(view: View, post: Post) -> dict[str, Any]:
    name = view.called(post.community)
    return {
        "subreddit": name,
        "subreddit_id": f"t5_{community_id(view.world.position(post.community))}",
        "subreddit_name_prefixed": f"r/{name}",
        "subreddit_subscribers": subscribers(view, post.community),
        "subreddit_type": "public",
    }


def subscribers(view: View, name: str) -> int:
    """Rises by a handful a day, and stands still at the horizon."""
    return max(1, 450_000 // (1 + view.world.position(name)) - (view.world.horizon - view.at) // 20_000)


def _category(post: Post, state: str) -> str | None:
    if state == "staff":
        return _STAFF_CATEGORIES[post.position // 50 % len(_STAFF_CATEGORIES)]
    return _CATEGORIES.get(state)


def _text(view: View, post: Post) -> dict[str, Any]:
    state = view.state(post)
    blank = {"removed": "[removed]", "held": "[removed]", "staff": STAFF_TEXT, "legal": LEGAL_TEXT}
    if state == "live":
        text = view.text(post)
    elif state == "deleted":
        text = "[deleted]" if post.kind in ("text", "poll") else ""
    else:
        text = blank[state]
    return {"selftext": text, "selftext_html": text_html(text, fenced=True)}


def _flair(post: Post) -> dict[str, Any]:
    texts = ("ID Request", "ID Request", None, "Solved :beetle:", "Discussion")
    text = texts[post.number // 64 % len(texts)] if post.question else None
    flair: dict[str, Any] = {
        "link_flair_background_color": "#46d160" if text else "",
        "link_flair_css_class": "id" if text else None,
        "link_flair_richtext": [{"e": "text", "t": text}] if text and ":" in text else [],
        "link_flair_text": text,
        "link_flair_text_color": "light" if text else "dark",
        "link_flair_type": "richtext" if text and ":" in text else "text",
    }
    return flair | ({"link_flair_template_id": _FLAIR_ID} if text else {})


def _crosspost(view: View, post: Post, addresses: Addresses) -> dict[str, Any]:
    parent = view.crosspost_parent(post)
    if parent is None:
        return {"crosspost_parent": f"t3_{post_id(post)[:-2]}zz", "crosspost_parent_list": []}
    shown = post_json(view, parent, addresses)
    return {
        "crosspost_parent": f"t3_{post_id(parent)}",
        "crosspost_parent_list": [shown],
        "domain": shown["domain"],
        "url": shown["url"],
        "url_overridden_by_dest": shown["url"],
        "thumbnail": shown["thumbnail"],
    }


def _poll(view: View, post: Post) -> dict[str, Any]:
    ends = post.created_at + 3 * 86_400
    dice = view.world.dice("poll", post.number)
    options = [
        {"id": str(20_000_000 + post.position * 10 + i), "text": TAXA[dice.randrange(len(TAXA))].common}
        | ({"vote_count": dice.randrange(200)} if ends <= view.at else {})
        for i in range(dice.randrange(2, 6))
    ]
    return {
        "is_prediction": False,
        "options": options,
        "prediction_status": None,
        "resolved_option_id": None,
        "total_stake_amount": None,
        "total_vote_count": sum(int(o.get("vote_count", 7)) for o in options),
        "tournament_id": None,
        "user_selection": None,
        "user_won_amount": None,
        "vote_updates_remained": None,
        "voting_end_timestamp": ends * 1000,
    }
