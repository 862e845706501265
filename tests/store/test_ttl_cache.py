"""Caches: what they keep and how long, and that nothing that goes wrong with one is more than a miss."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
import redis

from hubbub.errors import ConfigError
from hubbub.store import ttl_cache
from hubbub.store.ttl_cache import COOL_DOWN_S, Cache, ProcessCache, SharedCache, key_of, open_cache
from tests.servers import ValkeyServer

TTL_S = 60.0


class Time:
    """A clock that is set by hand: seconds that serve as wall clock and as monotonic one."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000

    def now(self) -> int:
        return self.seconds

    def monotonic(self) -> float:
        return float(self.seconds)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def warnings() -> list[str]:
    return []


def shared(url: str, time: Time, *, warnings: list[str], ttl_s: float = TTL_S) -> SharedCache:
    return SharedCache(url, ttl_s=ttl_s, warn=warnings.append, now=time.now, monotonic=time.monotonic)


@pytest.fixture(params=["process", "shared"])
def cache(request: pytest.FixtureRequest, time: Time, warnings: list[str]) -> Iterator[Cache]:
    if request.param == "process":
        yield ProcessCache(ttl_s=TTL_S, monotonic=time.monotonic)
    else:
        yield shared(request.getfixturevalue("valkey"), time, warnings=warnings)
    assert warnings == []


def test_what_was_put_comes_back_under_its_key_only(cache: Cache) -> None:
    assert cache.get("a") is None
    cache.put("a", b'{"x": "\xc3\x9f"}')
    cache.put("a", b'["new"]')
    assert (cache.get("a"), cache.get("b")) == (b'["new"]', None)


def test_no_entry_outlives_its_time(cache: Cache, time: Time) -> None:
    cache.put("a", b"1")
    time.seconds += int(TTL_S) - 1
    assert cache.get("a") == b"1"
    time.seconds += 1
    assert cache.get("a") is None


def test_a_cache_of_the_process_keeps_what_was_asked_for_last(time: Time) -> None:
    cache = ProcessCache(ttl_s=TTL_S, most=2, monotonic=time.monotonic)
    cache.put("a", b"1")
    cache.put("b", b"2")
    assert cache.get("a") == b"1"
    cache.put("c", b"3")
    assert [cache.get(key) for key in "abc"] == [b"1", None, b"3"]


def test_the_server_itself_ends_an_entry(valkey: str, time: Time, warnings: list[str]) -> None:
    shared(valkey, time, warnings=warnings).put("a", b"1")
    shared(valkey, time, warnings=warnings, ttl_s=0.25).put("short", b"1")
    with redis.Redis.from_url(valkey) as client:
        assert 0 < client.pttl("a") <= TTL_S * 1000
        assert 0 < client.pttl("short") <= 250


def test_an_entry_somebody_made_to_last_or_put_in_for_longer_ends_all_the_same(
    valkey: str, time: Time, warnings: list[str]
) -> None:
    patient = shared(valkey, time, warnings=warnings, ttl_s=10 * TTL_S)
    patient.put("a", b"1")
    with redis.Redis.from_url(valkey) as client:
        client.persist("a")
    time.seconds += int(TTL_S)
    assert shared(valkey, time, warnings=warnings).get("a") is None
    assert patient.get("a") == b"1"
    time.seconds += int(9 * TTL_S)
    assert patient.get("a") is None


def test_two_processes_share_a_cache(valkey: str, time: Time, warnings: list[str]) -> None:
    shared(valkey, time, warnings=warnings).put("a", b"1")
    assert shared(valkey.replace("redis://", "valkey://"), time, warnings=warnings).get("a") == b"1"


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\x80\x04\x95",
        b"[]",
        b'{"key": "a", "put_at": "soon", "digest": "", "value": ""}',
        b'{"key": "\xff"}',
    ],
)
def test_what_is_not_ours_is_a_miss_and_a_warning(
    damage: bytes, *, valkey: str, time: Time, warnings: list[str]
) -> None:
    with redis.Redis.from_url(valkey) as client:
        client.set("a", damage)
    assert shared(valkey, time, warnings=warnings).get("a") is None
    assert len(warnings) == 1
    assert "not ours" in warnings[0]


def test_an_entry_that_was_changed_or_moved_is_a_miss(valkey: str, time: Time, warnings: list[str]) -> None:
    cache = shared(valkey, time, warnings=warnings)
    cache.put("a", b"1")
    with redis.Redis.from_url(valkey) as client:
        entry = client.get("a")
        assert isinstance(entry, bytes)
        client.set("moved", entry)
        client.set("a", json.dumps({**json.loads(entry), "value": "2"}))
        client.lpush("list", "x")
    assert (cache.get("a"), cache.get("moved"), cache.get("list")) == (None, None, None)
    assert ["WRONGTYPE" in warning for warning in warnings] == [True]


def test_a_full_cache_is_a_warning(own_valkey: ValkeyServer, time: Time, warnings: list[str]) -> None:
    cache = shared(own_valkey.url(), time, warnings=warnings)
    with redis.Redis.from_url(own_valkey.url()) as client:
        client.config_set("maxmemory", "1")
    cache.put("a", b"1")
    assert len(warnings) == 1
    assert "maxmemory" in warnings[0]


def test_a_cache_that_is_down_is_a_miss_and_one_warning_and_is_used_again_when_it_is_back(
    own_valkey: ValkeyServer, time: Time, warnings: list[str]
) -> None:
    cache = shared(own_valkey.url(), time, warnings=warnings)
    cache.put("a", b"1")
    assert cache.get("a") == b"1"
    own_valkey.stop()
    assert cache.get("a") is None
    cache.put("b", b"2")
    assert len(warnings) == 1
    assert f"127.0.0.1:{own_valkey.port}" in warnings[0]
    own_valkey.start()
    cache.put("b", b"2")
    assert cache.get("b") is None, "it is left alone for a while"
    time.seconds += int(COOL_DOWN_S)
    cache.put("b", b"2")
    assert cache.get("b") == b"2"
    assert len(warnings) == 1


def test_a_password_is_never_told(own_valkey: ValkeyServer, time: Time, warnings: list[str]) -> None:
    url = own_valkey.url().replace("redis://", "redis://hubbub:canary-4711@")
    cache = shared(url, time, warnings=warnings)
    assert cache.get("a") is None
    own_valkey.stop()
    time.seconds += 60
    assert cache.get("a") is None
    assert len(warnings) == 2
    assert "canary" not in "".join(warnings)
    assert f"redis://127.0.0.1:{own_valkey.port}/0" in warnings[0]


@pytest.mark.parametrize("url", ["localhost:6379", "http://x", "redis://user:canary-4711@host:port", ""])
def test_what_is_no_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError, match=r"cache\.url is no address") as caught:
        open_cache(url, ttl_s=TTL_S, warn=print)
    assert "canary" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_an_address_opens_a_shared_cache_and_none_one_of_the_process() -> None:
    assert isinstance(open_cache(None, ttl_s=1, warn=print), ProcessCache)
    assert isinstance(open_cache("redis://127.0.0.1:1/0", ttl_s=1, warn=print), SharedCache)


def test_a_key_holds_every_part_and_shows_none() -> None:
    keys = {key_of("exemplars", *parts) for parts in [("a", "bc"), ("ab", "c"), ("a", None), ("a", 1), ("a", "1")]}
    assert len(keys) == 5
    assert all(key.startswith("hubbub:exemplars:") and "bc" not in key.rpartition(":")[0] for key in keys)


def test_the_driver_is_loaded_only_for_a_shared_cache() -> None:
    program = "import sys; from hubbub.store import ttl_cache; ttl_cache.open_cache(None, ttl_s=1, warn=print); sys.exit('redis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
    assert ttl_cache.PREFIX == "hubbub:"
