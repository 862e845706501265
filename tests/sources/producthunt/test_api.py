from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from hubbub.errors import AuthError, BlockedError, HubbubError, RateLimitedError, RemoteError, TransientRemoteError
from hubbub.http.messages import Request, Response
from hubbub.sources.producthunt import api
from hubbub.sources.producthunt.prices import Prices
from hubbub.sources.producthunt.queries import LAUNCHES, POSTS_BY_ID
from tests.shared import DATA, needs_shared

AT = 1_790_000_000
INVALID = {
    "data": None,
    "errors": [{"error": "invalid_oauth_token", "error_description": "Please supply a valid token"}],
}
SPENT = {
    "data": None,
    "errors": [
        {
            "error": "rate_limit_reached",
            "error_description": "Sorry. You have exceeded the API rate limit",
            "details": {"limit": 6250, "remaining": -50, "reset_in": 102},
        }
    ],
}
WRONG = {"errors": [{"message": "Field 'x' doesn't exist on type 'Post'", "locations": [], "path": ["query", "x"]}]}


def answered(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(
        request=Request(url=api.PATH),
        url="https://api.producthunt.com/v2/api/graphql",
        status=status,
        headers=tuple((headers or {}).items()),
        body=body if isinstance(body, bytes) else msgspec.json.encode(body),
        received_at=AT,
    )


@pytest.mark.parametrize(
    ("body", "status", "error", "words"),
    [
        (INVALID, 401, AuthError, "Please supply a valid token"),
        (SPENT, 429, RateLimitedError, "exceeded"),
        (SPENT, 200, RateLimitedError, "exceeded"),
        (WRONG, 200, RemoteError, "doesn't exist on type"),
        ({"data": {"posts": None}, **WRONG}, 200, RemoteError, "in part"),
        ({"data": None}, 200, RemoteError, "without data"),
        (b"<html>Just a moment...</html>", 403, BlockedError, "web page"),
        (b"<html>Just a moment...</html>", 200, RemoteError, "without data"),
        ({"errors": 5}, 200, RemoteError, "without data"),
        ({"data": {"posts": None}, "errors": "all"}, 200, RemoteError, "in part"),
        (b"", 502, TransientRemoteError, "502"),
        (b"[1, 2", 200, RemoteError, "without data"),
    ],
)
def test_an_error_is_told_in_the_platforms_words(
    body: Any, *, status: int, error: type[HubbubError], words: str
) -> None:
    with pytest.raises(error, match=words):
        api.data_of(answered(body, status=status))


def test_a_refused_query_says_when_to_come_back() -> None:
    with pytest.raises(RateLimitedError) as caught:
        api.data_of(answered(SPENT, status=429, headers={"x-rate-limit-reset": "700"}))
    assert caught.value.until == AT + 102
    assert api.come_back_at(answered(b"", status=429, headers={"x-rate-limit-reset": "700"})) == AT + 700
    assert api.come_back_at(answered(b"", status=429)) == AT + 900


def test_the_budget_is_read_from_the_headers_that_are_sent_and_from_a_refusal() -> None:
    headers = {"x-rate-limit-limit": "6250", "x-rate-limit-remaining": "6010", "x-rate-limit-reset": "850"}
    reading = api.read_budget(answered({"data": {}}, headers=headers))
    assert reading is not None
    assert (reading.remaining, reading.used, reading.reset_s) == (6_010, 240, 850)
    refused = api.read_budget(answered(SPENT, status=429, headers=headers))
    assert refused is not None
    assert (refused.remaining, refused.reset_s) == (-50, 102)
    misspelt = {key.replace("rate-limit", "ratelimit"): value for key, value in headers.items()}
    assert api.read_budget(answered({"data": {}}, headers=misspelt)) is None


def test_a_number_of_four_hundred_digits_never_raises() -> None:
    huge = {"remaining": 10**400, "reset_in": 10**400}
    body = json.dumps({"errors": [{"error": "rate_limit_reached", "details": huge}]}).encode()
    assert api.read_budget(answered(body, status=429)) is None
    assert api.come_back_at(answered(body, status=429)) == AT + 900


@pytest.mark.parametrize("said", ["", "nan", "inf", "1e999", "many", "١٢"])
def test_nonsense_in_headers_never_raises(said: str) -> None:
    headers = {"x-rate-limit-limit": said, "x-rate-limit-remaining": said, "x-rate-limit-reset": said}
    api.read_budget(answered(b"\xff", status=429, headers=headers))


@needs_shared
def test_the_refusal_that_was_seen_is_understood() -> None:
    seen = json.loads((DATA / "producthunt" / "errors_observed.json").read_text(encoding="utf-8"))["rate_limit"]["seen"]
    details = {key: seen[key] for key in ("limit", "remaining", "reset_in")}
    entry = {"error": seen["error"], "error_description": seen["message"], "details": details}
    with pytest.raises(RateLimitedError, match="exceeded the API rate limit") as caught:
        api.data_of(answered({"data": None, "errors": [entry]}, status=429))
    assert caught.value.until == AT + 359


def test_a_connection_ends_where_the_platform_says_so_or_gives_no_cursor() -> None:
    def ends(info: Any, nodes: Any = ({"id": "1"},)) -> str | None:
        return api.connection({"nodes": list(nodes), "pageInfo": info}, where="x")[1]

    assert ends({"hasNextPage": True, "endCursor": "MjA"}) == "MjA"
    assert ends({"hasNextPage": False, "endCursor": "MjA"}) is None
    assert ends({"hasNextPage": True, "endCursor": None}) is None
    assert ends({"hasNextPage": True, "endCursor": "MjA"}, nodes=()) is None
    assert ends(None) is None
    with pytest.raises(RemoteError, match="did not come"):
        api.connection(None, where="x")


def test_a_request_carries_its_price_and_no_empty_variables() -> None:
    prices = Prices()
    request = api.ask(LAUNCHES, {"first": 20, "after": None}, prices=prices, size=20)
    assert json.loads(request.body)["variables"] == {"first": 20}
    assert request.cost == prices.of(LAUNCHES, size=20)
    many = api.ask_by_id(POSTS_BY_ID, ["1", "2"], prices=prices)
    assert json.loads(many.body)["variables"] == {"i0": "1", "i1": "2"}
    assert many.serial == request.serial, "one at a time: prices are learned from what is left"
