"""The comments of launches: those that are lacking, as cheaply as they can be found.

A thread that is new is read page by page, each comment with its first replies. Of one that is known only ids are looked
through until what is lacking has turned up, and that is asked for: ids cost a sixth. Whether `post.comments` lists
replies as well is not documented (producthunt.md §5); both work, because everything is merged by its id."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
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
    StoredCount,
    Stream,
)
from hubbub.plugins.due import RecallThreads
from hubbub.records.models import Record, Tombstone
from hubbub.sources.producthunt import api, queries
from hubbub.sources.producthunt.gathering import Gathered, id_of, ids_of
from hubbub.sources.producthunt.launches import by_id, gone_comments
from hubbub.sources.producthunt.mapping import Look, comment_of, thread_of
from hubbub.sources.producthunt.prices import Prices, size_for
from hubbub.sources.producthunt.queries import (
    BELOW_BY_ID,
    COMMENT_IDS,
    COMMENTS,
    COMMENTS_BY_ID,
    REPLIES,
    Template,
)

PREFIX = "comments/"
SPARE = 1
"""Comments that are asked for beyond those that are lacking."""
TOP_SHARE = 0.6
"""Of the comments of a thread that are no replies: what a first page is sized by, the next ones by what is left."""
NEW_SHARE = 0.5
"""A thread of which more than this is lacking is read page by page."""
FIRST_REPLIES = 5
"""Most replies to one comment that are asked for at first: few have more."""
MOST_PAGES = 1_000
"""Of one thread."""
MOST_FAILED = 3
"""Threads that fail in a row before no other is tried: the platform itself is failing then."""
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
        self.seen: set[str] = set()
        """Ids that were shown, with or without their content."""
        self.address = ""
        """Of the post."""
        self.read_at = 0

    @property
    def lacking(self) -> int:
        """Comments that are neither stored nor were shown."""
        return self.count - len(self.known | self.seen)

    def strange(self, ids: Iterable[str]) -> list[str]:
        """Those that are not stored and were not shown yet."""
        return [key for key in ids if key not in self.known and key not in self.seen]


def read_comments(posts: Sequence[str], *, prices: Prices, full: bool = False) -> Stream:
    """Comments of those of these posts whose number differs from what is stored and from what was found before; of all
    of them, everything again, with `full`. Raises RemoteError at the end when some could not be read."""
    failed = yield from read_threads(posts, prices=prices, full=full)
    if failed:
        raise failure(failed) from failed[0]


def read_threads(
    posts: Sequence[str], *, prices: Prices, through: bool = False, full: bool = False
) -> Generator[Any, Any, list[HubbubError]]:
    """The same; returns what some ended with. With `through` all ids of each are looked through, for as many may have
    come as went. One that fails does not stop the others, but some in a row do: raises RemoteError."""
    failed: list[HubbubError] = []
    in_a_row = 0
    for at in range(0, len(posts), POSTS_A_ROUND):
        ids = tuple(posts[at : at + POSTS_A_ROUND])
        counts: list[StoredCount] = yield RecallCounts("", post_ids=ids, live=True)
        saved: dict[str, Checkpoint] = yield RecallSaved(tuple(PREFIX + key for key in ids))
        settled = {
            key.removeprefix(PREFIX): msgspec.json.decode(mark.state, type=Settled) for key, mark in saved.items()
        }
        wanted = [
            each
            for each in counts
            if full or _differs(each, settled.get(each.post_id)) or (through and each.comment_count + each.stored > 0)
        ]
        stored: dict[str, frozenset[str]] = yield RecallThreads(tuple(each.post_id for each in wanted))
        for each in wanted:
            known = stored.get(each.post_id, frozenset())
            thread = _Thread(each.post_id, count=each.comment_count, known=known, prices=prices)
            try:
                yield from _read(thread, before=settled.get(each.post_id), through=through, full=full)
                in_a_row = 0
            except RemoteError as error:
                failed.append(error)
                in_a_row += 1
                if in_a_row == MOST_FAILED:
                    raise failure(failed) from failed[0]
    return failed


def failure(failed: Sequence[HubbubError]) -> RemoteError:
    """The one error that stands for threads that could not be read."""
    return RemoteError(
        f"the comments of {len(failed)} posts could not be read; the first: {failed[0]}",
        advice="the next sync asks for them again",
    )


def _differs(given: StoredCount, settled: Settled | None) -> bool:
    if settled is not None and settled.absent:
        return True  # a second look tells whether they are gone
    return given.comment_count - given.stored != (0 if settled is None else settled.lacking)


def _read(thread: _Thread, *, before: Settled | None, through: bool, full: bool) -> Stream:
    """One thread, and its checkpoint; none while the post is not to be had, which says nothing of its comments."""
    losing = through or thread.lacking < 0 or bool(before and before.absent)
    if full or thread.lacking > NEW_SHARE * thread.count:
        is_there = yield from _pages(thread)
    else:
        is_there = yield from _ids(thread, everything=losing)
    if not is_there:
        return
    gone_before = before.absent if before is not None else {}
    absent: dict[str, int] = {}
    stones: list[Tombstone] = []
    if losing or full:
        absent, stones = yield from _absent(thread, gone_before)
    # After those that went: another that came meanwhile left the count as it was.
    if thread.lacking > 0:
        yield from _below(thread, explained=0 if full or before is None else before.lacking)
    # More turned up than there are: some of those that are stored went.
    if thread.lacking < 0 and not (losing or full):
        absent, stones = yield from _absent(thread, gone_before)
    # By the store's count: not all that was shown is stored (what is blocked, or was set aside).
    counts: list[StoredCount] = yield RecallCounts("", post_ids=(thread.post,), live=True)
    lacking = sum(each.comment_count - each.stored for each in counts) + len(stones)
    state = Settled(count=thread.count, lacking=lacking, absent=absent)
    mark = Checkpoint(key=PREFIX + thread.post, state=msgspec.json.encode(state).decode())
    yield Page(records=stones, checkpoints=(mark, thread.prices.mark()), missing=max(0, thread.lacking))


def _pages(thread: _Thread) -> Generator[Any, Any, bool]:
    """The whole thread with its content, newest first; False when the post is not to be had."""
    after: str | None = None
    for _ in range(MOST_PAGES):
        size = size_for(int(TOP_SHARE * (thread.count - len(thread.seen))) + SPARE, most=api.PAGE_SIZE)
        response, nodes, cursor = yield from _page(thread, COMMENTS, size=size, after=after)
        if nodes is None:
            return False
        fresh = [key for key in ids_of(nodes) if key not in thread.seen]
        yield from _take(thread, nodes, response=response)
        if cursor is None or cursor == after or not fresh:
            return True
        after = cursor
    raise _endless(thread)


def _ids(thread: _Thread, *, everything: bool) -> Generator[Any, Any, bool]:
    """Ids, newest first, until what is lacking has turned up; what is strange is asked for then."""
    after: str | None = None
    likely = int(TOP_SHARE * max(thread.count, len(thread.known))) if everything else thread.lacking
    size = size_for(likely + SPARE, most=api.PAGE_SIZE)
    for number in range(MOST_PAGES):
        _, nodes, cursor = yield from _page(thread, COMMENT_IDS, size=size, after=after)
        if nodes is None:
            return False
        ids = ids_of(nodes)
        fresh = [key for key in ids if key not in thread.seen]
        strange = set(thread.strange(ids))
        top = next((at for at, key in enumerate(ids) if key not in strange), len(ids)) if number == 0 else 0
        if top:  # the newest of all: a page of their own brings their replies along
            response, newest, _ = yield from _page(thread, COMMENTS, size=top, after=None)
            yield from _take(thread, newest or (), response=response)
        yield from _look_up(thread, thread.strange(ids))
        thread.seen.update(ids)
        for node in nodes:
            parent = id_of(node)
            if parent is not None and thread.strange(_first_replies(node)):
                yield from _replies(thread, parent)
            thread.seen.update(_first_replies(node))
        if (thread.lacking <= 0 and not everything) or cursor is None or cursor == after or not fresh:
            return True
        after, size = cursor, api.PAGE_SIZE
    raise _endless(thread)


def _page(
    thread: _Thread, template: Template, *, size: int, after: str | None
) -> Generator[Any, Any, tuple[Response, list[dict[str, Any]] | None, str | None]]:
    """One page of a thread: its comments (None when the post is not to be had) and the next cursor."""
    variables = {"post": thread.post, "first": size, "after": after}
    response: Response = yield api.ask(template, variables, prices=thread.prices, size=size)
    api.learn(thread.prices, template, response, size=size)
    post = api.data_of(response).get("post")
    if not isinstance(post, dict):
        return response, None, None
    thread.read_at = response.received_at
    count, address = post.get("commentsCount"), post.get("url")
    if isinstance(count, int) and not isinstance(count, bool):
        thread.count = count
    if isinstance(address, str):
        thread.address = address.partition("?")[0]
    nodes, cursor = api.connection(post.get("comments"), where=response.url)
    return response, nodes, cursor


def _take(thread: _Thread, nodes: Sequence[dict[str, Any]], *, response: Response) -> Stream:
    """Store some comments with the replies that came along, and read on where more replies are."""
    out = Gathered(response)
    _store(out, thread, nodes)
    for node in nodes:
        thread.seen.update(_first_replies(node))
    yield out.page()
    for node in nodes:
        parent, replies = id_of(node), node.get("replies")
        if parent is not None and isinstance(replies, dict):
            _, cursor = api.connection(replies, where=response.url)
            if cursor is not None:
                yield from _replies(thread, parent, after=cursor)


def _replies(thread: _Thread, parent: str, *, after: str | None = None, whole: bool = False) -> Stream:
    """The replies to one comment, newest first: those after a cursor, all of them, or until nothing strange comes."""
    whole = whole or after is not None
    size = size_for(max(2, thread.lacking + SPARE), most=FIRST_REPLIES)
    for _ in range(MOST_PAGES):
        variables = {"comment": parent, "first": size, "after": after}
        response: Response = yield api.ask(REPLIES, variables, prices=thread.prices, size=size)
        api.learn(thread.prices, REPLIES, response, size=size)
        comment = api.data_of(response).get("comment")
        if not isinstance(comment, dict):
            return
        nodes, cursor = api.connection(comment.get("replies"), where=response.url)
        strange = thread.strange(ids_of(nodes))
        out = Gathered(response)
        _store(out, thread, nodes, parent=parent)
        yield out.page()
        if cursor is None or cursor == after or not (whole or strange):
            return
        after, size = cursor, api.PAGE_SIZE
    raise _endless(thread)


def _below(thread: _Thread, *, explained: int) -> Stream:
    """Replies to replies, of which nothing was said so far, level by level while comments are lacking.

    The newest reply alone is looked at first. One that came while another was deleted left the count as it was, and a
    newer one may stand before it by now: where more are lacking than are `explained`, all replies are read."""
    level = sorted(thread.known | thread.seen, key=lambda key: (len(key), key), reverse=True)
    asked: set[str] = set()
    behind: dict[str, None] = {}
    while thread.lacking > 0:
        asked.update(level)
        for at in range(0, len(level), queries.MOST_ALIASES):
            part = level[at : at + queries.MOST_ALIASES]
            response: Response = yield api.ask_by_id(BELOW_BY_ID, part, prices=thread.prices)
            for node in by_id(response, part, template=BELOW_BY_ID, prices=thread.prices):
                parent = str(id_of(node))
                if thread.strange(_first_replies(node)):
                    yield from _replies(thread, parent)
                elif _has_more(node):
                    behind[parent] = None
            if thread.lacking <= 0:
                return
        level = sorted(thread.seen - asked)
        if not level:
            if not behind or thread.lacking <= explained:
                return
            yield from _replies(thread, behind.popitem()[0], whole=True)
            level = sorted(thread.seen - asked)


def _look_up(thread: _Thread, ids: Sequence[str]) -> Generator[Any, Any, dict[str, int]]:
    """Ask for comments by id and store those that come; returns when each of the others did not."""
    missing: dict[str, int] = {}
    for at in range(0, len(ids), queries.MOST_ALIASES):
        part = ids[at : at + queries.MOST_ALIASES]
        response: Response = yield api.ask_by_id(COMMENTS_BY_ID, part, prices=thread.prices)
        nodes = by_id(response, part, template=COMMENTS_BY_ID, prices=thread.prices)
        out = Gathered(response)
        _store(out, thread, nodes)
        yield out.page()
        missing.update((key, response.received_at) for key in part if key not in thread.seen)
    return missing


def _absent(thread: _Thread, before: Mapping[str, int]) -> Generator[Any, Any, tuple[dict[str, int], list[Tombstone]]]:
    """What is stored and was not shown is asked for by id: null twice, a sync apart, is gone (§10)."""
    lacking = sorted(key for key in thread.known if key not in thread.seen)
    missing: dict[str, int] = yield from _look_up(thread, lacking)
    gone = [key for key, at in missing.items() if before.get(key, at) < at]
    thread.known -= missing.keys()
    stones = gone_comments(gone, post_id=thread.post, at=thread.read_at)
    return {key: before.get(key, at) for key, at in missing.items() if key not in gone}, stones


def _first_replies(node: Mapping[str, Any]) -> list[str]:
    replies = node.get("replies")
    found = replies.get("nodes") if isinstance(replies, dict) else None
    return ids_of(each for each in found or () if isinstance(each, dict))


def _has_more(node: Mapping[str, Any]) -> bool:
    """Whether a comment has more replies than were shown with it."""
    replies = node.get("replies")
    info = replies.get("pageInfo") if isinstance(replies, dict) else None
    return isinstance(info, dict) and info.get("hasNextPage") is True


def _store(out: Gathered, thread: _Thread, nodes: Iterable[Mapping[str, Any]], *, parent: str | None = None) -> None:
    """Take comments and the replies that came with them, each by itself: one that is broken spoils no other.

    What was not asked for because it is known is added: a comment's address, and what a reply answers."""
    flat: list[dict[str, Any]] = []
    for node in nodes:
        for one, above in thread_of(node):
            told = {key: value for key, value in one.items() if key != "replies"}
            key = id_of(one)
            if thread.address and key is not None:
                told.setdefault("url", f"{thread.address}?comment={key}")
            if (above or parent) and not told.get("parentId"):
                told["parentId"] = above or parent
            flat.append(told)
    out.take("comment", flat, partial(_mapped, thread.post))
    thread.seen.update(ids_of(flat))


def _mapped(post: str, node: Mapping[str, Any], look: Look) -> Sequence[Record]:
    return comment_of(node, post_id=post, look=look)


def _endless(thread: _Thread) -> RemoteError:
    return RemoteError(f"the comments of post {thread.post} do not come to an end: {MOST_PAGES} pages were read")
