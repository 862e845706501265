"""The pretend Arctic Shift answers by the rules of the real one's description."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from hubbub.plugins.registry import load
from hubbub.simulator.exchange import Ask, Reply
from hubbub.simulator.faults import Limits, Scenario
from hubbub.simulator.server import Options, Running, build
from tests.simulator.conftest import COMMUNITY, options

ROUTES = [load("simulators", "arctic"), load("simulators", "reddit")]


class Archive:
    """Asks the pretend archive in process."""

    def __init__(self, asked: Options | None = None) -> None:
        self.app = build(asked or options(routes=ROUTES))
        self.platform: Any = next(each for each in self.app.platforms if each.name == "arctic")

    def reply(self, path: str, **query: Any) -> Reply:
        told = {name: str(value) for name, value in query.items()}
        ask = Ask(method="GET", path=path, query=told, at=self.app.clock.tick(), base_url="http://sim.test")
        reply: Reply = self.platform.answer(ask)
        return reply

    def data(self, path: str, **query: Any) -> list[dict[str, Any]]:
        reply = self.reply(path, **query)
        assert reply.status == 200, reply.body
        found: list[dict[str, Any]] = msgspec.json.decode(reply.body)["data"]
        return found


@pytest.fixture(scope="module")
def archive() -> Archive:
    return Archive()


def everything(archive: Archive, kind: str) -> list[dict[str, Any]]:
    """All of a community, by the paging a careful client does."""
    seen: dict[str, dict[str, Any]] = {}
    after = 0
    while True:
        page = archive.data(f"/api/{kind}/search", subreddit=COMMUNITY, sort="asc", limit="auto", after=after)
        fresh = [item for item in page if item["id"] not in seen]
        if not fresh:
            return list(seen.values())
        seen |= {item["id"]: item for item in fresh}
        after = page[-1]["created_utc"] - 1


@pytest.mark.parametrize("kind", ["posts", "comments"])
def test_pages_run_by_time_and_the_counts_agree_with_them(archive: Archive, kind: str) -> None:
    items = everything(archive, kind)
    times = [item["created_utc"] for item in items]
    assert times == sorted(times)
    assert {item["subreddit"] for item in items} == {COMMUNITY}
    for precision in ("day", "month", "year"):
        series = archive.data("/api/time_series", key=f"r/{COMMUNITY}/{kind}/count", precision=precision)
        assert sum(point["value"] for point in series) == len(items)
        assert all(a["date"] < b["date"] for a, b in itertools.pairwise(series))
    (place,) = archive.data("/api/subreddits/search", subreddit=COMMUNITY.upper())
    assert place["_meta"][f"num_{kind}"] == len(items)


def test_the_other_order_and_the_bounds_of_time(archive: Archive) -> None:
    items = everything(archive, "comments")
    middle = items[len(items) // 2]["created_utc"]
    newest = archive.data("/api/comments/search", subreddit=f"r/{COMMUNITY}", sort="desc", limit=10, before=middle)
    assert [item["id"] for item in newest] == [item["id"] for item in items if item["created_utc"] < middle][::-1][:10]
    later = archive.data("/api/comments/search", subreddit=COMMUNITY, sort="asc", limit=10, after=middle)
    assert [item["id"] for item in later] == [item["id"] for item in items if item["created_utc"] > middle][:10]
    assert len(archive.data("/api/comments/search", subreddit=COMMUNITY)) == 25
    assert archive.data("/api/comments/search", subreddit="nosuch") == []


def test_items_by_id_and_by_person(archive: Archive) -> None:
    items = everything(archive, "posts")
    wanted = [items[3]["id"], items[5]["id"]]
    found = archive.data("/api/posts/ids", ids=f"t3_{wanted[0]},{wanted[1]}")
    assert [item["id"] for item in found] == wanted
    author = next(item["author"] for item in items if item["author"] != "[deleted]")
    of_one = archive.data("/api/posts/search", author=f"u/{author.upper()}", sort="asc", limit="auto")
    assert {item["author"] for item in of_one} == {author}
    assert archive.reply("/api/posts/ids", ids=",".join("a" * 501)).status == 400


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"limit": "101"}, "'limit' must be between 1 and 100"),
        ({"limit": "-1"}, "'limit' must be between 1 and 100"),
        ({"body": "x"}, "Unknown query parameter: 'body'"),
        ({"after": "noon"}, "noon"),
    ],
)
def test_a_question_it_does_not_take_is_refused_in_its_shape(
    archive: Archive, query: dict[str, str], said: str
) -> None:
    reply = archive.reply("/api/posts/search", subreddit=COMMUNITY, **query)
    assert reply.status == 400
    told = msgspec.json.decode(reply.body)
    assert told["data"] is None
    assert said in told["error"]


def test_the_rate_headers_count_down_and_too_much_is_429() -> None:
    archive = Archive(options(routes=ROUTES, scenario=Scenario(limits=Limits(requests=3))))
    replies = [archive.reply("/api/posts/search", subreddit=COMMUNITY) for _ in range(4)]
    assert [dict(reply.headers)["x-ratelimit-remaining"] for reply in replies] == ["2", "1", "0", "0"]
    assert [reply.status for reply in replies] == [200, 200, 200, 429]
    assert msgspec.json.decode(replies[-1].body)["error"]


def test_the_archive_grows_by_the_day() -> None:
    archive = Archive()
    horizon = archive.app.clock.now()
    whole = len(everything(archive, "comments"))
    archive.app.clock.set(horizon - 30 * 86_400)
    assert 0 < len(everything(archive, "comments")) < whole


def test_the_ready_line_names_the_archive_and_paths_of_reddit_stay_reddits() -> None:
    with Running(options(routes=ROUTES)) as running:
        assert running["arctic"] == running["reddit"] == running.url
        app = running.app
        assert app is not None
        asked = [
            Ask(method="GET", path=path) for path in ("/api/posts/search", "/r/spiders/new", "/api/info", "/nothing")
        ]
        owners = [next(p.name for p in app.platforms if p.route(ask) is not None) for ask in asked]
        assert owners == ["arctic", "reddit", "reddit", "reddit"]
