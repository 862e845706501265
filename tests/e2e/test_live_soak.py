"""A watch over days of virtual time, under faults, killed again and again: nothing is lost, nothing outlives its
deletion by more than 48 hours, in whatever file, and the limit is never met."""

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

from hubbub.datasets import register
from hubbub.datasets.export import export
from hubbub.datasets.outdated import states
from hubbub.datasets.select import Selection
from hubbub.http.retry import RetryPolicy
from hubbub.media.blobs import Blobs
from hubbub.pipeline.media import MediaOptions, fetch_media
from hubbub.pipeline.recheck import RecheckOptions
from hubbub.pipeline.recheck_run import recheck
from hubbub.pipeline.sweep import sweep_after
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
PICTURES = 40
"""Fetched at once."""


class Soak(msgspec.Struct, frozen=True, kw_only=True):
    """How long, how much, how often killed."""

    days: int
    kills: int
    posts: int
    comments: int
    fresh_s: int = 1_800
    lost_pictures: int = 0
    """Withdrawn after they were fetched, at least."""


SHORT = Soak(days=3, kills=2, posts=20, comments=200, fresh_s=3_600)
LONG = Soak(days=7, kills=20, posts=90, comments=1_500, lost_pictures=3)


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
        copies = Copies(running, tmp_path)
        killed = watched_and_killed(running, database, soak=soak, copies=copies)
        assert killed == soak.kills
        statuses = get_json(running, "/__stats?statuses")
        assert statuses.get("429", 0) == 0
        control(running, clear=True, now=HORIZON)
        settle(running, database, blobs=tmp_path / "blobs")
        compare(running, database)
        copies.look(withdrawn_before=HORIZON)
        copies.make_again()
        assert copies.lost_pictures() >= soak.lost_pictures
        assert_gone(running, tmp_path)


def control(running: Running, **order: Any) -> float:
    body = json.dumps(order).encode()
    with urllib.request.urlopen(f"{running.url}/__control", data=body, timeout=30) as answer:
        now: float = json.load(answer)["now"]
    return now


def watched_and_killed(running: Running, database: str, *, soak: Soak, copies: Copies) -> int:
    """Watch until the world is at its end; kill the watcher at random moments and start it again."""
    told = {key: running[key] for key in ("reddit", "client_id", "client_secret", "username", "password")}
    command = [sys.executable, "-m", "tests.e2e.watch_child", database]
    command.append(json.dumps({**told, "names": NAMES, "fresh_s": soak.fresh_s}))
    rng = random.Random(soak.kills)
    begins, ends = control(running), HORIZON - HOUR_S
    part = (ends - begins) / (soak.kills + 1)
    moments = [begins + part * (number + rng.random()) for number in range(soak.kills)]
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
        copies.look(withdrawn_before=control(running) - CYCLE_S)
        copies.make()


class Copies:
    """Pictures and exports, made between two lives of the watcher; what of them, and of the store itself, is left of
    things that were withdrawn."""

    def __init__(self, running: Running, home: Path) -> None:
        self._running = running
        self._home = home
        self._shown: dict[str, set[str]] = {}
        """Pictures that were fetched: the posts that showed each."""

    def make(self) -> None:
        """Fetch some pictures and export everything, as somebody would who trains a model once a day."""
        now = int(control(self._running))
        with VirtualTime(start=now).installed(), open_store(f"sqlite:///{self._home}/hubbub.db") as store:
            options = MediaOptions(allow_private=True, limit=PICTURES, policy=RetryPolicy(attempts=1))
            fetch_media(store, self._home / "blobs", options=options)
            out = self._home / "exports" / str(len(list((self._home / "exports").glob("*"))))
            export(store, form="ndjson", out=out, selection=Selection())
            register.note(self._home, out=str(out), selection=Selection(), at=now)
            for post, sha256 in rows(store, "SELECT post_id, blob FROM media WHERE blob IS NOT NULL"):
                self._shown.setdefault(sha256, set()).add(post)

    def look(self, *, withdrawn_before: float) -> None:
        """Fails when anything withdrawn by then is live, has a picture or a word in a file here, or is in an export
        that nobody would know of."""
        late = {key: thing for key, thing in things(self._running) if withdrawn_at(thing) < withdrawn_before}
        with open_store(f"sqlite:///{self._home}/hubbub.db", read_only=True) as store:
            live = {key for kind in ("posts", "comments") for (key,) in rows(store, _LIVE.format(kind))}
            outdated = {each.out for each in states(store, self._home) if each.is_outdated}
        assert not late.keys() & live
        pictures = [sha256 for sha256, posts in self._shown.items() if posts <= late.keys()]
        assert [sha256 for sha256 in pictures if Blobs(self._home / "blobs").path(sha256).exists()] == []
        exports = sorted((self._home / "exports").glob("*"))
        words = [word(thing)[4:].encode() for thing in late.values()]
        copied = b"".join(bytes_of_home(each) for each in exports if str(each) not in outdated)
        others = bytes_of_home(self._home, but=self._home / "exports")
        assert [each for each in words if each in copied or each in others] == []

    def make_again(self) -> None:
        """Those exports again that hold what was withdrawn."""
        with open_store(f"sqlite:///{self._home}/hubbub.db") as store:
            outdated = [each for each in states(store, self._home) if each.is_outdated]
            assert outdated
            for each in outdated:
                export(store, form="ndjson", out=Path(each.out), selection=Selection(), force=True)

    def lost_pictures(self) -> int:
        """How many pictures that were fetched are no longer here."""
        return sum(not Blobs(self._home / "blobs").path(sha256).exists() for sha256 in self._shown)


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


def settle(running: Running, database: str, *, blobs: Path) -> None:
    """The world stands still: a last sync, and two rechecks of everything, an hour apart, each followed by what its
    command does at its end."""
    targets = [Target(source="reddit", name=name) for name in NAMES]
    with open_store(database) as store:
        for step in range(3):
            at = HORIZON + step * 2 * HOUR_S
            with VirtualTime(start=at).installed():
                sync(store, targets, options=SyncOptions(), settings=access(running))
                options = RecheckOptions(now=at, by=f"settle {step}", within_s=0)
                report = recheck(store, targets, options=options, settings=access(running))
                sweep_after(store, blobs)
            assert not report.errors


def compare(running: Running, database: str) -> None:
    """What is live here is what the world shows, word for word and number for number."""
    truth = get_json(running, "/__truth")
    with open_store(database) as store, open_store(f"{database}.fresh") as fresh:
        targets = [Target(source="reddit", name=name) for name in NAMES]
        with VirtualTime(start=HORIZON + 6 * HOUR_S).installed():
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
