"""The short road of plain records ends where the merge does: the same rows, the same stubs, the same counts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hubbub.records.facets import Facet
from hubbub.records.models import Comment, Door, MediaItem, Post, Record
from hubbub.store import sheets
from hubbub.store.batch import Tally
from hubbub.store.digest import digest
from hubbub.store.engine import open_store
from hubbub.store.rows import CODECS
from hubbub.store.tables import CONTENT
from tests.store.making import HOUR, T0, comment, gone, index_faults, post, rows, write
from tests.store.test_digest import _empty

TIMES = st.sampled_from([T0, T0 + 60, T0 + HOUR])
TEXTS = st.sampled_from([None, "", "one", "two"])


@st.composite
def whole(draw: st.DrawFn) -> Record:
    """Mostly plain observations: whole, at one time or two; some with something that keeps them from it."""
    at = draw(TIMES)
    early = draw(st.sampled_from([None, None, at - 30]))
    times: dict[str, Any] = {}
    if early is not None:
        named = draw(st.sampled_from([("content_at",), ("frame_at", "author_at", "content_at", "extra_at")]))
        times = dict.fromkeys(named, early)
    odd = draw(st.integers(0, 11))
    if odd == 0:
        times["numbers_at"] = at - 7
    fields: dict[str, Any] = {
        "source": draw(st.sampled_from(["reddit", "reddit", "it's"])),
        "door": draw(st.sampled_from([Door.DUMP, Door.LIVE])),
        "terms": draw(st.sampled_from([None, "archive"])),
        "observed_at": at,
        "stated": Facet.FRAME | Facet.NUMBERS if odd == 1 else Facet.ALL,
        "community": draw(st.sampled_from(["bugs", "ants", None])),
        "community_name": draw(st.sampled_from(["Bugs", None])),
        "created_at": T0 - HOUR,
        "author": draw(st.sampled_from(["ann", "bob", None])),
        "author_name": draw(st.sampled_from(["Ann", None])),
        "author_gone": odd == 2,
        "distinguished": draw(st.sampled_from([None, "moderator", "o'dd\\"])),
        "locked": draw(st.sampled_from([None, True, False])),
        "edited_at": draw(st.sampled_from([None, T0])),
        "body": draw(TEXTS),
        "media": (MediaItem(kind="image", url="https://i/1"),) if odd == 3 else (),
        "score": draw(st.sampled_from([None, -3, 7])),
        **times,
    }
    number = draw(st.integers(0, 9))
    if draw(st.booleans()):
        return Post(id=f"t3_{number}", title=draw(TEXTS), **fields)
    return Comment(id=f"t1_{number}", post_id=f"t3_{draw(st.integers(0, 9))}", parent_id=None, **fields)


@contextmanager
def groups_of(smallest: int) -> Iterator[None]:
    before, sheets.SMALLEST_GROUP = sheets.SMALLEST_GROUP, smallest
    try:
        yield
    finally:
        sheets.SMALLEST_GROUP = before


def outcome(url: str, batches: Sequence[Sequence[Record]]) -> tuple[list[Any], list[Tally]]:
    """Content (digest and rows, without our own bookkeeping) and what each batch counted.

    Since when a text is known lies partly in the history, by the order of records: only the digest sees it whole."""
    with open_store(url) as store:
        tallies = [write(store, *batch) for batch in batches]
        assert index_faults(store) == []
        found: list[Any] = [digest(store)]
        for kind, codec in CODECS.items():
            names = ", ".join(name for name in codec.columns if name not in {"terms", "door", "text_since"})
            seen = f"SELECT {names} FROM {CONTENT[kind].name} WHERE observed_at IS NOT NULL"
            found += sorted(map(tuple, rows(store, seen)), key=repr)
            # The name of a stub is that of any mention.
            found += sorted(map(tuple, rows(store, f"SELECT source, id FROM {CONTENT[kind].name}")))
        return found, tallies


BATCHES = st.lists(st.lists(whole(), min_size=1, max_size=14), min_size=1, max_size=4)
_FULL = [comment(f"t1_{n}") for n in range(6)]
_NEXT = [msgspec.structs.replace(_FULL[0], body="other"), *_FULL[1:], post("t3_a")]
numbers = itertools.count()


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@example(batches=[_FULL, _FULL, _NEXT])
@example(batches=[_FULL, [gone("comment", "t1_1")], _FULL])
@example(batches=[[gone("user", "bob")], _FULL])
@given(batches=BATCHES)
def test_both_roads_end_in_the_same_rows_and_counts(tmp_path: Path, batches: list[list[Record]]) -> None:
    results = []
    for smallest in (1, 10**9):
        with groups_of(smallest):
            results.append(outcome(f"sqlite:///{tmp_path}/{next(numbers)}.db", batches))
    assert results[0][0] == results[1][0]
    assert [tally.offered for tally in results[0][1]] == [tally.offered for tally in results[1][1]]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@example(batches=[_FULL, _FULL, _NEXT])
@given(batches=BATCHES)
def test_both_engines_end_in_the_same_rows_and_counts(
    tmp_path: Path, postgres: str, batches: list[list[Record]]
) -> None:
    with groups_of(1):
        assert outcome(f"sqlite:///{tmp_path}/{next(numbers)}.db", batches) == outcome(_empty(postgres), batches)


@pytest.mark.parametrize("again", [0, 1, 2])
def test_a_record_that_says_the_same_again_is_unchanged(store: Any, again: int) -> None:
    records: list[Any] = [
        *(comment(f"t1_{n}") for n in range(8)),
        *(post(f"t3_{n}", numbers_at=T0 - 5) for n in range(8)),
    ]
    assert write(store, *records).new == 16
    for _ in range(again):
        assert write(store, *records).unchanged == 16
    later = [msgspec.structs.replace(record, observed_at=T0 + 9) for record in records]
    tally = write(store, *later)
    assert (tally.unchanged, tally.updated, tally.new) == (16, 0, 0)
