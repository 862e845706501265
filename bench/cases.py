"""What is measured, each in an interpreter of its own: `python -m bench.cases NAME JSON` prints its figures."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.merging import MERGES
from bench.meter import Meter
from bench.searching import SEARCHES
from bench.steady import watched


def hubbub_import(*, dump: str, db: str, search: bool = True) -> dict[str, float]:
    from hubbub.pipeline.load import LoadOptions, load_files
    from hubbub.plugins import registry
    from hubbub.store.engine import open_store

    registry.load("sources", "reddit")
    Path(db).unlink(missing_ok=True)
    meter = Meter()
    with open_store(f"sqlite:///{db}") as store, meter.on():
        report = load_files(store, [Path(dump)], options=LoadOptions(no_search=not search))
    return meter.per_row(report.tally.offered)


def hubbub_sync(*, ready: dict[str, Any], name: str, db: str) -> dict[str, float]:
    from hubbub.pipeline.sync import sync
    from hubbub.plugins.contracts import SourceSettings, SyncOptions, Target
    from hubbub.store.engine import open_store

    values = {key: str(ready[key]) for key in ("client_id", "client_secret", "username", "password")}
    settings = {"reddit": SourceSettings(values=values, base_url=str(ready["reddit"]))}
    Path(db).unlink(missing_ok=True)
    meter = Meter()
    with open_store(f"sqlite:///{db}") as store, meter.on():
        report = sync(store, [Target(source="reddit", name=name)], options=SyncOptions(), settings=settings)
    with sqlite3.connect(db) as connection:
        found = connection.execute("SELECT count(*) FROM comments WHERE observed_at IS NOT NULL").fetchone()[0]
    connection.close()
    return _per_thousand(meter, comments=found, requests=report.requests)


def praw_sync(*, ready: dict[str, Any], name: str) -> dict[str, float]:
    """PRAW's own way to have everything: `replace_more(limit=None)` on every post; stores nothing."""
    import praw
    import requests

    class Counting(requests.Session):
        sent = 0

        def send(self, *args: Any, **kwargs: Any) -> requests.Response:
            self.sent += 1
            return super().send(*args, **kwargs)

    keys = {key: ready[key] for key in ("client_id", "client_secret", "username", "password")}
    session = Counting()
    reddit = praw.Reddit(
        user_agent="bench",
        check_for_updates=False,
        reddit_url=ready["reddit"],
        oauth_url=ready["oauth"],
        requestor_kwargs={"session": session},
        **keys,
    )
    meter, comments = Meter(), 0
    with meter.on():
        for post in reddit.subreddit(name).new(limit=None):
            post.comments.replace_more(limit=None)
            comments += len(post.comments.list())
    return _per_thousand(meter, comments=comments, requests=session.sent)


def _per_thousand(meter: Meter, *, comments: int, requests: int) -> dict[str, float]:
    return {
        "comments": comments,
        "requests/1,000": 1_000 * requests / comments,
        "cpu ms/1,000": 1e6 * meter.cpu_s / comments,
        "wall s": meter.wall_s,
    }


def export(*, db: str, kind: str, out: str) -> dict[str, float]:
    from hubbub.datasets.export import export as write
    from hubbub.datasets.select import Selection
    from hubbub.store.engine import open_store

    meter = Meter()
    with open_store(f"sqlite:///{db}", read_only=True) as store, meter.on():
        done = write(store, form=kind, out=Path(out), selection=Selection(kinds=("comment",)), force=True)
    return meter.per_row(done.rows)


CASES: dict[str, Callable[..., dict[str, Any]]] = (
    MERGES | SEARCHES | {case.__name__: case for case in (hubbub_import, hubbub_sync, praw_sync, export, watched)}
)

if __name__ == "__main__":
    print(json.dumps(CASES[sys.argv[1]](**json.loads(sys.argv[2]))))
