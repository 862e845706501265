"""The short road of a dump's comments gives what the long road gives, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hubbub.records.models import Comment, Door
from hubbub.sources.reddit import dump, plain_comments
from hubbub.sources.reddit.values import Gathered

NOW = 1_790_000_000
FETCHED = 1_700_000_000
COMMENT: dict[str, Any] = {
    "id": "kb1",
    "link_id": "t3_1abc",
    "parent_id": "t1_kb0",
    "created_utc": FETCHED - 60,
    "retrieved_on": FETCHED,
    "subreddit": "WhatIsThisBug",
    "author": "Ada_L",
    "author_fullname": "t2_9x",
    "author_flair_text": " Expert ",
    "body": "A leaf & a beetle",
    "permalink": "/r/WhatIsThisBug/comments/1abc/what_is_it/kb1/",
    "edited": False,
    "score": 3,
    "controversiality": 0,
    "locked": False,
    "collapsed": False,
    "distinguished": None,
    "_meta": {"retrieved_2nd_on": FETCHED + 129_600},
}
ODDITIES: list[dict[str, Any]] = [
    {},
    {"_meta": {}},
    {"_meta": None},
    {"_meta": {"retrieved_2nd_on": FETCHED - 5}},
    {"_meta": {"retrieved_2nd_on": NOW + 10**7}},
    {"_meta": {"retrieved_2nd_on": 0}},
    {"_meta": {"was_deleted_later": True, "removal_type": "deleted"}},
    {"_meta": {"note": "initially_unavailable", "retrieved_2nd_on": FETCHED + 5}},
    {"author": "[deleted]"},
    {"author": " Ada_L "},
    {"author": ""},
    {"author": None},
    {"author_fullname": "nobody"},
    {"author_flair_text": ""},
    {"body": "[removed]"},
    {"body": "  [ Removed by Reddit ]"},
    {"body": "[deleted]", "author": "[deleted]"},
    {"body": ""},
    {"body": None},
    {"body": "a\x00b"},
    {"author_flair_text": "a\x00b"},
    {"permalink": "/r/WhatIsThisBug/comments/1abc/what\x00is_it/kb1/"},
    {"permalink": "/r/WhatIsThisBug/comments/1abc//kb1/"},
    {"permalink": "/r/WhatIsThisBug/comments/1abc/a/b/kb1/"},
    {"permalink": "/r/WhatIsThisBug/comments/1abc/kb1/"},
    {"permalink": "/r/WhatIsThisBug/comments/2xyz/what_is_it/kb1"},
    {"body": "x &amp; y"},
    {"body": "x &amp; y", "retrieved_on": 1_600_000_000, "created_utc": 1_599_999_000},
    {"body": {"text": "no text"}},
    {"edited": True},
    {"edited": FETCHED - 10},
    {"edited": float(FETCHED)},
    {"edited": FETCHED * 1_000},
    {"edited": "yes"},
    {"edited": 0},
    {"score": None},
    {"score": "12"},
    {"score": 2**70},
    {"score": True},
    {"score": 3.0},
    {"created_utc": str(FETCHED)},
    {"created_utc": 5},
    {"created_utc": NOW + 10**7},
    {"retrieved_on": None},
    {"retrieved_on": NOW + 10**7},
    {"updated_on": FETCHED + 500},
    {"subreddit": "u_Ada_L"},
    {"subreddit": ""},
    {"subreddit": None},
    {"id": "NOT 36"},
    {"id": "kb1\n"},
    {"link_id": "1abc"},
    {"link_id": 77},
    {"parent_id": "t3_1abc"},
    {"parent_id": "t5_1abc"},
    {"parent_id": None},
    {"permalink": "https://www.reddit.com/r/x/comments/1abc/what_is_it/kb1/"},
    {"permalink": "https://example.org/"},
    {"permalink": ""},
    {"distinguished": " moderator "},
    {"distinguished": ""},
    {"collapsed": True},
    {"gilded": 2},
    {"score_hidden": "false"},
    {"removal_reason": "legal"},
    {"promoted": True},
    {"media_metadata": {"giphy|1": {"status": "valid", "e": "AnimatedImage", "m": "image/gif"}}},
    {"author_is_blocked": True},
    {"brand_new_field": 1},
]


@pytest.mark.parametrize("over", ODDITIES, ids=str)
def test_both_roads_give_the_same(over: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    blank = b""
    line = json.dumps(COMMENT | over).encode()
    given = dump.decode_lines([blank, line, blank], where="RC", first_line=2, now=NOW)
    monkeypatch.setattr(dump, "plain_comment", lambda *_, **__: None)
    assert given == dump.decode_lines([blank, line, blank], where="RC", first_line=2, now=NOW)


@pytest.mark.parametrize("over", [{}, {"_meta": {}}, {"edited": True}, {"score": None}, {"body": "x &amp; y"}], ids=str)
def test_ordinary_lines_take_the_short_road(over: dict[str, Any]) -> None:
    out = Gathered(where="RC", door=Door.DUMP, terms="archive")
    line = json.dumps(COMMENT | over).encode()
    assert isinstance(plain_comments.plain_comment(line, latest=NOW, terms="archive", out=out), Comment)
