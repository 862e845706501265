from __future__ import annotations

import pytest

from hubbub.http.retry import Cause, Failure, RetryPolicy, decide, http_date, retry_after_s

POLICY = RetryPolicy()


def verdict(failure: Failure, **more: float) -> float | None:
    facts = {"attempt": 1, "rate_hits": 0, "elapsed_s": 0.0, "waited_s": 0.0, "rng": 0.5, **more}
    return decide(failure, POLICY, **facts).wait_s  # type: ignore[arg-type]


@pytest.mark.parametrize("cause", [Cause.CONNECTION, Cause.BODY, Cause.STATUS])
def test_what_often_passes_is_tried_twice_more(cause: Cause) -> None:
    failure = Failure(cause=cause, why="x")
    first, second = verdict(failure, attempt=1), verdict(failure, attempt=2)
    assert first is not None
    assert second is not None
    assert 0 <= first <= 2 <= second <= 4
    assert verdict(failure, attempt=3) is None


def test_what_is_final_is_not_tried_again() -> None:
    assert verdict(Failure(cause=Cause.FINAL, why="x")) is None


def test_the_total_deadline_ends_the_attempts() -> None:
    assert verdict(Failure(cause=Cause.CONNECTION, why="x"), elapsed_s=149.9) is None


def test_a_429_waits_for_the_longest_hint() -> None:
    failure = Failure(cause=Cause.RATE_LIMITED, why="x", retry_after_s=4.0, reset_s=30.0)
    assert verdict(failure, attempt=0, rate_hits=1, rng=0.0) == 30.0


def test_a_429_without_a_hint_waits_longer_each_time() -> None:
    failure = Failure(cause=Cause.RATE_LIMITED, why="x")
    waits = [verdict(failure, attempt=0, rate_hits=n, rng=0.0) for n in range(1, 5)]
    assert waits == [1.0, 2.0, 4.0, 8.0]
    assert verdict(failure, attempt=0, rate_hits=5) is None


def test_a_wait_of_a_year_gives_up_and_says_when_to_come_back() -> None:
    failure = Failure(cause=Cause.RATE_LIMITED, why="x", retry_after_s=31536000.0)
    given = decide(failure, POLICY, attempt=0, rate_hits=1, elapsed_s=0, waited_s=0, rng=0)
    assert given.wait_s is None
    assert given.until_s == 31536000.0


def test_the_waits_for_the_budget_are_bounded_together() -> None:
    failure = Failure(cause=Cause.RATE_LIMITED, why="x", retry_after_s=300.0)
    assert verdict(failure, attempt=0, rate_hits=2, rng=0.0, waited_s=600.0) == 300.0
    assert verdict(failure, attempt=0, rate_hits=3, rng=0.0, waited_s=601.0) is None


def test_a_503_is_not_asked_again_before_its_retry_after() -> None:
    wait = verdict(Failure(cause=Cause.STATUS, why="x", retry_after_s=3.0), rng=0.0)
    assert wait is not None
    assert wait >= 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("7", 7.0),
        ("1.5", 1.5),
        ("0", 0.0),
        ("-5", None),
        ("soon", None),
        ("5, 10", None),
        ("\u0665", None),
        ("inf", None),
        ("nan", None),
        ("1e9", None),
        ("", None),
        ("Sat, 21 Nov 2026 12:00:05 GMT", 5.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Sat, 99 Nov 2026 12:00:05 GMT", None),
    ],
)
def test_retry_after_is_read_strictly(value: str | None, expected: float | None) -> None:
    noon = http_date("Sat, 21 Nov 2026 12:00:00 GMT")
    assert noon is not None
    assert retry_after_s(value, server_now=noon) == expected
