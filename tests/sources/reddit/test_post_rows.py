"""The short road of a dump's posts gives what the long road gives, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hubbub.sources.reddit import dump
from tests.shared import DATA, needs_shared
from tests.sources.reddit.test_comment_rows import FETCHED, NOW, TIMES, both, told

POST: dict[str, Any] = {
    "id": "1abc",
    "title": "What is it?",
    "selftext": "",
    "author": "Ada_L",
    "author_fullname": "t2_9x",
    "subreddit": "WhatIsThisBug",
    "created_utc": FETCHED - 60,
    "retrieved_on": FETCHED,
    "permalink": "/r/WhatIsThisBug/comments/1abc/what_is_it/",
    "url": "https://i.redd.it/k.jpeg",
    "url_overridden_by_dest": "https://i.redd.it/k.jpeg",
    "domain": "i.redd.it",
    "is_self": False,
    "is_video": False,
    "edited": False,
    "over_18": False,
    "spoiler": False,
    "locked": False,
    "archived": False,
    "stickied": False,
    "hide_score": False,
    "score": 3,
    "upvote_ratio": 0.97,
    "num_comments": 2,
    "num_crossposts": 0,
    "removed_by_category": None,
    "link_flair_text": " Requested ",
    "post_hint": "image",
    "preview": {
        "images": [{"source": {"url": "https://preview.redd.it/k.jpeg?s=1", "width": 3, "height": 4}, "id": "x"}]
    },
    "media": None,
    "is_robot_indexable": True,
    "_meta": {"retrieved_2nd_on": FETCHED + 129_600},
}
ENTRY = {
    "status": "valid",
    "e": "Image",
    "m": "image/png",
    "s": {"u": "https://preview.redd.it/m.png?s=2", "x": 1, "y": 2},
}
ODDITIES: list[dict[str, Any]] = [
    {},
    {"_meta": None},
    {"_meta": {"was_deleted_later": True, "removal_type": "moderator"}},
    {"_meta": {"was_deleted_later": True}},
    {"_meta": {"note": "initially_unavailable", "retrieved_2nd_on": FETCHED + 5}},
    {"is_self": True, "selftext": "found it", "url": "https://www.reddit.com/r/x/", "url_overridden_by_dest": None},
    {
        "is_gallery": True,
        "gallery_data": {"items": [{"media_id": "m", "caption": "one"}]},
        "media_metadata": {"m": ENTRY},
    },
    {"gallery_data": None, "media_metadata": None},
    {"is_video": True, "media": {"reddit_video": {"fallback_url": "https://v.redd.it/k/a.mp4", "width": 5}}},
    {"media": {"oembed": {"title": "x"}}},
    {"media": False},
    {"secure_media": {"reddit_video": None}},
    {"poll_data": {"options": [{"id": "1", "text": "yes"}], "voting_end_timestamp": FETCHED}},
    {"poll_data": False},
    {"crosspost_parent": "t3_9zz", "crosspost_parent_list": [{"id": "9zz", "url": "https://i.redd.it/z.png"}]},
    {"crosspost_parent": "t3_1abc"},
    {"crosspost_parent": "nothing"},
    {"preview": {"images": []}},
    {"preview": {"images": [{"source": {"url": 5}}]}},
    {"preview": "none"},
    {"url": None, "url_overridden_by_dest": None},
    {"url": "https://imgur.com/abcdef", "url_overridden_by_dest": "https://imgur.com/abcdef"},
    {"url": "", "url_overridden_by_dest": " "},
    {"domain": 5},
    {"removed_by_category": "deleted"},
    {"removed_by_category": "reddit", "selftext": "[removed]"},
    {"removed_by_category": ""},
    {"removal_reason": "legal"},
    {"selftext": "[removed]", "author": "[deleted]"},
    {"selftext": "[deleted]"},
    {"selftext": "[ Removed by Reddit ]"},
    {"selftext": None},
    {"title": "[deleted by user]", "author": "[deleted]"},
    {"title": "[OC] a moth"},
    {"title": ""},
    {"title": "a\x00b"},
    {"author": "[deleted]", "selftext": "still here"},
    {"author": ""},
    {"author": " Ada_L"},
    {"author_fullname": None},
    {"author_flair_text": " Expert "},
    {"subreddit": None},
    {"subreddit": ""},
    {"promoted": True},
    {"promoted": False},
    {"score": None},
    {"score": "7"},
    {"upvote_ratio": 1},
    {"upvote_ratio": 1.5},
    {"num_comments": -1},
    {"edited": True},
    {"edited": FETCHED - 7},
    {"edited": float(FETCHED)},
    {"hide_score": None},
    {"permalink": None},
    {"permalink": "https://old.reddit.com/r/x/comments/1abc/y/"},
    {"permalink": "https://example.org/"},
    {"id": "UPPER"},
    {"created_utc": str(FETCHED)},
    {"retrieved_on": None},
    {"is_robot_indexable": False},
    {"gilded": 2, "suggested_sort": "top"},
    {"content_categories": ["photography"], "contest_mode": True},
    {"link_flair_css_class": "a\x00b"},
    {"title": "x &amp; y", "retrieved_on": 1_600_000_000, "created_utc": 1_599_999_000},
    {"author_is_blocked": True},
    {"is_self": None, "url": "https://www.reddit.com/r/x/comments/1abd/what_is_it/"},
    *TIMES,
    {"brand_new_field": 1},
]


@pytest.mark.parametrize("over", ODDITIES, ids=str)
def test_both_roads_give_the_same(over: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    short, long = both([POST, POST | {"id": "1abd"} | over, POST | {"id": "1abe"}], monkeypatch)
    assert told(short) == told(long)
    assert not long.rows


@pytest.mark.parametrize("at", [0, 2, 5, 6, 8, 12, 14, 24, 33, 51, 61])
def test_ordinary_lines_take_the_short_road(at: int) -> None:
    line = json.dumps(POST | ODDITIES[at]).encode()
    given = dump.decode_block(line, count=1, where="RS", first_line=2, now=NOW)
    assert not given.records
    assert sum(len(part.rows) for part in given.rows) == 1


@needs_shared
@pytest.mark.parametrize("name", ["RS_mixed_years.ndjson", "RC_mixed_years.ndjson"])
def test_real_lines_of_all_years_come_out_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [json.loads(line) for line in (DATA / "archive" / name).read_bytes().splitlines() if line]
    for line in lines:
        short, long = both([line], monkeypatch)
        assert told(short) == told(long)
        monkeypatch.undo()
