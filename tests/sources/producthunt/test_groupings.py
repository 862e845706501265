"""Walks of topics and collections that break off lose nothing: the next one goes on to where the last whole one began."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hubbub.errors import HubbubError, TransientRemoteError
from hubbub.http.messages import Request, Response
from hubbub.records.models import LinkListing
from hubbub.sources.producthunt.groupings import WHOLE_EVERY_S, Kind, walk_groupings
from hubbub.sources.producthunt.prices import Prices
from tests.sources.drive import NOW, Memory, answer, drive


class Site:
    """Topics or collections, newest first, in pages of 20; each collection holds one launch."""

    def __init__(self, kind: Kind, count: int) -> None:
        self.kind = kind
        self.numbers = list(range(count, 0, -1))
        self.fails_at: int | None = None
        self.asked = 0
        self.now = NOW

    def answer(self, request: Request) -> Response | HubbubError:
        self.asked += 1
        if self.asked == self.fails_at:
            return TransientRemoteError("the platform is failing")
        variables = json.loads(request.body or b"")["variables"]
        if request.route == "Members":
            posts = {"nodes": [{"id": f"9{variables['collection']}"}], "pageInfo": {"hasNextPage": False}}
            data: dict[str, Any] = {"collection": {"id": variables["collection"], "posts": posts}}
            return answer(request, {"data": data}, received_at=self.now)
        begin = int(variables.get("after") or 0)
        nodes = [{"id": str(n), "name": f"n{n}", "slug": f"s{n}"} for n in self.numbers[begin : begin + 20]]
        info = {"hasNextPage": begin + 20 < len(self.numbers), "endCursor": str(begin + 20)}
        data = {f"{self.kind}s": {"nodes": nodes, "pageInfo": info}}
        return answer(request, {"data": data}, received_at=self.now)


def walk(site: Site, memory: Memory, *, now: int) -> HubbubError | None:
    site.asked, site.now = 0, now
    try:
        drive(walk_groupings(site.kind, prices=Prices(), full=False, now=now), site.answer, memory=memory)
    except HubbubError as error:
        return error
    return None


@pytest.mark.parametrize("kind", ["topic", "collection"])
def test_whatever_request_fails_the_next_walk_finds_all_that_is_new(kind: Kind) -> None:
    """Two pages of new ones above those that are known."""
    day = 86_400
    for k in range(1, 60):
        site, memory = Site(kind, 25), Memory()
        assert walk(site, memory, now=NOW) is None
        site.numbers = [*range(55, 25, -1), *site.numbers]
        site.fails_at = k
        failed = walk(site, memory, now=NOW + day)
        site.fails_at = None
        assert walk(site, memory, now=NOW + 2 * day) is None
        assert memory.ids() == {str(number) for number in site.numbers}, k
        if kind == "collection":
            assert owners(memory) == memory.ids(), k
        if failed is None:
            assert k == site_requests(kind) + 1
            return
    pytest.fail("it never came through")


def site_requests(kind: Kind) -> int:
    """Two pages, and what is in each collection that is new."""
    return 2 + (30 if kind == "collection" else 0)


def owners(memory: Memory) -> set[str]:
    return {link.owner for page in memory.pages for link in page.records if isinstance(link, LinkListing)}


def test_without_news_one_page_is_read_and_all_of_them_every_four_weeks() -> None:
    site, memory = Site("topic", 45), Memory()
    pages = []
    for at in (0, 86_400, WHOLE_EVERY_S):
        assert walk(site, memory, now=NOW + at) is None
        pages.append(site.asked)
    assert pages == [3, 1, 3]


def test_a_walk_that_never_ended_is_begun_again_whole() -> None:
    site, memory = Site("topic", 45), Memory()
    site.fails_at = 3
    assert walk(site, memory, now=NOW) is not None
    assert "topics" not in memory.checkpoints
    site.fails_at = None
    assert walk(site, memory, now=NOW + 60) is None
    assert len(memory.ids()) == 45


class Shifting(Site):
    """One collection of forty launches, from which one is taken out between two pages."""

    def __init__(self) -> None:
        super().__init__("collection", 1)
        self.members = [str(number) for number in range(1, 41)]

    def answer(self, request: Request) -> Response | HubbubError:
        if request.route != "Members":
            return super().answer(request)
        begin = int(json.loads(request.body)["variables"].get("after") or 0)
        shown = self.members[begin : begin + 20]
        info = {"hasNextPage": begin + 20 < len(self.members), "endCursor": str(begin + 20)}
        if "5" in self.members:
            self.members.remove("5")
        data = {"collection": {"id": "1", "posts": {"nodes": [{"id": key} for key in shown], "pageInfo": info}}}
        return answer(request, {"data": data}, received_at=self.now)


def test_a_launch_that_slides_past_the_cursor_stays_in_its_collection() -> None:
    memory = Memory()
    assert walk(Shifting(), memory, now=NOW) is None
    (listing,) = (each for page in memory.pages for each in page.records if isinstance(each, LinkListing))
    assert set(listing.members) == {str(number) for number in range(1, 41)}
    assert not listing.complete, "what was seen to move is not called whole: no link is ended by it"


def test_a_first_walk_that_broke_off_does_not_read_again_what_it_has() -> None:
    memory, site = Memory(), Site("collection", 60)
    site.fails_at = 2 * 21 + 1  # two pages of twenty, each with its members, are stored
    begun = drive_until_it_fails(site, memory)
    assert len(begun.records) == 40
    before = len(memory.requests)
    assert walk(site, memory, now=NOW + 60) is None
    members = [each for each in memory.requests[before:] if each.route == "Members"]
    assert len(members) == 20


def drive_until_it_fails(site: Site, memory: Memory) -> Memory:
    with pytest.raises(TransientRemoteError):
        drive(walk_groupings(site.kind, prices=Prices(), full=False, now=NOW), site.answer, memory=memory)
    return memory
