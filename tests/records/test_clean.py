"""Repairs and canonical forms."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.records.clean import canonical_json, looks_escaped, mend, path_of, scrub, unescape

ANY_TEXT = st.text(alphabet=st.characters(codec=None, min_codepoint=0, max_codepoint=0x10FFFF))


@given(ANY_TEXT)
def test_mended_text_can_be_stored_and_is_mended_once(text: str) -> None:
    mended = mend(text)
    assert "\0" not in mended
    mended.encode()
    assert mend(mended) == mended
    assert len(mended) == len(text)


def test_noncharacters_are_kept() -> None:
    assert mend("a\ufffe\uffff") == "a\ufffe\uffff"


@given(ANY_TEXT)
def test_unescaping_undoes_the_platforms_escaping_exactly(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert unescape(escaped) == text


def test_entities_a_person_typed_are_kept() -> None:
    assert unescape("&amp;lt; &nbsp; &#39;") == "&lt; &nbsp; &#39;"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("&gt; quote", True),
        ("a &amp; b", True),
        ("a & b &gt;", False),
        ("> &lt;", False),
        ("plain", False),
        ("&nbsp;", False),
    ],
)
def test_escaping_is_told_by_what_is_not_there(text: str, *, escaped: bool) -> None:
    assert looks_escaped(text) is escaped


def test_scrubbing_counts_what_it_mends_at_any_depth() -> None:
    value: Any = {"a\0": ["x\ud83d", {"b": "ok"}], "c": 1}
    assert scrub(value) == ({"a\ufffd": ["x\ufffd", {"b": "ok"}], "c": 1}, 2)
    assert scrub({"a": "&lt;"}, entities=True) == ({"a": "<"}, 0)


@pytest.mark.parametrize(
    ("link", "path"),
    [
        ("/r/a/comments/b/c/", "/r/a/comments/b/c/"),
        ("https://www.reddit.com/r/a/", "/r/a/"),
        ("http://reddit.com/r/a/?x=1", "/r/a/"),
        ("//evil.test/x", None),
        ("/\\evil.test", None),
        ("https://evil.test/reddit.com/", None),
        ("https://notreddit.com/x", None),
        ("javascript:alert(1)", None),
        ("http://[bad", None),
    ],
)
def test_permalinks_stay_on_their_host(link: str, path: str | None) -> None:
    assert path_of(link, host="reddit.com") == path


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
)


@given(JSON)
def test_canonical_json_is_a_fixed_point(value: Any) -> None:
    text = canonical_json(value)
    assert canonical_json(json.loads(text)) == text


def test_canonical_json_sorts_and_knows_no_odd_numbers() -> None:
    assert canonical_json({"b": 12.0, "a": [float("nan"), 1.5, True]}) == '{"a":[null,1.5,true],"b":12}'
    assert canonical_json({"n": 2**70}) == '{"n":null}'
