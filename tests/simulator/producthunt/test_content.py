"""What is launched, said, changed and withdrawn, and how people and addresses look."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from hubbub.simulator.faults import Scenario
from hubbub.simulator.things import HORIZON
from tests.simulator.producthunt.conftest import PLENTY, Hunt

PACIFIC = ZoneInfo("America/Los_Angeles")
EVERYTHING = """id name slug tagline description url website createdAt featuredAt votesCount commentsCount reviewsCount
    reviewsRating userId isCollected isVoted makers { id name } user { id name username url headline isMaker isFollowing
    followers(first: 5) { nodes { id } } madePosts(first: 5) { nodes { id } } } media { type url(width: 300) videoUrl }
    thumbnail { type url } productLinks { type url } topics(first: 5) { nodes { slug } }
    collections(first: 5) { nodes { id } } votes(first: 3) { nodes { id createdAt userId user { id } } }"""


def of(switches: dict[str, object], **changed: int) -> Hunt:
    return Hunt(Scenario(limits=PLENTY, producthunt={"launches_a_day": 12} | switches), **changed)


def epoch(written: str) -> float:
    return datetime.fromisoformat(written).timestamp()


def test_a_careful_walk_finds_what_is_true(hunt: Hunt) -> None:
    truth = hunt.truth()["posts"]
    found = {post["id"]: post for post in hunt.posts(EVERYTHING, order="NEWEST")}
    assert set(found) == set(truth)
    for number, told in truth.items():
        post = found[number]
        assert (post["name"], post["slug"], post["tagline"]) == (told["name"], told["slug"], told["tagline"])
        assert (post["votesCount"], post["commentsCount"]) == (told["votes"], told["comments"])
        assert epoch(post["createdAt"]) == told["created"]
        assert (post["featuredAt"] and epoch(post["featuredAt"])) == told["featured"]
        assert [topic["slug"] for topic in post["topics"]["nodes"]] == told["topics"]
        assert len(post["makers"]) == told["makers"]


def test_the_same_seed_and_time_give_the_same_answer_whatever_was_asked_before(hunt: Hunt) -> None:
    asked = f"{{ posts(order: NEWEST, first: 20) {{ nodes {{ {EVERYTHING} comments {{ nodes {{ id body }} }} }} }} }}"
    number = hunt.posts()[-1]["id"]
    one, other, third = Hunt(), Hunt(), Hunt(seed=8)
    other.data("query Q($id: ID) { post(id: $id) { name comments { nodes { body } } } }", id=number)
    assert one.reply(asked).body == other.reply(asked).body
    assert one.reply(asked).body != third.reply(asked).body
    assert hunt.data(asked) == one.data(asked)


def test_nothing_changes_after_the_horizon(hunt: Hunt) -> None:
    later = Hunt()
    later.at = HORIZON + 86_400 * 30
    assert later.truth()["posts"] == hunt.truth()["posts"]


def test_most_launches_come_a_minute_after_midnight_in_los_angeles_winter_and_summer() -> None:
    hunt = of({"launches_a_day": 10, "span_days": 100})
    for since, hour in (("2026-03-05", "T08:01:00Z"), ("2026-03-10", "T07:01:00Z")):
        day = datetime.fromisoformat(since).replace(tzinfo=PACIFIC)
        window = {"postedAfter": f'"{day.isoformat()}"', "postedBefore": f'"{(day + timedelta(days=1)).isoformat()}"'}
        launched = [
            p["launched"]
            for p in hunt.truth(since=day.isoformat(), until=(day + timedelta(1)).isoformat())["posts"].values()
        ]
        midnight = epoch(since + hour)
        assert sum(at == midnight for at in launched) > len(launched) / 2
        assert len(hunt.posts(order="NEWEST", **window)) == len(launched)
        assert all(midnight - 60 <= at < midnight + 86_400 for at in launched)


def test_scheduled_launches_are_hidden_until_launched_though_created_days_before() -> None:
    hunt = Hunt()
    early = {i: p for i, p in hunt.truth()["posts"].items() if p["created"] < p["launched"] - 86_400}
    assert early
    for number, told in early.items():
        hunt.at = told["launched"] - 1
        assert hunt.data("query Q($id: ID) { post(id: $id) { id } }", id=number)["post"] is None
        hunt.at = told["launched"]
        assert hunt.data("query Q($id: ID) { post(id: $id) { id } }", id=number)["post"] == {"id": number}


def test_ids_rise_with_creation(hunt: Hunt) -> None:
    launches = [one for day in range(10) for one in hunt.platform.scene(hunt.at, owner=False).world.of_day(day)]
    by_number = sorted(launches, key=lambda one: one.number)
    assert all(a.made_at <= b.made_at for a, b in pairwise(by_number))
    assert len({one.number for one in launches}) == len(launches)
    said = [c for one in hunt.truth()["comments"].values() for c in one.items()]
    created = [told["created"] for _, told in sorted(said, key=lambda pair: int(pair[0]))]
    assert created == sorted(created)


def test_votes_grow_for_days_and_some_fall() -> None:
    hunt = Hunt()
    launches = [one for day in range(5) for one in hunt.platform.scene(hunt.at, owner=False).world.of_day(day)]
    assert all(
        one.votes(one.launched_at + 3600) <= one.votes(one.launched_at + 40_000)
        for one in launches
        if one.swept_at > one.launched_at + 40_000
    )
    assert any(one.votes(one.launched_at + 100_000) < one.votes(one.launched_at + 300_000) for one in launches)
    swept = [one for one in launches if one.swept_at < HORIZON and one.peak > 100]
    assert any(one.votes(one.swept_at) < one.votes(one.swept_at - 1) for one in swept)
    assert all(one.votes(HORIZON) >= 0 for one in launches)


def test_comments_are_top_level_with_their_replies_below_or_all_in_one(hunt: Hunt) -> None:
    truth = hunt.truth()["comments"]
    number, said = max(truth.items(), key=lambda pair: len(pair[1]))
    assert len(said) > 100
    top = [c for c, told in said.items() if told["parent"] is None]
    fields = (
        "id parentId body createdAt replies(first: 20) { nodes { id parentId replies(first: 20) { nodes { id } } } }"
    )
    listed = hunt.comments(number, fields)
    assert {c["id"] for c in listed} == set(top)
    below = [reply for c in listed for reply in c["replies"]["nodes"]]
    deeper = [c["id"] for reply in below for c in reply["replies"]["nodes"]]
    assert below
    assert deeper
    assert {c["id"] for c in listed} | {r["id"] for r in below} | set(deeper) == set(said)
    assert [c["createdAt"] for c in listed] == sorted((c["createdAt"] for c in listed), reverse=True)
    everything = of({"comments_listed": "all"})
    assert {c["id"] for c in everything.comments(number)} == set(said)


def test_a_comment_alone_is_the_one_under_its_launch(hunt: Hunt) -> None:
    said = next(s for s in hunt.truth()["comments"].values() if any(t["parent"] for t in s.values()))
    number, told = next((c, t) for c, t in said.items() if t["parent"])
    query = "query Q($id: ID!) { comment(id: $id) { id body votesCount parentId parent { id } userId url } }"
    comment = hunt.data(query, id=number)["comment"]
    assert (comment["body"], comment["parent"]["id"]) == (told["body"], told["parent"])
    assert f"comment={number}" in comment["url"]


def test_bodies_are_html_in_most_cases_with_links_mentions_and_pictures(hunt: Hunt) -> None:
    bodies = [told["body"] for said in hunt.truth()["comments"].values() for told in said.values()]
    html = [body for body in bodies if body.startswith("<p>")]
    assert 0.5 < len(html) / len(bodies) < 0.95
    for part in ("<img ", 'data-mention-id="', '<a href="https://', "<strong>"):
        assert any(part in body for body in html), part


def test_what_is_deleted_stops_appearing() -> None:
    hunt = of({"launches_a_day": 20})
    gone = hunt.truth(deletions="1")
    number, at = next(iter(gone["posts"].items()))
    query = "query Q($id: ID) { post(id: $id) { slug } }"
    hunt.at = at - 1
    slug = hunt.data(query, id=number)["post"]["slug"]
    hunt.at = at
    assert hunt.data(query, id=number)["post"] is None
    assert hunt.data("query Q($s: String) { post(slug: $s) { id } }", s=slug)["post"] is None
    assert number not in {post["id"] for post in hunt.posts(order="NEWEST")}
    comment, at = next((c, at) for c, at in gone["comments"].items() if at not in gone["posts"].values())
    query = "query Q($id: ID!) { comment(id: $id) { id } }"
    hunt.at = at - 1
    assert hunt.data(query, id=comment)["comment"] == {"id": comment}
    hunt.at = at
    assert hunt.data(query, id=comment)["comment"] is None


def test_names_slugs_and_dates_of_creation_change() -> None:
    hunt = of({"launches_a_day": 20})
    launches = [one for day in range(9) for one in hunt.platform.scene(hunt.at, owner=False).world.of_day(day)]
    query = "query Q($id: ID) { post(id: $id) { id name slug tagline createdAt } }"
    renamed = next(one for one in launches if one.changed_at < min(one.deleted_at, HORIZON))
    moved = next(one for one in launches if one.moved_at < min(one.deleted_at, HORIZON))
    seen = {}
    for one, at in ((renamed, renamed.changed_at), (moved, moved.moved_at)):
        for hunt.at in (at - 1, at):
            seen[one, hunt.at - at] = hunt.data(query, id=str(one.number))["post"]
    before, after = seen[renamed, -1], seen[renamed, 0]
    assert before["name"] != after["name"]
    assert before["slug"] != after["slug"]
    assert hunt.data("query Q($s: String) { post(slug: $s) { id } }", s=after["slug"])["post"]["id"] == after["id"]
    assert seen[moved, -1]["createdAt"] != seen[moved, 0]["createdAt"]


def test_everybody_is_redacted_but_the_tokens_owner(hunt: Hunt) -> None:
    posts = hunt.posts(EVERYTHING, order="NEWEST")
    strangers = [post for post in posts if post["userId"] == "0"]
    mine = [post for post in posts if post["userId"] != "0"]
    assert len(strangers) > len(mine) == 1
    user = strangers[0]["user"]
    assert (user["id"], user["name"], user["username"], user["headline"]) == ("0", "[REDACTED]", "[REDACTED]", None)
    assert (user["isMaker"], user["followers"]["nodes"], user["madePosts"]["nodes"]) == (False, [], [])
    assert {vote["user"]["id"] for post in posts for vote in post["votes"]["nodes"]} == {"0"}
    viewer = hunt.data("{ viewer { user { id username isViewer madePosts { nodes { id } } } } }")["viewer"]["user"]
    assert mine[0]["user"]["id"] == viewer["id"] == mine[0]["userId"]
    assert viewer["madePosts"]["nodes"] == [{"id": mine[0]["id"]}]
    query = "query Q($id: ID) { user(id: $id) { username } }"
    assert hunt.data(query, id=viewer["id"])["user"]["username"] == viewer["username"]
    assert hunt.data(query, id="77")["user"]["username"] == "[REDACTED]"
    assert hunt.data(query, id="99999999999")["user"] is None


def test_an_application_has_no_viewer_and_sees_nobody() -> None:
    hunt = Hunt()
    mine = hunt.data("{ viewer { user { madePosts { nodes { id } } } } }")["viewer"]["user"]["madePosts"]["nodes"][0]
    hunt.token = hunt.app_token()
    assert hunt.data("{ viewer { user { id } } }") == {"viewer": None}
    told = hunt.data("query Q($id: ID) { post(id: $id) { userId user { id } makers { id } } }", id=mine["id"])["post"]
    assert {told["userId"], told["user"]["id"], *(maker["id"] for maker in told["makers"])} == {"0"}


def test_addresses_tell_which_application_asked(hunt: Hunt) -> None:
    tracking = re.compile(
        r"\?utm_campaign=producthunt-api&utm_medium=api-v2&utm_source=Application%3A\+[\w+]+\+%28ID%3A\+\d+%29"
    )
    for post in hunt.posts("url website", order="NEWEST"):
        assert tracking.search(post["url"])
        assert tracking.search(post["website"])
        assert post["website"].startswith("https://www.producthunt.com/r/")


def test_pictures_lie_on_the_simulators_own_host(hunt: Hunt) -> None:
    media = [m for post in hunt.posts(EVERYTHING, order="NEWEST") for m in post["media"]]
    assert {m["type"] for m in media} == {"image", "video"}
    assert all(m["url"].startswith("http://sim.test/ph-files.imgix.net/") and "w=300" in m["url"] for m in media)
    assert all((m["videoUrl"] is not None) == (m["type"] == "video") for m in media)


@pytest.mark.parametrize("root", ["post", "topic", "collection"])
def test_an_unknown_id_or_slug_is_null(hunt: Hunt, root: str) -> None:
    for given in ('id: "1"', 'id: "x"', 'id: "99999999999999999999"', 'slug: "nothing"', 'slug: "nothing-99"', ""):
        args = f"({given})" if given else ""
        assert hunt.data(f"{{ {root}{args} {{ id }} }}") == {root: None}
    assert hunt.data('{ comment(id: "5") { id } }') == {"comment": None}


def test_topics_and_collections_page_and_tell_their_members(hunt: Hunt) -> None:
    truth = hunt.truth()
    topics = hunt.walk("topics(first: 20, after: $after)", "id slug createdAt followersCount postsCount image")
    assert {topic["id"] for topic in topics} == set(truth["topics"])
    assert len(topics) == 40
    assert [t["createdAt"] for t in topics] == sorted((t["createdAt"] for t in topics), reverse=True)
    collections = hunt.walk("collections(order: NEWEST, first: 20, after: $after)", "id name")
    assert {c["id"] for c in collections} == set(truth["collections"])
    held = {number: told["posts"] for number, told in truth["collections"].items() if told["posts"]}
    assert held
    query = "query Q($id: ID) { collection(id: $id) { posts(first: 20) { nodes { id } } userId } }"
    for number, posts in held.items():
        assert [p["id"] for p in hunt.data(query, id=number)["collection"]["posts"]["nodes"]] == posts[:20]
    for number in truth["posts"]:
        found = hunt.data("query Q($id: ID) { collections(postId: $id) { nodes { id } } }", id=number)["collections"]
        assert {c["id"] for c in found["nodes"]} == {c for c, posts in held.items() if number in posts}


def test_a_topic_filters_by_its_slug(hunt: Hunt) -> None:
    truth = hunt.truth()["posts"]
    slug = next(iter(truth.values()))["topics"][0]
    found = hunt.posts(order="NEWEST", topic=f'"{slug}"')
    assert {post["id"] for post in found} == {i for i, told in truth.items() if slug in told["topics"]}
    name = hunt.data("query Q($s: String) { topic(slug: $s) { name } }", s=slug)["topic"]["name"]
    assert hunt.posts(topic=f'"{name.upper()} "') == []


def test_an_address_finds_its_launch_only_when_it_is_exact(hunt: Hunt) -> None:
    post = hunt.posts("id url", order="NEWEST")[5]
    bare = post["url"].partition("?")[0]
    assert hunt.posts(url=f'"{bare}"') == [{"id": post["id"]}]
    assert hunt.posts(url=f'"{bare}/"') == []


def test_bounds_are_inclusive_below_and_exclusive_above(hunt: Hunt) -> None:
    truth = hunt.truth()["posts"]
    at = sorted({told["launched"] for told in truth.values()})[3]
    written = f'"{datetime.fromtimestamp(at, tz=ZoneInfo("UTC")).isoformat()}"'
    after = {post["id"] for post in hunt.posts(order="NEWEST", postedAfter=written)}
    before = {post["id"] for post in hunt.posts(order="NEWEST", postedBefore=written)}
    assert after == {i for i, told in truth.items() if told["launched"] >= at}
    assert before == set(truth) - after


@pytest.mark.parametrize("far", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_far_bounds_are_bounds_too(hunt: Hunt, far: str) -> None:
    total = len(hunt.truth()["posts"])
    after = len(hunt.posts(order="NEWEST", postedAfter=f'"{far}"'))
    before = len(hunt.posts(order="NEWEST", postedBefore=f'"{far}"'))
    assert (after, before) == ((total, 0) if far < "2" else (0, total))


def test_when_it_was_featured_can_move() -> None:
    hunt = of({"launches_a_day": 60})
    launches = [one for day in range(9) for one in hunt.platform.scene(hunt.at, owner=False).world.of_day(day)]
    moved = next(one for one in launches if one.featured_at < one.refeatured_at < min(one.deleted_at, HORIZON))
    assert moved.featured(moved.refeatured_at - 1) == moved.featured_at
    assert moved.featured(moved.refeatured_at) == moved.refeatured_at


@pytest.mark.parametrize("dates", ["launch", "featured", "created"])
def test_which_date_is_tested_can_be_chosen(dates: str) -> None:
    hunt = of({"dates": dates})
    truth = hunt.truth()["posts"]

    def date(told: dict[str, int]) -> int:
        return {
            "launch": told["launched"],
            "created": told["created"],
            "featured": told["featured"] or told["launched"],
        }[dates]

    at = sorted(date(told) for told in truth.values())[len(truth) // 2] + 1
    written = f'"{datetime.fromtimestamp(at, tz=ZoneInfo("UTC")).isoformat()}"'
    assert {p["id"] for p in hunt.posts(order="NEWEST", postedAfter=written)} == {
        i for i, t in truth.items() if date(t) >= at
    }
    assert {p["id"] for p in hunt.posts(order="NEWEST", postedBefore=written)} == {
        i for i, t in truth.items() if date(t) < at
    }


def test_featured_filters_when_true_and_does_nothing_when_false(hunt: Hunt) -> None:
    truth = hunt.truth()["posts"]
    featured = {number for number, told in truth.items() if told["featured"]}
    assert {post["id"] for post in hunt.posts(featured=True)} == featured
    assert {post["id"] for post in hunt.posts(featured=False)} == set(truth)
    shy = of({"featured_only": True})
    assert {post["id"] for post in shy.posts()} == featured == set(shy.truth()["posts"])
    assert {post["id"] for post in shy.posts(featured=False)} == set(truth)
