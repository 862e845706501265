"""Drives a stream with answers from a function, keeping what it yields as a store would: no network, no event loop."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from hubbub.errors import HubbubError
from hubbub.http.messages import Request, Response
from hubbub.plugins.contracts import (
    Checkpoint,
    Page,
    Recall,
    RecallCheckpoint,
    RecallCheckpoints,
    RecallCounts,
    RecallKnown,
    RecallRipe,
    RecallSaved,
    RecallTotals,
    StoredCount,
    Stream,
)
from hubbub.records.models import Comment, LinkListing, Post, Reason, Rejected, Stub, Tombstone

Responder = Callable[[Request], Response | HubbubError]
NOW = 1_790_000_000


class Stop(Exception):  # noqa: N818 - it stands for a kill, which is no error
    """The run was killed here."""


class Memory:
    """What a store would hold: the latest record per id, checkpoints, quarantine, and the requests that were asked."""

    def __init__(self) -> None:
        self.records: dict[str, Any] = {}
        self.checkpoints: dict[str, Checkpoint] = {}
        self.rejected: list[Rejected] = []
        self.pages: list[Page] = []
        self.requests: list[Request] = []
        self.repaired = 0
        self.missing = 0
        self.notes: list[str] = []

    def ids(self) -> set[str]:
        return set(self.records)

    def store(self, page: Page) -> None:
        self.pages.append(page)
        for record in page.records:
            if not isinstance(record, Stub | LinkListing):
                self.records[record.id] = record
        for key in page.forgotten:
            self.checkpoints.pop(key, None)
        for checkpoint in page.checkpoints:
            self.checkpoints[checkpoint.key] = checkpoint
        self.rejected.extend(page.rejected)
        self.repaired += page.repaired
        self.missing += page.missing
        if page.note:
            self.notes.append(page.note)

    def recall(self, asked: Recall) -> Any:
        known: Any
        match asked:
            case RecallCheckpoint(key=key):
                known = self.checkpoints.get(key)
            case RecallCheckpoints(prefix=prefix):
                known = {key: kept for key, kept in self.checkpoints.items() if key.startswith(prefix)}
            case RecallSaved(keys=keys):
                known = {key: self.checkpoints[key] for key in keys if key in self.checkpoints}
            case RecallKnown(ids=ids):
                known = frozenset(ids) & self.ids()
            case RecallTotals():
                known = self.totals(asked)
            case RecallRipe():
                known = []
            case RecallCounts():
                counts = [
                    c for c in self.counts(asked.community) if asked.post_ids is None or c.post_id in asked.post_ids
                ]
                known = [c for c in counts if not asked.lacking or c.stored < c.comment_count]
            case _:
                raise AssertionError("rows that are due are told by a real store only")
        return known

    def totals(self, asked: RecallTotals) -> tuple[int, ...]:
        stored = [
            record.created_at
            for record in self.records.values()
            if isinstance(record, Post | Comment | Tombstone)
            and (record.source, record.kind, record.community) == (asked.source, asked.kind, asked.community)
        ]
        spans = itertools.pairwise(asked.bounds)
        return tuple(sum(begin <= (at or 0) < end for at in stored) for begin, end in spans)

    def counts(self, community: str) -> list[StoredCount]:
        posts = [r for r in self.records.values() if isinstance(r, Post) and r.community == community]
        stored: dict[str, int] = {}
        for record in self.records.values():
            gone = isinstance(record, Tombstone) and record.kind == "comment" and record.reason is not Reason.AUTHOR
            if isinstance(record, Comment) or gone:
                stored[record.post_id or ""] = stored.get(record.post_id or "", 0) + 1
        posts.sort(key=lambda post: -(post.created_at or 0))
        return [
            StoredCount(
                post_id=post.id,
                comment_count=post.comment_count or 0,
                created_at=post.created_at or 0,
                stored=stored.get(post.id, 0),
            )
            for post in posts
        ]


def drive(stream: Stream, respond: Responder, *, memory: Memory | None = None, kill_after: int | None = None) -> Memory:
    """Run a stream to its end; a `kill_after` of n raises Stop instead of the n+1st page being stored."""
    memory = memory or Memory()
    stored = 0
    reply: Any = None
    try:
        while True:
            asked = stream.throw(reply) if isinstance(reply, HubbubError) else stream.send(reply)
            if isinstance(asked, Page):
                if kill_after is not None and stored >= kill_after:
                    stream.close()
                    raise Stop
                memory.store(asked)
                stored += 1
                reply = None
            elif isinstance(asked, Request):
                memory.requests.append(asked)
                reply = respond(asked)
            elif isinstance(asked, tuple):
                memory.requests.extend(asked)
                reply = tuple(respond(request) for request in asked)
            else:
                reply = memory.recall(asked)
    except StopIteration:
        return memory


def answer(
    request: Request,
    body: Any,
    *,
    status: int = 200,
    headers: Iterable[tuple[str, str]] = (("content-type", "application/json; charset=UTF-8"),),
    received_at: int = NOW,
) -> Response:
    """A response with these bytes, or with this value as JSON."""
    return Response(
        request=request,
        url="https://oauth.reddit.com" + request.url if request.url.startswith("/") else request.url,
        status=status,
        headers=tuple(headers),
        body=body if isinstance(body, bytes) else msgspec.json.encode(body),
        received_at=received_at,
    )
