"""The comments of launches: newest first, as many as are lacking, and replies where there are unknown ones.

Whether `post.comments` lists replies as well is not documented (producthunt.md §5); both work, because everything is
merged by its id."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from hubbub.errors import HubbubError, RemoteError
from hubbub.http.messages import Response
from hubbub.plugins.contracts import (
    Checkpoint,
    Page,
    RecallCounts,
    RecallSaved,
    RecallThreads,
    StoredCount,
    Stream,
)
from hubbub.sources.producthunt import api, queries
from hubbub.sources.producthunt.gathering import Gathered, id_of, ids_of
from hubbub.sources.producthunt.launches import by_id, gone_comments
from hubbub.sources.producthunt.mapping import comment_of
from hubbub.sources.producthunt.prices import Prices, size_for
from hubbub.sources.producthunt.queries import COMMENTS, COMMENTS_BY_ID, REPLIES

PREFIX = "comments/"
SPARE = 1
"""Comments that are asked for beyond those that are lacking."""
MOST_PAGES = 1_000
"""Of one thread."""
POSTS_A_ROUND = 200
"""Posts whose comments are counted at once."""


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a thread that was read as far as it is to be had."""

    count: int
    """Comments the platform gave for the post then."""
    lacking: int = 0
    """How many of them were not to be had."""
    absent: Mapping[str, int] = {}
    """Comments that were stored and not to be had -> when that was first so."""


class _Thread:
    """One post's comments while they are read."""

    def __init__(self, post: str, *, count: int, known: frozenset[str], prices: Prices) -> None:
        self.post = post
        self.count = count
        """As the platform gives it."""
        self.known = known
        self.prices = prices
        self.seen: dict[str, None] = {}
        self.read_at = 0

    @property
    def stored(self) -> int:
        """How many are known by now."""
        return len(self.known | self.seen.keys())

    @property
    def lacking(self) -> int:
        return self.count - self.stored


def read_comments(posts: Sequence[str], *, prices: Prices, full: bool = False) -> Stream:
    """Comments of those of these posts whose number differs from what is stored and from what was found before; of all
    of them with `full`. One that fails does not stop the others; the first failure is raised at the end."""
    failed: list[HubbubError] = []
    for at in range(0, len(posts), POSTS_A_ROUND):
        ids = tuple(posts[at : at + POSTS_A_ROUND])
        counts: list[StoredCount] = yield RecallCounts("", post_ids=ids, live=True)
        saved: dict[str, Checkpoint] = yield RecallSaved(tuple(PREFIX + key for key in ids))
        settled = {
            key.removeprefix(PREFIX): msgspec.json.decode(mark.state, type=Settled) for key, mark in saved.items()
        }
        wanted = [each for each in counts if full or _differs(each, settled.get(each.post_id))]
        threads: dict[str, frozenset[str]] = yield RecallThreads(tuple(each.post_id for each in wanted))
        for each in wanted:
            thread = _Thread(
                each.post_id, count=each.comment_count, known=threads.get(each.post_id, frozenset()), prices=prices
            )
            try:
                yield from _read(thread, before=settled.get(each.post_id), full=full)
            except RemoteError as error:
                failed.append(error)
    if failed:
        raise RemoteError(
            f"the comments of {len(failed)} posts could not be read; the first: {failed[0]}",
            advice="the next sync asks for them again",
        ) from failed[0]


def _differs(given: StoredCount, settled: Settled | None) -> bool:
    if settled is not None and settled.absent:
        return True  # a second look tells whether they are gone
    lacking = given.comment_count - given.stored
    return lacking != (0 if settled is None else settled.lacking)


def _read(thread: _Thread, *, before: Settled | None, full: bool) -> Stream:
    """One thread, and its checkpoint."""
    everything = full or thread.lacking < 0 or bool(before and before.absent)
    is_there = yield from _pages(thread, everything=everything)
    absent: dict[str, int] = {}
    stones = []
    if everything and is_there:
        missing = yield from _look_up(thread, [key for key in thread.known if key not in thread.seen])
        earlier = before.absent if before is not None else {}
        gone = [key for key, at in missing.items() if earlier.get(key, at) < at]
        stones = gone_comments(gone, post_id=thread.post, at=thread.read_at)
        absent = {key: earlier.get(key, at) for key, at in missing.items() if key not in gone}
        thread.known -= missing.keys()
    state = Settled(count=thread.count, lacking=thread.lacking - len(absent), absent=absent)
    mark = Checkpoint(key=PREFIX + thread.post, state=msgspec.json.encode(state).decode())
    yield Page(records=stones, checkpoints=(mark, thread.prices.mark()), missing=max(0, thread.lacking))


def _pages(thread: _Thread, *, everything: bool) -> Generator[Any, Any, bool]:
    """Pages of a thread, newest first, until nothing is lacking; False when the post is not to be had."""
    after: str | None = None
    size = api.PAGE_SIZE if everything else size_for(thread.lacking + SPARE, most=api.PAGE_SIZE)
    for _ in range(MOST_PAGES):
        variables = {"post": thread.post, "first": size, "after": after}
        response: Response = yield api.ask(COMMENTS, variables, prices=thread.prices, size=size)
        thread.prices.learn(COMMENTS, size=size, left=api.left_after(response))
        post = api.data_of(response).get("post")
        if not isinstance(post, dict):
            return False
        thread.read_at = response.received_at
        count = post.get("commentsCount")
        if isinstance(count, int) and not isinstance(count, bool):
            thread.count = count
        nodes, cursor = api.connection(post.get("comments"), where=response.url)
        fresh = [key for key in ids_of(nodes) if key not in thread.seen]
        yield from _take(thread, nodes, response=response)
        if (thread.lacking <= 0 and not everything) or cursor is None or cursor == after or not fresh:
            return True
        after, size = cursor, api.PAGE_SIZE
    raise RemoteError(f"the comments of post {thread.post} do not come to an end: {MOST_PAGES} pages were read")


def _take(thread: _Thread, nodes: Sequence[dict[str, Any]], *, response: Response) -> Stream:
    """Store some comments, and what replies to them that is not known."""
    out = Gathered(response)
    out.take("comment", nodes, partial(_mapped, thread.post))
    thread.seen.update(dict.fromkeys(ids_of(nodes)))
    yield out.page()
    for node in nodes:
        parent = id_of(node)
        if parent is not None and any(key not in thread.seen for key in _first_replies(node)):
            yield from _replies(thread, parent)


def _first_replies(node: Mapping[str, Any]) -> list[str]:
    replies = node.get("replies")
    found = replies.get("nodes") if isinstance(replies, dict) else None
    return ids_of(each for each in found or () if isinstance(each, dict))


def _replies(thread: _Thread, parent: str) -> Stream:
    """The replies to one comment."""
    after: str | None = None
    size = size_for(max(3, thread.lacking + SPARE), most=api.PAGE_SIZE)
    for _ in range(MOST_PAGES):
        variables = {"comment": parent, "first": size, "after": after}
        response: Response = yield api.ask(REPLIES, variables, prices=thread.prices, size=size)
        thread.prices.learn(REPLIES, size=size, left=api.left_after(response))
        comment = api.data_of(response).get("comment")
        if not isinstance(comment, dict):
            return
        nodes, cursor = api.connection(comment.get("replies"), where=response.url)
        fresh = [key for key in ids_of(nodes) if key not in thread.seen]
        for node in nodes:
            if not node.get("parentId"):
                node["parentId"] = parent
        yield from _take(thread, nodes, response=response)
        if cursor is None or cursor == after or not fresh:
            return
        after, size = cursor, api.PAGE_SIZE


def _mapped(post: str, node: Mapping[str, Any], look: Any) -> Any:
    # Of replies only the first id was asked for: they come by themselves.
    return comment_of({key: value for key, value in node.items() if key != "replies"}, post_id=post, look=look)


def _look_up(thread: _Thread, ids: Sequence[str]) -> Generator[Any, Any, dict[str, int]]:
    """Ask for comments by id and store those that come; returns when each of the others did not."""
    missing: dict[str, int] = {}
    for at in range(0, len(ids), queries.MOST_ALIASES):
        part = ids[at : at + queries.MOST_ALIASES]
        response: Response = yield api.ask_by_id(COMMENTS_BY_ID, part, prices=thread.prices)
        nodes = by_id(response, part, template=COMMENTS_BY_ID, prices=thread.prices)
        out = Gathered(response)
        out.take("comment", nodes, partial(_mapped, thread.post))
        yield out.page()
        found = set(ids_of(nodes))
        thread.seen.update(dict.fromkeys(found))
        missing.update((key, response.received_at) for key in part if key not in found)
    return missing
