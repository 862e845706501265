"""Topics and collections: newest first to what the last walk began with, whole now and then (producthunt.md §10)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from hubbub.errors import RemoteError, UnavailableError
from hubbub.http.messages import Response
from hubbub.plugins.contracts import Checkpoint, Page, RecallCheckpoint, RecallKnown, Stream
from hubbub.records.models import Record
from hubbub.sources.producthunt import api
from hubbub.sources.producthunt.gathering import Gathered, id_of, ids_of
from hubbub.sources.producthunt.mapping import Look, collection_of, collection_posts_of, topic_of
from hubbub.sources.producthunt.prices import Prices
from hubbub.sources.producthunt.queries import COLLECTION, COLLECTIONS, MEMBERS, TOPIC, TOPICS, Template
from hubbub.sources.producthunt.values import is_complete

WHOLE_EVERY_S = 28 * 86_400
LOOK_EVERY_S = 6 * 3_600
"""New topics and collections are rare."""
MOST_PAGES = 5_000
Kind = Literal["topic", "collection"]

_TEMPLATES: dict[Kind, Template] = {"topic": TOPICS, "collection": COLLECTIONS}
_ROOTS: dict[Kind, str] = {"topic": "topics", "collection": "collections"}


class Walked(msgspec.Struct, frozen=True):
    """The checkpoint of a listing of topics or collections."""

    whole_at: int
    """When it was last walked to its end (epoch seconds)."""
    looked_at: int = 0
    """When its newest page was last read."""
    newest: tuple[str, ...] = ()
    """What stood on that page: all below it was read."""


def walk_groupings(kind: Kind, *, prices: Prices, full: bool, now: int) -> Stream:
    """All topics, or all collections with what is in them. Raises RemoteError when the pages do not end."""
    key = _ROOTS[kind]
    saved: Checkpoint | None = yield RecallCheckpoint(key)
    walked = Walked(0) if saved is None else msgspec.json.decode(saved.state, type=Walked)
    whole = full or now - walked.whole_at >= WHOLE_EVERY_S
    if not whole and now - walked.looked_at < LOOK_EVERY_S:
        return
    template, after = _TEMPLATES[kind], None
    met: set[str] = set()
    newest: tuple[str, ...] = ()
    began_at: int | None = None
    for _ in range(MOST_PAGES):
        response: Response = yield api.ask(
            template, {"first": api.PAGE_SIZE, "after": after}, prices=prices, size=api.PAGE_SIZE
        )
        api.learn(prices, template, response, size=api.PAGE_SIZE)
        began_at = response.received_at if began_at is None else began_at
        nodes, cursor = api.connection(api.data_of(response).get(key), where=response.url)
        ids = ids_of(nodes)
        newest = newest or tuple(ids)
        known: frozenset[str] = yield RecallKnown(kind, tuple(ids))
        if kind == "collection":
            # A first walk that broke off goes on with what it has not read; a later one looks at all of them again.
            again = full or (whole and walked.whole_at > 0)
            for each in ids if again else [each for each in ids if each not in known]:
                yield from _members(each, prices=prices)
        # After what is in them: a collection that is stored has been read, wherever a run breaks off.
        yield _taken(kind, nodes, response=response).page()
        fresh = [each for each in ids if each not in met]
        met.update(ids)
        ended = cursor is None or cursor == after or not fresh
        # That a page is known is not enough: a walk that broke off below it has stored it too.
        if ended or (not whole and not met.isdisjoint(walked.newest)):
            state = Walked(began_at if ended else walked.whole_at, began_at, newest)
            yield Page(checkpoints=(Checkpoint(key=key, state=msgspec.json.encode(state).decode()),))
            return
        after = cursor
    raise RemoteError(f"the {key} do not come to an end: {MOST_PAGES} pages were read")


def one_topic(slug: str, *, prices: Prices) -> Stream:
    """A topic by its slug. Raises UnavailableError when there is none."""
    response: Response = yield api.ask(TOPIC, {"slug": slug}, prices=prices)
    api.learn(prices, TOPIC, response)
    node = api.data_of(response).get("topic")
    if not isinstance(node, dict):
        raise UnavailableError(f"Product Hunt has no topic {slug!r}", advice="check the spelling of its slug")
    yield _taken("topic", [node], response=response).page()


def one_collection(slug: str, *, prices: Prices, found: Callable[[Sequence[str]], None]) -> Stream:
    """A collection by its slug or id, and which posts are in it; `found` is told their ids.

    Raises UnavailableError when there is none."""
    named = {"id": slug} if slug.isdigit() else {"slug": slug}
    response: Response = yield api.ask(COLLECTION, named, prices=prices)
    api.learn(prices, COLLECTION, response)
    node = api.data_of(response).get("collection")
    key = id_of(node) if isinstance(node, dict) else None
    if not isinstance(node, dict) or key is None:
        raise UnavailableError(f"Product Hunt has no public collection {slug!r}", advice="check its slug or id")
    members = yield from _members(key, prices=prices)
    yield _taken("collection", [node], response=response).page()
    found(members)


def _taken(kind: Kind, nodes: Sequence[dict[str, Any]], *, response: Response) -> Gathered:
    out = Gathered(response)
    out.take(kind, nodes, _topic if kind == "topic" else _collection)
    return out


def _topic(node: Mapping[str, Any], look: Look) -> Sequence[Record]:
    return [topic_of(node, look)]


def _collection(node: Mapping[str, Any], look: Look) -> Sequence[Record]:
    return [collection_of(node, look)]


def _members(collection: str, *, prices: Prices) -> Generator[Any, Any, list[str]]:
    """The posts of a collection, as of when the reading began.

    The listing is stored as whole only where the platform said that it ended, and, where it has several pages, where a
    second look showed nothing else: ordinals move when a post is taken out (producthunt.md §7)."""
    found = yield from _listing(collection, prices=prices)
    if found is None:
        return []
    out, members, pages, ended = found
    if pages > 1:
        again = yield from _listing(collection, prices=prices)
        strange = [] if again is None else [each for each in again[1] if each not in members]
        ended = ended and again is not None and not strange
        members += strange
    out.records.append(collection_posts_of(collection, members, complete=ended, look=out.look))
    yield out.page()
    return members


def _listing(collection: str, *, prices: Prices) -> Generator[Any, Any, tuple[Gathered, list[str], int, bool] | None]:
    """One reading of a collection's posts: where they go to, their ids, how many pages they took and whether the
    platform said that the last one was the last. None when the collection is not to be had."""
    after: str | None = None
    members: dict[str, None] = {}
    out: Gathered | None = None
    for page in range(1, MOST_PAGES + 1):
        variables = {"collection": collection, "first": api.PAGE_SIZE, "after": after}
        response: Response = yield api.ask(MEMBERS, variables, prices=prices, size=api.PAGE_SIZE)
        api.learn(prices, MEMBERS, response, size=api.PAGE_SIZE)
        out = out or Gathered(response)
        node = api.data_of(response).get("collection")
        if not isinstance(node, dict):
            return None
        nodes, cursor = api.connection(node.get("posts"), where=response.url)
        fresh = [each for each in ids_of(nodes) if each not in members]
        members.update(dict.fromkeys(fresh))
        if cursor is None or cursor == after or not fresh:
            return out, list(members), page, is_complete(node.get("posts")) and len(fresh) == len(nodes)
        after = cursor
    raise RemoteError(f"the posts of collection {collection} do not come to an end: {MOST_PAGES} pages were read")
