"""What is still hidden of comment trees, pooled into as few requests as the platform allows (reddit.md §9 to §11).

A stub whose count equals its children hides leaves only: their ids, of all posts together, go to `/api/info` by the
hundred. Other stubs are pooled per post and depth into morechildren, which brings descendants along and serves only
the shallowest depth it is sent. It takes comments that are known already, too, and brings what lies below them: so
"continue this thread" is pooled like that, and takes a focused tree only where it stands alone or that brought nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from hubbub.errors import HubbubError
from hubbub.http.messages import Request
from hubbub.sources.reddit import api
from hubbub.sources.reddit.answers import add_thing, comments_in
from hubbub.sources.reddit.mapping import Look
from hubbub.sources.reddit.values import ID36, Gathered

_ONE_TREE = api.TREE_LIMIT
_TWO_TREES = 1_000
_THREE_TREES = 2_000
_ORDER = {"more": 0, "below": 1, "branch": 2}
_Level = tuple[int, str]
"""Depth of what is hidden, and how to ask for it: a key of `_ORDER`."""


class Stub(msgspec.Struct, frozen=True):
    """A `more` object: ids that were left out, at which depth, and whether anything lies below them."""

    children: tuple[str, ...]
    depth: int
    count: int

    @property
    def only_leaves(self) -> bool:
        """True when the ids have no replies."""
        return self.count == len(self.children)


class Thread:
    """One post whose tree is being read."""

    def __init__(self, post_id: str, *, count: int, community: str = "") -> None:
        self.post_id = post_id
        self.community = community
        """Its key."""
        self.count = count
        """Comments the platform gives for it: from the store, then from the tree's own answer."""
        self.seen: set[str] = set()
        self.settled: set[str] = set()
        """Ids that were asked for and need no asking again, answered or not."""
        self.stubs: list[Stub] = []
        self.continues: list[str] = []
        """Comments below which the platform shows no more ("continue this thread")."""
        self.alone: list[str] = []
        """Those of them that a focused tree has to be read for."""
        self.waiting = 0
        """Ids and branches of it that are pooled but not yet answered."""
        self.missing = 0
        self.requests_left = 30 + count // 20
        self.ids_left = 1_000 + 2 * count
        self.cut = False
        self.remembered = False
        self.failed: HubbubError | None = None
        self._depths: dict[str, int] = {}

    @property
    def short(self) -> str:
        """The post's id without prefix."""
        return self.post_id.removeprefix("t3_")

    @property
    def sorts(self) -> tuple[str, ...]:
        """Orders to read the tree in: each brings up to 500 comments, five times what any other request does."""
        if self.count <= _ONE_TREE:
            return ("confidence",)
        if self.count <= _TWO_TREES:
            return ("new", "old")
        more = ("confidence",) if self.count <= _THREE_TREES else ("confidence", "controversial")
        return ("new", "old", *more)

    @property
    def is_done(self) -> bool:
        """True when everything that could be asked for was answered."""
        return self.failed is None and not (self.stubs or self.continues or self.alone or self.waiting)

    @property
    def hidden(self) -> int:
        """About how many comments lie below those the platform shows no further: what is neither known nor pooled."""
        return max(0, self.count - len(self.seen) - self.waiting)

    def depth_of(self, comment: str) -> int:
        """How deep a comment that was seen lies; 0 for the others."""
        return self._depths.get(comment, 0)

    def forget(self) -> None:
        """Let go of the ids once the tree is whole and its checkpoint on its way."""
        self.remembered = True
        self.seen, self.settled, self._depths = set(), set(), {}

    def absorb(self, children: Iterable[Any], *, look: Look, out: Gathered, scrubbing: tuple[bool, bool]) -> int:
        """Map the comments of an answer that are new and note its stubs; returns how many comments were new."""
        found = 0
        for child in comments_in(list(children), out=out):
            kind = child.get("kind") if isinstance(child, dict) else None
            data = child.get("data") if isinstance(child, dict) else None
            if kind == "more" and isinstance(data, dict):
                self._note(data)
                continue
            key = data.get("id") if isinstance(data, dict) else None
            if kind == "t1" and isinstance(data, dict) and isinstance(key, str):
                if key in self.seen:
                    continue
                self.seen.add(key)
                self._depths[key] = self._depth(data)
                found += 1
            add_thing(child, look=look, out=out, dirty=scrubbing[0], entities=scrubbing[1])
        return found

    def _note(self, data: dict[str, Any]) -> None:
        listed = data.get("children")
        listed = listed if isinstance(listed, list) else []
        children = tuple(child for child in listed if isinstance(child, str) and ID36.match(child))
        self.missing += len(listed) - len(children)
        if children:
            count = data.get("count")
            count = count if isinstance(count, int) else 0
            self.stubs.append(Stub(tuple(dict.fromkeys(children)), self._depth(data), count))
            return
        parent = data.get("parent_id")
        if not listed and isinstance(parent, str) and parent.startswith("t1_") and ID36.match(parent[3:]):
            branch = "_" + parent[3:]
            if branch not in self.settled:
                self.settled.add(branch)
                self.continues.append(parent[3:])

    def _depth(self, data: dict[str, Any]) -> int:
        parent = data.get("parent_id")
        if isinstance(parent, str) and parent.startswith("t1_") and parent[3:] in self._depths:
            return self._depths[parent[3:]] + 1
        given = data.get("depth")
        return given if isinstance(given, int) and parent != self.post_id else 0


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request and whose hidden comments it asks for."""

    request: Request
    kind: str
    """tree, branch, more, below (more, by comments that are known) or info."""
    threads: tuple[Thread, ...]
    ids: tuple[tuple[str, ...], ...] = ()
    """Per thread: what was asked for by id."""


class Pool:
    """The hidden comments of all threads under way."""

    def __init__(self) -> None:
        self._leaves: list[tuple[Thread, str]] = []
        self._levels: dict[str, tuple[Thread, dict[_Level, list[str]]]] = {}
        """By post: what is hidden at which depth."""
        self._unfolds = True
        """Whether morechildren brings what lies below comments that are known."""

    def take(self, thread: Thread) -> None:
        """Move what a thread has noted into the pool, less what came by another way; the largest stubs first."""
        levels = self._levels.setdefault(thread.post_id, (thread, {}))[1]
        stubs, thread.stubs = sorted(thread.stubs, key=lambda stub: -stub.count), []
        for stub in stubs:
            ids = [i for i in stub.children if i not in thread.seen and i not in thread.settled]
            if len(ids) > thread.ids_left:
                thread.missing += len(ids) - thread.ids_left
                thread.cut = True
                ids = ids[: thread.ids_left]
            thread.ids_left -= len(ids)
            thread.settled.update(ids)
            thread.waiting += len(ids)
            if stub.only_leaves:
                self._leaves.extend((thread, i) for i in ids)
            elif ids:
                levels.setdefault((stub.depth, "more"), []).extend(ids)
        self._unfolds = self._unfolds and not thread.alone
        thread.waiting += len(thread.continues) + len(thread.alone)
        for parent in thread.continues:
            levels.setdefault((thread.depth_of(parent) + 1, "below"), []).append(parent)
        for parent in thread.alone:
            levels.setdefault((thread.depth_of(parent) + 1, "branch"), []).append(parent)
        thread.continues, thread.alone = [], []

    def asks(self, *, final: bool) -> Iterator[Ask]:
        """The requests to send now. Leaves wait for a full hundred until `final`. Of each post only the shallowest
        depth is asked for: the answers add to what is hidden further down, which then takes fewer requests."""
        pending, self._levels = self._levels, {}
        for post, (thread, levels) in pending.items():
            asks: list[Ask] = []
            while levels and not asks:  # without an allowance the thread asks for nothing, and all of it is missing
                level = min(levels, key=lambda each: (each[0], _ORDER[each[1]]))
                asks = list(self._asks_at(thread, kind=level[1], ids=levels.pop(level), others=levels))
            yield from asks
            if levels:
                self._levels[post] = (thread, levels)
        while len(self._leaves) >= api.INFO_SIZE or (final and self._leaves):
            part_leaves, self._leaves = self._leaves[: api.INFO_SIZE], self._leaves[api.INFO_SIZE :]
            by_thread: dict[str, tuple[Thread, list[str]]] = {}
            for thread, leaf in part_leaves:
                by_thread.setdefault(thread.post_id, (thread, []))[1].append(leaf)
            yield Ask(
                request=api.info(tuple("t1_" + leaf for _, leaf in part_leaves)),
                kind="info",
                threads=tuple(thread for thread, _ in by_thread.values()),
                ids=tuple(tuple(ids) for _, ids in by_thread.values()),
            )

    def _asks_at(
        self, thread: Thread, *, kind: str, ids: Sequence[str], others: Mapping[_Level, Sequence[str]]
    ) -> Iterator[Ask]:
        """The requests for one depth of one post."""
        size = api.MORE_SIZE
        if kind != "more":  # as many as may find room in one answer with what is hidden below them
            parents = len(ids) + sum(len(rest) for (_, what), rest in others.items() if what != "more")
            size = int(api.MORE_SIZE / (1 + thread.hidden / parents)) if kind == "below" and self._unfolds else 1
        for part in _parts(ids, size=max(1, size)):
            if not self._may(thread, ids=len(part)):
                continue
            if kind == "more" or len(part) > 1:
                request = api.more_children(thread.post_id, children=part, sort=thread.sorts[0])
                yield Ask(request=request, kind=kind, threads=(thread,), ids=(part,))
            else:
                request = api.branch(thread.short, comment=part[0], sort=thread.sorts[0])
                yield Ask(request=request, kind="branch", threads=(thread,))

    def _may(self, thread: Thread, *, ids: int) -> bool:
        """Take one request from a thread's allowance; without one its ids count as missing."""
        if thread.failed is None and thread.requests_left > 0:
            thread.requests_left -= 1
            return True
        thread.waiting -= ids
        if thread.failed is None:
            thread.missing += ids
            thread.cut = True
        return False


def settle_ids(thread: Thread, *, ids: Sequence[str], found: int) -> None:
    """After a morechildren or info answer: what was asked for and did not come is missing, unless the answer brought
    something new and lists it in another stub (an answer holds about a hundred comments)."""
    thread.waiting -= len(ids)
    listed = {child for stub in thread.stubs for child in stub.children} if found else set()
    for key in ids:
        if key in thread.seen:
            continue
        if key in listed:
            thread.settled.discard(key)
        else:
            thread.missing += 1


def settle_below(thread: Thread, *, asked: Sequence[str], things: Iterable[Any]) -> None:
    """After a morechildren answer about comments that are known: those it brought nothing below are asked for again
    when they did not come, and one by one when nothing came below any of them."""
    thread.waiting -= len(asked)
    told = [thing for thing in things if isinstance(thing, dict) and isinstance(thing.get("data"), dict)]
    came = {thing["data"].get("id") for thing in told if thing.get("kind") == "t1"}  # a stub has the id of its first
    above = {thing["data"].get("parent_id") for thing in told}
    closed = [comment for comment in asked if f"t1_{comment}" not in above]
    if len(closed) == len(asked):
        thread.alone.extend(closed)
    else:
        thread.continues.extend(comment for comment in closed if comment not in came)


def _parts(ids: Sequence[str], *, size: int) -> Iterator[tuple[str, ...]]:
    rest = iter(ids)
    while part := tuple(islice(rest, size)):
        yield part
