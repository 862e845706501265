"""Connections through real proxies: which one carries, what each is told, and what happens when one dies."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.errors import TransientRemoteError
from hubbub.http import dial, tunnels
from hubbub.http.messages import Request
from hubbub.http.proxies import Health, Proxy, failed, read_proxy, summed, worked
from hubbub.http.retry import RetryPolicy
from hubbub.http.tunnels import Tunnels, examine
from tests.http.loopback import Answer, Seen, Server, access, asking, serving
from tests.proxying import Kind, ProxyServer

OK: Answer = (200, {}, b'{"ok": true}')
LOGIN = ("some user", "CANARY:p@ss/word")


def fine(_: Seen) -> Answer:
    return OK


def through(*servers: ProxyServer, blames: bool = True) -> Tunnels:
    return Tunnels([read_proxy(server.url) for server in servers], blames=blames)


def quoted(server: ProxyServer) -> Proxy:
    """The proxy with its login, which an address would have to escape."""
    user, word = server.login or (None, None)
    return Proxy(scheme=server.kind, host="127.0.0.1", port=server.port, username=user, password=word)


@pytest.mark.parametrize("kind", ["http", "socks5"])
@pytest.mark.parametrize("login", [None, LOGIN])
async def test_requests_go_through_the_proxy_and_not_around_it(kind: Kind, login: tuple[str, str] | None) -> None:
    with ProxyServer(kind, login=login) as proxy:
        ways = Tunnels([quoted(proxy)])
        async with serving(fine) as server, asking(access(f"http://localhost:{server.port}"), tunnels=ways) as client:
            for _ in range(3):
                assert (await client.fetch(Request(url="/a"))).status == 200
            assert len(server.seen) == 3
            assert "proxy-authorization" not in server.seen[0].headers
            assert proxy.asked == [("localhost", server.port)], "one connection, asked for by name"
    assert ways.health[quoted(proxy)].successes == 1


@pytest.mark.parametrize(
    ("kind", "login", "refuse", "words"),
    [
        ("http", None, None, "cannot|closed|reached"),
        ("http", LOGIN, None, r"refuses the user name or password \(407\)"),
        ("http", None, 403, r"opens no tunnel to .* \(403\)"),
        ("http", None, 502, r"cannot reach .* \(502\)"),
        ("socks5", LOGIN, None, "refuses the user name or password"),
        ("socks5", None, 5, "cannot reach .*connection refused"),
        ("socks5", None, 2, "opens no tunnel to .*not allowed"),
    ],
)
async def test_a_proxy_that_opens_nothing_says_why_and_nothing_goes_around_it(
    *, kind: Kind, login: tuple[str, str] | None, refuse: int | None, words: str
) -> None:
    with ProxyServer(kind, login=login, refuse=refuse) as proxy:
        if login is None and refuse is None:
            proxy.kill()
        wrong = Proxy(
            scheme=kind, host="127.0.0.1", port=proxy.port, username=login and login[0], password=login and "CANARY"
        )
        async with (
            serving(fine) as server,
            asking(access(f"http://127.0.0.1:{server.port}"), tunnels=Tunnels([wrong])) as client,
        ):
            with pytest.raises(TransientRemoteError, match=words) as caught:
                await client.fetch(Request(url="/a"))
            assert server.seen == []
    assert "CANARY" not in f"{caught.value} {caught.value.advice}"
    assert wrong.shown in str(caught.value)


async def test_a_login_that_is_asked_for_and_not_given_is_named() -> None:
    with ProxyServer("http", login=LOGIN) as one, ProxyServer("socks5", login=LOGIN) as two:
        bare = [read_proxy(f"{each.kind}://127.0.0.1:{each.port}") for each in (one, two)]
        found = await examine(bare, to=dict.fromkeys(bare, ("127.0.0.1", 9)), tries=1)
    assert ["asks for a user name" in (health.last_error or "") for health in found.values()] == [True, True]


async def test_a_proxy_killed_in_mid_run_hands_over_to_the_next() -> None:
    with ProxyServer("http") as first, ProxyServer("socks5") as second:
        ways = through(first, second)
        async with serving(fine) as server, asking(access(f"http://127.0.0.1:{server.port}"), tunnels=ways) as client:
            await client.fetch(Request(url="/1"))
            first.kill()
            for number in range(2, 5):
                await client.fetch(Request(url=f"/{number}"))
            assert [seen.target for seen in server.seen] == ["/1", "/2", "/3", "/4"]
            second.kill()
            with pytest.raises(TransientRemoteError, match="no proxy opens a connection"):
                await client.fetch(Request(url="/5"))
            assert len(server.seen) == 4, "nothing goes around dead proxies"
    one, two = (ways.health[read_proxy(each.url)] for each in (first, second))
    assert (one.successes, two.successes) == (1, 1)
    assert one.failures >= 1
    assert one.state == two.state == "failing"


async def test_a_checked_address_is_what_the_proxy_is_asked_for() -> None:
    """DNS rebinding through a proxy: the name is looked up once, here, and never by the proxy (row 58)."""

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    for kind in ("http", "socks5"):
        with ProxyServer(kind) as proxy:
            ways = through(proxy, blames=False)
            async with serving(fine) as server:
                to = access(f"http://pictures.invalid:{server.port}")
                async with asking(to, tunnels=ways, resolve=resolve) as client:
                    await client.fetch(Request(url="/a"))
                assert proxy.asked == [("127.0.0.1", server.port)]
                assert server.seen[0].headers["host"] == f"pictures.invalid:{server.port}"


async def test_dead_picture_hosts_say_nothing_against_a_proxy() -> None:
    with (
        ProxyServer("http", refuse=502) as one,
        ProxyServer("http", stalls=True) as two,
        ProxyServer("socks5", refuse=4) as three,
    ):
        ways = through(one, two, three, blames=False)
        policy = RetryPolicy(attempts=1, connect_s=0.2)
        async with asking(access("http://127.0.0.1:9"), tunnels=ways, policy=policy) as client:
            with pytest.raises(TransientRemoteError, match="did not reach"):
                await client.fetch(Request(url="/a"))
        assert three.asked == [], "two witnesses are enough"
        assert {health.failures for health in ways.health.values()} == {0}
        blaming = through(one, two, three)
        async with asking(access("http://127.0.0.1:9"), tunnels=blaming, policy=policy) as client:
            with pytest.raises(TransientRemoteError, match="cannot reach"):
                await client.fetch(Request(url="/a"))
        assert {health.failures for health in blaming.health.values()} == {1}


async def test_a_tunnel_that_falls_silent_is_left_for_another_proxy() -> None:
    def silent(seen: Seen) -> Answer:
        server.delay_s = 2.0 if seen.target == "/1" else 0.0  # for the next one
        return OK

    with ProxyServer("http") as one, ProxyServer("socks5") as two:
        ways = through(one, two)
        async with serving(silent) as server, asking(access(f"http://127.0.0.1:{server.port}"), tunnels=ways) as client:
            await client.fetch(Request(url="/1"))
            asyncio.get_running_loop().call_later(0.2, setattr, server, "delay_s", 0.0)
            assert (await client.fetch(Request(url="/2"))).status == 200
    assert ways.health[read_proxy(one.url)].failures == 1
    assert ways.health[read_proxy(two.url)].successes == 1


@pytest.mark.parametrize("kind", ["http", "https", "socks5"])
async def test_what_goes_to_a_platform_by_tls_is_closed_to_the_proxy(
    own_authority: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, *, kind: Kind
) -> None:
    monkeypatch.setattr(dial, "_trust", tunnels._trust)
    server = Server(fine)
    listening = await asyncio.start_server(server.connected, "127.0.0.1", 0, ssl=own_authority)
    port = listening.sockets[0].getsockname()[1]
    with ProxyServer(kind, tls=own_authority if kind == "https" else None) as proxy:
        async with listening, asking(access(f"https://localhost:{port}"), tunnels=through(proxy)) as client:
            for _ in range(2):
                assert (await client.fetch(Request(url="/a"))).status == 200
            assert proxy.asked == [("localhost", port)]
        await server.end()


@pytest.fixture
def own_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for localhost that both ends of the test trust."""
    if shutil.which("openssl") is None:
        pytest.skip("makes a certificate with openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*make, *names, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(tunnels, "_trust", lambda: trusting)
    serving_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving_side.load_cert_chain(certificate, key)
    return serving_side


async def test_a_proxy_may_be_reached_by_tls(own_authority: ssl.SSLContext) -> None:
    with ProxyServer("https", login=("u", "p"), tls=own_authority) as proxy:
        async with (
            serving(fine) as server,
            asking(access(f"http://127.0.0.1:{server.port}"), tunnels=through(proxy)) as client,
        ):
            assert (await client.fetch(Request(url="/a"))).status == 200
            assert proxy.asked == [("127.0.0.1", server.port)]


async def test_a_certificate_nobody_vouches_for_gets_no_login(own_authority: ssl.SSLContext) -> None:
    with ProxyServer("https", login=("u", "p"), tls=own_authority) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tunnels, "_trust", ssl.create_default_context)
        (health,) = (await examine([read_proxy(proxy.url)], to={}, tries=1)).values()
    assert "CERTIFICATE_VERIFY_FAILED" in (health.last_error or "")


async def test_what_does_not_speak_the_protocol_is_named() -> None:
    async with serving(fine) as server:
        wrong = [read_proxy(f"{kind}://127.0.0.1:{server.port}") for kind in ("http", "socks5")]
        found = await examine(wrong, to=dict.fromkeys(wrong, ("127.0.0.1", 9)), tries=1, timeout_s=0.3)
    said = [health.last_error for health in found.values()]
    # It answers CONNECT with 200 and a body at once: bytes before the first question are nobody's answer.
    assert said == ["it sent data before it was asked anything", "no answer in time"]


async def test_a_proxy_is_tried_three_times_and_well_at_the_first_success() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if lazy.asked:
            lazy.refuse = None

    with ProxyServer("http", refuse=503) as lazy, ProxyServer("http", refuse=503) as dead:
        async with serving(fine) as server:
            both = [read_proxy(each.url) for each in (lazy, dead)]
            found = await examine(both, to=dict.fromkeys(both, ("127.0.0.1", server.port)), sleep=sleep)
            assert server.seen == [], "a test makes no request"
        assert len(dead.asked) == 3
    one, two = found.values()
    assert (one.state, one.failures, one.successes) == ("healthy", 1, 1)
    assert (two.state, two.failures, two.successes) == ("failing", 3, 0)


ADDRESSES = st.builds(
    Proxy,
    scheme=st.sampled_from(["http", "https", "socks5"]),
    host=st.sampled_from(["proxy.example.org", "127.0.0.1", "::1", "2001:db8::7", "a-b.c"]),
    port=st.integers(1, 65535),
    username=st.text(st.characters(codec="utf-8", exclude_characters=":"), min_size=1, max_size=40),
    password=st.text(st.characters(codec="utf-8"), max_size=40),
)


@given(ADDRESSES)
def test_an_address_survives_its_file_and_hides_its_password_everywhere_else(proxy: Proxy) -> None:
    assert read_proxy(proxy.url) == proxy
    secret = f"CANARY{proxy.password}"
    hidden = Proxy(scheme=proxy.scheme, host=proxy.host, port=proxy.port, username=proxy.username, password=secret)
    assert hidden.shown == proxy.shown
    assert "CANARY" not in f"{hidden} {hidden!r} {[hidden]} {hidden.shown}"


@pytest.mark.parametrize(
    "text",
    [
        "ftp://CANARY:CANARY@host:1",
        "http://host",
        "http://:8080",
        "host:CANARY",
        "host:8080:CANARY:CANARY",
        "http://CANARY:CANARY@host:99999",
        "http://CANARY@host:80/path",
        "http://ho st:80",
        "http://:CANARY@host:80",
        "socks4://CANARY@host:80",
        "http://[CANARY:80",
        f"http://{'CANARY' * 50}@host:80",
        "",
    ],
)
def test_what_is_no_address_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        read_proxy(text)
    assert "CANARY" not in str(caught.value)


def test_short_forms_of_addresses_are_understood() -> None:
    assert read_proxy("proxy.example.org:3128").shown == "http://proxy.example.org:3128"
    assert read_proxy("SOCKS5h://u:p@[::1]:1080/").shown == "socks5://u:***@[::1]:1080"


STEPS = st.lists(st.booleans(), max_size=12)


@given(STEPS, STEPS)
def test_counts_of_two_runs_add_up_as_if_they_were_one(first: list[bool], second: list[bool]) -> None:
    def after(health: Health, steps: list[bool], start: int) -> Health:
        for at, good in enumerate(steps, start):
            health = worked(health, latency_s=at, at=at) if good else failed(health, why=f"{at}", at=at)
        return health

    whole = after(Health(), [*first, *second], 1)
    assert summed(after(Health(), first, 1), after(Health(), second, 1 + len(first))) == whole
