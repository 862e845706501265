"""What is still hidden of comment trees, pooled into as few requests as the platform allows (reddit.md §9 to §11).

A stub whose count equals its children hides leaves only: their ids, of all posts together, go to `/api/info` by the
hundred. Other stubs are pooled per post and depth into morechildren, which brings descendants along and serves only
the shallowest depth it is sent. "Continue this thread" takes one focused tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
        return ("new", "old") if self.count <= _TWO_TREES else ("new", "old", "confidence")

    @property
    def is_done(self) -> bool:
        """True when everything that could be asked for was answered."""
        return self.failed is None and not (self.stubs or self.continues or self.waiting)

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
    """tree, branch, more or info."""
    threads: tuple[Thread, ...]
    ids: tuple[tuple[str, ...], ...] = ()
    """Per thread: what was asked for by id."""


class Pool:
    """The hidden comments of all threads under way."""

    def __init__(self) -> None:
        self._leaves: list[tuple[Thread, str]] = []
        self._nodes: dict[tuple[str, int], tuple[Thread, list[str]]] = {}
        self._continues: list[tuple[Thread, str]] = []

    def take(self, thread: Thread) -> None:
        """Move what a thread has noted into the pool, less what came by another way; the largest stubs first."""
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
                self._nodes.setdefault((thread.post_id, stub.depth), (thread, []))[1].extend(ids)
        for parent in thread.continues:
            thread.waiting += 1
            self._continues.append((thread, parent))
        thread.continues = []

    def asks(self, *, final: bool) -> Iterator[Ask]:
        """The requests to send now. Leaves wait for a full hundred until `final`; branches go after everything else."""
        nodes, self._nodes = self._nodes, {}
        for thread, ids in nodes.values():
            for part in _parts(ids, size=api.MORE_SIZE):
                if self._may(thread, ids=len(part)):
                    request = api.more_children(thread.post_id, children=part, sort=thread.sorts[0])
                    yield Ask(request=request, kind="more", threads=(thread,), ids=(part,))
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
        if nodes:
            return
        continues, self._continues = self._continues, []
        for thread, parent in continues:
            if self._may(thread, ids=1):
                request = api.branch(thread.short, comment=parent, sort=thread.sorts[0])
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


def _parts(ids: Sequence[str], *, size: int) -> Iterator[tuple[str, ...]]:
    rest = iter(ids)
    while part := tuple(islice(rest, size)):
        yield part
