"""The newest end of shared listings: complete, halved where it must be, and never ahead of what was stored."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.errors import HubbubError, RemoteError, UnavailableError
from hubbub.http.messages import Request, Response
from hubbub.sources.reddit.listings import Mark, mark_at
from hubbub.sources.reddit.mapping import base36
from hubbub.sources.reddit.places import Places
from hubbub.sources.reddit.tail import OVERLAP_S, Tail, read_tail
from tests.sources.drive import NOW, Memory, Stop, answer, drive
from tests.sources.reddit.forest import post_data

CAP = 1_000
HEARD = NOW - 7_200


class Boards:
    """Communities whose newest posts and comments can be read together; `shut` ones refuse every listing they are in."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.things: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        self.shut: set[str] = set()
        self.longest = 2_000
        self._number = 1_000_000

    def write(self, name: str, *, at: int, kind: str = "t3", **more: Any) -> str:
        """One more post or comment; returns its fullname."""
        self._number += 1
        key = base36(self._number)
        data = post_data(key, comments=0, created=at) | {"subreddit": name, "name": f"{kind}_{key}"} | more
        if kind == "t1":
            data |= {"body": "text", "link_id": more.get("link_id", "t3_a"), "parent_id": more.get("parent_id", "t3_a")}
        self.things[name].append({"kind": kind, "data": data})
        return f"{kind}_{key}"

    def respond(self, request: Request) -> Response | HubbubError:
        asked = request.url.split("/")[2].split("+")
        if len(request.url) > self.longest:
            return answer(request, b"URI Too Long", status=414, headers=())
        if shut := self.shut & set(asked):
            assert shut
            return answer(request, {"message": "Forbidden", "error": 403, "reason": "private"}, status=403)
        kind = "t1" if request.url.endswith("/comments") else "t3"
        things = [thing for name in asked for thing in self.things[name] if thing["kind"] == kind]
        things.sort(key=lambda thing: (-thing["data"]["created_utc"], thing["data"]["name"]))
        things = things[:CAP]
        params = dict(request.params)
        names = [thing["data"]["name"] for thing in things]
        start = names.index(params["after"]) + 1 if "after" in params else 0
        page = things[start : start + int(params["limit"])]
        after = page[-1]["data"]["name"] if start + len(page) < len(things) else None
        return answer(request, {"kind": "Listing", "data": {"after": after, "children": page}})


def heard(memory: Memory, *names: str, what: str = "new", at: int = HEARD) -> Places:
    """Communities that were last read at that time."""
    for name in names:
        checkpoint = mark_at(f"{name}/{what}", Mark(watermark=at - 60, heard_at=at, deep_at=at))
        memory.checkpoints[checkpoint.key] = checkpoint
    places = Places(names)
    for place in places.open():
        place.learn(memory.checkpoints)
    return places


def read(boards: Boards, memory: Memory, places: Places, *, what: Any = "new", **limits: Any) -> Memory:
    tail = Tail(what, places.open())
    return drive(read_tail(tail, places=places), boards.respond, memory=memory, **limits)


def marks(memory: Memory, what: str = "new") -> dict[str, int | None]:
    """When each community was heard, by the store."""
    places = Places([key.removesuffix(f"/{what}") for key in memory.checkpoints if key.endswith(f"/{what}")])
    for place in places.open():
        place.learn(memory.checkpoints)
    return {place.key: (place.posts if what == "new" else place.comments).heard_at for place in places.open()}


def test_one_request_serves_all_and_moves_the_mark_of_each() -> None:
    boards, memory = Boards("ants", "bees", "wasps"), Memory()
    fresh = {boards.write(name, at=HEARD + 60) for name in ("ants", "bees")}
    for name in boards.names:
        for step in range(5):
            boards.write(name, at=HEARD - OVERLAP_S - 60 * (1 + step))
    read(boards, memory, heard(memory, *boards.names))
    assert len(memory.requests) == 1
    assert fresh <= memory.ids()
    assert marks(memory) == dict.fromkeys(boards.names, NOW)


def test_pages_are_read_until_all_are_behind_their_last_reading() -> None:
    boards, memory = Boards("ants", "bees"), Memory()
    fresh = {boards.write("ants", at=HEARD + n) for n in range(250)}
    for step in range(10):
        boards.write("bees", at=HEARD - OVERLAP_S - 60 * (1 + step))
    read(boards, memory, heard(memory, *boards.names))
    assert fresh <= memory.ids()
    assert len(memory.requests) == 3


@given(st.integers(0, 12), st.integers(0, 3))
def test_a_reading_that_is_killed_leaves_every_mark_and_is_done_again(pages: int, kill_after: int) -> None:
    boards, memory = Boards("ants", "bees"), Memory()
    fresh = {boards.write("ants", at=HEARD + n) for n in range(20 * pages)}
    for step in range(10):
        boards.write("bees", at=HEARD - OVERLAP_S - 60 * (1 + step))
    places = heard(memory, *boards.names)
    try:
        read(boards, memory, places, kill_after=kill_after)
    except Stop:
        assert marks(memory) == dict.fromkeys(boards.names, HEARD)
        read(boards, memory, heard(memory, *boards.names))
    assert fresh <= memory.ids()
    assert marks(memory) == dict.fromkeys(boards.names, NOW)


def test_a_community_that_closed_is_found_and_the_others_are_read() -> None:
    names = [f"place{n}" for n in range(16)]
    boards, memory = Boards(*names), Memory()
    fresh = {boards.write(name, at=HEARD + 60) for name in names if name != "place11"}
    boards.shut = {"place11"}
    places = heard(memory, *names)
    with pytest.raises(UnavailableError, match="private"):
        read(boards, memory, places)
    assert fresh <= memory.ids()
    assert [place.name for place in places.open()] == [name for name in names if name != "place11"]
    assert marks(memory) == {name: HEARD if name == "place11" else NOW for name in names}
    assert len(memory.requests) == 1 + 2 * 4  # halved four times, each time into a good half and a bad one


def test_an_address_that_is_too_long_is_cut_in_two() -> None:
    names = [f"a_rather_long_name{n}" for n in range(8)]
    boards, memory = Boards(*names), Memory()
    boards.longest = 100
    fresh = {boards.write(name, at=HEARD + 60) for name in names}
    read(boards, memory, heard(memory, *names))
    assert fresh <= memory.ids()
    assert marks(memory) == dict.fromkeys(names, NOW)


def test_a_platform_that_fails_is_not_taken_for_a_closed_community() -> None:
    boards, memory = Boards("ants", "bees"), Memory()
    places = heard(memory, *boards.names)
    with pytest.raises(RemoteError):
        drive(
            read_tail(Tail("new", places.open()), places=places),
            lambda request: answer(request, b"<html>", status=503),
            memory=memory,
        )
    assert len(places.open()) == 2
    assert marks(memory) == dict.fromkeys(boards.names, HEARD)


def test_a_listing_that_was_outrun_is_read_community_by_community() -> None:
    boards, memory = Boards("ants", "bees"), Memory()
    busy = {boards.write("ants", at=HEARD + 1_000 + n) for n in range(CAP)}
    quiet = boards.write("bees", at=HEARD + 60)
    boards.write("bees", at=HEARD - 900)
    places = heard(memory, *boards.names)
    read(boards, memory, places)
    assert quiet in memory.ids()
    assert busy <= memory.ids()
    assert places["ants"].recount
    assert not places["bees"].recount
    assert any("out of its reach" in note for note in memory.notes)
    assert marks(memory) == dict.fromkeys(boards.names, NOW)


def test_a_first_reading_takes_one_page_and_counts_from_there() -> None:
    boards, memory = Boards("ants"), Memory()
    for n in range(300):
        boards.write("ants", at=NOW - 60 * n, kind="t1")
    places = Places(["ants"])
    read(boards, memory, places, what="comments")
    assert len(memory.requests) == 1
    assert marks(memory, "comments") == {"ants": NOW}
    assert places["ants"].pace.per_s == pytest.approx(1 / 60, rel=0.05)


def test_what_comments_speak_of_and_nobody_has_shown_is_noted() -> None:
    boards, memory = Boards("ants"), Memory()
    known = boards.write("ants", at=HEARD + 30)
    places = heard(memory, "ants")
    read(boards, memory, places)
    boards.write("ants", at=HEARD + 60, kind="t1", link_id=known, parent_id=known)
    boards.write("ants", at=HEARD + 61, kind="t1", link_id="t3_late", parent_id="t1_deleted")
    read(boards, memory, heard(memory, "ants", what="comments"), what="comments")
    places = heard(memory, "ants", what="comments", at=HEARD + 50)
    read(boards, memory, places, what="comments")
    assert places.strays == {"t3_late", "t1_deleted"}


def test_comments_that_are_not_listed_do_not_close_a_community() -> None:
    boards, memory = Boards("ants"), Memory()
    boards.shut = {"ants"}
    places = heard(memory, "ants")
    read(boards, memory, places, what="comments")
    assert [place.name for place in places.open()] == ["ants"]
    assert "comment counts are compared" in memory.notes[0]
