"""Old answers are asked about over real HTTP: a 304 holds, costs one request, and is an answer to nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hubbub import clock
from hubbub.errors import RemoteError
from hubbub.events import Event, RequestDone
from hubbub.http.access import KeptOptions
from hubbub.http.messages import Request

from .loopback import Answer, Seen, access, asking, serving

BODY = b'{"kind": "t5"}'
TTL_S = 60


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    real, passed = clock.now, [0]
    monkeypatch.setattr("hubbub.clock.now", lambda: real() + passed[0])

    def move(seconds: int) -> None:
        passed[0] += seconds

    return move


def holds(seen: Seen) -> Answer:
    headers = {"etag": '"one"', "x-ratelimit-remaining": "900", "x-ratelimit-used": "100", "x-ratelimit-reset": "300"}
    if seen.headers.get("if-none-match") == '"one"':
        return 304, {**headers, "content-length": str(len(BODY)), "content-encoding": "gzip"}, b""
    return 200, headers, BODY


async def test_a_304_gives_the_kept_answer_again_and_costs_one_request(
    tmp_path: Path, later: Callable[[int], None]
) -> None:
    events: list[Event] = []
    to = KeptOptions(where=str(tmp_path), ttl_s=TTL_S)
    async with serving(holds) as server, asking(access(server.url, kept=to), events=events) as client:
        first = await client.fetch(Request(url="/about"))
        later(TTL_S)
        again = await client.fetch(Request(url="/about"))
        fresh = await client.fetch(Request(url="/about"))
        assert (first.status, again.status, fresh.status) == (200, 200, 200)
        assert first.body == again.body == fresh.body == BODY
        assert [event.status for event in events if isinstance(event, RequestDone)] == [200, 304]
        assert len(server.seen) == 2
        assert first.received_at < again.received_at == fresh.received_at


async def test_a_304_that_nobody_asked_for_is_no_answer(tmp_path: Path) -> None:
    async with serving(lambda _: (304, {"content-length": "0"}, b"")) as server:
        async with asking(access(server.url, kept=KeptOptions(where=str(tmp_path)))) as client:
            with pytest.raises(RemoteError, match="304"):
                await client.fetch(Request(url="/about"))
        assert len(server.seen) == 1
