"""Nodes as the API gives them, and looks at them."""

from __future__ import annotations

from typing import Any

from hubbub.records.models import Door, Post
from hubbub.sources.producthunt.mapping import SNAPSHOT_TERMS, TERMS, Look, post_of

NOW = 1_790_000_000
LIVE = Look(observed_at=NOW, door=Door.LIVE, terms=TERMS, now=NOW)
SAVED = Look(observed_at=NOW, door=Door.SAVED, terms=SNAPSHOT_TERMS, now=NOW)
NAMED = "utm_campaign=producthunt-api&utm_medium=api-v2&utm_source=Application%3A+MyApp+%28ID%3A+245617%29"
REDACTED = {"id": "0", "name": "[REDACTED]", "username": "[REDACTED]", "headline": None, "url": "[REDACTED]"}
JANE = {
    "id": "77",
    "name": "Jane Roe",
    "username": "JaneRoe",
    "headline": "Serial founder of things",
    "url": "https://www.producthunt.com/@janeroe",
    "twitterUsername": "jane_tweets",
    "profileImage": "https://ph-avatars.imgix.net/77/jane.png",
}
JANES = ("jane", "roe", "serial founder")
"""What would give her away, lower case."""


def launch(**fields: Any) -> dict[str, Any]:
    """A launch as a whole query brings it."""
    return {
        "id": "1037362",
        "name": "Typeless",
        "slug": "typeless-2",
        "tagline": "AI voice dictation",
        "description": "Speak & be understood.",
        "url": f"https://www.producthunt.com/products/typeless-2?{NAMED}",
        "website": f"https://www.producthunt.com/r/ABC123?app_id=9&{NAMED}",
        "createdAt": "2025-11-18T08:01:00Z",
        "featuredAt": "2025-11-18T09:00:00Z",
        "votesCount": 551,
        "commentsCount": 116,
        "reviewsCount": 3,
        "reviewsRating": 4.5,
        "makers": [REDACTED, REDACTED],
        "user": REDACTED,
        "userId": "0",
        "media": [
            {"type": "image", "url": "https://ph-files.imgix.net/a.png?auto=format", "videoUrl": None},
            {"type": "video", "url": "https://ph-files.imgix.net/still.png", "videoUrl": "https://youtu.be/x"},
            {"type": "image", "url": "https://ph-files.imgix.net/b.png", "videoUrl": None},
        ],
        "thumbnail": {"type": "image", "url": "https://ph-files.imgix.net/t.png?auto=format", "videoUrl": None},
        "productLinks": [{"type": "Website", "url": f"https://www.producthunt.com/r/p/1?{NAMED}"}],
        "topics": {
            "nodes": [{"id": "46", "name": "Productivity"}, {"id": "268", "name": "AI"}],
            "pageInfo": {"hasNextPage": False, "endCursor": "Mg"},
        },
        **fields,
    }


def remark(**fields: Any) -> dict[str, Any]:
    """A comment as a whole query brings it."""
    return {
        "id": "5005144",
        "body": "<p>Congratulations</p>",
        "createdAt": "2025-11-18T10:00:00Z",
        "url": f"https://www.producthunt.com/posts/typeless-2?comment=5005144&{NAMED}#comment-5005144",
        "votesCount": 2,
        "isVoted": False,
        "parentId": None,
        "user": REDACTED,
        "userId": "0",
        **fields,
    }


def post(node: dict[str, Any], look: Look = SAVED) -> Post:
    """The launch of a node."""
    found = post_of(node, look)[0]
    assert isinstance(found, Post)
    return found
