"""Shapes and refusals of the other routes, and the media hosts."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest
from PIL import Image

from hubbub.simulator.faults import Scenario
from hubbub.simulator.things import HORIZON
from hubbub.sources.reddit.simulator.view import comment_id, post_id
from tests.simulator.conftest import AGENT, COMMUNITY, Door, basic, door


def decoded(reply: Any) -> Any:
    return msgspec.json.decode(reply.body)


def headers(reply: Any) -> dict[str, str]:
    return dict(reply.headers)


def every_post(reddit: Door) -> dict[str, dict[str, Any]]:
    """All posts that info hands out, by id."""
    community = reddit.platform.world.community(COMMUNITY)
    names = ",".join(f"t3_{post_id(p)}" for p in community.posts)
    return {c["data"]["id"]: c["data"] for c in reddit.get("/api/info", id=names)["data"]["children"]}


def test_info_keeps_the_order_and_leaves_out_what_is_gone(reddit: Door) -> None:
    community = reddit.platform.world.community(COMMUNITY)
    gone = next(p for p in community.posts if p.gone_at < HORIZON)
    names = [f"t3_{post_id(p)}" for p in community.posts[::-1]] + [f"t1_{comment_id(community.comments[0])}", "t5_zzz"]
    found = [c["data"]["name"] for c in reddit.get("/api/info", id=",".join(names))["data"]["children"]]
    assert found == [n for n in names if n not in (f"t3_{post_id(gone)}", "t5_zzz")]
    assert reddit.reply("/api/info", id=",".join(["t3_a"] * 101)).status == 400


def test_every_way_of_leaving_has_its_own_look(reddit: Door) -> None:
    posts = every_post(reddit).values()
    looks = {p["removed_by_category"]: p for p in posts}
    assert {None, "deleted", "moderator", "reddit", "copyright_takedown"} <= set(looks)
    assert looks["deleted"]["author"] == "[deleted]"
    assert "author_fullname" not in looks["deleted"]
    assert looks["moderator"]["selftext"] == "[removed]"
    assert looks["moderator"]["author"] != "[deleted]"
    assert looks["reddit"]["title"] == looks["reddit"]["selftext"] == "[ Removed by Reddit ]"
    assert looks["copyright_takedown"]["removal_reason"] == "legal"


def test_what_a_deleted_account_wrote_stays_without_its_name() -> None:
    big = door(posts=300, comments=0)
    orphans = [p for p in every_post_of(big) if p["author"] == "[deleted]" and p["removed_by_category"] is None]
    assert orphans
    assert all(p["title"] and "author_fullname" not in p for p in orphans)


def test_every_kind_of_post_has_its_members() -> None:
    big = door(posts=400, comments=0, communities=(COMMUNITY, "spiders"))
    pages: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        data = big.get(f"/r/{COMMUNITY}/new", limit=100, after=after)["data"]
        pages, after = pages + [c["data"] for c in data["children"]], data["after"]
    gallery = next(p for p in pages if p.get("is_gallery") and "failed" in str(p["media_metadata"]))
    assert {i["media_id"] for i in gallery["gallery_data"]["items"]} == set(gallery["media_metadata"])
    entries = [e for p in pages if p.get("is_gallery") for e in p["media_metadata"].values()]
    animated = next(e for e in entries if e.get("e") == "AnimatedImage")
    assert "u" not in animated["s"]
    assert any(e.get("m") == "image/jpg" for e in entries)
    assert any(i.get("is_deleted") for p in pages if p.get("is_gallery") for i in p["gallery_data"]["items"])
    lists = [p["crosspost_parent_list"] for p in pages if "crosspost_parent" in p]
    assert [] in lists
    assert any(x and x[0]["subreddit"] == "spiders" for x in lists)
    assert all(p["poll_data"]["voting_end_timestamp"] > 10**12 for p in pages if "poll_data" in p)
    assert any(p["is_video"] and p["media"]["reddit_video"]["fallback_url"] for p in pages)
    assert any(p["selftext"] and not p["is_self"] for p in pages)
    assert any(isinstance(p["edited"], float) for p in pages)


def test_a_strange_platform_sends_fields_and_values_of_tomorrow() -> None:
    own = door(Scenario(strange=True))
    posts = every_post(own).values()
    assert all(p["vibe_check"] for p in posts)
    assert "community_jury" in {p["removed_by_category"] for p in posts}


def test_strings_are_escaped_unless_raw_json_is_asked_for(reddit: Door) -> None:
    raw = str(reddit.get(f"/r/{COMMUNITY}/about")["data"]["description"])
    escaped = str(decoded(reddit.reply(f"/r/{COMMUNITY}/about", raw_json=0))["data"]["description"])
    assert "<3" in raw
    assert " & " in raw
    assert escaped == raw.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("simulated_private", 403, "private"),
        ("simulated_quarantined", 403, "quarantined"),
        ("simulated_gated", 403, "gated"),
        ("simulated_banned", 404, "banned"),
        ("all", 404, None),
    ],
)
def test_closed_communities_say_why(reddit: Door, name: str, *, status: int, reason: str | None) -> None:
    for path in ("about", "new", "comments"):
        if (name, path) == ("all", "about") or name != "all":
            reply = reddit.reply(f"/r/{name}/{path}")
            assert (reply.status, decoded(reply).get("reason")) == (status, reason)


def test_an_unknown_community_is_a_redirect_to_the_search(reddit: Door) -> None:
    reply = reddit.reply("/r/nobody_made_this/new")
    assert reply.status == 302
    assert headers(reply)["location"].endswith("/subreddits/search?q=nobody_made_this")


def test_people_gone_suspended_and_hidden(reddit: Door) -> None:
    people = {p.fate: p for p in reddit.platform.world.people if p.fate_at <= HORIZON or p.fate == "plain"}
    assert reddit.reply(f"/user/{people['gone'].name}/about").status == 404
    suspended = reddit.get(f"/user/{people['suspended'].name}/about")["data"]
    assert suspended["is_suspended"] is True
    assert "id" not in suspended
    assert reddit.reply(f"/user/{people['suspended'].name}/submitted").status == 403
    assert reddit.get(f"/user/{people['hidden'].name}/overview")["data"]["children"] == []
    plain = reddit.get(f"/user/{people['plain'].name.upper()}/about")["data"]
    assert plain["name"] == people["plain"].name
    found = reddit.get("/api/user_data_by_account_ids", ids=f"t2_{plain['id']},t2_zzz")
    assert found[f"t2_{plain['id']}"]["name"] == plain["name"]
    assert reddit.reply("/api/user_data_by_account_ids", ids="t2_zzz").status == 404


def test_moderators_lists_are_forbidden_and_unknown_paths_missing(reddit: Door) -> None:
    assert reddit.reply(f"/r/{COMMUNITY}/about/moderators").status == 403
    assert reddit.reply("/api/v9/nothing").status == 404
    assert reddit.reply(f"/r/{COMMUNITY}/about/sticky").status == 302


def test_agents_that_hide_are_turned_away(reddit: Door) -> None:
    for agent, status in (("", 403), ("curl/8.5", 429), ("Python-urllib/3.11", 429)):
        reply = reddit._ask(method="GET", path=f"/r/{COMMUNITY}/about", headers=reddit.headers | {"user-agent": agent})
        assert reply.status == status
        assert reply.media_type.startswith("text/html")


def test_a_request_without_a_live_token_is_401() -> None:
    own = door()
    stale = dict(own.headers)
    own.platform.revoke()
    reply = own.reply(f"/r/{COMMUNITY}/new")
    assert reply.status == 401
    assert 'error="invalid_token"' in headers(reply)["www-authenticate"]
    own.login()
    assert own.headers != stale
    assert own.reply(f"/r/{COMMUNITY}/new").status == 200


def grant(own: Door, *, secret: str = "simulated-secret", **form: str) -> Any:
    return own.post("/api/v1/access_token", form, **basic(secret=secret), **{"user-agent": AGENT})


def test_the_token_endpoint_knows_the_four_grants() -> None:
    own = door()
    good = {"grant_type": "password", "username": "simulated_user", "password": "simulated-password"}
    assert decoded(grant(own, **good)) | {"access_token": "x"} == {
        "access_token": "x",
        "token_type": "bearer",
        "expires_in": 86_400,
        "scope": "*",
    }
    wrong = grant(own, **good | {"password": "x"})
    assert (wrong.status, decoded(wrong)) == (200, {"error": "invalid_grant"})
    assert decoded(grant(own, secret="", **good))["error"] == "unauthorized_client"
    assert grant(own, secret="nonsense", grant_type="client_credentials").status == 401
    installed = "https://oauth.reddit.com/grants/installed_client"
    assert decoded(grant(own, secret="", grant_type=installed, device_id="DO_NOT_TRACK_THIS_DEVICE"))["device_id"]
    assert decoded(grant(own, grant_type=installed, device_id="short"))["error"] == "invalid_request"
    assert decoded(grant(own, grant_type="magic"))["error"] == "unsupported_grant_type"


def test_refresh_tokens_rotate_and_work_once() -> None:
    own = door()
    first = own.platform.ready("")["refresh_token"]
    second = decoded(grant(own, grant_type="refresh_token", refresh_token=first))["refresh_token"]
    assert second != first
    assert grant(own, grant_type="refresh_token", refresh_token=first).status == 400
    assert grant(own, grant_type="refresh_token", refresh_token=second).status == 200


def test_a_narrow_token_lacks_the_scope_for_user_pages() -> None:
    own = door()
    token = decoded(grant(own, grant_type="client_credentials", scope="read"))["access_token"]
    own.headers["authorization"] = f"bearer {token}"
    assert own.reply(f"/r/{COMMUNITY}/new").status == 200
    reply = own.reply("/user/AutoModerator/overview")
    assert reply.status == 403
    assert "insufficient_scope" in headers(reply)["www-authenticate"]


def picture_post(reddit: Door) -> dict[str, Any]:
    return next(p for p in every_post(reddit).values() if p.get("post_hint") == "image" and "preview" in p)


def test_pictures_have_the_size_and_type_that_was_announced(reddit: Door) -> None:
    post = picture_post(reddit)
    reply = reddit.media(post["url"], accept="image/*,*/*;q=0.8")
    source = post["preview"]["images"][0]["source"]
    with Image.open(io.BytesIO(reply.body)) as picture:
        assert picture.size == (source["width"], source["height"])
    assert reply.body == reddit.media(post["url"]).body
    assert reddit.media(post["url"], accept="text/html,*/*").status == 302


def test_previews_are_served_for_their_exact_address_only(reddit: Door) -> None:
    preview = picture_post(reddit)["preview"]["images"][0]["resolutions"][0]
    reply = reddit.media(preview["url"])
    assert (reply.status, reply.media_type) == (200, "image/webp")
    with Image.open(io.BytesIO(reply.body)) as picture:
        assert picture.size == (preview["width"], preview["height"])
    assert reddit.media(preview["url"].replace("&", "&amp;")).status == 403
    assert reddit.media(preview["url"].replace("width=108", "width=109")).status == 403


def test_pictures_of_deleted_posts_are_gone(reddit: Door) -> None:
    deleted = [
        p for p in every_post(reddit).values() if p["removed_by_category"] == "deleted" and p["domain"] == "i.redd.it"
    ]
    big = reddit if deleted else door(posts=200, comments=0)
    posts = deleted or [
        p for p in every_post_of(big) if p["removed_by_category"] == "deleted" and p["domain"] == "i.redd.it"
    ]
    assert posts
    assert big.media(posts[0]["url"]).status == 404


def every_post_of(big: Door) -> list[dict[str, Any]]:
    names = [f"t3_{post_id(p)}" for p in big.platform.world.community(COMMUNITY).posts]
    parts = [",".join(names[start : start + 100]) for start in range(0, len(names), 100)]
    return [c["data"] for part in parts for c in big.get("/api/info", id=part)["data"]["children"]]


def test_foreign_hosts_answer_for_deleted_pictures_with_a_placeholder() -> None:
    big = door(posts=300, comments=0)
    hosted = [p for p in every_post_of(big) if p["domain"] == "i.imgur.com"]
    replies = [big.media(p["url"]) for p in hosted]
    assert {200, 302} == {r.status for r in replies}
    assert len(big.media(f"{big.base_url}/i.imgur.com/removed.png").body) == 503
    with Image.open(io.BytesIO(big.media(f"{big.base_url}/i.imgur.com/removed.png").body)) as placeholder:
        assert placeholder.size == (161, 81)


def test_some_pictures_are_posted_twice(reddit: Door) -> None:
    del reddit
    big = door(posts=300, comments=0)
    community = big.platform.world.community(COMMUNITY)
    again = next(p for p in community.posts if p.picture_of is not None and p.kind == "image")
    first = big.platform.world.post(again.picture_of)
    shown = {
        c["data"]["id"]: c["data"]
        for c in big.get("/api/info", id=f"t3_{post_id(again)},t3_{post_id(first)}")["data"]["children"]
    }
    bodies = [big.media(p["url"]).body for p in shown.values() if p["removed_by_category"] is None]
    assert shown[post_id(again)]["url"] != shown[post_id(first)]["url"]
    assert len(set(bodies)) == 1
