"""Walks through listings: complete, resumable, frugal, and never fooled by a listing that moves."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubbub.errors import HubbubError, RemoteError, TransientRemoteError, UnavailableError, UsageError
from hubbub.http.messages import Request, Response
from hubbub.plugins.contracts import Stream, SyncOptions, Target
from hubbub.sources.reddit import SOURCE
from hubbub.sources.reddit.listings import LOOKBACK_S
from hubbub.sources.reddit.mapping import base36
from tests.sources.drive import NOW, Memory, Stop, answer, drive
from tests.sources.reddit.forest import post_data

HOUR = 3_600


class Board:
    """A community whose /new can be read; posts are (number, created), newest first."""

    def __init__(self, posts: int, *, step: int = HOUR) -> None:
        self.posts = [self.post(n, created=NOW - (posts - n) * step) for n in range(posts, 0, -1)]
        self.gone: set[str] = set()
        self.status = 200
        self.fail_on: dict[int, HubbubError] = {}
        self.asked = 0

    @staticmethod
    def post(n: int, *, created: int) -> dict[str, Any]:
        return post_data(base36(1_000_000 + n), comments=0, created=created)

    def arrive(self, count: int) -> None:
        first = max(int(p["id"], 36) for p in self.posts) - 1_000_000 + 1 if self.posts else 1
        for n in range(first, first + count):
            self.posts.insert(0, self.post(n, created=int(self.posts[0]["created_utc"]) + 60 if self.posts else NOW))

    def ids(self) -> set[str]:
        return {post["name"] for post in self.posts if post["name"] not in self.gone}

    def respond(self, request: Request) -> Response | HubbubError:
        self.asked += 1
        if self.asked in self.fail_on:
            return self.fail_on[self.asked]
        params = dict(request.params)
        alive = [post for post in self.posts if post["name"] not in self.gone]
        start = 0
        if "after" in params:
            names = [post["name"] for post in alive]
            if params["after"] not in names:
                return answer(request, {"kind": "Listing", "data": {"after": None, "children": []}})
            start = names.index(params["after"]) + 1
        end = start + int(params["limit"])
        page = alive[start:end]
        after = page[-1]["name"] if end < len(alive) else None
        children = [{"kind": "t3", "data": post} for post in page]
        return answer(request, {"kind": "Listing", "data": {"after": after, "children": children}}, status=self.status)


def posts(**options: Any) -> Stream:
    wanted = SyncOptions(started_at=NOW + 10**6, **options)
    (stage,) = SOURCE.plan(Target(source="reddit", name="bugs"), wanted)[:1]
    return next(plan.begin for plan in stage if plan.name == "posts")()


def state(memory: Memory) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(memory.checkpoints["bugs/new"].state)
    return found


def test_the_first_walk_reads_the_whole_listing() -> None:
    board = Board(350)
    memory = drive(posts(), board.respond)
    assert memory.ids() == board.ids()
    assert len(memory.requests) == 4
    assert state(memory)["watermark"] == int(board.posts[0]["created_utc"])
    assert all(("raw_json", "1") in request.params for request in memory.requests)


def test_the_next_walk_stops_behind_the_lookback() -> None:
    board = Board(900)
    memory = drive(posts(), board.respond)
    board.arrive(5)
    before = len(memory.requests)
    drive(posts(), board.respond, memory=memory)
    assert memory.ids() == board.ids()
    assert len(memory.requests) - before == 1, "two days are 48 posts here: one page"


def test_a_post_approved_late_is_found_within_the_lookback() -> None:
    board = Board(300)
    late = board.posts.pop(20)
    memory = drive(posts(), board.respond)
    board.posts.insert(20, late)
    drive(posts(), board.respond, memory=memory)
    assert late["name"] in memory.ids()


def test_a_failed_page_leaves_the_watermark() -> None:
    board = Board(350)
    memory = drive(posts(), board.respond)
    mark = state(memory)["watermark"]
    board.arrive(400)
    board.fail_on = {board.asked + 3: TransientRemoteError("connection lost")}
    with pytest.raises(TransientRemoteError):
        drive(posts(), board.respond, memory=memory)
    assert state(memory)["watermark"] == mark
    drive(posts(), board.respond, memory=memory)
    assert memory.ids() == board.ids()


def test_a_killed_walk_goes_on_from_its_cursor_and_then_looks_at_the_top() -> None:
    board = Board(500)
    memory = Memory()
    with pytest.raises(Stop):
        drive(posts(), board.respond, memory=memory, kill_after=3)
    assert len(memory.ids()) == 300
    board.arrive(7)
    asked = len(memory.requests)
    drive(posts(), board.respond, memory=memory)
    assert memory.ids() == board.ids()
    assert "after" in dict(memory.requests[asked].params)
    assert len(memory.requests) - asked == 3, "two pages to the end, one for what came meanwhile"


def test_a_vanished_cursor_is_replaced_by_an_earlier_post() -> None:
    board = Board(250)

    def respond(request: Request) -> Response | HubbubError:
        if (after := dict(request.params).get("after")) and not board.gone:
            board.gone.add(after)
        return board.respond(request)

    memory = drive(posts(), respond)
    assert memory.ids() >= board.ids()


def test_an_empty_last_page_is_the_end_not_a_loop() -> None:
    board = Board(200)

    def respond(request: Request) -> Response | HubbubError:
        last = board.posts[-1]["name"]
        found = board.respond(request)
        assert isinstance(found, Response)
        if dict(request.params).get("after") == last:
            return found
        return answer(request, found.body.replace(b'"after":null', b'"after":"%s"' % last.encode()))

    memory = drive(posts(), respond)
    assert memory.ids() == board.ids()
    assert len(memory.requests) == 4
    assert state(memory)["watermark"]


def test_a_walk_resumed_among_vanished_posts_starts_again_from_the_top() -> None:
    board = Board(350)
    memory = Memory()
    with pytest.raises(Stop):
        drive(posts(), board.respond, memory=memory, kill_after=2)
    board.gone.update(post["name"] for post in board.posts[180:200])
    drive(posts(), board.respond, memory=memory)
    assert memory.ids() >= board.ids()


def test_a_limit_of_pages_looks_at_the_newest_each_time() -> None:
    board = Board(500)
    memory = drive(posts(max_pages=2), board.respond)
    assert len(memory.ids()) == 200
    board.arrive(3)
    drive(posts(max_pages=1), board.respond, memory=memory)
    assert len(memory.ids()) == 203
    drive(posts(), board.respond, memory=memory)
    assert memory.ids() == board.ids(), "a limit claims nothing: the next sync reads everything"


def test_since_cuts_the_lookback_short() -> None:
    board = Board(450, step=300)
    memory = drive(posts(), board.respond)
    board.asked = 0
    drive(posts(since=NOW - 2 * HOUR), board.respond, memory=memory)
    assert board.asked == 1


def test_since_goes_back_only_so_far_and_later_further() -> None:
    board = Board(900)
    memory = drive(posts(since=NOW - 150 * HOUR), board.respond)
    assert len(memory.requests) == 2
    drive(posts(since=NOW - 450 * HOUR), board.respond, memory=memory)
    assert len(memory.requests) == 2 + 5
    drive(posts(), board.respond, memory=memory)
    assert len(memory.requests) == 2 + 5 + 1
    drive(posts(full=True), board.respond, memory=memory)
    assert memory.ids() == board.ids()


def aged(board: Board) -> Board:
    """The same posts four days older, so that more may arrive before now."""
    for post in board.posts:
        post["created_utc"] -= 100 * HOUR
    return board


def test_since_behind_the_watermark_claims_nothing_of_what_it_leaves_out() -> None:
    board = aged(Board(100))
    memory = drive(posts(), board.respond)
    before = state(memory)
    board.arrive(500)
    since = int(board.posts[150]["created_utc"])
    drive(posts(since=since), board.respond, memory=memory)
    assert len(memory.ids()) < len(board.ids())
    assert state(memory) == before
    assert any("--since" in note for note in memory.notes)
    drive(posts(), board.respond, memory=memory)
    assert memory.ids() == board.ids()
    assert state(memory)["watermark"] == int(board.posts[0]["created_utc"])


def test_a_killed_walk_down_to_since_claims_nothing_either() -> None:
    board = aged(Board(100))
    memory = drive(posts(), board.respond)
    board.arrive(600)
    with pytest.raises(Stop):
        drive(posts(since=int(board.posts[300]["created_utc"])), board.respond, memory=memory, kill_after=2)
    asked = len(memory.requests)
    drive(posts(), board.respond, memory=memory)
    assert "after" in dict(memory.requests[asked].params), "it goes on where it was"
    assert memory.ids() == board.ids()


def test_since_behind_the_watermark_may_still_meet_it() -> None:
    board = aged(Board(100))
    memory = drive(posts(), board.respond)
    board.arrive(5)
    drive(posts(since=int(board.posts[2]["created_utc"])), board.respond, memory=memory)
    assert state(memory)["watermark"] == int(board.posts[0]["created_utc"]), "one page held all of it"
    assert not memory.notes


def test_a_gap_the_listing_cannot_close_is_a_finding() -> None:
    board = Board(100)
    memory = drive(posts(), board.respond)
    board.arrive(1_000)
    board.posts = board.posts[:990]
    drive(posts(), board.respond, memory=memory)
    assert any("out of its reach" in note for note in memory.notes)


def test_the_watermark_passes_neither_the_run_nor_the_platforms_own_time() -> None:
    board = Board(3)
    board.posts.insert(0, board.post(9, created=NOW + 10**8))
    memory = drive(posts(), board.respond)
    assert state(memory)["watermark"] == NOW


def test_one_wrong_clock_does_not_end_a_walk() -> None:
    board = Board(300)
    memory = drive(posts(), board.respond)
    board.arrive(300)
    board.posts[50]["created_utc"] = 1_200_000_000.0
    drive(posts(), board.respond, memory=memory)
    assert memory.ids() == board.ids()


def test_a_listing_without_an_end_is_left_with_an_error() -> None:
    count = iter(range(10**6))

    def respond(request: Request) -> Response:
        return answer(request, {"kind": "Listing", "data": {"after": f"t3_{next(count)}", "children": []}})

    memory = Memory()
    with pytest.raises(RemoteError, match="does not end"):
        drive(posts(), respond, memory=memory)
    assert len(memory.requests) < 20


def test_a_one_off_look_leaves_no_checkpoint() -> None:
    board = Board(300)
    memory = drive(posts(listing="hot", limit=130), board.respond)
    assert len(memory.ids()) == 130
    assert not memory.checkpoints
    assert memory.requests[0].url == "/r/bugs/hot"
    top = drive(posts(listing="top/week", limit=5), board.respond)
    assert dict(top.requests[0].params)["t"] == "week"


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(0, 420),
    events=st.lists(st.tuples(st.integers(0, 150), st.integers(0, 6), st.booleans()), max_size=5),
)
def test_whatever_is_killed_and_whatever_moves_nothing_is_missed(
    size: int, events: list[tuple[int, int, bool]]
) -> None:
    board = Board(size)
    memory = Memory()
    for arrivals, kill, remove in events:
        with suppress(Stop):
            drive(posts(), board.respond, memory=memory, kill_after=kill)
        board.arrive(arrivals)
        cursor = (
            (json.loads(memory.checkpoints["bugs/new"].state).get("walk") or {}).get("cursor")
            if memory.checkpoints
            else None
        )
        if remove and cursor:
            board.gone.add(cursor)
    drive(posts(), board.respond, memory=memory)
    assert memory.ids() >= board.ids()
    assert "walk" not in state(memory)


@pytest.mark.parametrize("name", ["a+b", "", "no spaces", "u/", "x" * 40, "../etc", "u/x"])
def test_a_name_reddit_cannot_have_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError):
        SOURCE.plan(Target(source="reddit", name=name), SyncOptions())


@pytest.mark.parametrize(
    "name", ["whatisthisbug", "r/WhatIsThisBug", "/r/x_1/", "u_some-body", "reddit.com", "u/Some-body"]
)
def test_names_are_taken_as_people_write_them(name: str) -> None:
    assert SOURCE.plan(Target(source="reddit", name=name), SyncOptions())


def test_only_names_streams() -> None:
    stages = SOURCE.plan(Target(source="reddit", name="bugs"), SyncOptions(only=frozenset({"comments"})))
    assert [[plan.name for plan in stage] for stage in stages] == [["comments"]]
    with pytest.raises(UsageError, match="votes"):
        SOURCE.plan(Target(source="reddit", name="bugs"), SyncOptions(only=frozenset({"votes"})))


def about(respond: Any, *, name: str = "bugs") -> Memory:
    stages = SOURCE.plan(Target(source="reddit", name=name), SyncOptions(only=frozenset({"about"})))
    return drive(stages[0][0].begin(), respond)


def test_a_community_and_its_rules_are_two_observations() -> None:
    def respond(request: Request) -> Response:
        if request.url.endswith("/rules"):
            return answer(
                request, {"rules": [{"short_name": "Be kind", "kind": "all", "created_utc": 1.5e9}], "site_rules": []}
            )
        return answer(request, {"kind": "t5", "data": {"display_name": "Bugs", "id": "2abc", "subscribers": 5}})

    memory = about(respond)
    (first,), (second,) = (page.records for page in memory.pages)
    assert (first.id, second.id) == ("bugs", "bugs")  # type: ignore[union-attr]
    assert not first.stated & second.stated  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("status", "body", "headers", "words"),
    [
        (302, b"", {"location": "https://www.reddit.com/subreddits/search?q=bugs"}, "no community named 'bugs'"),
        (403, b'{"reason":"private","error":403}', {}, "private"),
        (403, b'{"reason":"gated","error":403}', {}, "gated"),
        (404, b'{"reason":"banned","error":404}', {}, "banned"),
        (200, b'{"kind":"Listing","data":{"children":[]}}', {}, "no community"),
    ],
)
def test_a_closed_community_is_named_for_what_it_is(
    *, status: int, body: bytes, headers: dict[str, str], words: str
) -> None:
    with pytest.raises(UnavailableError, match=words):
        about(lambda request: answer(request, body, status=status, headers=headers.items()))


def test_unreadable_rules_are_a_finding() -> None:
    def respond(request: Request) -> Response:
        if request.url.endswith("/rules"):
            return answer(request, {"message": "Forbidden", "error": 403}, status=403)
        return answer(request, {"kind": "t5", "data": {"display_name": "Bugs"}})

    memory = about(respond)
    assert memory.ids() == {"bugs"}
    assert "rules of bugs" in memory.notes[0]


def test_a_persons_posts_and_comments_are_walked() -> None:
    stages = SOURCE.plan(Target(source="reddit", name="u/Asker"), SyncOptions(started_at=NOW))
    board = Board(120)
    memory = Memory()
    for plan in stages[0]:
        if plan.name != "about":
            drive(plan.begin(), board.respond, memory=memory)
    assert {request.url for request in memory.requests} == {"/user/Asker/submitted", "/user/Asker/comments"}
    assert set(memory.checkpoints) == {"u/asker/submitted", "u/asker/comments"}
    assert memory.ids() == board.ids()
    assert LOOKBACK_S > 0
