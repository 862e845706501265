"""Dumps agree with the live answers; recorded sessions are served as if Reddit stood behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from backports import zstd

from hubbub.errors import ConfigError
from hubbub.plugins.registry import load
from hubbub.simulator.server import build
from hubbub.simulator.things import HORIZON, Size
from hubbub.simulator.world import World
from tests.shared import DATA, needs_shared
from tests.simulator.conftest import COMMUNITY, Door, basic, door, options

SAME_POST = (
    "id",
    "subreddit",
    "author",
    "title",
    "selftext",
    "over_18",
    "score",
    "num_comments",
    "edited",
    "permalink",
)
SAME_COMMENT = ("id", "subreddit", "author", "body", "score", "edited", "permalink", "parent_id", "link_id")


def dumped(path: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in zstd.decompress(path.read_bytes()).splitlines()]


def written(out: Path, **asked: Any) -> list[Path]:
    world = World(7, size=Size(posts=40, comments=600), communities=(COMMUNITY, "spiders"))
    paths: list[Path] = load("simulators", "reddit").dump(world=world, out=out, **asked)
    return paths


def live(record: dict[str, Any]) -> bool:
    text = record.get("body", record.get("selftext"))
    blank = text in ("[deleted]", "[removed]", "[ Removed by Reddit ]")
    return not blank and not record.get("removed_by_category") and "was_deleted_later" not in record.get("_meta", {})


def test_dumps_agree_with_the_live_answers(reddit: Door, tmp_path: Path) -> None:
    posts, comments = (dumped(path) for path in written(tmp_path))
    truth = reddit.truth()
    for prefix, records, same in (("t3", posts, SAME_POST), ("t1", comments, SAME_COMMENT)):
        kind = "posts" if prefix == "t3" else "comments"
        kept = {r["id"]: r for r in records if live(r)}
        shown = {i for place in truth.values() for i in place[kind]} - {
            i for place in truth.values() for i in place["blank_comments"]
        }
        assert set(kept) == shown
        names = [f"{prefix}_{i}" for i in kept]
        for start in range(0, len(names), 100):
            for child in reddit.get("/api/info", id=",".join(names[start : start + 100]))["data"]["children"]:
                record = kept[child["data"]["id"]]
                assert {k: record[k] for k in same} == {k: child["data"][k] for k in same}
                assert record["created_utc"] == child["data"]["created_utc"]


def test_dumps_hold_what_was_withdrawn_in_both_ways(tmp_path: Path) -> None:
    posts, comments = (dumped(path) for path in written(tmp_path))
    for records, text in ((posts, "selftext"), (comments, "body")):
        later = [r for r in records if r.get("_meta", {}).get("was_deleted_later")]
        assert later
        assert all(r["_meta"]["removal_type"] and r[text] not in ("[deleted]", "[removed]") for r in later)
    assert any(r["body"] in ("[removed]", "[deleted]") for r in comments)


def test_dumps_have_the_modern_shape(tmp_path: Path) -> None:
    for path in written(tmp_path):
        records = dumped(path)
        order = [(r["created_utc"], len(r["id"]), r["id"]) for r in records]
        assert order == sorted(order)
        assert all(list(r) == sorted(r) for r in records)
        assert all(isinstance(r["created_utc"], int) and r["retrieved_on"] > HORIZON for r in records)
        assert not any("body_html" in r or "depth" in r for r in records)


def test_dumps_are_the_same_for_the_same_world_and_can_be_cut_up(tmp_path: Path) -> None:
    first, second = written(tmp_path / "a"), written(tmp_path / "b")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert [p.name for p in first] == ["RS_2026-05.zst", "RC_2026-05.zst"]
    monthly = written(tmp_path / "c", monthly=True, frames=3)
    assert {p.name for p in monthly} >= {f"R{k}_2026-0{m}.zst" for k in "SC" for m in (2, 3, 4, 5)}
    assert sum(len(dumped(p)) for p in monthly) == sum(len(dumped(p)) for p in first)
    spiders = written(tmp_path / "d", communities=["spiders"])
    assert {r["subreddit"] for p in spiders for r in dumped(p)} == {"spiders"}


def replayed(name: str) -> Door:
    return Door(build(options(replay=DATA / "reddit" / "sessions" / name)))


@needs_shared
@pytest.mark.parametrize(
    ("name", "post", "count"),
    [
        ("thread_3hahrw_best_2020", "3hahrw", 535),
        ("thread_3hahrw_old_2020", "3hahrw", 535),
        ("thread_yjk55_2015", "yjk55", 151),
    ],
)
def test_a_recorded_thread_is_served_whole_however_it_is_asked_for(name: str, post: str, count: int) -> None:
    own = replayed(name)
    found, waiting = set(), list(own.get(f"/comments/{post}", limit=500, sort="confidence")[1]["data"]["children"])
    while waiting:
        thing = waiting.pop()
        data = thing["data"]
        if thing["kind"] == "t1":
            found.add(data["id"])
            waiting.extend(data["replies"]["data"]["children"] if data["replies"] else [])
        elif data["count"] == 0:
            path = f"/comments/{post}/_/{data['parent_id'].removeprefix('t1_')}"
            waiting.extend(own.get(path)[1]["data"]["children"][0]["data"]["replies"]["data"]["children"])
        else:
            for start in range(0, len(data["children"]), 60):
                asked = ",".join(data["children"][start : start + 60])
                reply = own.post("/api/morechildren", {"link_id": f"t3_{post}", "children": asked})
                waiting.extend(msgspec.json.decode(reply.body)["json"]["data"]["things"])
    (place,) = own.truth().values()
    assert found == set(place["comments"])
    assert len(found) == count


@needs_shared
def test_recorded_failures_come_in_their_order() -> None:
    own = replayed("thread_fcn10m_2020")
    statuses = [own.reply("/comments/fcn10m", limit=500).status for _ in range(6)]
    assert statuses == [200, 503, 200, 503, 503, 200]


@needs_shared
def test_a_listing_and_a_community_are_made_up_from_the_recordings() -> None:
    own = replayed("thread_3hahrw_best_2020")
    assert own.platform.ready("")["communities"] == ["funny"]
    assert [c["data"]["id"] for c in own.get("/r/funny/new")["data"]["children"]] == ["3hahrw"]
    assert own.get("/r/funny/about")["data"]["display_name"] == "funny"
    assert own.reply("/r/elsewhere/new").status == 404
    after: str | None = ""
    pages = 0
    while after is not None:
        after, pages = own.get("/r/funny/comments", limit=100, after=after)["data"]["after"], pages + 1
    assert pages == 6


def test_recordings_without_an_index_are_served_by_what_is_in_them(tmp_path: Path, reddit: Door) -> None:
    post = reddit.truth()[COMMUNITY]["posts"][0]
    (tmp_path / "001_thread.json").write_bytes(reddit.reply(f"/comments/{post}").body)
    own = Door(build(options(replay=tmp_path)))
    assert own.get(f"/comments/{post}/", limit=3)[0]["data"]["children"][0]["data"]["id"] == post
    assert own.post("/api/v1/access_token", {"grant_type": "password"}, **basic(secret="x")).status == 401


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to replay"):
        door(replay=tmp_path)
