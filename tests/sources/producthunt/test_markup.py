"""The HTML of comments becomes text one can read, whatever it holds, in time that grows with its length only."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.sources.producthunt.markup import rendered
from tests.shared import DATA, needs_shared


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("just words", "just words"),
        ("two\n\nlines\nof plain text", "two\n\nlines\nof plain text"),
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("<p>one</p><p></p><p>two</p>", "one\n\ntwo"),
        ("<p>one\n  two</p>", "one two"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<ul><li><p>one</p></li><li>two</li></ul><p>end</p>", "- one\n- two\nend"),
        ('<a href="https://x.org/a?b=1&amp;c=2">here</a>', "here (https://x.org/a?b=1&c=2)"),
        ('<a href="https://x.org/">https://x.org</a>', "https://x.org"),
        ('<a href="https://x.org/">x.org</a>', "x.org"),
        ('<a href="https://x.org/"><img src="https://x.org/i.png"></a>', "https://x.org/"),
        ('<a href="javascript:alert(1)">click</a>', "click"),
        ('by <a href="https://www.producthunt.com/@jane" data-node-type="mention">@jane</a>!', "by @jane!"),
        ('by <a href="https://www.producthunt.com/@jane">Jane</a>', "by Jane"),
        ("5 &lt; 6 &amp;&amp; 7 &gt; 6 &#128077; &nbsp;x", "5 < 6 && 7 > 6 👍  x"),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
        ("1 < 2 and <3 and a <b", "1 < 2 and <3 and a <b"),
        ("a<script>alert('x')</script>b<STYLE>p{}</STYLE >c", "abc"),
        ("a<!-- hidden <b> -->b<!doctype html>c", "abc"),
        ("a<script>never ends", "a"),
        ("<pre><code>if x:\n    y</code></pre>", "if x:\n    y"),
        ('<img alt="a > b" src="https://x.org/i.png">after', "after"),
        ("a\0b", "a\ufffdb"),
        ("&#0;&#xD800;&#99999999999;", "\ufffd\ufffd\ufffd"),
        ("", ""),
        ("<p></p>", ""),
    ],
)
def test_readable_text(source: str, text: str) -> None:
    assert rendered(source).text == text


def test_pictures_are_told_once_and_only_with_a_web_address() -> None:
    found = rendered(
        "<img src=https://x.org/1.png><img src='https://x.org/2.png?a=1&amp;b=2'><img src=https://x.org/1.png>"
        "<img src='data:image/png;base64,xx'><img src='javascript:x'><img>"
    )
    assert found.images == ("https://x.org/1.png", "https://x.org/2.png?a=1&b=2")


HOSTILE = {
    "unclosed": "<b>" * 333_000,
    "deep": "<div>" * 10_000 + "x" + "</div>" * 10_000,
    "brackets": "<" * 1_000_000,
    "no tag ends": "<a " * 330_000,
    "no quote ends": '<a "' * 250_000 + ">",
    "ends in quotes": "<a '>'" * 150_000,
    "mixed quotes": '<a "\'"' * 150_000 + "'>'",
    "comments": "<!--" * 250_000,
    "declarations": "<!" * 500_000,
    "scripts": "<script>" * 120_000,
    "quotes in one tag": "<a " + '""' * 400_000 + ">",
    "one long attribute": "<a " + "a" * 1_000_000 + ">",
    "entities": "&" * 1_000_000,
    "one number": "&#" + "9" * 1_000_000 + ";",
    "nothing": "\0" * 1_000_000,
    "paragraph ends": "</p>" * 250_000,
    "items": "<li>" * 250_000,
    "spaces": "<p>" + " \n" * 500_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_megabyte_takes_linear_time(name: str) -> None:
    begins = time.process_time()
    rendered(HOSTILE[name])
    assert time.process_time() - begins < 5, "a quadratic reading takes minutes"


@given(st.text(alphabet=st.sampled_from("<>/!-\"'& ap=\n\0;#x1") | st.characters(), max_size=200))
def test_any_text_is_rendered_and_can_be_stored(source: str) -> None:
    text = rendered(source).text
    assert "\0" not in text
    text.encode()


@needs_shared
def test_recorded_bodies_leave_no_tags_and_lose_no_words() -> None:
    for line in (DATA / "producthunt" / "comments_2025-11.ndjson").read_bytes().splitlines():
        body = json.loads(line)["body"]
        text = rendered(body).text
        for tag in ("<p", "</", "<br", "<a ", "<img", "&amp;", "&nbsp;"):
            assert tag not in text
        assert bool(text) == bool(body)
