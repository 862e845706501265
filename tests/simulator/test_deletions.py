"""The simulator tells what must be forgotten, and that it is not to be seen any more."""

from __future__ import annotations

import json
from typing import Any

from hubbub.simulator.faults import Clock, Scenario
from hubbub.simulator.things import HORIZON
from hubbub.simulator.world import text_of
from hubbub.sources.reddit.simulator.view import post_id
from tests.simulator.client import simulated
from tests.simulator.conftest import COMMUNITY, Door, door

DAY = 86_400


def forgotten(where: Door, **query: str) -> Any:
    return where.platform.truth(where.app.clock.now(), {"deletions": "1"} | query)


def moving() -> Door:
    return door(Scenario(clock=Clock(start=HORIZON - 100 * DAY, speed=0, step=0)), posts=120, comments=1500)


def test_deletions_pile_up_with_time_and_agree_with_what_is_answered() -> None:
    own = moving()
    before = forgotten(own)
    own.move_to(HORIZON)
    after = forgotten(own)
    for name in (COMMUNITY, "spiders"):
        early = {d["id"] for d in before["deletions"][name]}
        late = {d["id"]: d for d in after["deletions"][name]}
        assert early < set(late)
        assert {d["by"] for d in late.values()} == {"author", "moderator", "staff", "legal", "platform"}
        assert all(HORIZON - 100 * DAY < late[i]["at"] <= HORIZON for i in set(late) - early)
        things = sorted(late)
        for start in range(0, len(things), 100):
            part = things[start : start + 100]
            shown = {c["data"]["name"]: c["data"] for c in own.get("/api/info", id=",".join(part))["data"]["children"]}
            for name_ in part:
                if name_ not in shown:
                    assert late[name_]["by"] == "platform" or name_.startswith("t1_")
                elif name_.startswith("t1_"):
                    assert shown[name_]["body"] in ("[deleted]", "[removed]", "[ Removed by Reddit ]")
                else:
                    assert shown[name_]["removed_by_category"] is not None


def test_nothing_else_is_blank() -> None:
    own = moving()
    own.move_to(HORIZON)
    told = {d["id"] for d in forgotten(own, community=COMMUNITY)["deletions"][COMMUNITY]}
    truth = own.platform.truth(HORIZON, {"community": COMMUNITY})[COMMUNITY]
    assert set(truth["blank_comments"]) <= told
    assert not told & (set(truth["comments"]) - set(truth["blank_comments"]))
    assert not told & set(truth["posts"])


def test_deleted_texts_are_said_by_nobody_else() -> None:
    own = moving()
    own.move_to(HORIZON)
    entries = [d for part in forgotten(own, texts="1")["deletions"].values() for d in part]
    texts = [text for d in entries for text in d["texts"]]
    told = {d["id"] for d in entries}
    assert len(texts) > 60
    shown = own.platform.truth(HORIZON, {})
    world = own.platform.world
    living = [
        text_of(world, comment, at=HORIZON)
        for name in (COMMUNITY, "spiders")
        for comment in world.community(name).comments
        if comment.deleted_at > HORIZON and comment.removed_at > HORIZON
    ]
    everything = "\n\0".join(living)
    assert [text for text in texts if text in everything] == []
    assert told.isdisjoint(shown[COMMUNITY]["posts"])


def test_an_edited_and_deleted_text_is_told_in_both_versions() -> None:
    own = door(posts=2000, comments=0, communities=(COMMUNITY,))
    entries = {d["id"]: d["texts"] for d in forgotten(own, texts="1")["deletions"][COMMUNITY]}
    world = own.platform.world
    posts = [p for p in world.community(COMMUNITY).posts if p.edited_at < p.deleted_at <= HORIZON]
    both = [(entries[f"t3_{post_id(p)}"], [text_of(world, p, at=at) for at in (p.created_at, HORIZON)]) for p in posts]
    told = [(texts, versions) for texts, versions in both if versions[0] and set(versions) <= set(texts)]
    assert told
    assert all(late.startswith(early) and late != early for _, (early, late) in told)


def test_accounts_go_one_by_one() -> None:
    own = moving()
    counts = []
    for days in (59, 40, 20, 0):
        own.move_to(HORIZON - days * DAY)
        gone = forgotten(own)["accounts"]
        assert all(account["at"] <= own.app.clock.now() for account in gone)
        counts.append(len(gone))
        if gone:
            assert own.reply(f"/user/{gone[-1]['name']}/about").status == 404
    assert counts == sorted(counts)
    assert counts[0] < counts[1] < counts[-1]


def test_the_truth_about_deletions_is_served() -> None:
    with simulated(posts=60, comments=200) as client:
        made = json.loads(client.get(f"/__truth?deletions=1&texts=1&community={COMMUNITY}")[2])
        assert set(made) == {"deletions", "accounts"}
        assert set(made["deletions"]) == {COMMUNITY}
        assert {"id", "at", "by", "texts"} == set(made["deletions"][COMMUNITY][0])
