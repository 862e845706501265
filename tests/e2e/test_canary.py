"""Secrets appear nowhere: commands that succeed and fail, as loud as they can be, and every byte they leave behind."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from hubbub.simulator.server import Running
from hubbub.sources.reddit.simulator.platform import Reddit
from tests.e2e.road import simulated

NAME = "whatisthisbug"
WRONG = {"PASSWORD": "canary-wrong-password", "CLIENT_SECRET": "canary-wrong-secret"}
PLACES = ("budget", "store", "cache", "answers", "replica", "proxy")
ELSEWHERE = tuple(f"canary-{place}-password" for place in PLACES)
BROKEN = tuple(f"canary%zz-{place}" for place in PLACES)
"""Passwords that make an address unreadable: what complains of them may quote them."""
LOUD = ("-vv", "--json")


Commands = Iterator[tuple[list[str], dict[str, str]]]


def forms(secret: str) -> Iterator[bytes]:
    """How a secret may be written."""
    yield secret.encode()
    yield urllib.parse.quote(secret, safe="").encode()
    for before in range(3):  # base64 of a text depends on what stands before it
        coded = base64.b64encode(b"x" * before + secret.encode())
        yield coded[4 if before else 0 : -4]


def leaks(secrets: Mapping[str, str], *, places: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Which secret stands in which output or file."""
    return [
        (name, place)
        for name, secret in secrets.items()
        for place, content in places.items()
        if any(form in content for form in forms(secret))
    ]


def commands(running: Running, home: Path) -> Commands:
    """Commands and settings: the whole road, and every way in which credentials go wrong."""
    right = {f"HUBBUB_REDDIT__{key.upper()}": str(running[key]) for key in _KEYS}
    base = ["--base-url", running.url]
    yield ["sync", f"reddit:{NAME}", *base], right
    kept = right | {"HUBBUB_ANSWERS__KEEP": "file"}
    yield ["sync", f"reddit:{NAME}", "--full", *base], kept
    yield ["sync", f"reddit:{NAME}", "--full", *base], kept
    yield ["recheck", "--within", "0s", *base], right
    yield ["export", "ndjson", str(home / "exports" / "all")], right
    yield ["status"], right
    yield ["doctor"], right
    for key, value in WRONG.items():
        yield ["sync", f"reddit:{NAME}", *base], right | {f"HUBBUB_REDDIT__{key}": value}
    yield ["sync", "reddit:nowhere_at_all", *base], right
    yield ["sync", f"reddit:{NAME}", "--base-url", "http://127.0.0.1:9"], right
    for passwords in (ELSEWHERE, BROKEN):
        yield from elsewhere(
            dict(zip(PLACES, passwords, strict=True)), base=["sync", f"reddit:{NAME}", *base], env=right
        )
    yield ["cache", "stats"], right | {"HUBBUB_ANSWERS__KEEP": "file"}


def elsewhere(passwords: Mapping[str, str], *, base: list[str], env: dict[str, str]) -> Commands:
    """Places that cannot be reached, whose addresses hold passwords."""
    away = {name: f"redis://:{password}@127.0.0.1:9/0" for name, password in passwords.items()}
    database = {name: f"postgresql://me:{password}@127.0.0.1:9/nothing" for name, password in passwords.items()}
    yield base, env | {"HUBBUB_BUDGET__SHARE": away["budget"]}
    yield base, env | {"HUBBUB_BUDGET__SHARE": database["budget"]}
    yield base, env | {"HUBBUB_ANSWERS__KEEP": away["answers"]}
    yield ["--store", database["store"], *base], env | {"HUBBUB_STORE__PATIENCE_S": "0"}
    yield ["--read-store", database["replica"], "search", "bug"], env
    yield ["exemplars", NAME], env | {"HUBBUB_CACHE__URL": away["cache"]}
    proxy = f"http://me:{passwords['proxy']}@127.0.0.1:9"
    yield base, env | {"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy, "ALL_PROXY": proxy}
    yield ["media", "fetch"], env | {"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy, "ALL_PROXY": proxy}


_KEYS = ("client_id", "client_secret", "username", "password")


def test_secrets_are_in_no_output_and_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, crashes = tmp_path / "home", tmp_path / "crashes"
    crashes.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(crashes))
    places: dict[str, bytes] = {}
    with simulated(posts=10, comments=60, communities=(NAME,)) as running:
        assert running.app is not None
        platform = running.app.platforms[0]
        assert isinstance(platform, Reddit)
        for words, settings in commands(running, home):
            if words[0] == "recheck":
                order(running, fail={"action": "revoke", "route": "info", "nth": 1})
            done = subprocess.run(
                [sys.executable, "-m", "hubbub", "--home", str(home), *LOUD, *words],
                env={**os.environ, **settings, "TMPDIR": str(crashes), "NO_COLOR": "1"},
                capture_output=True,
                check=False,
                timeout=120,
            )
            assert done.returncode != 1, done.stderr  # 1 is a bug of ours
            places |= {f"stdout of {words}": done.stdout, f"stderr of {words}": done.stderr}
        issued = [*platform.tokens.issued(), platform.tokens.first_refresh_token]
        secrets = {key: str(running[key]) for key in ("client_secret", "password")}
    assert len(issued) > 3
    secrets |= {f"token {number}": token for number, token in enumerate(issued)}
    secrets |= {value: value for value in (*WRONG.values(), *ELSEWHERE, *BROKEN)}
    for folder in (home, crashes):
        places |= {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert str(home / "hubbub.db") in places
    assert any((home / "answers").rglob("*.json"))
    assert leaks(secrets, places=places) == []


@pytest.mark.parametrize("written", [0, 1, 2, 3, 4])
def test_a_leak_would_be_found(written: int) -> None:
    secret = "canary, with blanks & signs"
    coded = [*forms(secret)][written]
    assert leaks({"it": secret}, places={"here": b"before " + coded + b" behind"}) == [("it", "here")]
    whole = base64.b64encode(f"client:{secret}".encode())
    assert leaks({"it": secret}, places={"header": whole}) == [("it", "header")]
    assert leaks({"it": secret}, places={"here": b"nothing of it"}) == []


BUGGY = """
from hubbub.http.exchange import Wire
from hubbub.cli.main import main

async def send(self, request, *, url, headers, **_):
    if {when}:
        raise RuntimeError(f"a bug that quotes all it has: {{request}} {{headers}}")
    return await sent(self, request, url=url, headers=headers, **_)

sent, Wire.send = Wire.send, send
main()
"""
"""A program with a bug in the very place where every secret passes."""


@pytest.mark.parametrize("when", ["request.route == 'token'", "request.route == 'new'"])
@pytest.mark.parametrize("loud", [[], ["-vv", "--json"]])
def test_a_bug_that_quotes_secrets_tells_none(when: str, *, loud: list[str], tmp_path: Path) -> None:
    home = tmp_path / "home"
    with simulated(posts=2, comments=0, communities=(NAME,)) as running:
        assert running.app is not None
        platform = running.app.platforms[0]
        assert isinstance(platform, Reddit)
        right = {f"HUBBUB_REDDIT__{key.upper()}": str(running[key]) for key in _KEYS}
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                BUGGY.format(when=when),
                "--home",
                str(home),
                *loud,
                "sync",
                f"reddit:{NAME}",
                "--base-url",
                running.url,
            ],
            env={**os.environ, **right, "TMPDIR": str(tmp_path), "NO_COLOR": "1"},
            capture_output=True,
            check=False,
            timeout=120,
        )
        secrets = {key: str(running[key]) for key in ("client_secret", "password")}
        secrets |= {f"token {number}": token for number, token in enumerate(platform.tokens.issued())}
    places = {"stdout": done.stdout, "stderr": done.stderr}
    places |= {str(file): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert done.returncode == 1
    assert any(b"a bug that quotes" in content for content in places.values()), "the report is worth its name"
    assert leaks(secrets, places=places) == []


def order(running: Running, **given: object) -> None:
    """Tell the simulator what to do."""
    body = json.dumps(given).encode()
    with urllib.request.urlopen(f"{running.url}/__control", data=body, timeout=30) as answer:
        answer.read()
