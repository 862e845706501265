"""What queries cost, counted by hand, and the budget they share."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hubbub.simulator.faults import Limits, Scenario
from tests.simulator.producthunt.conftest import Hunt, headers

SMALL = Scenario(limits=Limits(points=100), producthunt={"launches_a_day": 3})


def cost(hunt: Hunt, query: str, **variables: Any) -> int:
    before = int(headers(hunt.reply("{ __typename }"))["x-rate-limit-remaining"])
    reply = hunt.reply(query, **variables)
    assert "errors" not in msgspec.json.decode(reply.body), reply.body
    return before - int(headers(reply)["x-rate-limit-remaining"])


@pytest.mark.parametrize(
    ("query", "points"),
    [
        ('{ post(id: "1") { id name } }', 1 + 2),
        ("{ viewer { user { id username } } }", 1 + 1 + 2),
        ("{ posts(first: 5) { nodes { id name } } }", 1 + 5 * 2),
        ("{ posts(first: 5) { edges { node { id name } } } }", 1 + 5 * 2),
        ("{ posts(first: 5) { edges { cursor node { id name } } } }", 1 + 5 * 3),
        ("{ posts(last: 3) { nodes { id } } }", 1 + 3),
        ("{ posts { nodes { id } } }", 1 + 20),
        ("{ posts(first: 500) { nodes { id } } }", 1 + 20),
        ("{ posts(first: 20) { nodes { id } pageInfo { hasNextPage endCursor } totalCount } }", 1 + 20 + 3 + 1),
        ("{ posts(first: 2) { nodes { id media { type url } thumbnail { url } } } }", 1 + 2 * (1 + 3 + 2)),
        ("{ posts(first: 20) { nodes { id comments(first: 3) { nodes { id } } } } }", 1 + 20 * (1 + (1 + 3))),
        ("{ a: topic(id: 1) { id } b: topic(id: 2) { id } }", 2 + 2),
        ("{ topic(id: 1) { id id } topic(id: 1) { id name } }", 1 + 2),
        ("{ topic(id: 1) { ...F } } fragment F on Topic { id name ... on Topic { slug } }", 1 + 3),
    ],
)
def test_a_query_costs_what_it_asks_for(hunt: Hunt, query: str, points: int) -> None:
    assert cost(hunt, query) == points


def test_variables_decide_the_size_of_a_page(hunt: Hunt) -> None:
    query = "query Q($n: Int = 7) { posts(first: $n) { nodes { id } } }"
    assert cost(hunt, query) == 1 + 7
    assert cost(hunt, query, n=4) == 1 + 4


def test_what_is_skipped_costs_nothing(hunt: Hunt) -> None:
    query = """query Q($yes: Boolean!) { posts(first: 10) { nodes {
        id name @include(if: $yes) tagline @skip(if: $yes) ...Talk @include(if: $yes) } } }
        fragment Talk on Post { comments(first: 2) { nodes { id } } }"""
    assert cost(hunt, query, yes=True) == 1 + 10 * (2 + 3)
    assert cost(hunt, query, yes=False) == 1 + 10 * 2


def test_every_answer_says_what_is_left_and_for_how_many_seconds() -> None:
    hunt = Hunt(SMALL)
    first = headers(hunt.reply("{ posts(first: 20) { nodes { id } } }"))
    told = {name: first[f"x-rate-limit-{name}"] for name in ("limit", "remaining", "reset")}
    assert told == {"limit": "100", "remaining": str(100 - 21), "reset": "900"}
    hunt.at += 100
    assert headers(hunt.reply("{ nonsense }"))["x-rate-limit-reset"] == "800"


def test_a_query_that_does_not_fit_is_refused_and_a_cheaper_one_still_fits() -> None:
    hunt = Hunt(SMALL)
    hunt.at -= 2000
    hunt.reply("{ posts(first: 20) { nodes { id name tagline slug } } }")
    hunt.at += 360
    refused = hunt.reply("{ posts(first: 20) { nodes { id name } } }")
    assert refused.status == 429
    told = msgspec.json.decode(refused.body)
    assert told["data"] is None
    (error,) = told["errors"]
    assert error["error"] == "rate_limit_reached"
    assert "message" not in error
    assert error["details"] == {"limit": 100, "remaining": 100 - 81 - 41, "reset_in": 540}
    assert headers(refused)["x-rate-limit-remaining"] == "-22"
    assert hunt.reply("{ posts(first: 5) { nodes { id } } }").status == 200
    assert hunt.truth()["points"] == 81 + 6
    assert hunt.truth()["refused"] == 1
    hunt.at += 540
    assert hunt.reply("{ posts(first: 20) { nodes { id name } } }").status == 200, "a new window"


def test_two_tokens_of_one_application_share_its_points() -> None:
    hunt = Hunt(SMALL)
    other = hunt.app_token()
    hunt.reply("{ posts(first: 20) { nodes { id name tagline } } }")
    hunt.token = other
    left = hunt.reply("{ posts(first: 1) { nodes { id } } }")
    assert headers(left)["x-rate-limit-remaining"] == str(100 - 61 - 2)
    assert hunt.reply("{ posts(first: 20) { nodes { id name } } }").status == 429


def test_the_real_budget_is_the_default() -> None:
    hunt = Hunt(Scenario())
    assert headers(hunt.reply("{ __typename }"))["x-rate-limit-limit"] == "6250"
