"""The client against servers that misbehave on purpose."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from hubbub import clock
from hubbub.errors import AuthError, HubbubError, RateLimitedError, RemoteError, TransientRemoteError
from hubbub.events import Event, RequestDone
from hubbub.http import limits
from hubbub.http.access import BudgetReading
from hubbub.http.messages import Request, Response
from hubbub.http.retry import Cause, Failure, RetryPolicy, decide, http_date, retry_after_s
from tests.shared import FAULTS, needs_shared

from .loopback import QUICK, access, asking, read_budget, token_flow

pytestmark = needs_shared

PASSING = [
    "close-at-once",
    "cut-status",
    "cut-headers",
    "cut-body",
    "length-too-long",
    "length-too-short",
    "length-twice",
    "length-negative",
    "length-words",
    "chunk-no-end",
    "chunk-bad-size",
    "chunk-huge-size",
    "chunk-and-length",
    "gzip-cut",
    "gzip-corrupt",
    "gzip-not",
    "gzip-crc",
    "gzip-twice",
    "encoding-unknown",
    "encoding-chain",
    "header-1mb",
    "header-nul",
    "header-no-colon",
    "status-garbage",
    "http-09",
    "206-unasked",
    "tls-not",
    "ssh",
    "html-200",
    "status-408",
    "status-500",
    "status-502",
    "status-503",
    "status-504",
    "status-520",
    "reset-at-once",
    "reset-mid-body",
    "silent",
    "stall-mid-body",
    "slow-headers",
    "slow-body",
    "endless-headers",
]
"""Faults that end when asked again."""
LASTING = ["status-999", "304-unasked", "gzip-bomb", "endless-body"]
"""Faults that asking again does not cure."""
READABLE = ["no-length", "header-fold", "100-flood", "headers-5000", "extra-after", "charset-utf16"]
ANSWERS = [
    "status-400",
    "status-403",
    "status-404",
    "status-409",
    "status-410",
    "status-413",
    "status-414",
    "status-418",
    "status-451",
    "redirect-nowhere",
    "redirect-empty",
    "redirect-self",
    "redirect-bad-url",
    "204-with-body",
]
SMALL = 1 << 20


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    program = [sys.executable, "-W", "ignore", str(FAULTS / "faultserver.py"), "--port", "0"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.terminate()


async def ask(server: str, fault: str, *, times: int, events: list[Event] | None = None) -> Response:
    params = (("n", str(times)), ("k", f"{fault}-{times}"))
    async with asking(access(server), events=events) as client:
        response = await client.fetch(Request(url=f"/t/{fault}", params=params, max_bytes=SMALL))
        after = await client.fetch(Request(url="/good/next"))
        assert b"gd0001" in after.body, "the next request got somebody else's answer"
        return response


async def within(deadline_s: float, asked: Request, server: str) -> tuple[HubbubError, int]:
    events: list[Event] = []
    async with asyncio.timeout(deadline_s), asking(access(server), events=events) as client:
        with pytest.raises(HubbubError) as caught:
            await client.fetch(asked)
    return caught.value, sum(isinstance(event, RequestDone) for event in events)


@pytest.mark.parametrize("fault", PASSING)
async def test_a_fault_that_happens_once_costs_one_more_request(server: str, fault: str) -> None:
    events: list[Event] = []
    response = await ask(server, fault, times=1, events=events)
    assert b"gd0001" in response.body
    assert b"gd0002" in response.body
    assert sum(isinstance(event, RequestDone) for event in events) == 3


@pytest.mark.parametrize("fault", PASSING)
async def test_a_fault_that_stays_ends_within_the_deadline(server: str, fault: str) -> None:
    error, requests = await within(QUICK.total_s + 1, Request(url=f"/t/{fault}", max_bytes=SMALL), server)
    assert isinstance(error, TransientRemoteError)
    assert "127.0.0.1" in str(error)
    assert 2 <= requests <= 3


@pytest.mark.parametrize("fault", LASTING)
async def test_what_retrying_cannot_cure_is_asked_once(server: str, fault: str) -> None:
    error, requests = await within(QUICK.total_s + 1, Request(url=f"/t/{fault}", max_bytes=SMALL), server)
    assert isinstance(error, RemoteError)
    assert not isinstance(error, TransientRemoteError)
    assert requests == 1


@pytest.mark.parametrize("fault", READABLE)
async def test_odd_but_whole_answers_are_read_and_harm_no_later_one(server: str, fault: str) -> None:
    response = await ask(server, fault, times=10**6)
    assert response.status == 200
    assert b"gd0002" in response.body


@pytest.mark.parametrize("fault", ANSWERS)
async def test_statuses_that_are_answers_are_handed_on(server: str, fault: str) -> None:
    events: list[Event] = []
    response = await ask(server, fault, times=10**6, events=events)
    assert response.status < 500
    assert sum(isinstance(event, RequestDone) for event in events) == 2


async def test_a_401_without_a_token_flow_is_an_auth_error(server: str) -> None:
    error, requests = await within(2, Request(url="/t/status-401"), server)
    assert isinstance(error, AuthError)
    assert requests == 1


async def test_a_401_in_the_middle_costs_one_renewal(server: str) -> None:
    events: list[Event] = []
    async with asking(access(server, token=token_flow(server)), events=events) as client:
        response = await client.fetch(Request(url="/t/status-401?n=1&k=mid"))
    assert response.status == 200
    assert sum(isinstance(event, RequestDone) for event in events) == 4


HEADERS = json.loads((FAULTS / "text" / "headers.json").read_text())["rows"] if FAULTS.is_dir() else []


def answer_with(row: dict[str, Any]) -> Response:
    headers = row["headers"]
    said = http_date(headers.get("date"))
    return Response(
        request=Request(url="/"),
        url="http://x/",
        status=int(str(row["status"])),
        headers=tuple(headers.items()),
        body=b"",
        received_at=clock.now() if said is None else said,
    )


@pytest.mark.parametrize("row", HEADERS, ids=lambda row: row["id"])
@pytest.mark.parametrize("rng", [0.0, 1.0])
def test_every_rate_header_leads_to_a_wait_within_its_bounds(row: dict[str, Any], rng: float) -> None:
    response, policy = answer_with(row), RetryPolicy()
    reading = read_budget(response)
    low, high = row["wait"]
    if response.status == 200:
        wait: float | None = limits.wait_s(answered(reading), 0.0)
        if row["give_up"]:
            assert wait is not None
            assert wait > policy.max_wait_s
            return
    else:
        cause = Cause.RATE_LIMITED if response.status == 429 else Cause.STATUS
        asked = retry_after_s(response.header("retry-after"), server_now=response.received_at)
        failure = Failure(cause=cause, why="x", status=response.status, retry_after_s=asked)
        hits = 99 if row["id"] == "429-for-ever" else 1
        wait = decide(failure, policy, attempt=1, rate_hits=hits, elapsed_s=0, waited_s=0, rng=rng).wait_s
        assert (wait is None) == row["give_up"]
        if wait is None:
            return
    assert wait is not None
    assert low <= wait <= high


def answered(reading: BudgetReading | None) -> limits.Budget:
    return limits.answered(limits.taken(limits.opened(100, 0.0), 0.0), reading, 0.0)


@pytest.mark.parametrize("case", ["429-year", "reset-huge", "429-for-ever"])
async def test_a_platform_that_wants_us_gone_is_obeyed_at_once_and_says_until_when(server: str, case: str) -> None:
    quick = RetryPolicy(rate_floor_s=0.001, max_wait_s=0.5, backoff_s=0.001)
    reads = access(server)
    async with asyncio.timeout(5), asking(reads, policy=quick) as client:
        if case == "reset-huge":
            await client.fetch(Request(url=f"/h/{case}"))
        with pytest.raises(RateLimitedError) as caught:
            await client.fetch(Request(url=f"/h/{case}"))
    assert caught.value.until is not None
    assert caught.value.until > clock.now()
