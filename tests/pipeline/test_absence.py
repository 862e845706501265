"""An id that was left out is gone only when everything speaks for it."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from hubbub.pipeline.absence import (
    APART_S,
    Absence,
    Verdict,
    due_before,
    judge,
    key_of,
    remembered,
    without_sight,
    worth_asking,
)
from hubbub.plugins.due import DueRow

T0 = 1_700_000_000
RUNS = st.sampled_from(["one", "two", "three"])


def row(*, seen: int = T0, missed: Absence | None = None, community: str | None = "bugs", key: str = "t1_a") -> DueRow:
    state = None if missed is None else msgspec.json.encode(missed).decode()
    return DueRow(kind="comment", id=key, community=community, observed_at=seen, missed=state)


class Look(msgspec.Struct, frozen=True):
    """One time the platform was asked for a record."""

    wait_s: int
    by: str
    shown: bool
    is_open: bool | None


LOOKS = st.lists(
    st.builds(
        Look,
        wait_s=st.integers(min_value=0, max_value=3 * APART_S),
        by=RUNS,
        shown=st.booleans(),
        is_open=st.sampled_from([True, True, False, None]),
    ),
    max_size=12,
)


def followed(looks: list[Look]) -> tuple[int | None, list[tuple[int, Look]]]:
    """The number of the look after which the record was taken for gone, and when each look was."""
    at, seen, missed = T0, T0, None
    timed: list[tuple[int, Look]] = []
    for number, look in enumerate(looks):
        at += look.wait_s
        timed.append((at, look))
        if look.shown:
            seen = at  # what was remembered stays, as it does when somebody else than a recheck sees the record
            continue
        kept = DueRow(kind="comment", id="t1_a", community="bugs", observed_at=seen, missed=missed)
        match judge(kept, at=at, by=look.by, is_open=look.is_open):
            case Verdict.FIRST:
                missed = remembered(kept, at=at, by=look.by).state
            case Verdict.GONE:
                return number, timed
            case Verdict.NONE:
                pass
    return None, timed


@given(LOOKS)
def test_gone_takes_two_absences_apart_with_the_community_open_and_no_sight_between(looks: list[Look]) -> None:
    number, timed = followed(looks)
    if number is None:
        return
    at, last = timed[number]
    last_sight = max((i for i, (_, look) in enumerate(timed[:number]) if look.shown), default=-1)
    since = [(when, look) for when, look in timed[last_sight + 1 : number] if look.is_open]
    assert last.is_open
    assert not last.shown
    assert any(look.by != last.by or at - when >= APART_S for when, look in since)


@given(LOOKS, RUNS)
def test_two_clean_absences_an_hour_apart_always_suffice(looks: list[Look], by: str) -> None:
    enough = [Look(1, by, shown=False, is_open=True), Look(APART_S, by, shown=False, is_open=True)]
    assert followed([*looks, *enough])[0] is not None


@given(later=st.integers(min_value=0, max_value=10 * APART_S), by=RUNS, is_open=st.sampled_from([False, None]))
def test_a_community_that_cannot_be_read_never_buries_anything(*, later: int, by: str, is_open: bool | None) -> None:
    missed = Absence(at=T0 + 1, by="one")
    assert judge(row(missed=missed), at=T0 + 1 + later, by=by, is_open=is_open) is Verdict.NONE
    assert judge(row(), at=T0 + 1 + later, by=by, is_open=is_open) is Verdict.NONE


def test_an_absence_that_was_refuted_counts_for_nothing() -> None:
    seen_again = row(seen=T0 + 50, missed=Absence(at=T0 + 10, by="one"))
    assert judge(seen_again, at=T0 + 9 * APART_S, by="two", is_open=True) is Verdict.FIRST


def test_an_answer_older_than_the_last_sight_proves_nothing() -> None:
    assert judge(row(seen=T0), at=T0, by="one", is_open=True) is Verdict.NONE


ROWS = st.lists(
    st.builds(
        row,
        seen=st.integers(min_value=T0 - 100, max_value=T0 + 100),
        community=st.sampled_from(["bugs", "spiders", None]),
        missed=st.none() | st.builds(Absence, at=st.integers(min_value=T0, max_value=T0 + 2 * APART_S), by=RUNS),
        key=st.uuids().map(lambda value: f"t1_{value.hex}"),
    )
)


@given(
    rows=ROWS,
    now=st.integers(min_value=T0, max_value=T0 + 4 * APART_S),
    by=RUNS,
    closed=st.frozensets(st.sampled_from(["bugs"])),
)
def test_rows_worth_asking_keep_their_order_and_lose_only_what_cannot_be_decided(
    *, rows: list[DueRow], now: int, by: str, closed: frozenset[str]
) -> None:
    kept = worth_asking(rows, now=now, by=by, closed=closed)
    places = {each.id: place for place, each in enumerate(rows)}
    assert [places[each.id] for each in kept] == sorted(places[each.id] for each in kept)
    for each in set(rows) - set(kept):
        if each.community not in closed:
            assert judge(each, at=now, by=by, is_open=True) is Verdict.NONE
    assert not any(each.community in closed for each in kept)


@given(st.integers(min_value=1, max_value=10**7), st.integers(min_value=0, max_value=10**9))
def test_what_is_due_has_still_a_quarter_of_its_time_left(within_s: int, age: int) -> None:
    now = T0
    is_due = now - age < due_before(now, within_s=within_s)
    assert is_due == (age > within_s - within_s // 4)


def test_only_communities_of_which_nothing_was_seen_are_asked_for() -> None:
    missing = [row(key="t1_a"), row(key="t1_b", community="spiders"), row(key="t1_c"), row(key="t1_d", community=None)]
    assert without_sight(missing, seen=frozenset({"spiders"})) == ["bugs"]


def test_an_absence_is_remembered_under_the_id() -> None:
    kept = remembered(row(), at=T0 + 1, by="one")
    assert kept.key == key_of("t1_a") == "missing:t1_a"
    assert msgspec.json.decode(kept.state, type=Absence) == Absence(at=T0 + 1, by="one")
