"""Limits, faults, the control door and the server itself, over real sockets."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from hubbub.errors import ConfigError, ExitCode
from hubbub.simulator.faults import Clock, Fault, Limits, Scenario, load_scenario
from hubbub.simulator.limits import Windows
from hubbub.simulator.server import Running
from tests.simulator.client import simulated
from tests.simulator.conftest import AGENT, COMMUNITY, basic, door, options

NEW = f"/r/{COMMUNITY}/new?raw_json=1"


def test_windows_are_fixed_and_keep_counting_past_the_end() -> None:
    windows = Windows(requests=2, seconds=600)
    standings = [windows.count("a", at=at) for at in (1000, 1100, 1200, 1599.9, 1600)]
    assert [s.used for s in standings] == [1, 2, 3, 4, 1]
    assert [s.refused for s in standings] == [False, False, True, True, False]
    assert [s.reset_s for s in standings[:2]] == [600, 500]
    assert windows.count("b", at=1200).used == 1


def test_the_budget_is_enforced_and_told_in_headers() -> None:
    own = door(Scenario(clock=Clock(speed=0, step=0), limits=Limits(requests=3)))
    replies = [own.reply(f"/r/{COMMUNITY}/about") for _ in range(5)]
    assert [r.status for r in replies] == [200, 200, 200, 429, 429]
    first, last = dict(replies[0].headers), dict(replies[2].headers)
    assert (first["x-ratelimit-remaining"], first["x-ratelimit-used"], first["x-ratelimit-reset"]) == (
        "2.0",
        "1",
        "600",
    )
    assert last["x-ratelimit-remaining"] == "0"
    shapes = {("retry-after" in dict(r.headers), r.media_type.startswith("text/html")) for r in replies[3:]}
    assert shapes == {(True, True), (False, False)}
    own.app.clock.advance(601)
    assert own.reply(f"/r/{COMMUNITY}/about").status == 200


def test_a_paced_client_never_meets_the_limit_by_default() -> None:
    own = door(posts=1, comments=0)
    assert {own.reply(f"/r/{COMMUNITY}/about").status for _ in range(2100)} == {200}


def test_the_token_endpoint_has_a_limit_of_its_own() -> None:
    own = door(Scenario(clock=Clock(speed=0, step=0), limits=Limits(token_requests=2)))
    form = {"grant_type": "client_credentials"}
    statuses = [own.post("/api/v1/access_token", form, **basic()).status for _ in range(3)]
    assert statuses == [200, 429, 429]


def test_answers_carry_virtual_time_rate_headers_and_gzip() -> None:
    with simulated() as client:
        status, headers, body = client.get(NEW, **{"accept-encoding": "gzip"})
        assert status == 200
        assert headers["date"].endswith("2026 00:00:01 GMT")
        assert headers["x-ratelimit-remaining"] == "999.0"
        assert json.loads(gzip.decompress(body))["kind"] == "Listing"


@pytest.mark.parametrize("html", [True, False])
def test_errors_come_at_the_request_they_were_ordered_for(html: bool) -> None:  # noqa: FBT001
    fault = Fault(action="status", route="new", nth=2, times=2, status=503, html=html, retry_after="4")
    with simulated(Scenario(faults=(fault,))) as client:
        replies = [client.get(NEW) for _ in range(4)]
        assert [r[0] for r in replies] == [200, 503, 503, 200]
        assert replies[1][1]["content-type"].startswith("text/html" if html else "application/json")
        assert replies[1][1]["retry-after"] == "4"
        assert client.get(f"/r/{COMMUNITY}/about")[0] == 200


def test_bodies_are_truncated_cut_reset_and_blocked_on_order() -> None:
    with simulated() as client:
        whole = client.get(NEW)[2]
        client.control(fail={"action": "truncate", "route": "new"})
        assert client.get(NEW)[2] == whole[: len(whole) // 2]
        client.control(fail=[{"action": "cut", "route": "new"}])
        with pytest.raises(http.client.IncompleteRead):
            client.get(NEW)
        client.control(fail={"action": "reset", "route": "new"})
        with pytest.raises(ConnectionError):
            client.get(NEW)
        client.control(fail={"action": "block"})
        status, headers, body = client.get(NEW)
        assert (status, headers["content-type"].partition(";")[0]) == (403, "text/html")
        assert b"blocked by network security" in body
        client.control(fail={"action": "slow", "route": "new", "seconds": 0.01})
        assert client.get(NEW)[2] == whole


def test_a_stalled_answer_never_comes() -> None:
    with simulated() as client:
        client.control(fail={"action": "stall", "route": "new", "seconds": 0.05})
        with pytest.raises(ConnectionError):
            client.get(NEW)


def test_revocation_strikes_in_the_middle() -> None:
    with simulated(Scenario(faults=(Fault(action="revoke", route="new", nth=2),))) as client:
        assert [client.get(NEW)[0] for _ in range(3)] == [200, 401, 401]
        client.control(revoke=True)


def test_some_answers_come_without_rate_headers() -> None:
    with simulated(Scenario(limits=Limits(bare_share=0.5))) as client:
        bare = ["x-ratelimit-used" not in client.get(f"/r/{COMMUNITY}/about")[1] for _ in range(20)]
        assert 0 < sum(bare) < 20


def test_held_requests_wait_until_released() -> None:
    with simulated() as client:
        client.control(hold_after=2)
        assert [client.get(NEW)[0] for _ in range(2)] == [200, 200]
        with closing(http.client.HTTPConnection(client.address, timeout=5)) as waiting:
            waiting.request("GET", NEW, headers={"user-agent": AGENT, "authorization": f"bearer {client.token}"})
            assert client.control()["held_after"] == 0
            waiting.sock.settimeout(0.05)
            with pytest.raises(TimeoutError):
                waiting.sock.recv(1)
            client.control(release=True)
            waiting.sock.settimeout(5)
            assert waiting.getresponse().status == 200
        assert client.get(NEW)[0] == 200


def test_a_simulator_stops_while_it_holds_a_request() -> None:
    with simulated() as client:
        client.control(hold_after=0)
        waiting = http.client.HTTPConnection(client.address, timeout=5)
        waiting.request("GET", NEW, headers={"user-agent": AGENT, "authorization": f"bearer {client.token}"})
        while not client.stats().get("new"):
            pass
    with closing(waiting), pytest.raises((http.client.HTTPException, OSError)):
        waiting.getresponse().read()


def test_a_client_that_hangs_up_while_held_leaves_no_trace() -> None:
    with simulated() as client:
        client.control(hold_after=0)
        with closing(http.client.HTTPConnection(client.address, timeout=5)) as waiting:
            waiting.request("GET", NEW, headers={"user-agent": AGENT, "authorization": f"bearer {client.token}"})
            while not client.stats().get("new"):
                pass
        client.control(release=True)
        assert client.get(NEW)[0] == 200
        assert json.loads(client.get("/__stats?statuses=1")[2]) == {"200": 2}


def test_an_endless_query_is_refused() -> None:
    own = door()
    reply = own.reply("/api/morechildren", link_id="t3_x", children=",".join(["abcdefg"] * 900))
    assert (reply.status, reply.body) == (414, b"URI Too Long")


def test_two_morechildren_at_a_time_are_one_too_many() -> None:
    scenario = Scenario(latency_ms=150)
    with simulated(scenario) as client:
        headers = {"user-agent": AGENT, "authorization": f"bearer {client.token}"}
        with closing(http.client.HTTPConnection(client.address, timeout=5)) as first:
            first.request("GET", "/api/morechildren/?link_id=t3_x&children=a", headers=headers)
            second = client.get("/api/morechildren.json?link_id=t3_x&children=a")[0]
            assert sorted([first.getresponse().status, second]) == [403, 429]


def test_stats_count_by_route_and_truth_lists_ids() -> None:
    with simulated() as client:
        client.control(reset_stats=True)
        for path in (NEW, NEW, f"/r/{COMMUNITY}/about/", "/nothing/here"):
            client.get(path)
        assert client.stats() == {"new": 2, "about": 1, "unknown": 1}
        truth = json.loads(client.get("/__truth")[2])
        assert set(truth) == {COMMUNITY, "spiders"}
        place = truth[COMMUNITY]
        assert place["counts"]["posts"] == len(place["posts"]) <= place["counts"]["posts_made"] == 12
        assert place["counts"]["comments"] == len(place["comments"]) <= place["counts"]["comments_made"] == 60
        assert set(place["taxa"]) <= set(place["posts"])


def test_an_order_nobody_understands_is_refused() -> None:
    with simulated() as client:
        assert client.ask("POST", "/__control", body='{"explode": true}')[0] == 400
        assert client.ask("POST", "/__control", body="not json")[0] == 400


def test_a_scenario_file_sets_clock_limits_and_faults(tmp_path: Path) -> None:
    file = tmp_path / "bad-day.toml"
    file.write_text(
        'latency_ms = 5\n[clock]\nstart = "2026-05-01T00:00:00Z"\nstep = 0\n[limits]\nrequests = 60\n'
        '[[faults]]\naction = "status"\nroute = "thread*"\nevery = 10\nstatus = 502\n'
    )
    scenario = load_scenario(file)
    assert scenario.limits.requests == 60
    assert scenario.clock.begins_at(0) == 1_777_593_600
    assert scenario.faults[0].status == 502
    for text in ("[clock]\nsped = 2\n", "faults = 3\n", "not toml"):
        file.write_text(text)
        with pytest.raises(ConfigError, match="bad-day"):
            load_scenario(file)
    with pytest.raises(ConfigError, match="missing"):
        load_scenario(tmp_path / "missing.toml")


def test_a_taken_port_is_told_in_clear_words() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}") as refused:
            Running(options(port=port)).__enter__()
    assert refused.value.exit_code is ExitCode.CONFIG
    assert "port" in (refused.value.advice or "")


_SERVE = """
from hubbub.plugins.registry import load
from hubbub.simulator.server import Options, serve
serve(Options(routes=[load("simulators", "reddit")], posts=5, comments=5))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_one_ready_line_and_stops_cleanly(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", _SERVE], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        ready = json.loads(program.stdout.readline())
        os.kill(program.pid, number)
        rest = program.stdout.read()
    assert (program.returncode, rest) == (0, "")
    assert ready["reddit"] == ready["oauth"]
    assert ready["reddit"].startswith("http://127.0.0.1:")
    assert ready["communities"][0] == COMMUNITY
    assert {ready["arctic"], ready["producthunt"], ready["producthunt_token"]} == {None}
    assert all(ready[key] for key in ("client_id", "client_secret", "username", "password"))
