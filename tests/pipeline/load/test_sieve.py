"""Lines of other communities are passed over by their bytes, and no line that may be asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubbub.pipeline.load_filters import Sieve

ASKED = frozenset({"whatisthisbug", "bugs"})

OTHERS: list[str] = [
    '{"id":"a","subreddit":"Ants","ups":1}',
    '{"id": "a", "subreddit": "Ants", "ups": 1}',
    '{"subreddit":"ants"}',
    '{"body":"\\"subreddit\\":\\"bugs\\"","subreddit":"Ants"}',
    '{"crosspost_parent_list":[{"subreddit":"Wasps"}],"subreddit":"Ants"}',
]
MAYBE: list[str] = [
    '{"id":"a","subreddit":"Bugs","ups":1}',
    '{"id": "a", "subreddit": "WhatIsThisBug", "ups": 1}',
    '{"id":"a"}',
    '{"subreddit":null}',
    '{"subreddit":""}',
    '{"subreddit":5}',
    '{"subreddit" : "Bugs"}',
    '{"subreddit":"\\u0042ugs"}',
    '{"subreddit":"Bugs","crosspost_parent_list":[{"subreddit":"Ants"}]}',
    '{"subreddit":"Ants","crosspost_parent_list":[{"subreddit":"Bugs"}]}',
    "no JSON at all",
    '{"subreddit":"Bugs',
]


@pytest.mark.parametrize("line", OTHERS)
def test_a_line_of_another_community_is_passed_over(line: str) -> None:
    assert Sieve(ASKED).kept(line.encode(), count=1) == ([b""], 1)


@pytest.mark.parametrize("line", MAYBE)
def test_a_line_that_may_be_asked_for_is_kept(line: str) -> None:
    assert Sieve(ASKED).kept(line.encode(), count=1) == ([line.encode()], 0)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*OTHERS, *MAYBE, ""]), min_size=1, max_size=30))
def test_lines_keep_their_numbers(lines: list[str]) -> None:
    kept, others = Sieve(ASKED).kept("\n".join(lines).encode(), count=len(lines))
    maybe = [line in MAYBE for line in lines]
    assert [bool(line) for line in kept] == maybe
    assert others == sum(line in OTHERS for line in lines)


NAMES = st.sampled_from(["bugs", "Bugs", "BUGS", "ants", "whatisthisbug", "u_ann", "reddit.com", "", None, "b\u00fcgs"])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(NAMES, NAMES, st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_no_record_that_is_asked_for_is_lost(said: list[tuple[Any, Any, bool, bool]]) -> None:
    lines, wanted = [], []
    for name, inner, spaced, first in said:
        nested = {"crosspost_parent_list": [{"subreddit": inner, "x": 1}]}
        own = {"subreddit": name}
        value = own | nested if first else nested | own
        lines.append(json.dumps(value, separators=(", ", ": ") if spaced else (",", ":")).encode())
        wanted.append(isinstance(name, str) and name.casefold() in ASKED)
    kept, _ = Sieve(ASKED).kept(b"\n".join(lines), count=len(lines))
    assert all(line for line, asked in zip(kept, wanted, strict=True) if asked)
