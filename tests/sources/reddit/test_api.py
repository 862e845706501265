"""Reddit's headers and refusals, as a proxy or a failing platform may garble them (reddit.md §5, §6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hubbub.errors import UnavailableError
from hubbub.http import limits
from hubbub.http.messages import Request, Response
from hubbub.sources.reddit import api, auth
from tests.shared import SHARED, needs_shared

FILE = SHARED / "faults" / "text" / "headers.json"
ROWS = [row for row in json.loads(FILE.read_text())["rows"] if row["status"] == 200] if FILE.is_file() else []
NOW = 1_760_000_000


def answer(status: int = 200, body: bytes = b"{}", /, **headers: str) -> Response:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Response(
        request=Request(url="/x"), url="https://oauth.reddit.com/x", status=status, headers=pairs, body=body,
        received_at=NOW,
    )  # fmt: skip


@needs_shared
@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_the_next_request_waits_as_long_as_the_headers_ask(row: dict[str, Any]) -> None:
    reading = api.read_budget(answer(**row["headers"]))
    budget = limits.answered(limits.taken(limits.opened(100, 0.0), 0.0), reading, 0.0)
    least, most = row["wait"]
    wait = limits.wait_s(budget, 0.0)
    assert wait >= least
    assert row["give_up"] or wait <= most


def test_a_budget_overdrawn_by_others_is_known_to_be_spent() -> None:
    reading = api.read_budget(answer(x_ratelimit_remaining="-5", x_ratelimit_used="605", x_ratelimit_reset="4"))
    assert reading is not None
    assert (reading.remaining, reading.used, reading.reset_s) == (-5, 605, 4)


@pytest.mark.parametrize("text", ["\u0665", "1_0", "nan", "inf", "0x10", "", "5, 0"])
def test_what_is_no_ascii_number_tells_nothing_of_the_budget(text: str) -> None:
    assert api.read_budget(answer(x_ratelimit_remaining=text, x_ratelimit_reset="9")) is None
    assert api.read_budget(answer(x_ratelimit_remaining="9", x_ratelimit_reset=text)) is None


@pytest.mark.parametrize(
    ("headers", "until"),
    [
        ({"retry_after": "7", "x_ratelimit_reset": "30"}, NOW + 30),
        ({"retry_after": "7"}, NOW + 7),
        ({"retry_after": "\u0665"}, None),
        ({"x_ratelimit_reset": "-3"}, NOW),
        ({}, None),
    ],
)
def test_a_refusal_says_when_to_come_back(headers: dict[str, str], until: int | None) -> None:
    assert api.come_back_at(answer(429, **headers)) == until


@pytest.mark.parametrize("reason", [b'["private"]', b'{"a": 1}', b"7", b"null"])
def test_a_refusal_with_a_reason_of_another_type_is_still_a_refusal(reason: bytes) -> None:
    with pytest.raises(UnavailableError, match="forbidden"):
        api.check_status(answer(403, b'{"reason": ' + reason + b"}"))


def test_a_lifetime_in_other_digits_is_taken_for_unknown() -> None:
    token = auth.read_token(answer(200, '{"access_token": "a", "expires_in": "٩٠٠"}'.encode()), grant_type="password")
    assert token.expires_in_s == 3600
