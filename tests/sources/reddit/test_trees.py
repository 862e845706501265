"""Comment trees: all of them, with few requests, whatever fails on the way."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubbub.errors import AuthError, HubbubError, RemoteError, TransientRemoteError, UnavailableError
from hubbub.http.messages import Request, Response
from hubbub.plugins.contracts import Checkpoint, SyncOptions
from hubbub.records.models import Comment
from hubbub.sources.reddit.answers import add_thing
from hubbub.sources.reddit.comments import community_comments
from hubbub.sources.reddit.listings import gather, look_of
from hubbub.sources.reddit.tree import Pool, Stub, Thread, settle_ids
from tests.shared import needs_shared
from tests.sources.drive import NOW, Memory, Stop, answer, drive
from tests.sources.reddit import recordings
from tests.sources.reddit.forest import CREATED, Forest, post_data

OPTIONS = SyncOptions(started_at=NOW)


def knowing(posts: list[dict[str, Any]]) -> Memory:
    """A store that holds these posts, as a listing would have left them."""
    memory = Memory()
    response = answer(Request(url="/r/bugs/new", params=(("raw_json", "1"),)), b"{}")
    for data in posts:
        out = gather(response)
        add_thing({"kind": "t3", "data": data}, look=look_of(response), out=out, dirty=False, entities=False)
        memory.store(out.page())
    return memory


def read(forest: Forest, memory: Memory | None = None, **limits: Any) -> Memory:
    memory = memory or knowing(list(forest.posts.values()))
    return drive(community_comments("bugs", options=OPTIONS), forest.respond, memory=memory, **limits)


def comments(memory: Memory) -> set[str]:
    return {i for i in memory.ids() if i.startswith("t1_")}


def budget(forest: Forest) -> float:
    """The most requests a sync may need, without the listing pages (the design's figure)."""
    hidden: list[int] = [max(0, post["num_comments"] - 500) for post in forest.posts.values()]
    return 1.15 * float(len(forest.posts) + sum(math.ceil(h / 100) for h in hidden)) + forest.continues


def test_ordinary_posts_cost_about_one_request_each_and_miss_nothing() -> None:
    forest = Forest()
    for n in range(60):
        forest.grow(f"p{n}x", comments=5 + n % 50, seed=n, dead=0.05)
    memory = read(forest)
    assert comments(memory) == forest.living()
    assert memory.missing == len(forest.dead)
    assert len(memory.requests) <= budget(forest)


@pytest.mark.parametrize(("size", "bushy"), [(620, 0.4), (1_500, 0.3), (2_500, 0.7), (900, 0.02)])
def test_a_giant_thread_is_read_whole_within_its_budget(size: int, bushy: float) -> None:
    forest = Forest()
    forest.grow("big", comments=size, seed=1, bushy=bushy, dead=0.02)
    memory = read(forest)
    assert comments(memory) == forest.living()
    assert "t3_big" in {key.rsplit("/", 1)[-1] for key in memory.checkpoints}
    assert len(memory.requests) <= budget(forest) + 12


def test_leaves_of_many_posts_share_their_requests() -> None:
    forest = Forest()
    for n in range(20):
        forest.grow(f"p{n}x", comments=30, seed=n, bushy=1.0)

    def respond(request: Request) -> Response | HubbubError:
        if request.route == "comments":
            key = request.url.split("/")[2]
            return answer(request, forest.thread(key, root="t3_" + key, order="old", limit=21))
        return forest.respond(request)

    memory = drive(community_comments("bugs", options=OPTIONS), respond, memory=knowing(list(forest.posts.values())))
    assert comments(memory) == forest.living()
    assert len(memory.requests) == 20 + 2, "9 leaves of each of 20 posts make two hundreds"


def deep_forest() -> Forest:
    """A post with some threads far deeper than the ten levels a tree shows."""
    forest = Forest()
    forest.grow("deep", comments=400, seed=3, bushy=0.03, latest=30, dead=0.05)
    return forest


def test_what_lies_below_the_last_level_shown_shares_its_requests() -> None:
    forest = deep_forest()
    memory = read(forest)
    assert comments(memory) == forest.living()
    routes = Counter(request.route for request in memory.requests)
    assert forest.continues > 15
    assert routes["branch"] <= 2
    assert len(memory.requests) < forest.continues / 2


def test_a_platform_that_tells_nothing_below_known_comments_is_asked_for_each_of_them_alone() -> None:
    forest = deep_forest()

    def respond(request: Request) -> Response | HubbubError:
        if request.route != "morechildren":
            return forest.respond(request)
        asked = dict(request.form)["children"].split(",")
        things = [{"kind": "t1", "data": {**forest.comments[i], "replies": ""}} for i in asked]
        return answer(request, {"json": {"errors": [], "data": {"things": things}}})

    memory = drive(community_comments("bugs", options=OPTIONS), respond, memory=knowing(list(forest.posts.values())))
    assert comments(memory) == forest.living()
    routes = Counter(request.route for request in memory.requests)
    assert 1 <= routes["morechildren"] <= 6, "those that were under way together, and no more after them"


def test_known_comments_that_did_not_come_along_are_asked_for_again() -> None:
    forest = deep_forest()

    def respond(request: Request) -> Response | HubbubError:
        if request.route == "morechildren":
            form = dict(request.form)
            first, *rest = form["children"].split(",")
            found: Any = forest.respond(msgspec.structs.replace(request, form=(*form.items(), ("children", first))))
            told = json.loads(found.body)
            if rest:
                told["json"]["data"]["things"].append(forest.stub("t3_deep", rest))
            return answer(request, told)
        return forest.respond(request)

    memory = drive(community_comments("bugs", options=OPTIONS), respond, memory=knowing(list(forest.posts.values())))
    assert comments(memory) == forest.living()


def test_a_tree_is_read_again_only_when_its_count_changed() -> None:
    forest = Forest()
    forest.grow("aaa", comments=12, seed=1, dead=0.5)
    forest.grow("bbb", comments=7, seed=2)
    memory = read(forest)
    asked = len(memory.requests)
    assert asked == 2 + bool(memory.missing)
    read(forest, memory)
    assert len(memory.requests) == asked, "dead leaves never cause another look"
    forest.posts["bbb"]["num_comments"] = 8
    memory.store(knowing([forest.posts["bbb"]]).pages[0])
    read(forest, memory)
    assert len(memory.requests) == asked + 1


def test_a_tree_is_not_read_again_for_fewer_comments_or_for_those_that_were_not_to_be_had() -> None:
    forest = Forest()
    forest.grow("aaa", comments=7, seed=2)
    forest.posts["aaa"]["num_comments"] = 9  # two were removed and are in no answer
    memory = read(forest)
    asked = len(memory.requests)
    for count, more in ((9, 0), (5, 0), (10, 1)):
        forest.posts["aaa"]["num_comments"] = count
        memory.store(knowing([forest.posts["aaa"]]).pages[0])
        read(forest, memory)
        assert len(memory.requests) == asked + more, count


@pytest.mark.parametrize(("found", "missing"), [(1, 0), (0, 1)])
def test_what_an_answer_lists_again_is_asked_for_again_if_it_brought_something(found: int, missing: int) -> None:
    thread = Thread("t3_a", count=5)
    thread.settled, thread.waiting, thread.stubs = {"x"}, 1, [Stub(("x",), 0, 1)]
    settle_ids(thread, ids=["x"], found=found)
    assert ("x" in thread.settled, thread.missing, thread.waiting) == (not found, missing, 0)


def test_posts_the_listing_never_showed_are_left_to_the_archives() -> None:
    forest = Forest()
    forest.grow("new", comments=4, seed=1)
    old = post_data("old", comments=9, created=CREATED - 10**7)
    memory = knowing([forest.posts["new"], old])
    memory.checkpoints["bugs/new"] = Checkpoint(
        key="bugs/new", state=json.dumps({"watermark": NOW, "reached": CREATED})
    )
    read(forest, memory)
    assert [request.url for request in memory.requests] == ["/comments/new"]


def test_since_leaves_older_trees_alone() -> None:
    forest = Forest()
    forest.grow("aaa", comments=4, seed=1)
    options = SyncOptions(started_at=NOW, since=CREATED + 1)
    memory = knowing(list(forest.posts.values()))
    assert drive(community_comments("bugs", options=options), forest.respond, memory=memory).requests == []


def test_posts_without_comments_are_not_asked_for() -> None:
    assert (
        drive(
            community_comments("bugs", options=OPTIONS), Forest().respond, memory=knowing([post_data("a", comments=0)])
        ).requests
        == []
    )


def test_a_post_that_fails_does_not_stop_the_others_and_is_asked_again_next_time() -> None:
    forest = Forest()
    for key in ("aaa", "bbb", "ccc", "ddd"):
        forest.grow(key, comments=9, seed=1)
    forest.failing["bbb"] = TransientRemoteError("connection lost")
    memory = knowing(list(forest.posts.values()))
    with pytest.raises(RemoteError, match="1 of 4 posts"):
        read(forest, memory)
    assert comments(memory) == {i for i in forest.living() if not i.startswith("t1_bbb")}
    assert "bugs/tree/t3_bbb" not in memory.checkpoints
    forest.failing.clear()
    assert comments(read(forest, memory)) == forest.living()


def test_a_post_that_is_gone_is_a_finding_not_a_failure() -> None:
    forest = Forest()
    for key in ("aaa", "bbb"):
        forest.grow(key, comments=9, seed=1)
    forest.failing["bbb"] = UnavailableError("not there")
    memory = read(forest)
    assert any("not there" in note for note in memory.notes)
    assert comments(memory) == {i for i in forest.living() if i.startswith("t1_aaa")}


def test_a_sync_in_which_nothing_but_gone_posts_are_due_is_no_failure() -> None:
    forest = Forest()
    for key in ("aaa", "bbb", "ccc", "ddd"):
        forest.grow(key, comments=5, seed=1)
        forest.failing[key] = UnavailableError("not there")
    memory = read(forest)
    assert [note for note in memory.notes if "4 posts could not be read" in note]


def test_refused_credentials_end_the_walk_at_once() -> None:
    forest = Forest()
    for n in range(25):
        forest.grow(f"p{n}x", comments=3, seed=n)
    forest.failing["p3x"] = AuthError("revoked")
    memory = knowing(list(forest.posts.values()))
    with pytest.raises(AuthError):
        read(forest, memory)
    assert len(memory.requests) == 10
    assert any(i.startswith("t1_p4x") for i in comments(memory)), "what came beside the refusal is kept"


def test_a_damaged_body_is_asked_for_once_more() -> None:
    forest = Forest()
    forest.grow("aaa", comments=9, seed=1)
    broken = [True]

    def respond(request: Request) -> Response | HubbubError:
        return answer(request, b'[{"kind":"Lis') if broken and broken.pop() else forest.respond(request)

    memory = drive(community_comments("bugs", options=OPTIONS), respond, memory=knowing(list(forest.posts.values())))
    assert comments(memory) == forest.living()


def test_ids_that_never_come_are_counted_and_not_asked_for_again() -> None:
    forest = Forest()
    forest.grow("aaa", comments=8, seed=1, bushy=1.0)
    forest.dead = {"aaa00003", "aaa00005"}
    memory = read(forest)
    assert memory.missing == 2
    assert len(memory.requests) == 2


def test_a_more_that_never_ends_is_cut_and_noted() -> None:
    forest = Forest()
    forest.grow("aaa", comments=2, seed=1)
    counter = iter(range(10**6))

    def respond(request: Request) -> Response | HubbubError:
        if request.route != "morechildren":
            thread = forest.thread("aaa", root="t3_aaa", order="old")
            stub = {"count": 9, "id": "zz", "parent_id": "t3_aaa", "depth": 0, "children": ["zz"]}
            thread[1]["data"]["children"].append({"kind": "more", "data": stub})
            return answer(request, thread)
        fresh = {**forest.comments["aaa00000"], "id": f"n{next(counter)}"}
        stub = {"count": 9, "id": "x", "parent_id": "t3_aaa", "depth": 0, "children": [f"m{next(counter)}"]}
        things = [{"kind": "t1", "data": fresh}, {"kind": "more", "data": stub}]
        return answer(request, {"json": {"errors": [], "data": {"things": things}}})

    memory = drive(community_comments("bugs", options=OPTIONS), respond, memory=knowing(list(forest.posts.values())))
    assert len(memory.requests) < 50
    assert any("stopped asking" in note for note in memory.notes)


def test_what_a_thread_may_not_ask_for_is_missing_at_whatever_depth() -> None:
    thread, pool = Thread("t3_a", count=50), Pool()
    thread.requests_left = 0
    thread.stubs = [Stub((f"n{depth}", f"m{depth}"), depth, 5) for depth in (0, 3, 7)]
    thread.continues = ["c1", "c2"]
    pool.take(thread)
    assert not thread.is_done
    assert list(pool.asks(final=True)) == []
    assert (thread.is_done, thread.cut, thread.missing) == (True, True, 8)


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 160), min_size=1, max_size=14),
    seed=st.integers(0, 99),
    limit=st.integers(3, 60),
    kill=st.integers(0, 30),
)
def test_killed_at_any_page_and_begun_again_it_reads_every_living_comment(
    *, sizes: list[int], seed: int, limit: int, kill: int
) -> None:
    forest = Forest()
    for n, size in enumerate(sizes):
        forest.grow(f"p{n}x", comments=size, seed=seed, bushy=0.3, dead=0.1)

    def respond(request: Request) -> Response | HubbubError:
        if request.route == "comments":
            key = request.url.split("/")[2]
            order = dict(request.params)["sort"]
            return answer(request, forest.thread(key, root="t3_" + key, order=order, limit=limit))
        return forest.respond(request)

    memory = knowing(list(forest.posts.values()))
    try:
        drive(community_comments("bugs", options=OPTIONS), respond, memory=memory, kill_after=kill)
    except Stop:
        drive(community_comments("bugs", options=OPTIONS), respond, memory=memory)
    assert comments(memory) == forest.living()


SESSIONS = sorted({entry["session"] for entry in recordings.of_kind("session")})


class Replay:
    """A recorded session as a server: its own bodies where the same was asked, else composed of what they hold."""

    def __init__(self, name: str) -> None:
        self.entries = [e for e in recordings.of_kind("session") if e["session"] == name and e["status"] == 200]
        self.first = self.entries[0]
        self.comments: dict[str, dict[str, Any]] = {}
        self.children: dict[str, list[str]] = {}
        for entry in self.entries:
            for kind, data in recordings.things(recordings.body_json(entry)):
                if kind == "t1" and data["id"] not in self.comments:
                    self.comments[data["id"]] = {**data, "replies": ""}
                    self.children.setdefault(data["parent_id"], []).append(data["id"])

    @property
    def post(self) -> dict[str, Any]:
        found: dict[str, Any] = recordings.body_json(self.first)[0]["data"]["children"][0]["data"]
        return found

    def under(self, ids: list[str]) -> list[dict[str, Any]]:
        found, waiting = [], [i for i in ids if i in self.comments]
        while waiting:
            key = waiting.pop(0)
            found.append({"kind": "t1", "data": self.comments[key]})
            waiting.extend(self.children.get("t1_" + key, ()))
        return found

    def respond(self, request: Request) -> Response:
        asked = dict(request.params)
        if not self.first["raw_json"]:
            request = msgspec.structs.replace(request, params=())
        if request.route == "comments":
            return recordings.response(self.first, request=request)
        if request.route == "branch":
            root = request.url.rsplit("/", 1)[-1]
            for entry in self.entries:
                if entry["path"].removesuffix(".json").rstrip("/").endswith("/_/" + root):
                    return recordings.response(entry, request=request)
            flat = {"kind": "Listing", "data": {"after": None, "children": self.under([root])}}
            return answer(request, [recordings.body_json(self.first)[0], flat])
        if request.route == "info":
            ids = [i[3:] for i in asked["id"].split(",")]
            found = [{"kind": "t1", "data": self.comments[i]} for i in ids if i in self.comments]
            return answer(request, {"kind": "Listing", "data": {"after": None, "children": found}})
        things = self.under(dict(request.form)["children"].split(","))
        return answer(request, {"json": {"errors": [], "data": {"things": things}}})


@needs_shared
@pytest.mark.parametrize("name", SESSIONS)
def test_a_recorded_session_ends_in_the_comments_praw_found(name: str) -> None:
    replay = Replay(name)
    community = replay.post["subreddit"].casefold()
    memory = drive(community_comments(community, options=OPTIONS), replay.respond, memory=knowing([replay.post]))
    assert comments(memory) == {"t1_" + key for key in replay.comments}
    for record in memory.records.values():
        if record.id.startswith("t1_"):
            assert record.parent_id == replay.comments[record.id[3:]]["parent_id"]
    assert not memory.rejected
    assert len(memory.requests) < len(replay.entries) + 3, "never more requests than the recorded client needed"


def test_checkpoints_of_trees_come_only_after_their_comments() -> None:
    forest = Forest()
    forest.grow("aaa", comments=700, seed=3)
    memory = read(forest)
    last = max(n for n, page in enumerate(memory.pages) if any(isinstance(r, Comment) for r in page.records))
    claims = [n for n, page in enumerate(memory.pages) if page.checkpoints]
    assert min(claims) >= last
