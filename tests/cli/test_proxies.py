"""`hubbub proxies`: what is kept, what is shown of it, and what is never shown."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from hubbub.errors import ExitCode
from tests.cli.running import Outcome, hubbub
from tests.proxying import ProxyServer

SECRET = "CANARY-pass"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def proxies(home: Path, *words: str) -> Outcome:
    done = hubbub("proxies", *words, "--json", home=home)
    plain = hubbub("proxies", "list", home=home)
    assert SECRET not in done.out + done.err + plain.out + plain.err
    return done


def test_a_password_is_kept_for_the_user_alone_and_never_shown(home: Path) -> None:
    done = proxies(home, "add", f"http://someone:{SECRET}@proxy.example.org:3128", "--source", "reddit,media")
    (told,) = done.document["proxies"]
    assert done.code == 0
    assert told["address"] == "http://someone:***@proxy.example.org:3128"
    assert (told["sources"], told["state"]) == (["reddit", "media"], "untested")
    assert "can be seen by others" in done.err
    file = home / "proxies.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert SECRET in file.read_text()
    assert proxies(home, "list").document["proxies"] == [told]
    assert [each.name for each in home.iterdir() if SECRET.encode() in each.read_bytes()] == ["proxies.json"]


def test_a_list_with_passwords_that_others_can_read_is_refused(home: Path) -> None:
    proxies(home, "add", f"socks5://u:{SECRET}@proxy.example.org:1080")
    (home / "proxies.json").chmod(0o644)
    done = hubbub("proxies", "list", home=home)
    assert done.code == ExitCode.CONFIG
    assert "chmod 600" in done.err


def test_a_list_that_is_none_is_named_and_left_alone(home: Path) -> None:
    home.mkdir()
    for text in ("[1]", '{"proxies": [{"url": "ftp://x"}]}', "{"):
        (home / "proxies.json").write_text(text)
        assert hubbub("proxies", "add", "http://h:1", home=home).code == ExitCode.CONFIG
        assert (home / "proxies.json").read_text() == text


def test_adding_again_says_anew_what_it_is_for_and_keeps_its_health(home: Path) -> None:
    with ProxyServer("socks5") as server:
        proxies(home, "add", server.url)
        assert proxies(home, "test").code == 0
        (told,) = proxies(home, "add", server.url, "--source", "arctic").document["proxies"]
        assert (told["sources"], told["successes"], told["state"]) == (["arctic"], 1, "healthy")
        assert told["latency_s"] < 5
        (same,) = proxies(home, "add", server.url).document["proxies"]
        assert same == told


@pytest.mark.parametrize("address", [f"ftp://{SECRET}:x@host:1", f"http://u:{SECRET}@host", SECRET])
def test_an_address_that_is_none_is_refused_without_being_repeated(home: Path, address: str) -> None:
    done = proxies(home, "add", address)
    assert done.code == ExitCode.USAGE
    assert "http://HOST:PORT" in done.err


def test_an_unknown_source_is_named(home: Path) -> None:
    done = hubbub("proxies", "add", "http://host:1", "--source", "redit", home=home)
    assert done.code == ExitCode.USAGE
    assert "redit" in done.err


def test_a_file_is_read_line_by_line_and_bad_lines_are_counted(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "proxies.txt"
    file.write_text(
        f"\ufeff# ours\n\nhttp://one.example.org:3128\nsocks5://u:{SECRET}@two.example.org:1080  # second\n"
        f"three.example.org:8080\nhttp://one.example.org:3128\nftp://u:{SECRET}@four:1\nuser:{SECRET}\n"
    )
    done = proxies(home, "import", str(file), "--source", "reddit")
    told = done.document
    assert (done.code, told["added"], told["known"]) == (ExitCode.PARTIAL, 3, 0)
    assert [each["line"] for each in told["bad"]] == [7, 8]
    assert [each["address"] for each in told["proxies"]] == [
        "http://one.example.org:3128",
        "socks5://u:***@two.example.org:1080",
        "http://three.example.org:8080",
    ]
    again = proxies(home, "import", str(file)).document
    assert (again["added"], again["known"]) == (0, 3)
    assert {tuple(each["sources"]) for each in again["proxies"]} == {("reddit",)}


def test_a_file_of_nothing_but_bad_lines_or_no_file_is_damaged_input(home: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("nothing here\n")
    assert proxies(home, "import", str(tmp_path / "bad.txt")).code == ExitCode.INPUT
    assert proxies(home, "import", str(tmp_path / "none.txt")).code == ExitCode.INPUT
    assert not (home / "proxies.json").exists()


@pytest.mark.parametrize("word", ["two.example.org:1080", "socks5://u:***@two.example.org:1080"])
def test_a_proxy_is_removed_by_what_is_shown_of_it(home: Path, word: str) -> None:
    proxies(home, "add", "http://one.example.org:3128")
    proxies(home, "add", f"socks5://u:{SECRET}@two.example.org:1080")
    done = proxies(home, "remove", word)
    assert done.document["removed"] == ["socks5://u:***@two.example.org:1080"]
    assert [each["address"] for each in done.document["proxies"]] == ["http://one.example.org:3128"]
    assert SECRET not in (home / "proxies.json").read_text()
    assert proxies(home, "remove", word).code == ExitCode.USAGE


def test_a_test_tells_the_healthy_from_the_dead_and_keeps_it(home: Path) -> None:
    with ProxyServer("http", login=("u", SECRET)) as good, ProxyServer("socks5") as dead:
        proxies(home, "add", good.url)
        proxies(home, "add", dead.url)
        dead.kill()
        done = proxies(home, "test")
        assert done.code == ExitCode.PARTIAL
        states = {each["address"]: (each["state"], each["failures"]) for each in done.document["proxies"]}
        assert sorted(states.values()) == [("failing", 3), ("healthy", 0)]
        assert proxies(home, "list").document["proxies"] == done.document["proxies"]
        assert proxies(home, "test", f"127.0.0.1:{good.port}").code == 0
        assert proxies(home, "test", f"127.0.0.1:{dead.port}").code == ExitCode.REMOTE
        assert proxies(home, "test", "--source", "reddit").code == ExitCode.CONFIG


def test_a_proxy_of_a_source_is_asked_for_the_host_of_that_source(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ProxyServer("http") as proxy, ProxyServer("http") as platform:
        monkeypatch.setenv("HUBBUB_REDDIT__BASE_URL", f"http://127.0.0.1:{platform.port}")
        proxies(home, "add", proxy.url, "--source", "reddit")
        assert proxies(home, "test").code == 0
        assert proxy.asked == [("127.0.0.1", platform.port)]


def test_the_doctor_warns_of_a_proxy_that_failed_last(home: Path) -> None:
    assert hubbub("db", "upgrade", home=home).code == 0
    with ProxyServer("http", login=("u", SECRET)) as server:
        proxies(home, "add", server.url, "--source", "reddit")
        server.kill()
        proxies(home, "test")
    done = hubbub("doctor", "--json", home=home)
    (told,) = [each for each in done.document["checks"] if each["part"] == "proxies"]
    assert (done.code, told["status"], told["name"]) == (0, "warning", f"http://u:***@127.0.0.1:{server.port}")
    assert "carries reddit" in told["said"]
    assert SECRET not in done.out + done.err


def test_the_help_says_that_quotas_are_not_multiplied() -> None:
    assert "never multiplies a quota" in " ".join(hubbub("proxies", "--help").out.split())
    assert "every request goes out directly" in hubbub("proxies", "list").out
    assert json.loads(hubbub("proxies", "list", "--json").out)["proxies"] == []
