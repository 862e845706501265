"""What one window or thread ends with does not decide over the others."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from hubbub.errors import HubbubError, RemoteError
from hubbub.http.messages import Request, Response
from hubbub.plugins.contracts import Recall, RecallCounts, StoredCount, SyncOptions
from hubbub.plugins.due import RecallThreads
from hubbub.sources.producthunt.agenda import Launches, Place
from hubbub.sources.producthunt.days import DAY_S, Closed
from tests.sources.drive import NOW, Memory, answer, drive

SINCE = NOW - 10 * DAY_S


class Days(Memory):
    """A store of launches whose comments are all there."""

    def recall(self, asked: Recall) -> Any:
        if isinstance(asked, RecallThreads):
            return {key: frozenset({f"c{key}"}) for key in asked.post_ids}
        if isinstance(asked, RecallCounts):
            return [StoredCount(post_id=key, comment_count=1, created_at=NOW, stored=1) for key in asked.post_ids or ()]
        return super().recall(asked)

    def closed(self) -> dict[str, Closed]:
        found = {key: mark for key, mark in self.checkpoints.items() if key.startswith("day/")}
        return {key: msgspec.json.decode(mark.state, type=Closed) for key, mark in found.items()}


def stream(name: str) -> Any:
    """One stream of a sync of all of Product Hunt."""
    launches = Launches([Place(target="")], options=SyncOptions(since=SINCE), watch=None)
    streams = launches.streams(Place(target=""), now=NOW)
    return next(each for each in streams if each.name == name).begin()


def launch(request: Request, *, broken: str) -> Response | HubbubError:
    """A launch a day, named after it; one day is broken."""
    day = json.loads(request.body)["variables"]["postedAfter"][:10]
    if day == broken:
        return RemoteError("a field that must not be null is null")
    nodes = [{"id": day.replace("-", ""), "name": day, "createdAt": f"{day}T12:00:00Z", "url": "https://x.y/z"}]
    page = {"hasNextPage": False, "endCursor": None}
    return answer(request, {"data": {"posts": {"nodes": nodes, "pageInfo": page}}})


def test_a_window_that_fails_for_ever_does_not_stop_those_behind_it() -> None:
    memory = Days()
    for _ in range(2):
        with pytest.raises(RemoteError, match="must not be null"):
            drive(stream("posts"), lambda request: launch(request, broken="2026-09-17"), memory=memory)
    assert len(memory.closed()) == 10
    assert "day/2026-09-17" not in memory.closed()


def test_a_thread_that_fails_for_ever_does_not_have_the_others_looked_through_again() -> None:
    memory = Days()
    drive(stream("posts"), lambda request: launch(request, broken=""), memory=memory)
    days = sorted(memory.closed())

    def respond(request: Request) -> Response | HubbubError:
        variables = json.loads(request.body)["variables"]
        post = variables.get("post", "")
        if post == memory.closed()[days[3]].ids[0]:
            return RemoteError("this thread is broken")
        comments = {"nodes": [{"id": f"c{post}"}], "pageInfo": {"hasNextPage": False, "endCursor": None}}
        return answer(request, {"data": {"post": {"id": post, "commentsCount": 1, "comments": comments}}})

    for number in range(2):
        before = len(memory.requests)
        with pytest.raises(RemoteError, match="this thread is broken"):
            drive(stream("comments"), respond, memory=memory)
        assert len(memory.requests) - before == (len(days) if number == 0 else 1)
    waiting = [name for name, closed in memory.closed().items() if closed.looked_at < closed.whole_at]
    assert waiting == [days[3]]
