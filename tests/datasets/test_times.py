from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.datasets.times import iso, parse_time


@given(st.integers(min_value=-62_135_596_800, max_value=253_402_300_799))
def test_what_is_printed_reads_back(seconds: int) -> None:
    assert parse_time(iso(seconds), now=0) == seconds


def test_seconds_no_calendar_holds_stay_a_number() -> None:
    assert iso(10**15) == "1000000000000000"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-02", 86400),
        ("1970-01-01T01:00", 3600),
        ("1970-01-01T01:00+01:00", 0),
        ("1970-01-01T00:00:01Z", 1),
        ("7d", 1_000_000 - 7 * 86400),
        ("2w", 1_000_000 - 14 * 86400),
    ],
)
def test_dates_times_and_ages_are_understood(text: str, seconds: int) -> None:
    assert parse_time(text, now=1_000_000) == seconds


@pytest.mark.parametrize("text", ["", "soon", "2024-13-01", "7y", "-"])
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_time(text, now=0)
