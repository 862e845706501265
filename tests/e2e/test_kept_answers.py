"""A sync from kept answers: it asks nothing, changes nothing, makes nothing newer, and says how often it was answered."""

from __future__ import annotations

import json
import sqlite3
import urllib.request
from pathlib import Path

import pytest

from hubbub.simulator.faults import Clock, Limits, Scenario
from hubbub.simulator.server import Running
from tests.cli.running import hubbub
from tests.e2e.road import get_json, simulated

NAME = "whatisthisbug"
SCENARIO = Scenario(clock=Clock(speed=0.0, step=0.0), limits=Limits(requests=1_000_000))


def asked(running: Running) -> int:
    """Data requests by GET: what is sent by POST is never kept."""
    stats: dict[str, int] = get_json(running, "/__stats")
    return sum(count for route, count in stats.items() if route not in {"token", "morechildren"})


def times(home: Path) -> list[tuple[object, ...]]:
    with sqlite3.connect(home / "hubbub.db") as db:
        rows = db.execute(
            "SELECT id, observed_at, first_seen_at, last_seen_at, score FROM posts ORDER BY id"
        ).fetchall()
    db.close()
    return rows


def test_a_sync_from_kept_answers_asks_nothing_and_makes_nothing_newer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    with simulated(posts=10, comments=60, communities=(NAME,), scenario=SCENARIO) as running:
        for key in ("client_id", "client_secret", "username", "password"):
            monkeypatch.setenv(f"HUBBUB_REDDIT__{key.upper()}", str(running[key]))
        monkeypatch.setenv("HUBBUB_ANSWERS__KEEP", "file")
        sync = ("sync", f"reddit:{NAME}", "--full", "--base-url", running.url)
        first = hubbub(*sync, home=home)
        assert first.code == 0, first.err
        before, requests = times(home), asked(running)
        body = json.dumps({"advance": 3_000}).encode()
        urllib.request.urlopen(f"{running.url}/__control", data=body, timeout=30).close()
        again = hubbub(*sync, home=home)
        assert again.code == 0, again.err
        assert asked(running) == requests
    assert times(home) == before
    files = [file for file in (home / "answers").rglob("*") if file.is_file()]
    assert len(files) == requests + 1, "an answer each, and the counts"
    assert {file.stat().st_mode & 0o077 for file in files} == {0}
    stats = hubbub("cache", "stats", "--json", home=home).document
    assert stats["hits"] >= requests
    assert stats["misses"] == requests == stats["entries"]
    assert "were kept ones" in again.err
    assert "answers" in hubbub("cache", "stats", home=home).out
    assert hubbub("cache", "clear", "--older-than", "1d", "--json", home=home).document["cleared"] == 0
    assert hubbub("cache", "clear", "--json", home=home).document["cleared"] == requests
    assert hubbub("cache", "stats", "--json", home=home).document == {
        "schema": 1,
        "entries": 0,
        "size_bytes": 0,
        "hits": 0,
        "misses": 0,
    }
