"""The short road of a dump's comments gives what the long road gives, or nothing."""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec
import pytest

from hubbub.plugins.contracts import Decoded
from hubbub.records.models import Stub, Tombstone
from hubbub.sources.reddit import dump
from hubbub.sources.reddit.ordinary import SUSPECT

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
TIMES: list[dict[str, Any]] = [
    {"created_utc": float(FETCHED - 60)},
    {"created_utc": FETCHED - 60.5},
    {"created_utc": "17000000x0"},
    {"created_utc": "\u0661700000000"},
    {"created_utc": str(NOW + 10**7)},
    {"retrieved_on": None, "retrieved_utc": FETCHED + 9},
    {"retrieved_on": None, "retrieved_utc": None, "created_utc": 1_300_000_000},
    {"retrieved_on": 0},
    {"_meta": None, "updated_on": FETCHED + 77},
    {"_meta": {}, "updated_utc": FETCHED - 77},
    {"updated_on": FETCHED + 77, "_meta": {"retrieved_2nd_on": FETCHED + 5}},
    {"updated_on": "soon"},
]
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
    {"collapsed_reason": "a\x00b"},
    {"media_metadata": {"kb": {"status": "valid", "e": "Image", "m": "image/png"}}, "body": "![img](kb)"},
    {"author": "[deleted]", "body": "still here"},
    {"body": "[a link](https://example.org)"},
    {"body": "[unavailable]"},
    {"author_flair_text": " Expert"},
    *TIMES,
    {"brand_new_field": 1},
]


def told(decoded: Decoded) -> tuple[Any, ...]:
    """What came of some lines, whichever road they took."""
    records = [record for record in decoded.spread() if not isinstance(record, Stub)]
    # A community's name is no part of a tombstone that is stored.
    bare = [msgspec.structs.replace(r, community_name=None) if isinstance(r, Tombstone) else r for r in records]
    return (
        sorted(bare, key=repr),
        decoded.rejected,
        decoded.repaired,
        decoded.filtered,
        decoded.unknown_fields,
    )


def both(lines: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> tuple[Decoded, Decoded]:
    """By the short road and by the long one."""
    block = b"\n".join(json.dumps(line).encode() for line in lines)
    short = dump.decode_block(block, count=len(lines), where="RC", first_line=2, now=NOW)
    monkeypatch.setattr(dump, "_rows_of", lambda *_, **__: None)
    monkeypatch.setattr(dump, "_row_of", lambda *_, **__: None)
    return short, dump.decode_block(block, count=len(lines), where="RC", first_line=2, now=NOW)


@pytest.mark.parametrize("over", ODDITIES, ids=str)
def test_both_roads_give_the_same(over: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    short, long = both([COMMENT, COMMENT | {"id": "kb2"} | over, COMMENT | {"id": "kb3"}], monkeypatch)
    assert told(short) == told(long)
    assert not long.rows


@pytest.mark.parametrize("over", ODDITIES, ids=str)
def test_a_line_alone_gives_the_same(over: dict[str, Any]) -> None:
    line = json.dumps(COMMENT | over).encode()
    alone = dump.decode_lines([line], where="RC", first_line=2, now=NOW)
    assert told(alone) == told(dump.decode_block(line, count=1, where="RC", first_line=2, now=NOW))


@pytest.mark.parametrize(
    "over",
    [
        {},
        {"_meta": {}},
        {"edited": True},
        {"score": None},
        {"body": "x &amp; y"},
        {"body": "[removed]", "author": "[deleted]"},
        {"_meta": {"was_deleted_later": True, "removal_type": "deleted"}},
        {"collapsed": True},
        {"locked": True, "distinguished": "moderator"},
        {"author_flair_text": "Expert"},
    ],
    ids=str,
)
def test_ordinary_lines_take_the_short_road(over: dict[str, Any]) -> None:
    given = dump.decode_block(json.dumps(COMMENT | over).encode(), count=1, where="RC", first_line=2, now=NOW)
    assert not given.records
    assert sum(len(part.rows) for part in given.rows) == 1


def test_every_blank_character_is_suspect() -> None:
    blanks = {chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()}
    assert blanks <= SUSPECT
