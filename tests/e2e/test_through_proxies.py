"""Whole runs through real proxies: killed in mid-run, all dead, strict; nothing ever goes around them (rows 55, 32-34)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hubbub.errors import ExitCode
from hubbub.http.proxies import Health, Proxy, read_proxy
from hubbub.http.retry import RetryPolicy
from hubbub.pipeline.egress import Egress
from hubbub.pipeline.media import MediaOptions, fetch_media
from hubbub.pipeline.run import RunReport
from hubbub.pipeline.sync import sync
from hubbub.plugins.contracts import SyncOptions, Target
from hubbub.simulator.faults import Clock, Scenario
from hubbub.simulator.server import Running
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from hubbub.store.proxy_list import Listed, change_list, read_list
from tests.cli.running import hubbub
from tests.e2e.road import access, get_json, simulated, store_url
from tests.e2e.test_canary import leaks, order
from tests.proxying import ProxyServer

NAME = "whatisthisbug"
STILL = Scenario(clock=Clock(speed=0.0, step=0.0))
LOGIN = ("someone", "CANARY-proxy-password")
QUICK = RetryPolicy(backoff_s=0.01)
IMPATIENT = RetryPolicy(backoff_s=0.01, total_s=3.0)
"""For a platform that is out of reach for good: nobody waits until it is cooled down."""


@pytest.fixture(scope="module")
def reddit() -> Iterator[Running]:
    with simulated(posts=12, comments=90, communities=(NAME,), scenario=STILL) as running:
        yield running


def listed(*servers: ProxyServer, sources: tuple[str, ...] = ("reddit",)) -> list[Listed]:
    return [Listed(proxy=proxy_of(server), sources=sources) for server in servers]


def proxy_of(server: ProxyServer) -> Proxy:
    return read_proxy(server.url)


def synced(store: Store, running: Running, egress: Egress | None = None, *, policy: RetryPolicy = QUICK) -> RunReport:
    targets = [Target(source="reddit", name=NAME)]
    return sync(store, targets, options=SyncOptions(), settings=access(running), policy=policy, egress=egress)


@contextmanager
def stored(folder: Path) -> Iterator[Store]:
    folder.mkdir()
    with open_store(store_url(folder), create=True) as store:
        yield store


def asked(running: Running) -> int:
    stats: dict[str, int] = get_json(running, "/__stats")
    return sum(stats.values())


def killer(running: Running, victim: ProxyServer, *, after: int) -> threading.Thread:
    """Kills a proxy while a request waits for its answer, once so many have been answered."""
    begin = asked(running)
    pause = threading.Event()
    order(running, hold_after=after)

    def wait() -> None:
        while asked(running) <= begin + after and not pause.wait(0.01):
            pass
        victim.kill()
        order(running, release=True)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


@pytest.mark.parametrize("kinds", [("http", "socks5"), ("socks5", "http")])
def test_a_proxy_killed_in_mid_run_changes_nothing_that_is_stored(
    reddit: Running, tmp_path: Path, kinds: tuple[str, str]
) -> None:
    with stored(tmp_path / "direct") as store:
        assert synced(store, reddit).exit_code is ExitCode.OK
        wanted = digest(store)
    with ProxyServer(kinds[0]) as first, ProxyServer(kinds[1], login=LOGIN) as second:  # type: ignore[arg-type]  # kinds as a test names them
        egress = Egress(listed(first, second))
        with stored(tmp_path / "proxied") as store:
            logins = get_json(reddit, "/__stats")["token"]
            thread = killer(reddit, first, after=4)
            report = synced(store, reddit, egress)
            thread.join()
            assert report.exit_code is ExitCode.OK, report.errors
            assert digest(store) == wanted
            assert get_json(reddit, "/__stats")["token"] == logins + 1, "one login and one budget, two proxies"
        assert len(first.asked) >= 2, "the test at the start, and the requests before it died"
        assert len(second.asked) >= 2


def test_health_is_kept_and_a_dead_proxy_is_left_out_with_a_warning(reddit: Running, tmp_path: Path) -> None:
    file = tmp_path / "proxies.json"
    with ProxyServer("http", login=LOGIN) as good, ProxyServer("socks5", login=LOGIN) as dead:
        dead.kill()
        change_list(file, lambda _: listed(dead, good))
        with stored(tmp_path / "home") as store:
            report = synced(store, reddit, Egress(read_list(file), file=file))
        assert report.exit_code is ExitCode.OK, report.errors
        health = {each.proxy: each.health for each in read_list(file)}
        assert (health[proxy_of(good)].state, health[proxy_of(dead)].state) == ("healthy", "failing")
        assert health[proxy_of(dead)].failures == 3
        assert health[proxy_of(good)].successes >= 2
    warned = [what for severity, what in report.findings if severity == "warning"]
    assert any(proxy_of(dead).shown in what and "without proxies that failed 3 times" in what for what in warned)
    assert LOGIN[1] not in str(report)


@pytest.mark.parametrize(("strict", "alive"), [(True, 1), (True, 0), (False, 0)])
def test_nothing_is_asked_when_a_run_may_not_begin(
    reddit: Running, tmp_path: Path, *, strict: bool, alive: int
) -> None:
    """Row 55: exit code 6 before any call, and none goes around the proxies."""
    before = asked(reddit)
    with ProxyServer("http") as first, ProxyServer("socks5") as second, stored(tmp_path / "home") as store:
        for each in (first, second)[alive:]:
            each.kill()
        report = synced(store, reddit, Egress(listed(first, second), strict=strict))
    assert report.exit_code is ExitCode.REMOTE
    assert "nothing was asked" in report.errors[0]
    assert "hubbub proxies test" in report.errors[0]
    assert (asked(reddit), report.requests) == (before, 0)


def test_all_proxies_dead_in_mid_run_ends_it_and_the_same_command_goes_on(reddit: Running, tmp_path: Path) -> None:
    with stored(tmp_path / "direct") as store:
        synced(store, reddit)
        wanted = digest(store)
    with stored(tmp_path / "home") as store:
        with ProxyServer("http") as only:
            thread = killer(reddit, only, after=3)
            report = synced(store, reddit, Egress(listed(only)), policy=IMPATIENT)
            thread.join()
        assert report.exit_code is ExitCode.REMOTE
        assert any("no proxy opens a connection" in error for error in report.errors)
        assert synced(store, reddit).exit_code is ExitCode.OK
        assert digest(store) == wanted


def test_a_proxy_carries_only_what_it_is_assigned_to(reddit: Running, tmp_path: Path) -> None:
    with ProxyServer("http") as for_arctic, ProxyServer("http") as for_nothing, stored(tmp_path / "home") as store:
        egress = Egress([*listed(for_arctic, sources=("arctic", "media")), *listed(for_nothing, sources=())])
        assert synced(store, reddit, egress).exit_code is ExitCode.OK
        assert for_arctic.connections == for_nothing.connections == 0
        assert egress.health == {}


def test_pictures_go_through_the_proxies_of_media_to_addresses_that_were_checked(
    reddit: Running, tmp_path: Path
) -> None:
    """Row 58: the name of a private host is refused here, and a proxy is never asked for it."""
    with stored(tmp_path / "home") as store, ProxyServer("socks5", login=LOGIN) as proxy:
        synced(store, reddit)
        refused = MediaOptions(policy=QUICK, limit=3)
        report = fetch_media(
            store, tmp_path / "blobs", options=refused, egress=Egress(listed(proxy, sources=("media",)))
        )
        assert report.details["states"].get("stored", 0) == 0
        assert proxy.asked == []
        options = MediaOptions(policy=QUICK, allow_private=True, states=("pending", "refused"))
        egress = Egress(listed(proxy, sources=("media",)))
        report = fetch_media(store, tmp_path / "blobs", options=options, egress=egress)
        assert report.details["states"]["stored"] > 0
        assert {host for host, _ in proxy.asked} == {"127.0.0.1"}
        proxy.kill()
        report = fetch_media(
            store, tmp_path / "blobs", options=options, egress=Egress(listed(proxy, sources=("media",)))
        )
        assert report.exit_code is ExitCode.REMOTE


def test_commands_take_their_proxies_from_the_home_and_show_no_password(
    reddit: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    for key, value in access(reddit)["reddit"].values.items():
        monkeypatch.setenv(f"HUBBUB_REDDIT__{key.upper()}", value)
    monkeypatch.chdir(tmp_path)
    base = ("--base-url", reddit.url)
    words: dict[str, bytes] = {}

    def run(*command: str) -> int:
        done = hubbub(*command, "-vv", home=home)
        words[f"{len(words)} {command}"] = (done.out + done.err).encode()
        return done.code

    with ProxyServer("http", login=LOGIN) as proxy:
        assert run("proxies", "add", proxy.url, "--source", "reddit") == 0
        assert run("verify", f"reddit:{NAME}", *base) == 0
        assert run("sync", f"reddit:{NAME}", *base) == 0
        assert run("recheck", *base) == 0
        assert len(proxy.asked) >= 6, "a test and a connection for each of the three"
        assert run("proxies", "list", "--json") == 0
        before = asked(reddit)
        proxy.kill()
        assert run("verify", "reddit", *base) == ExitCode.REMOTE
        assert run("sync", f"reddit:{NAME}", *base) == ExitCode.REMOTE
        assert run("sync", f"reddit:{NAME}", *base, "--json") == ExitCode.REMOTE
        monkeypatch.setenv("HUBBUB_PROXIES__STRICT", "true")
        assert run("sync", f"reddit:{NAME}", *base) == ExitCode.REMOTE
        assert asked(reddit) == before
        assert run("proxies", "test") == ExitCode.REMOTE
    files = {str(each): each.read_bytes() for each in home.rglob("*") if each.is_file() and each.name != "proxies.json"}
    assert str(home / "hubbub.db") in files
    assert leaks({"password": LOGIN[1], "login": ":".join(LOGIN)}, places={**words, **files}) == []


def test_counts_of_a_run_that_was_never_begun_are_none() -> None:
    assert Egress([Listed(proxy=read_proxy("http://h:1"), sources=("reddit",), health=Health())]).health == {}
