from __future__ import annotations

import asyncio
import gzip
import json
import logging
import sys

import brotli
import msgspec
import pytest

from hubbub import clock
from hubbub.errors import AuthError, BlockedError, RateLimitedError, RemoteError, TransientRemoteError
from hubbub.events import Event, RequestDone, Retrying
from hubbub.http.limits import CoolDownRules
from hubbub.http.messages import Request

from .loopback import CANARY, QUICK, Answer, Seen, access, asking, serving, token_flow

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

OK: Answer = (200, {}, b'{"kind":"Listing"}')


def with_token(seen: Seen, then: Answer, *, token: str = CANARY) -> Answer:
    if seen.target == "/api/v1/access_token":
        return 200, {}, json.dumps({"access_token": token}).encode()
    return then


async def test_a_request_carries_parameters_user_agent_and_the_bearer_token() -> None:
    async with serving(lambda seen: with_token(seen, OK)) as server:
        async with asking(access(server.url, token=token_flow(server.url))) as client:
            response = await client.fetch(Request(url="/r/x/new", params=(("limit", "100"), ("after", "t3_a b"))))
        assert response.status == 200
        assert response.body == OK[2]
        token_request, data_request = server.seen
        assert token_request.headers["authorization"] == "Basic CANARY-BASIC"
        assert data_request.target == "/r/x/new?limit=100&after=t3_a+b"
        assert data_request.headers["authorization"] == f"Bearer {CANARY}"
        assert data_request.headers["user-agent"] == "test:hubbub:1"
        assert "zstd" in data_request.headers["accept-encoding"]


async def test_one_renewal_serves_many_concurrent_refusals() -> None:
    live = {"token": "first"}

    def answer(seen: Seen) -> Answer:
        if seen.target == "/api/v1/access_token":
            return 200, {}, json.dumps({"access_token": live["token"]}).encode()
        good = seen.headers["authorization"] == f"Bearer {live['token']}"
        return OK if good else (401, {}, b'{"message":"Unauthorized","error":401}')

    async with serving(answer) as server:
        async with asking(access(server.url, token=token_flow(server.url))) as client:
            await client.fetch(Request(url="/a"))
            live["token"] = "second"
            server.delay_s = 0.01
            answers = await asyncio.gather(*(client.fetch(Request(url=f"/{n}")) for n in range(10)))
        assert [a.status for a in answers] == [200] * 10
        assert sum(seen.target == "/api/v1/access_token" for seen in server.seen) == 2


async def test_a_refused_new_token_ends_in_an_auth_error() -> None:
    async with (
        serving(lambda seen: with_token(seen, (401, {}, b"{}"))) as server,
        asking(access(server.url, token=token_flow(server.url))) as client,
    ):
        with pytest.raises(AuthError):
            await client.fetch(Request(url="/a"))
        assert len(server.seen) == 4


async def test_a_token_with_a_line_break_is_refused_and_asked_for_only_once() -> None:
    async with (
        serving(lambda seen: with_token(seen, OK, token="a\r\nx-evil: 1")) as server,
        asking(access(server.url, token=token_flow(server.url))) as client,
    ):
        results = await asyncio.gather(*(client.fetch(Request(url="/a")) for _ in range(5)), return_exceptions=True)
        assert all(isinstance(result, AuthError) for result in results)
        assert [seen.target for seen in server.seen] == ["/api/v1/access_token"]


async def test_a_token_endpoint_that_is_down_is_not_asked_by_everybody_in_turn() -> None:
    async with (
        serving(lambda _: (503, {}, b"")) as server,
        asking(access(server.url, token=token_flow(server.url))) as client,
    ):
        results = await asyncio.gather(*(client.fetch(Request(url="/a")) for _ in range(5)), return_exceptions=True)
        assert all(isinstance(result, TransientRemoteError) for result in results)
        assert [seen.target for seen in server.seen] == ["/api/v1/access_token"] * 3
        with pytest.raises(TransientRemoteError):
            await client.fetch(Request(url="/a"))
        assert len(server.seen) == 6, "who comes later may try again"


@pytest.mark.parametrize("expires", [0, -1, 10**18])
async def test_a_token_with_an_insane_life_is_used_all_the_same(expires: int) -> None:
    async with serving(lambda seen: with_token(seen, OK)) as server:
        async with asking(access(server.url, token=token_flow(server.url, expires_in_s=expires))) as client:
            for _ in range(3):
                await client.fetch(Request(url="/a"))
        assert len(server.seen) == 4


async def test_the_token_goes_to_its_own_host_and_port_only() -> None:
    async with serving(lambda _: OK) as stranger:

        def answer(seen: Seen) -> Answer:
            return with_token(seen, (302, {"location": f"{stranger.url}/steal"}, b""))

        async with (
            serving(answer) as server,
            asking(access(server.url, token=token_flow(server.url))) as client,
        ):
            left = await client.fetch(Request(url="/a"))
            followed = await client.fetch(
                Request(url="/a", follow=3, headers=(("Authorization", "Basic CANARY-OWN"),), authorize=False)
            )
            await client.fetch(Request(url=f"{stranger.url}/direct"))
        assert left.status == 302
        assert followed.url == f"{stranger.url}/steal"
        assert len(stranger.seen) == 2
        assert not any("authorization" in seen.headers for seen in stranger.seen)


@pytest.mark.parametrize("location", ["", "/again", "file:///etc/passwd", "http://[::bad/", "gopher://x/"])
async def test_redirects_that_lead_nowhere_end(location: str) -> None:
    async with (
        serving(lambda _: (302, {"location": location}, b"")) as server,
        asking(access(server.url)) as client,
    ):
        with pytest.raises(RemoteError, match="redirects"):
            await client.fetch(Request(url="/a", follow=4))
        assert len(server.seen) <= 5


async def test_the_time_of_an_answer_is_the_platforms() -> None:
    dates = {"/said": "Wed, 22 Apr 2020 03:37:14 GMT", "/broken": "Thu, 01 Jan 1970 00:00:00 GMT", "/none": "soon"}
    async with (
        serving(lambda seen: (200, {"date": dates[seen.target]}, b"{}")) as server,
        asking(access(server.url)) as client,
    ):
        assert (await client.fetch(Request(url="/said"))).received_at == 1587526634
        before = clock.now()
        for path in ("/broken", "/none"):
            assert before <= (await client.fetch(Request(url=path))).received_at <= clock.now()


async def test_a_block_page_stops_and_a_refusal_in_json_is_an_answer() -> None:
    page: Answer = (403, {"content-type": "text/html; charset=UTF-8"}, b"<html>whoa there, pardner!</html>")
    refusal: Answer = (403, {}, b'{"reason":"private","message":"Forbidden","error":403}')
    async with (
        serving(lambda seen: page if seen.target == "/blocked" else refusal) as server,
        asking(access(server.url)) as client,
    ):
        with pytest.raises(BlockedError):
            await client.fetch(Request(url="/blocked"))
        assert (await client.fetch(Request(url="/private"))).status == 403
        assert len(server.seen) == 2


async def test_an_unreachable_host_is_named_after_the_retries() -> None:
    async with serving(lambda _: OK) as server:
        port = server.port
    events: list[Event] = []
    async with asking(access(f"http://127.0.0.1:{port}"), events=events) as client:
        with pytest.raises(TransientRemoteError, match=r"127\.0\.0\.1"):
            await client.fetch(Request(url="/a", route="new"))
    assert [type(e) for e in events] == [RequestDone, Retrying, RequestDone, Retrying, RequestDone]
    assert all(e.status is None for e in events if isinstance(e, RequestDone))


async def test_an_unknown_host_is_named_after_the_retries() -> None:
    async def unknown(_host: str, _port: int) -> list[str]:
        raise OSError(-2, "Name or service not known")

    async with asking(access("http://nowhere.invalid"), resolve=unknown) as client:
        with pytest.raises(TransientRemoteError, match=r"nowhere\.invalid.*not known"):
            await client.fetch(Request(url="/a"))


async def test_an_answer_over_the_size_limit_is_refused_at_once() -> None:
    async with (
        serving(lambda _: (200, {"content-type": "x/y"}, b"a" * 5000)) as server,
        asking(access(server.url)) as client,
    ):
        assert len((await client.fetch(Request(url="/a", max_bytes=5000))).body) == 5000
        with pytest.raises(RemoteError, match="larger than 4999"):
            await client.fetch(Request(url="/a", max_bytes=4999))
        assert len(server.seen) == 2


async def test_requests_with_one_serial_word_never_overlap() -> None:
    async with serving(lambda _: OK) as server:
        server.delay_s = 0.01
        async with asking(access(server.url)) as client:
            await asyncio.gather(*(client.fetch(Request(url="/m", serial="more")) for _ in range(5)))
            assert server.most_under_way == 1
            await asyncio.gather(*(client.fetch(Request(url="/m")) for _ in range(5)))
            assert server.most_under_way > 1


async def test_never_more_requests_at_once_than_allowed() -> None:
    async with serving(lambda _: OK) as server:
        server.delay_s = 0.01
        async with asking(access(server.url), concurrency=3) as client:
            await asyncio.gather(*(client.fetch(Request(url="/m")) for _ in range(12)))
        assert server.most_under_way == 3


async def test_a_spent_budget_says_when_to_come_back() -> None:
    spent = (200, {"x-ratelimit-remaining": "0", "x-ratelimit-used": "100", "x-ratelimit-reset": "500"}, b"{}")
    async with serving(lambda _: spent) as server, asking(access(server.url)) as client:
        await client.fetch(Request(url="/a"))
        with pytest.raises(RateLimitedError) as caught:
            await client.fetch(Request(url="/a"))
        assert caught.value.until is not None
        assert 490 < caught.value.until - clock.now() < 510
        assert len(server.seen) == 1


async def test_the_token_endpoints_own_limit_does_not_slow_data_requests() -> None:
    spent = {"x-ratelimit-remaining": "0", "x-ratelimit-used": "300", "x-ratelimit-reset": "500"}

    def answer(seen: Seen) -> Answer:
        if seen.target == "/api/v1/access_token":
            return 200, spent, json.dumps({"access_token": "t"}).encode()
        return OK

    async with serving(answer) as server, asking(access(server.url, token=token_flow(server.url))) as client:
        for _ in range(3):
            assert (await client.fetch(Request(url="/a"))).status == 200


async def test_a_429_is_waited_out() -> None:
    count = {"n": 0}

    def answer(_: Seen) -> Answer:
        count["n"] += 1
        return (429, {"retry-after": "0.02"}, b"") if count["n"] < 4 else OK

    async with serving(answer) as server, asking(access(server.url)) as client:
        assert (await client.fetch(Request(url="/a"))).status == 200
        assert len(server.seen) == 4


async def test_a_failing_host_is_left_alone() -> None:
    rules = CoolDownRules(after_failures=3, first_s=60)
    async with serving(lambda _: (503, {}, b"")) as server, asking(access(server.url), cool_down=rules) as client:
        results = await asyncio.gather(*(client.fetch(Request(url="/a")) for _ in range(4)), return_exceptions=True)
        assert all(isinstance(result, TransientRemoteError) for result in results)
        before = len(server.seen)
        with pytest.raises(TransientRemoteError, match="left alone"):
            await client.fetch(Request(url="/a"))
        assert len(server.seen) == before < 12


async def test_cookies_are_neither_kept_nor_handed_on() -> None:
    async with (
        serving(lambda _: (200, {"set-cookie": "session=CANARY; Path=/"}, b"{}")) as server,
        asking(access(server.url)) as client,
    ):
        first = await client.fetch(Request(url="/a"))
        await client.fetch(Request(url="/a"))
        assert first.header("set-cookie") is None
        assert "cookie" not in server.seen[1].headers


async def test_no_secret_shows_in_events_errors_answers_or_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    events: list[Event] = []
    texts: list[str] = []
    paths = ("/ok", "/gone", "/fail", "/refused", "/limited", "/blocked")
    answers: dict[str, Answer] = {
        "/ok": OK,
        "/gone": (404, {}, b"{}"),
        "/fail": (500, {}, b""),
        "/refused": (401, {}, b"{}"),
        "/limited": (429, {"retry-after": "9999"}, b""),
        "/blocked": (403, {"content-type": "text/html"}, b""),
    }
    async with serving(lambda seen: with_token(seen, answers.get(seen.target, OK))) as server:
        for path in paths:
            async with asking(access(server.url, token=token_flow(server.url)), events=events) as client:
                try:
                    texts.append(repr(await client.fetch(Request(url=path))))
                except RemoteError as error:
                    texts.append(f"{error!r} {error.advice} {error.__cause__!r} {error.__context__!r}")
                except (AuthError, RateLimitedError) as error:
                    texts.append(f"{error!r} {error.advice} {error.__context__!r}")
        assert any(seen.headers.get("authorization") == f"Bearer {CANARY}" for seen in server.seen)
    texts.extend(msgspec.json.encode(event).decode() for event in events)
    everything = "\n".join(texts) + caplog.text
    assert "CANARY" not in everything


async def test_every_encoding_we_offer_is_undone() -> None:
    text = json.dumps({"a": "beetle " * 100_000}).encode()
    bodies = {
        "gzip": gzip.compress(text),
        "br": brotli.compress(text, quality=3),
        "zstd": zstd.compress(text),
        "gzip, br": brotli.compress(gzip.compress(text), quality=3),
    }
    async with (
        serving(
            lambda seen: (200, {"content-encoding": seen.headers["x-want"]}, bodies[seen.headers["x-want"]])
        ) as server,
        asking(access(server.url)) as client,
    ):
        for name in bodies:
            response = await client.fetch(Request(url="/a", headers=(("x-want", name),)))
            assert response.body == text, name
        for name, whole in list(bodies.items()):
            bodies[name] = whole[: len(whole) // 2]
            with pytest.raises(TransientRemoteError):
                await client.fetch(Request(url="/a", headers=(("x-want", name),)))


async def test_the_quick_policy_of_these_tests_is_the_real_one_but_for_its_waits() -> None:
    assert QUICK.attempts == 3
    assert QUICK.rate_attempts == 5
