"""The query language and what it finds."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hubbub.errors import UsageError
from hubbub.store.engine import Store
from hubbub.store.search.expressions import fts5, fts5_excluded
from hubbub.store.search.find import search
from hubbub.store.search.query import parse
from tests.shared import FAULTS, needs_shared
from tests.store.making import T0, comment, gone, post, write


@pytest.fixture
def filled(store: Store) -> Store:
    write(
        store,
        post("t3_1", title="Stag beetle?", body="Big antlers, found in Köln", score=50, created_at=T0),
        post("t3_2", title="Tiny moth", body="white wings, not a beetle", score=3, created_at=T0 + 86_400),
        comment("t1_1", body="That is a stag beetle, a male", score=9, created_at=T0),
        comment("t1_2", body="a moth for sure; beetles differ", score=-4, created_at=T0 + 86_400, author="carl"),
        comment("t1_3", body="ask in r/ants", score=1, community="ants"),
    )
    return store


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("beetle", {"t3_1", "t3_2", "t1_1"}),
        ("BEETLE stag", {"t3_1", "t1_1"}),
        ("stag AND beetle", {"t3_1", "t1_1"}),
        ('"stag beetle"', {"t3_1", "t1_1"}),
        ('"beetle stag"', set()),
        ("beetle -stag", {"t3_2"}),
        ("moth OR antlers", {"t3_1", "t3_2", "t1_2"}),
        ("stag OR moth male", {"t1_1"}),
        ("beet*", {"t3_1", "t3_2", "t1_1", "t1_2"}),
        ("koln", {"t3_1"}),
        ("r/ants", {"t1_3"}),
        ("beetle kind:post", {"t3_1", "t3_2"}),
        ("beetle -kind:post", {"t1_1"}),
        ("beetle score:>3", {"t3_1", "t1_1"}),
        ("score:<0", {"t1_2"}),
        ("score:1..9", {"t3_2", "t1_1", "t1_3"}),
        ("community:r/Ants", {"t1_3"}),
        ("author:u/Carl moth", {"t1_2"}),
        ("moth -author:carl", {"t3_2"}),
        ("beetle after:2023-11-15 before:2024", {"t3_2"}),
        ("kind:comment -beetle -moth", {"t1_3"}),
    ],
)
def test_a_query_finds_what_it_says(filled: Store, query: str, found: set[str]) -> None:
    assert {hit.id for hit in search(filled, query)} == found


def test_hits_are_ranked_marked_and_limited(filled: Store) -> None:
    hits = search(filled, "stag", marks=("<b>", "</b>"))
    assert [hit.rank for hit in hits] == sorted(hit.rank for hit in hits)
    assert {hit.snippet for hit in hits} == {"<b>Stag</b> beetle?", "That is a <b>stag</b> beetle, a male"}
    assert len(search(filled, "beet*", limit=2)) == 2
    assert {hit.kind for hit in search(filled, "beetle", kinds=["comment"])} == {"comment"}


def test_hidden_withdrawn_and_edited_rows_do_not_appear(filled: Store) -> None:
    with filled.transaction() as connection:
        connection.execute("UPDATE posts SET hidden_at = 5 WHERE id = 't3_1'")
    write(filled, gone("comment", "t1_1"), post("t3_2", at=T0 + 9, title="Tiny wasp", body="stings"))
    for query in ("stag", "beetle", "kind:post score:50", "score:9"):
        assert search(filled, query) == []
    assert [hit.id for hit in search(filled, "wasp")] == ["t3_2"]


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("", "no word"),
        ("-beetle", "only says what must not occur"),
        ('a "b', "quote at position 3"),
        ("a OR", "OR at position 3"),
        ("password:x", "no filter 'password'"),
        ("score:many", "score: at position 1"),
        ("x after:2024-13-01", "position 3 needs a date"),
        ("kind:user", "post or comment"),
        ('community:""', "has no value"),
        ("a " * 600, "too long"),
        ("a " * 100, "too long: 100 words"),
        ("a\x00b", "position 2"),
    ],
)
def test_a_query_that_cannot_be_is_refused_with_the_place(query: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        parse(query)


def _hostile() -> list[Any]:
    if not FAULTS.is_dir():
        return []
    cases = json.loads((FAULTS / "text" / "strings.json").read_text())["rows"]
    return [pytest.param(case["text"], id=case["id"]) for case in cases]


@needs_shared
@pytest.mark.parametrize("text", _hostile())
def test_hostile_text_can_be_stored_found_and_asked_for(store: Store, text: str) -> None:
    tally = write(store, comment("t1_x", body=text), comment("t1_y", body="something else"))
    assert tally.offered == 2
    with suppress(UsageError):
        assert "t1_y" not in {hit.id for hit in search(store, text)}


@example("NEAR(a b, 5)")
@example('a:b"c*^-OR')
@given(st.text(alphabet=st.sampled_from("abAOR\"-*^():{}+.<>=&|!\\'#@ \x00\ud800é虫🐛1"), max_size=40))
def test_whatever_is_typed_the_index_accepts_the_expression_or_the_user_is_told(text: str) -> None:
    try:
        parsed = parse(text)
    except UsageError:
        return
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE f USING fts5(title, body, facts)")
        for expression in (fts5(parsed, ("title", "body"), this_year=2026), fts5_excluded(parsed, ("title", "body"))):
            if expression is not None:
                connection.execute("SELECT rowid FROM f WHERE f MATCH ?", (expression,)).fetchall()
