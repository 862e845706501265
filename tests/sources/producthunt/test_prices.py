from __future__ import annotations

from hubbub.sources.producthunt.prices import Prices, size_for
from hubbub.sources.producthunt.queries import LAUNCHES, PULSE


def test_a_price_is_what_was_left_before_less_what_is_left_after() -> None:
    prices = Prices()
    prices.learn(LAUNCHES, size=20, left=6_000)
    prices.learn(LAUNCHES, size=20, left=5_300)
    assert prices.of(LAUNCHES, size=20) == 700
    assert prices.spent == 700


def test_the_dearest_of_the_last_ten_counts_and_is_forgotten_then() -> None:
    prices, left = Prices(), 100_000.0
    prices.learn(PULSE, size=20, left=left)
    for price in (900, *[100] * 9):
        left -= price
        prices.learn(PULSE, size=20, left=left)
    assert prices.of(PULSE, size=20) == 900
    prices.learn(PULSE, size=20, left=left - 100)
    assert prices.of(PULSE, size=20) == 100


def test_a_window_that_ended_in_between_teaches_nothing() -> None:
    prices = Prices()
    guess = prices.of(PULSE, size=20)
    prices.learn(PULSE, size=20, left=50)
    prices.learn(PULSE, size=20, left=6_100)
    assert prices.of(PULSE, size=20) == guess


def test_a_window_that_ended_in_between_teaches_nothing_even_where_less_is_left_than_before() -> None:
    prices = Prices()
    guess = prices.of(LAUNCHES, size=20)
    prices.learn(LAUNCHES, size=20, left=5_600, resets_in_s=3)
    prices.learn(LAUNCHES, size=20, left=5_505, resets_in_s=898)
    assert prices.of(LAUNCHES, size=20) == guess


def test_an_answer_that_does_not_say_what_is_left_teaches_nothing() -> None:
    prices = Prices()
    guess = prices.of(PULSE, size=20)
    for left in (6_000.0, None, 5_000.0):
        prices.learn(PULSE, size=20, left=left)
    assert prices.of(PULSE, size=20) == guess


def test_what_was_learned_of_one_size_raises_the_guess_for_others() -> None:
    prices = Prices()
    before = prices.of(LAUNCHES, size=5)
    prices.learn(LAUNCHES, size=20, left=6_000)
    prices.learn(LAUNCHES, size=20, left=6_000 - 3 * (LAUNCHES.base + 20 * LAUNCHES.each))
    assert prices.of(LAUNCHES, size=5) == 3 * before


def test_prices_outlive_a_sync() -> None:
    prices = Prices()
    prices.learn(LAUNCHES, size=20, left=6_000)
    prices.learn(LAUNCHES, size=20, left=5_100)
    assert Prices(prices.mark()).of(LAUNCHES, size=20) == 900


def test_a_page_is_never_larger_than_the_platforms_nor_empty() -> None:
    assert [size_for(wanted, most=20) for wanted in (-3, 0, 1, 7, 20, 300)] == [1, 1, 1, 7, 20, 20]
