"""Communities that close, vanish, change their name and come back, as the platform tells it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from hubbub.errors import ConfigError
from hubbub.simulator.fates import Fate
from hubbub.simulator.faults import Clock, Scenario
from hubbub.simulator.moments import instant
from hubbub.simulator.things import HORIZON
from tests.simulator.client import simulated
from tests.simulator.conftest import COMMUNITY, Door, door

DAY = 86_400
START = HORIZON - 30 * DAY


def fated(*fates: Fate) -> Door:
    return door(Scenario(clock=Clock(start=START, speed=0, step=0), fates=fates))


def told(where: Door, path: str) -> tuple[int, dict[str, Any]]:
    reply = where.reply(path)
    return reply.status, msgspec.json.decode(reply.body)


def names_in(where: Door, path: str) -> set[str]:
    return {child["data"]["subreddit"] for child in where.get(path, limit=100)["data"]["children"]}


SHAPES = [
    ("private", 403, {"reason", "message", "error"}),
    ("gold_only", 403, {"reason", "message", "error"}),
    (
        "quarantined",
        403,
        {
            "reason",
            "message",
            "error",
            "quarantine_message",
            "quarantine_message_html",
            "quarantine_requires_email_optin",
        },
    ),
    ("gated", 403, {"reason", "message", "error", "interstitial_warning_message", "interstitial_warning_message_html"}),
    ("banned", 404, {"reason", "message", "error"}),
    ("invalid", 404, {"message", "error"}),
    ("legal", 451, {"message", "error"}),
    ("missing", 302, set()),
]


@pytest.mark.parametrize(("state", "status", "members"), SHAPES, ids=[shape[0] for shape in SHAPES])
def test_a_community_closes_in_its_shape_and_comes_back(state: Any, status: int, members: Sequence[str]) -> None:
    own = fated(Fate(community="spiders", at="+1d", state=state), Fate(community="SPIDERS", at=-28 * DAY, state="open"))
    before = own.get("/r/spiders/new")
    post = before["data"]["children"][0]["data"]["name"]
    own.move_to(START + DAY)
    for path in ("/r/spiders/new", "/r/spiders/comments", "/r/spiders/about", f"/comments/{post[3:]}"):
        got, body = told(own, path)
        assert (got, set(body)) == (status, set(members)), path
        if "reason" in members:
            assert body["reason"] == state
    assert names_in(own, f"/r/{COMMUNITY}+spiders/new") == {COMMUNITY}
    assert own.get("/api/info", id=post)["data"]["children"] == []
    assert own.truth()["spiders"]["posts"] == []
    own.move_to(START + 2 * DAY)
    assert names_in(own, f"/r/{COMMUNITY}+spiders/new") == {COMMUNITY, "spiders"}
    assert own.get("/api/info", id=post)["data"]["children"]
    assert own.reply("/r/spiders/about").status == 200


def test_a_closed_communitys_posts_leave_the_pages_of_people(reddit: Door) -> None:
    own = fated(Fate(community="spiders", at="+1h", state="private"))
    everyone = [p.name for p in own.platform.world.people[1:40] if p.fate == "plain"]
    writer = next(name for name in everyone if {COMMUNITY, "spiders"} <= names_in(own, f"/user/{name}/overview"))
    own.move_to(START + 3600)
    assert names_in(own, f"/user/{writer}/overview") == {COMMUNITY}
    assert "spiders" in names_in(reddit, f"/user/{writer}/overview")


def test_a_renamed_community_answers_under_its_new_name_only() -> None:
    own = fated(Fate(community="spiders", at="+1d", state="renamed", to="arachnids"))
    assert own.reply("/r/arachnids/new").status == 302
    names = [child["data"]["name"] for child in own.get("/r/spiders/new", limit=100)["data"]["children"]]
    place = own.get("/r/spiders/about")["data"]
    own.move_to(START + DAY)
    assert own.reply("/r/spiders/new").status == 302
    renamed = own.get("/r/Arachnids/new", limit=100)["data"]["children"]
    assert set(names[:20]) & {child["data"]["name"] for child in renamed}
    for child in renamed:
        assert child["data"]["subreddit"] == "arachnids"
        assert child["data"]["permalink"].startswith("/r/arachnids/comments/")
    about = own.get("/r/arachnids/about")["data"]
    assert (about["display_name"], about["name"]) == ("arachnids", place["name"])
    assert own.get("/api/info", id=place["name"])["data"]["children"][0]["data"]["display_name"] == "arachnids"


def test_names_nobody_made_can_answer_as_an_empty_search(reddit: Door) -> None:
    assert reddit.get("/r/simulated_listing/about")["kind"] == "Listing"
    assert reddit.reply("/r/simulated_listing/new").status == 302


def test_a_restricted_community_is_read_as_ever() -> None:
    own = fated(Fate(community="spiders", state="restricted"))
    assert own.get("/r/spiders/about")["data"]["subreddit_type"] == "restricted"
    assert own.get("/r/spiders/new")["data"]["children"]


def test_a_fate_can_be_ordered_while_the_simulator_runs() -> None:
    with simulated() as client:
        assert client.get("/r/spiders/about")[0] == 200
        client.control(fates={"community": "spiders", "state": "banned"})
        assert client.get("/r/spiders/about")[0] == 404
        client.control(fates=[{"community": "spiders", "state": "open"}, {"community": "bees", "state": "gated"}])
        assert [client.get(f"/r/{name}/about")[0] for name in ("spiders", "bees")] == [200, 403]
        refused = client.ask("POST", "/__control", body='{"fates": {"community": "x", "state": "open", "at": "soon"}}')
        assert refused[0] == 400
        assert b"soon" in refused[2]


@pytest.mark.parametrize(
    ("written", "meant"),
    [(1_700_000_000, 1_700_000_000), (-60, HORIZON - 60), ("+90", 590), ("+2m", 620), ("+3d", 500 + 3 * DAY),
     ("2026-06-01T00:00:00Z", HORIZON)],
)  # fmt: skip
def test_instants_are_written_in_several_ways(written: int | str, meant: float) -> None:
    assert instant(written, horizon=HORIZON, start=500) == meant


def test_an_instant_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="3 weeks"):
        instant("+3 weeks", horizon=0, start=0)
