"""Threads that lose comments while others come: what is there is found, whatever the count says meanwhile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hubbub.errors import HubbubError, RemoteError, TransientRemoteError
from hubbub.http.messages import Request, Response
from hubbub.plugins.contracts import Page, Recall, RecallCounts, StoredCount
from hubbub.plugins.due import RecallThreads
from hubbub.records.models import Comment, Tombstone
from hubbub.sources.producthunt.comments import read_comments
from hubbub.sources.producthunt.prices import Prices
from tests.sources.drive import NOW, Memory, answer, drive

POST = "77"


class Thread:
    """One launch's comments, by id: which comment each answers. Newer ones have greater ids."""

    def __init__(self, **parents: str | None) -> None:
        self.parents: dict[str, str | None] = {key.removeprefix("c"): parent for key, parent in parents.items()}
        self.now = NOW

    def below(self, parent: str | None, *, first: int) -> dict[str, Any]:
        """A page of a connection, newest first, and only its first one: that is enough here."""
        ids = sorted((key for key, above in self.parents.items() if above == parent), key=int, reverse=True)
        nodes = [self.node(key) for key in ids[:first]]
        return {"nodes": nodes, "pageInfo": {"hasNextPage": len(ids) > first, "endCursor": str(first)}}

    def node(self, key: str) -> dict[str, Any]:
        told = {"id": key, "body": f"said {key}", "createdAt": "2026-05-01T00:00:00Z", "votesCount": 1}
        return told | {"parentId": self.parents[key], "replies": self.below(key, first=2 if self.deep else 1)}

    deep = True

    def answer(self, request: Request) -> Response:
        asked = json.loads(request.body or b"")
        variables = asked["variables"]
        self.deep = request.route == "Comments"
        if request.route in {"Comments", "CommentIds"}:
            page = self.below(None, first=variables["first"])
            data: dict[str, Any] = {"post": {"id": POST, "commentsCount": len(self.parents), "comments": page}}
        elif request.route == "Replies":
            data = {"comment": {"id": variables["comment"], "replies": self.below(variables["comment"], first=20)}}
        else:
            data = {f"r{at[1:]}": self.node(key) if key in self.parents else None for at, key in variables.items()}
        return answer(request, {"data": data}, received_at=self.now)


class Kept(Memory):
    """A store that holds one launch."""

    count = 0

    def live(self) -> frozenset[str]:
        return frozenset(key for key, record in self.records.items() if isinstance(record, Comment))

    def recall(self, asked: Recall) -> Any:
        if isinstance(asked, RecallThreads):
            return {POST: self.live()}
        if isinstance(asked, RecallCounts):
            stored = len(self.live())
            return [StoredCount(post_id=POST, comment_count=self.count, created_at=NOW, stored=stored)]
        return super().recall(asked)


def synced(thread: Thread, memory: Kept) -> None:
    memory.count = len(thread.parents)
    thread.now += 3_600
    drive(read_comments((POST,), prices=Prices()), thread.answer, memory=memory)


def test_a_reply_that_came_while_another_comment_went_is_found_and_that_one_is_gone() -> None:
    """The count said nothing of either."""
    memory = Kept()
    thread = Thread(c1=None, c2="1", c3="2", c4=None)
    synced(thread, memory)
    assert memory.live() == {"1", "2", "3", "4"}
    del thread.parents["4"]
    thread.parents["5"] = "2"
    synced(thread, memory)
    thread.parents["6"] = "2"
    for _ in range(4):
        synced(thread, memory)
    assert memory.live() == set(thread.parents)
    assert isinstance(memory.records["4"], Tombstone)


def test_a_reply_is_found_that_stands_behind_one_that_is_known() -> None:
    """As it is left by a run that broke off between two pages of replies."""
    memory = Kept()
    thread = Thread(c1=None, c2="1", c6="2")
    synced(thread, memory)
    thread.parents["5"] = "2"
    synced(thread, memory)
    assert memory.live() == set(thread.parents)


def test_a_thread_that_stays_as_it_is_is_not_read_again() -> None:
    memory = Kept()
    thread = Thread(c1=None, c2="1", c3="2", c4=None)
    synced(thread, memory)
    asked = len(memory.requests)
    synced(thread, memory)
    assert len(memory.requests) == asked


class Many(Memory):
    """A store of many launches whose comments are lacking."""

    def recall(self, asked: Recall) -> Any:
        if isinstance(asked, RecallThreads):
            return {}
        if isinstance(asked, RecallCounts):
            return [StoredCount(post_id=key, comment_count=2, created_at=NOW, stored=0) for key in asked.post_ids or ()]
        return super().recall(asked)


def test_a_platform_that_fails_is_not_asked_for_every_thread() -> None:
    memory = Many()
    with pytest.raises(RemoteError, match="3 posts could not be read"):
        drive(
            read_comments(tuple(map(str, range(20))), prices=Prices()),
            lambda _: TransientRemoteError("the platform is failing"),
            memory=memory,
        )
    assert len(memory.requests) == 3


def test_a_thread_that_fails_by_itself_does_not_stop_the_others() -> None:
    memory = Many()

    def respond(request: Request) -> Response | HubbubError:
        post = json.loads(request.body)["variables"]["post"]
        if int(post) % 2:
            return RemoteError(f"{post} is broken")
        comments = {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}
        data = {"post": {"id": post, "commentsCount": 0, "comments": comments}}
        return answer(request, {"data": data})

    with pytest.raises(RemoteError, match="5 posts could not be read; the first: 1 is broken"):
        drive(read_comments(tuple(map(str, range(10))), prices=Prices()), respond, memory=memory)
    assert {key.partition("/")[2] for key in memory.checkpoints if "/" in key} == {"0", "2", "4", "6", "8"}


def test_a_post_that_is_not_to_be_had_for_once_settles_nothing() -> None:
    memory = Many()
    drive(
        read_comments(("1",), prices=Prices()), lambda request: answer(request, {"data": {"post": None}}), memory=memory
    )
    assert memory.checkpoints == {}


def test_what_is_shown_and_never_stored_is_not_asked_for_again_and_again() -> None:
    """A comment of somebody who is blocked, or one that is set aside."""

    class Blocking(Kept):
        def store(self, page: Page) -> None:
            super().store(page)
            self.records.pop("2", None)

    memory = Blocking()
    thread = Thread(c1=None, c2=None)
    synced(thread, memory)
    assert memory.live() == {"1"}
    asked = len(memory.requests)
    synced(thread, memory)
    assert len(memory.requests) == asked
