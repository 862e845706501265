"""Recorded threads of the real Reddit, served again, sync into a store that holds what was recorded."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hubbub.errors import ExitCode
from hubbub.simulator.faults import Clock, Limits, Scenario
from hubbub.store.engine import open_store
from tests.e2e.road import simulated, store_url, sync_all
from tests.shared import DATA, needs_shared

pytestmark = needs_shared
SESSIONS = DATA / "reddit" / "sessions"
NAMES = sorted(p.name for p in SESSIONS.iterdir()) if SESSIONS.is_dir() else []
CALM = Scenario(clock=Clock(step=1.0), limits=Limits(requests=1_000_000))


def things(value: Any) -> Iterator[dict[str, Any]]:
    """Every post and comment object anywhere in a body, however deep."""
    waiting = [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, list):
            waiting += here
        elif isinstance(here, dict):
            if here.get("kind") in ("t1", "t3") and isinstance(here.get("data"), dict):
                yield here
            waiting += here.values()


def recorded(folder: Path) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Posts and comments of one session by fullname, as an independent reading of the files finds them."""
    posts: dict[str, dict[str, Any]] = {}
    comments: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.json")):
        for thing in things(json.loads(path.read_bytes())):
            data = thing["data"]
            place = posts if thing["kind"] == "t3" else comments
            place[f"{thing['kind']}_{data['id']}"] = data
    return posts, comments


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_thread_syncs_into_the_rows_it_recorded(name: str, tmp_path: Path) -> None:
    posts, comments = recorded(SESSIONS / name)
    community = next(iter(posts.values()))["subreddit"]
    with simulated(replay=SESSIONS / name, scenario=CALM) as running, open_store(store_url(tmp_path)) as store:
        report = sync_all(store, running, names=[community])
        assert report.exit_code is ExitCode.OK, report.errors
    rows = sqlite3.connect(tmp_path / "hubbub.db")
    stored = {
        row[0]: row[1:] for row in rows.execute("SELECT id, parent_id, author_name, body, tombstone FROM comments")
    }
    kept_posts = {row[0] for row in rows.execute("SELECT id FROM posts WHERE observed_at IS NOT NULL")}
    rows.close()
    assert kept_posts == set(posts)
    assert set(stored) == set(comments)
    escaped = "2015" in name
    for fullname, data in comments.items():
        parent, author, body, tombstone = stored[fullname]
        assert parent == data["parent_id"]
        if data["author"] in ("[deleted]", None):
            assert author is None
        else:
            assert author == data["author"]
        if tombstone is not None:
            assert data["body"] in ("[deleted]", "[removed]")
            assert body is None
        elif not escaped:
            assert body == data["body"].strip() or body == data["body"]


def synced(folder: Path, name: str) -> dict[str, tuple[Any, ...]]:
    """The comments that a recorded thread leaves in a store of its own: parent, author and text by id."""
    posts, _ = recorded(SESSIONS / name)
    community = next(iter(posts.values()))["subreddit"]
    with simulated(replay=SESSIONS / name, scenario=CALM) as running, open_store(store_url(folder)) as store:
        report = sync_all(store, running, names=[community])
        assert report.exit_code is ExitCode.OK, report.errors
        with store.reading_raw() as db:
            columns = "id, parent_id, author_name, body, tombstone, created_at"
            return {key: tuple(rest) for key, *rest in db.execute(f"SELECT {columns} FROM comments").fetchall()}


def test_three_roads_through_one_thread_end_in_the_same_535_comments(tmp_path: Path) -> None:
    roads = ("thread_3hahrw_best_2020", "thread_3hahrw_old_2020", "thread_3hahrw_limit10_2020")
    found = []
    for name in roads:
        (tmp_path / name).mkdir()
        found.append(synced(tmp_path / name, name))
    assert [len(comments) for comments in found] == [535, 535, 535]
    assert found[0] == found[1] == found[2]
    (tmp_path / "earlier").mkdir()
    earlier = synced(tmp_path / "earlier", "thread_3hahrw_best_2016")
    assert len(earlier) == 541
    assert (len(set(earlier) - set(found[0])), len(set(found[0]) - set(earlier))) == (7, 1)
    assert all(earlier[key][0] == found[0][key][0] for key in set(earlier) & set(found[0])), "parents never change"
