"""Every error of the platform can be had on order, in its own shape; and answers travel at the pace that was asked for."""

from __future__ import annotations

import gzip
import http.client
import json
import zlib
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from hubbub import clock
from hubbub.simulator.faults import Clock, Fault, Faults, Limits, Scenario, load_scenario
from hubbub.simulator.things import HORIZON
from tests.simulator.client import Client, simulated
from tests.simulator.conftest import COMMUNITY, basic

NEW = f"/r/{COMMUNITY}/new?raw_json=1&limit=50"
STILL = Scenario(clock=Clock(speed=0, step=0))


def met(client: Client, **fault: Any) -> tuple[int, dict[str, str], bytes]:
    client.control(clear=True, fail={"action": "status"} | fault)
    return client.get(NEW)


@pytest.mark.parametrize("status", [400, 403, 404, 408, 429, 451, 500, 502, 503, 504, 520, 522])
def test_each_status_comes_as_page_as_json_and_as_plain_text(status: int) -> None:
    with simulated() as client:
        got, headers, body = met(client, status=status)
        assert (got, headers["content-type"].partition(";")[0]) == (status, "text/html")
        assert b"<html>" in body
        got, headers, body = met(client, status=status, html=False)
        assert (got, json.loads(body)["error"]) == (status, status)
        got, headers, body = met(client, status=status, plain=True)
        assert (got, headers["content-type"]) == (status, "text/plain")
        assert b"<" not in body


@pytest.mark.parametrize(
    ("fault", "body"),
    [
        ({"status": 403, "reason": "private"}, {"reason": "private", "message": "Forbidden", "error": 403}),
        ({"status": 404, "reason": "banned"}, {"reason": "banned", "message": "Not Found", "error": 404}),
        (
            {"status": 400, "reason": "USER_DOESNT_EXIST"},
            {
                "message": "Bad Request",
                "error": 400,
                "reason": "USER_DOESNT_EXIST",
                "fields": ["id"],
                "explanation": "that user doesn't exist",
            },
        ),
    ],
)
def test_a_reason_brings_its_members(fault: dict[str, Any], body: dict[str, Any]) -> None:
    with simulated() as client:
        got = met(client, html=False, **fault)
        assert (got[0], json.loads(got[2])) == (fault["status"], body)


def test_a_lacking_scope_and_a_stale_token_are_told_in_a_header() -> None:
    with simulated() as client:
        scope = met(client, status=403, reason="insufficient_scope", html=False)
        assert 'error="insufficient_scope"' in scope[1]["www-authenticate"]
        stale = met(client, status=401, html=False)
        assert stale[1]["www-authenticate"] == 'Bearer realm="reddit", error="invalid_token"'


def test_429_comes_with_and_without_rate_headers_and_retry_after() -> None:
    with simulated(Scenario(clock=Clock(speed=0, step=0), limits=Limits(requests=50))) as client:
        page = met(client, status=429, retry_after="4")
        assert (page[1]["retry-after"], "x-ratelimit-reset" in page[1]) == ("4", False)
        bare = met(client, status=429, html=False)
        assert not {"retry-after", "x-ratelimit-remaining"} & set(bare[1])
        assert client.get(NEW)[1]["x-ratelimit-remaining"] != "0"
        told = met(client, status=429, html=False, rated=True)
        assert told[1]["x-ratelimit-remaining"] == "0"
        assert int(told[1]["x-ratelimit-reset"]) > 0
        assert client.get(NEW)[0] == 429, "what was said to be used up is used up"
        client.control(advance=601)
        assert client.get(NEW)[0] == 200


def test_a_redirect_says_where_to() -> None:
    with simulated() as client:
        moved = met(client, status=301, html=False, location="/r/spiders/new")
        assert (moved[0], moved[1]["location"]) == (301, "/r/spiders/new")


def test_what_is_asked_by_post_can_fail_with_200_and_a_label() -> None:
    with simulated() as client:
        client.control(fail={"action": "status", "status": 200, "html": False, "reason": "RATELIMIT"})
        status, _, body = client.get("/api/morechildren?link_id=t3_x&children=a")
        assert (status, json.loads(body)) == (200, {"json": {"errors": [["RATELIMIT", "ratelimit", None]]}})


def test_tokens_live_as_long_as_was_asked_for_and_say_so() -> None:
    with simulated(Scenario(clock=STILL.clock, limits=Limits(token_lives_s=3600))) as client:
        assert json.loads(token(client)[2])["expires_in"] == 3600
        client.control(advance=3500)
        assert client.get(NEW)[0] == 200
        client.control(advance=200)
        assert client.get(NEW)[0] == 401


def token(client: Client, **form: str) -> tuple[int, dict[str, str], bytes]:
    body = "&".join(f"{key}={value}" for key, value in ({"grant_type": "client_credentials"} | form).items())
    extra = basic() | {"content-type": "application/x-www-form-urlencoded"}
    return client.ask("POST", "/api/v1/access_token", body=body, headers=extra)


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        ({"status": 200, "reason": "invalid_grant"}, 200, {"error": "invalid_grant"}),
        ({"status": 400, "reason": "invalid_scope"}, 400, {"error": "invalid_scope"}),
        (
            {"status": 200, "reason": "unauthorized_client"},
            200,
            {"error": "unauthorized_client", "error_description": "Only script apps may use password auth"},
        ),
        ({"status": 400}, 400, {"message": "Bad Request", "error": 400}),
        ({"status": 429}, 429, {"message": "Too Many Requests", "error": 429}),
    ],
)
def test_the_token_endpoint_fails_in_its_own_shapes(fault: dict[str, Any], status: int, body: dict[str, Any]) -> None:
    with simulated() as client:
        client.control(fail={"action": "status", "route": "token", "html": False} | fault)
        got = token(client)
        assert (got[0], json.loads(got[2])) == (status, body)
        assert "access_token" in json.loads(token(client)[2])


def test_a_revoked_app_gets_no_token_until_it_is_given_back() -> None:
    with simulated() as client:
        client.control(revoke_app=True)
        assert client.get(NEW)[0] == 401
        status, headers, body = token(client)
        assert (status, headers["www-authenticate"]) == (401, 'Basic realm="reddit"')
        assert json.loads(body) == {"message": "Unauthorized", "error": 401}
        client.control(revoke_app=False)
        client.token = json.loads(token(client)[2])["access_token"]
        assert client.get(NEW)[0] == 200
        client.control(fail={"action": "revoke_app", "route": "new"})
        assert [client.get(NEW)[0], token(client)[0]] == [401, 401]


def test_bodies_lose_their_end_in_every_way_a_client_must_notice() -> None:
    with simulated() as client:
        whole = client.get(NEW)[2]
        client.control(fail={"action": "truncate", "route": "new", "keep": 0.9})
        cut = gzip.decompress(client.get(NEW, **{"accept-encoding": "gzip"})[2])
        assert cut == whole[: int(len(whole) * 0.9)]
        client.control(fail={"action": "clip", "route": "new"})
        packed = client.get(NEW, **{"accept-encoding": "gzip"})[2]
        with pytest.raises(EOFError):
            gzip.decompress(packed)
        assert whole.startswith(zlib.decompressobj(31).decompress(packed))
        for action in ("cut", "hang"):
            client.control(fail={"action": action, "route": "new", "seconds": 0.01})
            with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                client.get(NEW)
        client.control(fail={"action": "status", "status": 200})
        status, headers, body = client.get(NEW)
        assert (status, headers["content-type"]) == (200, "text/html; charset=UTF-8")
        assert b"Log in" in body


def test_trouble_keeps_to_its_time() -> None:
    window = Fault(action="status", html=False, times=None, since="+1h", until=-7200)
    start = HORIZON - 86_400
    with simulated(Scenario(clock=Clock(start=start, speed=0, step=0), faults=(window,))) as client:
        statuses = []
        for at in (start, start + 3599, start + 3600, HORIZON - 7201, HORIZON - 7200):
            client.control(now=at)
            statuses.append(client.get(NEW)[0])
        assert statuses == [200, 200, 503, 503, 200]


def test_a_fault_counts_the_requests_of_its_time_only() -> None:
    faults = Faults()
    faults.add(Fault(action="reset", nth=2), since=100, until=200)
    assert [faults.pick("new", at=at) is not None for at in (10, 20, 110, 120, 130, 210)] == [
        False, False, False, True, False, False,
    ]  # fmt: skip


def test_bodies_come_at_the_pace_asked_for_and_whole() -> None:
    with simulated(STILL) as fast, simulated(Scenario(clock=STILL.clock, bytes_per_s=200_000)) as slow:
        whole = fast.get(NEW)[2].replace(fast.address.encode(), b"")
        began = clock.monotonic()
        body = slow.get(NEW)[2]
        assert clock.monotonic() - began >= 0.9 * len(body) / 200_000
        assert len(whole) > 10_000
        assert len(json.loads(body)["data"]["children"]) == len(json.loads(whole)["data"]["children"])


@pytest.mark.parametrize("skew", [-3600.0, 90.0])
def test_the_date_can_be_wrong_while_times_of_things_are_not(skew: float) -> None:
    with simulated() as true, simulated(Scenario(clock=Clock(skew_s=skew))) as wrong:
        dates = [parsedate_to_datetime(client.get(NEW)[1]["date"]).timestamp() for client in (true, wrong)]
        assert abs(dates[1] - dates[0] - skew) < 60
        times = [
            [child["data"]["created_utc"] for child in json.loads(client.get(NEW)[2])["data"]["children"]]
            for client in (true, wrong)
        ]
        assert times[0] == times[1]


def test_the_rough_day_troubles_one_request_in_twenty_in_every_way() -> None:
    scenario = load_scenario(Path("rough-day"))
    assert sum(fault.share or 0 for fault in scenario.faults) == pytest.approx(0.05)
    faults = Faults(seed=7)
    for fault in scenario.faults:
        faults.add(fault)
    picked = [found for _ in range(20_000) if (found := faults.pick("new", at=0)) is not None]
    assert 0.04 < len(picked) / 20_000 < 0.06
    assert {(f.action, f.status) for f in picked} == {(f.action, f.status) for f in scenario.faults}
