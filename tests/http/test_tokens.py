"""When a bearer token is asked for again."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from hubbub import clock
from hubbub.http.access import Token
from hubbub.http.messages import Request, Response
from hubbub.http.tokens import Tokens


@pytest.mark.parametrize(("life_s", "last_s"), [(3600, 3540), (86_400, 86_340), (60, 30)])
async def test_a_token_is_renewed_a_minute_before_it_dies(
    monkeypatch: pytest.MonkeyPatch, life_s: int, last_s: int
) -> None:
    now = 1000.0
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    runs = 0

    def flow() -> Generator[Request, Response, Token]:
        nonlocal runs
        runs += 1
        yield Request(url="/token")
        return Token(value=f"t{runs}", expires_in_s=life_s)

    async def fetch(request: Request) -> Response:
        return Response(request=request, url=request.url, status=200, headers=(), body=b"", received_at=0)

    tokens = Tokens(flow, fetch, rotated=lambda: None)
    assert (await tokens.current()).value == "t1"
    now = 1000.0 + last_s - 1
    assert (await tokens.current()).value == "t1"
    now = 1000.0 + last_s
    assert (await tokens.current()).value == "t2"
