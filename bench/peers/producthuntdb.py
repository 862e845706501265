"""How ProductHuntDB reads Product Hunt, re-stated from its public repository (wyattowalsh/producthuntdb, October 2025).

What was read there: `producthuntdb/api.py` (queries, waits), `producthuntdb/pipeline.py` (order, watermark),
`producthuntdb/config.py` (pages of 50, a margin of five minutes), `docs/source/guides/sync.md` (nightly, 01:30 UTC).

- A sync asks for the viewer, then for posts, all topics and all collections; `--posts-only` leaves the last two out.
- A page of posts comes with the poster, the makers, ten topics, links, thumbnail and gallery in one query. Comments and
  votes are asked for nowhere: their tables stay empty. `Pattern.comments` is ours: the same query with what fits.
- It walks `order: NEWEST` after the newest `createdAt` that the last run met, less five minutes. That watermark is
  written however the walk ended, and may move back. `Pattern.days` is ours too: the same walk over the last days.
- It reads `X-RateLimit-*`, which Product Hunt does not send, so that it always waits two seconds before a request, and
  meets 429; that and network errors are tried twenty times, with waits of 5 to 120 s, up to 5 s more by chance.

In its favour: it says who it is, as the pretend platform turns bare libraries away; what it reads is kept in memory,
and comments are asked for without their writers, who are redacted."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import msgspec

PAGE, MARGIN_S = 50, 300
ATTEMPTS, SHORTEST_S, LONGEST_S, FACTOR_S, CHANCE_S, POLITE_S = 20, 5.0, 120.0, 3.0, 5.0, 2.0
DAY_S = 86_400
_INFO = "pageInfo { endCursor hasNextPage }"
_SEEN = "url videoUrl"
_COMMENT = "id body createdAt votesCount parentId"
COMMENTS = f"""comments(first: 10) {{
  nodes {{ {_COMMENT} replies(first: 2) {{ nodes {{ {_COMMENT} }} {_INFO} }} }} {_INFO}
}}"""
"""As much talk as fits: with pages of twenty, or with its writers and the voters, one page of posts costs more than the
budget of a whole window and is never answered."""

POSTS = f"""query PostsPage($first: Int!, $after: String, $order: PostsOrder, $postedAfter: DateTime) {{
  posts(first: $first, after: $after, order: $order, postedAfter: $postedAfter) {{
    nodes {{
      id userId name tagline description slug url website createdAt featuredAt
      commentsCount votesCount reviewsCount reviewsRating isCollected isVoted
      user {{ id username name headline profileImage websiteUrl url }}
      makers {{ id username name headline profileImage }}
      topics(first: 10) {{ nodes {{ id name slug }} {_INFO} }}
      productLinks {{ type url }} thumbnail {{ type {_SEEN} }} media {{ type {_SEEN} }} %s
    }} {_INFO}
  }}
}}"""
VIEWER = "query Viewer { viewer { user { id username name headline isViewer profileImage websiteUrl url } } }"
TOPICS = f"""query TopicsPage($first: Int!, $after: String) {{
  topics(first: $first, after: $after, order: FOLLOWERS_COUNT) {{
    nodes {{
      id name slug description url createdAt followersCount postsCount isFollowing image(height: 128, width: 128)
    }} {_INFO}
  }}
}}"""
COLLECTIONS = f"""query CollectionsPage($first: Int!, $after: String) {{
  collections(first: $first, after: $after, order: FEATURED_AT) {{
    nodes {{
      id name tagline description url coverImage createdAt featuredAt followersCount isFollowing userId
      user {{ id username name headline profileImage websiteUrl url isViewer }}
      posts(first: 10) {{ nodes {{ id name votesCount commentsCount url createdAt }} {_INFO} }}
      topics(first: 10) {{ nodes {{ id name slug followersCount postsCount }} {_INFO} }}
    }} {_INFO}
  }}
}}"""


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """Which of its ways."""

    posts_only: bool = False
    """Its switch."""
    comments: bool = False
    """Ours: with `COMMENTS` in the query for posts."""
    days: int = 0
    """Ours: the launches of so many days again, whatever the watermark says."""


class TransientError(Exception):
    """Worth another attempt."""


class ProductHuntDB:
    """Its reading, one run after the other, over what it has kept."""

    def __init__(self, *, address: str, token: str, pattern: Pattern, pause: Callable[[float], None]) -> None:
        headers = {"Authorization": f"Bearer {token}", "User-Agent": "pattern-of-producthuntdb/1 (a benchmark)"}
        self._client = httpx2.Client(base_url=address, headers=headers, timeout=30.0)
        self._pattern = pattern
        self._pause = pause
        self._chance = random.Random(7)
        self._left: str | None = None
        self.watermark: str | None = None
        self.posts: dict[str, dict[str, Any]] = {}
        self.comments: dict[str, set[str]] = {}
        """Ids by post."""
        self.broken_off = 0
        """Walks that ended with an error."""

    def sync(self, now: float) -> None:
        """One run of `producthuntdb sync`. Raises what its check of the token raises, as the original stops then."""
        self._post(VIEWER, {})
        self._sync_posts(now)
        if self._pattern.posts_only:
            return
        for root, query in (("topics", TOPICS), ("collections", COLLECTIONS)):
            for nodes in self._pages(root, query):
                del nodes  # what is judged comes with the posts

    def _sync_posts(self, now: float) -> None:
        after = None
        if self._pattern.days and self.posts:
            after = _written(now - self._pattern.days * DAY_S)
        elif self.watermark is not None:
            after = _written(datetime.fromisoformat(self.watermark).timestamp() - MARGIN_S)
        newest: str | None = None
        query = POSTS % (COMMENTS if self._pattern.comments else "")
        for nodes in self._pages("posts", query, order="NEWEST", postedAfter=after):
            for node in nodes:
                newest = node["createdAt"] if newest is None else max(newest, node["createdAt"])
                self.posts[node["id"]] = node
                kept = self.comments.setdefault(node["id"], set())
                for comment in node.get("comments", {}).get("nodes", ()):
                    kept.update([comment["id"], *(reply["id"] for reply in comment["replies"]["nodes"])])
        # However the walk ended.
        if newest is not None:
            self.watermark = newest

    def _pages(self, root: str, query: str, **named: Any) -> Iterator[list[dict[str, Any]]]:
        cursor, more = None, True
        while more:
            try:
                page = self._post(query, {"first": PAGE, "after": cursor, **named})[root]
            except Exception:
                self.broken_off += 1
                return
            if not page["nodes"]:
                return
            yield page["nodes"]
            cursor, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]

    def _post(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        for attempt in range(1, ATTEMPTS + 1):
            left = int(self._left) if self._left else None
            self._pause(POLITE_S if left is None or left >= 20 else 3.0 if left >= 5 else 5.0)
            try:
                return self._once(query, variables)
            except TransientError:
                if attempt == ATTEMPTS:
                    raise
                wait = min(LONGEST_S, max(SHORTEST_S, FACTOR_S * 2 ** (attempt - 1)))
                self._pause(wait + self._chance.uniform(0, CHANCE_S))
        raise AssertionError

    def _once(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = self._client.post("/v2/api/graphql", json={"query": query, "variables": variables})
        except (httpx2.TimeoutException, httpx2.NetworkError) as error:
            raise TransientError from error
        self._left = answer.headers.get("X-RateLimit-Remaining")
        if answer.status_code == 429 or answer.status_code >= 500:
            raise TransientError
        if answer.status_code != 200:
            raise RuntimeError(answer.status_code)
        body: dict[str, Any] = answer.json()
        if body.get("errors"):
            raise RuntimeError(body["errors"])
        data: dict[str, Any] = body["data"]
        return data

    def close(self) -> None:
        self._client.close()


def _written(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
