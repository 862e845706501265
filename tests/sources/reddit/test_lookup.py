"""Asking by id: answers are compared by id, what is left out is told, and a request that failed tells nothing."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from hubbub.errors import BlockedError, HubbubError, RateLimitedError, TransientRemoteError, UsageError
from hubbub.http.messages import Request, Response
from hubbub.plugins.by_id import IdReader, LookedUp, Marks
from hubbub.plugins.contracts import Checkpoint, Target
from hubbub.plugins.due import Scope
from hubbub.records.models import Comment, Community, Tombstone
from hubbub.sources.reddit import SOURCE
from hubbub.sources.reddit.lookup import identify, look_up, reach
from tests.sources.drive import NOW, Memory, answer, drive


def thing(name: str, **fields: Any) -> dict[str, Any]:
    kind, _, key = name.partition("_")
    common = {"id": key, "name": name, "subreddit": "Bugs", "created_utc": 1.7e9, "author": "ann", "score": 1}
    own: dict[str, Any] = {"title": "a beetle", "selftext": "found", "is_self": True, "url": "x", "num_comments": 0}
    if kind == "t1":
        own = {"body": "a stag beetle", "link_id": "t3_1", "parent_id": "t3_1"}
    return {"kind": kind, "data": {**common, **own, **fields}}


def listing(*children: Any) -> dict[str, Any]:
    return {"kind": "Listing", "data": {"after": None, "dist": len(children), "children": list(children)}}


def asked(request: Request) -> list[str]:
    return dict(request.params)["id"].split(",")


class Platform:
    """Answers by id; the numbers in `broken` count requests from 0 and say what they meet."""

    def __init__(self, *absent: str, broken: dict[int, Any] | None = None) -> None:
        self.absent = set(absent)
        self.broken = broken or {}
        self.requests = 0

    def __call__(self, request: Request) -> Response | HubbubError:
        number, self.requests = self.requests, self.requests + 1
        trouble = self.broken.get(number)
        if isinstance(trouble, HubbubError):
            return trouble
        if isinstance(trouble, int):
            return answer(request, {"message": "no", "error": trouble}, status=trouble)
        if trouble is not None:
            return answer(request, trouble)
        names = [name for name in reversed(asked(request)) if name not in self.absent]
        return answer(request, listing(*map(thing, names)))


def run(stream: Generator[Any, Any, Any], platform: Any) -> tuple[Any, Memory]:
    """Drive a building block to its end; what it returned, and what was stored."""
    kept: list[Any] = []

    def whole() -> Generator[Any, Any, None]:
        kept.append((yield from stream))

    memory = drive(whole(), platform)
    return kept[0], memory


MANY = [f"t1_{n:x}" for n in range(1, 700)] + [f"t3_{n:x}" for n in range(1, 700)]


def test_ids_of_both_kinds_go_out_in_hundreds_ten_side_by_side_and_each_once() -> None:
    platform = Platform()
    sent: list[int] = []

    def watched() -> Generator[Any, Any, None]:
        stream, reply = look_up([*MANY, *MANY]), None
        while True:
            try:
                asked_for = stream.send(reply)
            except StopIteration:
                return
            if isinstance(asked_for, tuple):
                sent.append(len(asked_for))
            reply = yield asked_for

    memory = drive(watched(), platform)
    assert sent == [10, 4]
    assert memory.ids() == set(MANY)
    names = [name for request in memory.requests for name in asked(request)]
    assert sorted(names) == sorted(MANY)
    assert [len(asked(request)) for request in memory.requests] == [100] * 13 + [98]


def test_an_answer_is_compared_by_id_and_what_it_leaves_out_is_told_with_its_time() -> None:
    found, memory = run(look_up(MANY), Platform("t1_3", "t3_ff"))
    assert found.missing == {"t1_3": NOW, "t3_ff": NOW}
    assert found.shown == set(MANY) - {"t1_3", "t3_ff"}
    assert memory.ids() == found.shown
    assert not found.failed


def test_withdrawn_things_are_told_apart_and_stored_as_tombstones() -> None:
    body = listing(
        thing("t1_1", body="[deleted]", author="[deleted]"),
        thing("t3_1", removed_by_category="moderator", selftext="[removed]"),
        thing("t1_2", author="[deleted]"),
        thing("t1_3", created_utc=None),
    )
    names = ["t1_1", "t3_1", "t1_2", "t1_3", "t1_4"]
    found, memory = run(look_up(names), lambda request: answer(request, body))
    assert found == LookedUp(
        shown=frozenset({"t1_2"}),
        withdrawn=frozenset({"t1_1", "t3_1"}),
        unreadable=frozenset({"t1_3"}),
        missing={"t1_4": NOW},
    )
    assert isinstance(memory.records["t1_1"], Tombstone)
    assert isinstance(memory.records["t1_2"], Comment)
    assert memory.records["t1_2"].author_gone
    assert [rejected.id for rejected in memory.rejected] == ["t1_3"]


@pytest.mark.parametrize(
    "trouble", [500, 403, 404, 400, b"", b"<html>busy</html>", b'{"kind": "Listing", "data": {"chil', {"error": 1}, []]
)
def test_a_request_that_failed_says_nothing_of_its_ids(trouble: Any) -> None:
    platform = Platform(broken={1: trouble, 3: trouble})
    found, memory = run(look_up(MANY[:300]), platform)
    if isinstance(trouble, int):
        assert set(found.failed) == set(MANY[100:200])
    else:  # a damaged body is asked for once more, and was still damaged
        assert set(found.failed) == set(MANY[100:200])
        assert len(memory.requests) == 4
    assert not found.missing
    assert memory.ids() == set(MANY[:100]) | set(MANY[200:300])


def test_a_damaged_answer_that_comes_whole_the_second_time_is_no_failure() -> None:
    found, _ = run(look_up(MANY[:300]), Platform(broken={1: b"{"}))
    assert len(found.shown) == 300


def test_things_nobody_asked_for_make_an_answer_prove_nothing() -> None:
    def wrong(request: Request) -> Response:
        return answer(request, listing(thing("t1_1"), thing("t1_zz")))

    found, memory = run(look_up(["t1_1", "t1_2"]), wrong)
    assert memory.ids() == {"t1_1"}
    assert set(found.failed) == {"t1_2"}
    assert not found.missing
    assert "not asked for" in memory.notes[0]


@pytest.mark.parametrize("child", ["t1_2", {"kind": "t1", "data": None}, {"kind": "t1", "data": {"body": "x"}}, {}])
def test_a_thing_without_an_id_may_be_any_of_those_left_out(child: Any) -> None:
    found, memory = run(look_up(["t1_1", "t1_2"]), lambda request: answer(request, listing(thing("t1_1"), child)))
    assert set(found.failed) == {"t1_2"}
    assert len(memory.rejected) == 1


@pytest.mark.parametrize("error", [BlockedError("block page"), RateLimitedError("spent", until=5)])
def test_what_makes_asking_on_pointless_ends_it_and_keeps_what_came(error: HubbubError) -> None:
    memory = Memory()
    with pytest.raises(type(error)):
        drive(look_up(MANY[:300]), Platform(broken={1: error}), memory=memory)  # type: ignore[arg-type]  # no Page is sent back
    assert memory.ids() == set(MANY[:100]) | set(MANY[200:300])


def test_a_round_in_which_every_request_failed_ends_it() -> None:
    platform = Platform(broken=dict.fromkeys(range(10), 503))
    with pytest.raises(TransientRemoteError):
        run(look_up(MANY), platform)
    assert platform.requests == 10


def test_marks_are_stored_with_the_answer_they_are_about() -> None:
    told: list[LookedUp] = []

    def mark(found: LookedUp) -> Marks:
        told.append(found)
        return Marks(checkpoints=[Checkpoint(key=f"seen{len(told)}", state="{}")], forgotten=["old"])

    _, memory = run(look_up(MANY[:250], told=mark), Platform("t1_1"))
    assert [len(found.shown) for found in told] == [99, 100, 50]
    pages = [page for page in memory.pages if page.records]
    assert [page.checkpoints[0].key for page in pages] == ["seen1", "seen2", "seen3"]
    assert all(page.forgotten == ["old"] for page in pages)


def test_communities_are_told_apart_by_whether_they_can_be_read() -> None:
    def about(request: Request) -> Response | HubbubError:
        name = request.url.split("/")[2]
        if name in {"private", "banned"}:
            status = 403 if name == "private" else 404
            return answer(request, {"reason": name, "message": "Forbidden", "error": status}, status=status)
        if name == "failing":
            return answer(request, b"<html>", status=503)
        shown = "spiders" if name == "swapped" else name
        return answer(request, {"kind": "t5", "data": {"display_name": shown.title(), "created_utc": 1.2e9}})

    found, memory = run(reach(["bugs", "private", "banned", "failing", "swapped"]), about)
    assert {name: each.is_open for name, each in found.items()} == {
        "bugs": True,
        "private": False,
        "banned": False,
        "failing": None,
        "swapped": None,
    }
    assert "private" in found["private"].words
    assert isinstance(memory.records["bugs"], Community)
    assert len(memory.requests) == 5


def test_a_block_page_for_a_community_ends_the_asking() -> None:
    with pytest.raises(BlockedError):
        run(reach(["bugs"]), lambda request: answer(request, b"<html>whoa there</html>", status=403))


@pytest.mark.parametrize(
    ("word", "kind", "wanted"),
    [
        ("t3_1abc", None, ("post", "t3_1abc")),
        (" T1_XYZ ", None, ("comment", "t1_xyz")),
        ("1abc", "post", ("post", "t3_1abc")),
        ("1abc", "comment", ("comment", "t1_1abc")),
        ("1abc", None, None),
        ("https://www.reddit.com/r/Bugs/comments/1abc/what_is/", None, ("post", "t3_1abc")),
        ("https://old.reddit.com/r/Bugs/comments/1abc/what_is/xyz?context=3", None, ("comment", "t1_xyz")),
        ("/r/Bugs/comments/1abc/_/xyz/", None, ("comment", "t1_xyz")),
        ("/user/Ann-B/comments/1abc/hello/", None, ("post", "t3_1abc")),
        ("t2_1abc", None, None),
        ("t3_", None, None),
        ("t3_a,b", None, None),
        ("=cmd()", "post", None),
        ("", "post", None),
    ],
)
def test_ids_are_taken_as_people_write_them(word: str, kind: str | None, wanted: tuple[str, str] | None) -> None:
    assert SOURCE.identify(word, kind=kind) == identify(word, kind=kind) == wanted


def test_the_source_fulfils_the_contract_and_tells_whose_rows_are_meant() -> None:
    assert isinstance(SOURCE, IdReader)
    targets = [Target(source="reddit", name=name) for name in ("WhatIsThisBug", "u/Nib-bler", "r/Bugs", "")]
    assert SOURCE.scope_of(targets) == Scope(communities=("whatisthisbug", "bugs"), authors=("nib-bler",))
    with pytest.raises(UsageError):
        SOURCE.scope_of([Target(source="reddit", name="a b")])
