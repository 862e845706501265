"""A watch over days of virtual time, under faults, killed again and again: nothing is lost, nothing outlives its
deletion by more than 48 hours, and the limit is never met."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hubbub.pipeline.recheck import RecheckOptions
from hubbub.pipeline.recheck_run import recheck
from hubbub.pipeline.sync import sync
from hubbub.plugins.contracts import SyncOptions, Target
from hubbub.simulator.faults import Clock, Fault, Limits, Scenario
from hubbub.simulator.server import Running
from hubbub.simulator.things import HORIZON, Comment, Post
from hubbub.sources.reddit.simulator.platform import Reddit
from hubbub.sources.reddit.simulator.view import comment_id, post_id
from hubbub.store.engine import open_store
from tests.e2e.living import bytes_of_home, mark_world, word
from tests.e2e.road import access, get_json, simulated
from tests.store.making import rows
from tests.virtual import VirtualTime

HOUR_S = 3_600
CYCLE_S = 48 * HOUR_S
NAMES = ("whatisthisbug", "bugs", "spiders")
FAULTS = (
    Fault(action="status", status=503, share=0.015),
    Fault(action="status", status=500, share=0.01),
    Fault(action="truncate", share=0.008),
    Fault(action="cut", share=0.008),
    Fault(action="reset", share=0.008),
    Fault(action="status", status=520, share=0.004),
    Fault(action="block", route="community_comments", nth=10_000),
    Fault(action="revoke", nth=150, every=400),
)
"""About one request in twenty meets one of these."""
PAUSE = threading.Event()


class Soak(msgspec.Struct, frozen=True, kw_only=True):
    """How long, how much, how often killed."""

    days: int
    kills: int
    posts: int
    comments: int
    fresh_s: int = 1_800


SHORT = Soak(days=3, kills=2, posts=20, comments=200, fresh_s=3_600)
LONG = Soak(days=7, kills=20, posts=90, comments=1_500)


@pytest.mark.parametrize(
    "soak", [pytest.param(SHORT, id="three-days"), pytest.param(LONG, id="a-week", marks=pytest.mark.soak)]
)
def test_a_watch_survives_faults_and_kills(soak: Soak, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark_world(monkeypatch)
    start = HORIZON - soak.days * 24 * HOUR_S
    scenario = Scenario(clock=Clock(start=start, speed=1.0, step=0.0), limits=Limits(bare_share=0.05), faults=FAULTS)
    database = f"sqlite:///{tmp_path}/hubbub.db"
    with simulated(
        posts=soak.posts, comments=soak.comments, span_days=soak.days + 2, communities=NAMES, scenario=scenario
    ) as running:
        killed = watched_and_killed(running, database, soak=soak, late=LateOnes(running, tmp_path))
        assert killed == soak.kills
        statuses = get_json(running, "/__stats?statuses")
        assert statuses.get("429", 0) == 0
        control(running, clear=True, now=HORIZON)
        settle(running, database)
        compare(running, database)
        assert_gone(running, tmp_path)


def control(running: Running, **order: Any) -> float:
    body = json.dumps(order).encode()
    with urllib.request.urlopen(f"{running.url}/__control", data=body, timeout=30) as answer:
        now: float = json.load(answer)["now"]
    return now


def watched_and_killed(running: Running, database: str, *, soak: Soak, late: LateOnes) -> int:
    """Watch until the world is at its end; kill the watcher at random moments and start it again."""
    told = {key: running[key] for key in ("reddit", "client_id", "client_secret", "username", "password")}
    command = [sys.executable, "-m", "tests.e2e.watch_child", database]
    command.append(json.dumps({**told, "names": NAMES, "fresh_s": soak.fresh_s}))
    rng = random.Random(soak.kills)
    begins, ends = control(running), HORIZON - HOUR_S
    moments = sorted(begins + (ends - begins) * rng.random() for _ in range(soak.kills))
    killed = 0
    while True:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        until = moments[killed] if killed < len(moments) else ends
        while control(running) < until:
            assert process.poll() is None, process.communicate()
            PAUSE.wait(0.02 * (1 + rng.random()))
        if killed == len(moments):
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
            assert process.returncode == 0, err
            assert json.loads(out.splitlines()[-1])["exit_code"] in {0, 6}, out
            return killed
        process.kill()
        process.communicate()
        killed += 1
        late.look()


class LateOnes:
    """Looks, between two lives of the watcher, for what was withdrawn more than 48 hours ago and is still live here."""

    def __init__(self, running: Running, home: Path) -> None:
        self._running = running
        self._home = home

    def look(self) -> None:
        """Fails when there is any."""
        before = control(self._running) - CYCLE_S
        with open_store(f"sqlite:///{self._home}/hubbub.db", read_only=True) as store:
            live = {key for kind in ("posts", "comments") for (key,) in rows(store, _LIVE.format(kind))}
        late = {key for key, thing in things(self._running) if withdrawn_at(thing) < before} & live
        assert not late


_LIVE = "SELECT id FROM {} WHERE withdrawn = 0 AND observed_at IS NOT NULL"


def things(running: Running) -> Iterator[tuple[str, Post | Comment]]:
    """Everything ever made in the world, by fullname."""
    assert running.app is not None
    platform = running.app.platforms[0]
    assert isinstance(platform, Reddit)
    for community in platform.world.communities():
        for post in community.posts:
            yield f"t3_{post_id(post)}", post
            for comment in post.comments:
                yield f"t1_{comment_id(comment)}", comment


def withdrawn_at(thing: Post | Comment) -> float:
    """When its text was no longer shown (epoch seconds); far in the future when it still is."""
    gone = thing.gone_at if isinstance(thing, Post) else thing.post.gone_at
    return min(thing.deleted_at, thing.removed_at, gone)


def settle(running: Running, database: str) -> None:
    """The world stands still: a last sync, and two rechecks of everything, an hour apart."""
    targets = [Target(source="reddit", name=name) for name in NAMES]
    with open_store(database) as store:
        for step in range(3):
            at = HORIZON + step * 2 * HOUR_S
            with VirtualTime(start=at).installed():
                sync(store, targets, options=SyncOptions(), settings=access(running))
                options = RecheckOptions(now=at, by=f"settle {step}", within_s=0)
                report = recheck(store, targets, options=options, settings=access(running))
            assert not report.errors


def compare(running: Running, database: str) -> None:
    """What is live here is what the world shows, word for word and number for number."""
    truth = get_json(running, "/__truth")
    with open_store(database) as store, open_store(f"{database}.fresh") as fresh:
        targets = [Target(source="reddit", name=name) for name in NAMES]
        sync(fresh, targets, options=SyncOptions(), settings=access(running))
        for kind, columns in (
            ("posts", "title, body, score, comment_count, author_name"),
            ("comments", "body, score, author_name, parent_id"),
        ):
            query = f"SELECT id, {columns} FROM {kind} WHERE withdrawn = 0 AND observed_at IS NOT NULL"
            ours = {row[0]: row for row in rows(store, query)}
            shown = {key for name in NAMES for key in truth[name][kind]}
            blank = {key for name in NAMES for key in truth[name]["blank_comments"]}
            assert shown - blank <= ours.keys()
            assert not blank & ours.keys()
            anew = {row[0]: row for row in rows(fresh, query)}
            assert {key: ours[key] for key in anew} == anew


def assert_gone(running: Running, home: Path) -> None:
    """No file of the home holds a word of what was withdrawn."""
    content = bytes_of_home(home)
    with open_store(f"sqlite:///{home}/hubbub.db", read_only=True) as store:
        stones = {key for (key,) in rows(store, "SELECT id FROM tombstones WHERE kind IN ('post', 'comment')")}
    withdrawn = {key: thing for key, thing in things(running) if withdrawn_at(thing) <= HORIZON}
    assert len(stones & withdrawn.keys()) > 5
    assert [key for key, thing in withdrawn.items() if word(thing)[4:].encode() in content] == []
