"""Live Reddit beside PRAW, Async PRAW and gallery-dl, unmodified, on a simulated community; every peer writes what it
read into SQLite, as people do."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.meter import Meter

NAME = "whatisthisbug"
KEYS = ("client_id", "client_secret", "username", "password")
WHOLE = "every comment that can be had"
SCENARIO = """
latency_ms = {latency}
[limits]
requests = 10000000
token_requests = 100000
[clock]
step = 0.0
"""
"""Limits out of the way: pacing would be measured instead of the clients. Requests are counted."""

Figures = dict[str, Any]


@contextmanager
def simulator(folder: Path, *, posts: int, comments: int, latency_ms: int) -> Iterator[dict[str, Any]]:
    """The pretend platform in a process of its own; gives its ready line."""
    scenario = folder / f"live-{posts}-{latency_ms}.toml"
    scenario.write_text(SCENARIO.format(latency=float(latency_ms)))
    size = ["--posts", str(posts), "--comments", str(comments), "--community", NAME]
    command = [sys.executable, "-m", "hubbub", "simulate", *size, "--scenario", str(scenario)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(timeout=30)


def _page(ready: dict[str, Any], path: str) -> Any:
    import urllib.request

    with urllib.request.urlopen(f"{ready['reddit']}{path}", timeout=120) as answer:
        return json.load(answer)


def _asked(ready: dict[str, Any]) -> int:
    """Requests the platform has counted, those for tokens aside."""
    stats: dict[str, int] = _page(ready, "/__stats")
    return sum(count for route, count in stats.items() if route != "token")


class _Run:
    """One client on one community: its meter, its store, and what the platform counted."""

    def __init__(self, ready: dict[str, Any], db: str) -> None:
        self.ready = ready
        self.meter = Meter()
        Path(db).unlink(missing_ok=True)
        self.db = sqlite3.connect(db)
        self.db.execute(
            "CREATE TABLE posts (id PRIMARY KEY, author, title, body, created, score, comments, url, edited)"
        )
        self.db.execute("CREATE TABLE comments (id PRIMARY KEY, post, parent, author, body, created, score, edited)")
        self._before = _asked(ready)

    def keep(self, post: tuple[Any, ...], comments: list[tuple[Any, ...]]) -> None:
        self.db.execute("INSERT OR REPLACE INTO posts VALUES (?,?,?,?,?,?,?,?,?)", post)
        self.db.executemany("INSERT OR REPLACE INTO comments VALUES (?,?,?,?,?,?,?,?)", comments)
        self.db.commit()

    def figures(self, *, found: set[str] | None = None) -> Figures:
        if found is None:
            found = {f"t1_{key}" for (key,) in self.db.execute("SELECT id FROM comments")}
        return _figures(self.ready, meter=self.meter, requests=_asked(self.ready) - self._before, found=found)


def _figures(ready: dict[str, Any], *, meter: Meter, requests: int, found: set[str]) -> Figures:
    wanted = set(_page(ready, "/__truth")[NAME]["comments"])
    return {
        "comments": len(found & wanted),
        "of those %": 100 * len(found & wanted) / len(wanted),
        "requests": requests,
        "requests/1,000": 1_000 * requests / max(1, len(found)),
        "cpu ms/1,000": 1e6 * meter.cpu_s / max(1, len(found)),
        "wall s": meter.wall_s,
    }


def live_hubbub(*, ready: dict[str, Any], db: str) -> Figures:
    from hubbub.pipeline.sync import sync
    from hubbub.plugins.contracts import SourceSettings, SyncOptions, Target
    from hubbub.store.engine import open_store

    settings = {"reddit": SourceSettings(values={key: str(ready[key]) for key in KEYS}, base_url=str(ready["reddit"]))}
    before = _asked(ready)
    Path(db).unlink(missing_ok=True)
    meter = Meter()
    with open_store(f"sqlite:///{db}") as store, meter.on():
        sync(store, [Target(source="reddit", name=NAME)], options=SyncOptions(), settings=settings)
    with sqlite3.connect(db) as connection:
        found = {key for (key,) in connection.execute("SELECT id FROM comments WHERE observed_at IS NOT NULL")}
    connection.close()
    return _figures(ready, meter=meter, requests=_asked(ready) - before, found=found)


def refresh_hubbub(*, ready: dict[str, Any], db: str, posts: int = 100) -> Figures:
    """What hubbub asks to see the scores of some stored posts again: what `/new` shows of them is a refresh."""
    from hubbub.pipeline.sync import sync
    from hubbub.plugins.contracts import SourceSettings, SyncOptions, Target
    from hubbub.store.engine import open_store

    settings = {"reddit": SourceSettings(values={key: str(ready[key]) for key in KEYS}, base_url=str(ready["reddit"]))}
    target = [Target(source="reddit", name=NAME)]
    only = SyncOptions(only=frozenset({"posts"}))
    with open_store(f"sqlite:///{db}") as store:
        sync(store, target, options=only, settings=settings)
        before, meter = _asked(ready), Meter()
        with meter.on():
            sync(store, target, options=only, settings=settings)
    return {"posts": posts, "requests": _asked(ready) - before, "wall s": meter.wall_s}


def live_praw(*, ready: dict[str, Any], db: str) -> Figures:
    """`replace_more(limit=None)` on every post of `new`."""
    import praw

    run = _Run(ready, db)
    keys = {key: ready[key] for key in KEYS}
    with run.meter.on():
        reddit = praw.Reddit(
            user_agent="bench:live:1 (by /u/bench)",
            check_for_updates=False,
            reddit_url=ready["reddit"],
            oauth_url=ready["oauth"],
            **keys,
        )
        for post in reddit.subreddit(NAME).new(limit=None):
            post.comments.replace_more(limit=None)
            run.keep(_post(post), [_comment(each, post.id) for each in post.comments.list()])
    return run.figures()


def live_asyncpraw(*, ready: dict[str, Any], db: str, tasks: int = 10) -> Figures:
    """The same with ten tasks; a post that fails is tried eight times, as its users do."""
    import asyncpraw
    import asyncprawcore

    run = _Run(ready, db)
    keys = {key: ready[key] for key in KEYS}

    async def read(post: Any, slots: asyncio.Semaphore) -> None:
        async with slots:
            for _ in range(8):
                try:
                    await post.load()
                    await post.comments.replace_more(limit=None)
                    break
                except (asyncprawcore.AsyncPrawcoreException, asyncpraw.exceptions.AsyncPRAWException):
                    await asyncio.sleep(0.05)
            listed = [each for each in post.comments.list() if hasattr(each, "body")]
            run.keep(_post(post), [_comment(each, post.id) for each in listed])

    async def main() -> None:
        async with asyncpraw.Reddit(
            user_agent="bench:live:1 (by /u/bench)",
            check_for_updates=False,
            reddit_url=ready["reddit"],
            oauth_url=ready["oauth"],
            **keys,
        ) as reddit:
            slots = asyncio.Semaphore(tasks)
            community = await reddit.subreddit(NAME)
            await asyncio.gather(*[asyncio.create_task(read(post, slots)) async for post in community.new(limit=None)])

    with run.meter.on():
        asyncio.run(main())
    return run.figures()


def live_gallery_dl(*, ready: dict[str, Any], db: str) -> Figures:
    """gallery-dl's own Reddit class, its host (a constant) pointed at the simulator; 500 comments a post and `more`."""
    from gallery_dl import config, extractor
    from gallery_dl.extractor import reddit as theirs

    run = _Run(ready, db)
    config.clear()
    theirs_to_set = {"comments": 500, "morecomments": True, "sleep-request": 0, "limit": 100, "api": "oauth"}
    theirs_to_set |= {"client-id": ready["client_id"], "user-agent": "bench:live:1 (by /u/bench)"}
    for key, value in theirs_to_set.items():
        config.set(("extractor", "reddit"), key, value)
    config.set(("cache",), "file", ":memory:")
    token = _token(ready)
    theirs.RedditAPI.ROOT = ready["oauth"]
    theirs.RedditAPI.authenticate = lambda self: self.headers.update(Authorization=f"Bearer {token}")
    with run.meter.on():
        asking = extractor.find(f"https://www.reddit.com/r/{NAME}/new/")
        asking.initialize()
        for post, comments in theirs.RedditAPI(asking).submissions_subreddit(f"/r/{NAME}/new", {}):
            run.keep(_told(post, _POST), [_told(each, _COMMENT) for each in comments])
    return run.figures()


def live_least(*, ready: dict[str, Any], db: str, tasks: int = 10) -> Figures:
    """The least a program does with hubbub's HTTP library: every tree once, decoded and written as the peers write it.
    It asks for nothing that is hidden, keeps to no budget, checks nothing and cannot go on after a failure."""
    import httpx2
    import msgspec

    run = _Run(ready, db)
    decode = msgspec.json.decode

    async def main() -> None:
        headers = {"authorization": f"Bearer {_token(ready)}", "user-agent": "bench:live:1 (by /u/bench)"}
        async with httpx2.AsyncClient(base_url=str(ready["oauth"]), headers=headers, timeout=60.0) as client:

            async def read(post: dict[str, Any], slots: asyncio.Semaphore) -> None:
                async with slots:
                    answer = await client.get(f"/comments/{post['id']}", params={"limit": "500", "raw_json": "1"})
                run.keep(_told(post, _POST), [_told(each, _COMMENT) for each in _below(decode(answer.content)[1])])

            slots, jobs = asyncio.Semaphore(tasks), []
            after: str | None = ""
            while after is not None:
                page = await client.get(f"/r/{NAME}/new", params={"limit": "100", "raw_json": "1", "after": after})
                listing = decode(page.content)["data"]
                after = listing["after"]
                jobs += [asyncio.create_task(read(each["data"], slots)) for each in listing["children"]]
            await asyncio.gather(*jobs)

    with run.meter.on():
        asyncio.run(main())
    return run.figures()


def _below(listing: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The comments of a tree that are not hidden."""
    for child in listing["data"]["children"]:
        if child["kind"] == "t1":
            yield child["data"]
            if child["data"]["replies"]:
                yield from _below(child["data"]["replies"])


def refresh_praw(*, ready: dict[str, Any], posts: int = 100) -> Figures:
    """What PRAW asks to see the scores of some posts again."""
    import praw

    keys = {key: ready[key] for key in KEYS}
    reddit = praw.Reddit(
        user_agent="bench:live:1 (by /u/bench)",
        check_for_updates=False,
        reddit_url=ready["reddit"],
        oauth_url=ready["oauth"],
        **keys,
    )
    before, meter = _asked(ready), Meter()
    with meter.on():
        for post in list(reddit.subreddit(NAME).new(limit=posts)):
            assert reddit.submission(post.id).score is not None  # asks for the post, as the first look at any part does
    return {"posts": posts, "requests": _asked(ready) - before, "wall s": meter.wall_s}


def _post(post: Any) -> tuple[Any, ...]:
    shown = (post.title, post.selftext, post.created_utc, post.score, post.num_comments, post.url, post.edited)
    return (post.id, str(post.author), *shown)


def _comment(comment: Any, post: str) -> tuple[Any, ...]:
    shown = (comment.body, comment.created_utc, comment.score, comment.edited)
    return (comment.id, post, comment.parent_id, str(comment.author), *shown)


_POST = ("id", "author", "title", "selftext", "created_utc", "score", "num_comments", "url", "edited")
_COMMENT = ("id", "link_id", "parent_id", "author", "body", "created_utc", "score", "edited")


def _told(data: dict[str, Any], names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(data[name] for name in names)


def _token(ready: dict[str, Any]) -> str:
    import base64
    import urllib.parse
    import urllib.request

    pair = base64.b64encode(f"{ready['client_id']}:{ready['client_secret']}".encode()).decode()
    asked = urllib.request.Request(
        f"{ready['reddit']}/api/v1/access_token",
        data=urllib.parse.urlencode({"grant_type": "client_credentials"}).encode(),
        headers={"authorization": f"Basic {pair}", "user-agent": "bench:live:1 (by /u/bench)"},
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:
        token: str = json.load(answer)["access_token"]
    return token


LIVE = {
    case.__name__: case
    for case in (
        live_hubbub,
        live_praw,
        live_asyncpraw,
        live_gallery_dl,
        live_least,
        refresh_praw,
        refresh_hubbub,
    )
}
"""By name: what `bench.cases` runs."""
