"""A small platform for the tests of the pipeline: a real source plug-in, and the server it asks over loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from hubbub.errors import BlockedError, HubbubError, RemoteError, UnavailableError, UsageError
from hubbub.http.access import Access, BudgetReading
from hubbub.http.messages import Request, Response
from hubbub.plugins.contracts import (
    Checkpoint,
    Page,
    RecallCheckpoint,
    RecallCounts,
    SourceSettings,
    Stream,
    StreamPlan,
    SyncOptions,
    Target,
)
from hubbub.records.models import Comment, Community, Door, Post, Rejected, Stub

BORN = 1_700_000_000
NOW_TEXT = "Sun, 01 Jun 2025 00:00:00 GMT"
POSTS = 7
COMMENTS = 3
PAGE = 3
SIDE_BY_SIDE = 4


def _decoded(response: Response) -> Any:
    """The body's JSON, or the error its status stands for."""
    if response.status == 404:
        raise UnavailableError(f"{response.request.route}: there is no such community")
    if response.status == 403:
        raise BlockedError(f"{response.request.route}: blocked")
    try:
        return json.loads(response.body)
    except ValueError as error:
        raise RemoteError(f"{response.request.route}: no JSON") from error


def _post(item: dict[str, Any], response: Response) -> Post:
    return Post(
        source="forum",
        id=item["id"],
        door=Door.LIVE,
        observed_at=response.received_at,
        community=item["community"],
        created_at=item["created"],
        author=item["author"],
        author_name=item["author"],
        title=item["title"],
        comment_count=item["comments"],
    )


def _comment(item: dict[str, Any], response: Response) -> Comment:
    return Comment(
        source="forum",
        id=item["id"],
        door=Door.LIVE,
        observed_at=response.received_at,
        community=item["community"],
        post_id=item["post"],
        parent_id=item["post"],
        created_at=item["created"],
        author=item["author"],
        author_name=item["author"],
        body=item["body"],
    )


def about(name: str) -> Stream:
    response = yield Request(url=f"/{name}/about", route="about")
    item = _decoded(response)
    yield Page(
        records=[
            Community(source="forum", id=name, door=Door.LIVE, observed_at=response.received_at, name=item["name"])
        ]
    )


def posts(name: str) -> Stream:
    key = f"{name}/posts"
    mark = yield RecallCheckpoint(key=key)
    floor = json.loads(mark.state)["newest"] if mark else 0
    newest, before = 0, ""
    while True:
        response = yield Request(url=f"/{name}/posts", params=(("before", before),), route="posts")
        items = _decoded(response)["posts"]
        newest = max([newest, *(item["created"] for item in items)])
        last = len(items) < PAGE or items[-1]["created"] <= floor
        good = [item for item in items if item["title"] is not None]
        yield Page(
            records=[
                *(_post(item, response) for item in good),
                *(Stub(source="forum", kind="user", id=item["author"], name=item["author"]) for item in good),
            ],
            rejected=[
                Rejected(
                    reason="title is null",
                    raw=json.dumps(item).encode(),
                    source="forum",
                    door=Door.LIVE,
                    where=response.url,
                    kind="post",
                    id=item["id"],
                )
                for item in items
                if item["title"] is None
            ],
            checkpoints=[Checkpoint(key=key, state=json.dumps({"newest": newest}))] if last else [],
        )
        if last:
            return
        before = items[-1]["id"]


def comments(name: str) -> Stream:
    """Comments of the posts whose count and ours differ, some posts side by side."""
    counts = yield RecallCounts(community=name)
    short = [count for count in counts if count.stored < count.comment_count]
    for first in range(0, len(short), SIDE_BY_SIDE):
        group = short[first : first + SIDE_BY_SIDE]
        answers = yield tuple(Request(url=f"/{name}/comments/{each.post_id}", route="comments") for each in group)
        records: list[Comment] = []
        failed: HubbubError | None = None
        for answer in answers:
            if isinstance(answer, HubbubError):
                failed = answer
            else:
                records += [_comment(item, answer) for item in _decoded(answer)["comments"]]
        yield Page(records=records, missing=sum(each.comment_count for each in group) - len(records))
        if failed:
            raise failed


def stubborn(name: str) -> Stream:
    """A stream that takes no error for an answer."""
    while True:
        try:
            yield Request(url=f"/{name}/about", route="about")
        except HubbubError:
            yield Page(note="what was gathered so far")


class Forum:
    name = "forum"
    terms = "forum"

    def access(self, settings: SourceSettings) -> Access:
        return Access(
            base_url=settings.base_url or "", user_agent="test", read_budget=_no_budget, default_budget=60_000
        )

    def plan(self, target: Target, options: SyncOptions) -> tuple[tuple[StreamPlan, ...], ...]:
        name = target.name
        if not name.isalnum():
            raise UsageError(f"{name!r} is no forum")
        first = [
            StreamPlan(name="about", begin=lambda: about(name)),
            StreamPlan(name="posts", begin=lambda: posts(name)),
        ]
        if "stubborn" in options.only:
            first.append(StreamPlan(name="stubborn", begin=lambda: stubborn(name)))
        return tuple(first), (StreamPlan(name="comments", begin=lambda: comments(name)),)


def _no_budget(_: Response) -> BudgetReading | None:
    return None


SOURCE = Forum()


def register(folder: Path) -> Path:
    """Make the plug-in known by its entry point to whoever has the returned folder in `sys.path`."""
    info = folder / "plugins" / "forum-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: forum\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[hubbub.sources]\nforum = tests.pipeline.forum:SOURCE\n")
    return info.parent


class ForumServer:
    """The platform. Answers are the same at any time; what goes wrong is asked for by request number or by path."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fail_at: int | None = None
        """Number of the request (from 1) from which on everything is answered 400 with a page that is no JSON."""
        self.hold_at: int | None = None
        """Number of the request from which on nothing is answered until `release` is set."""
        self.statuses: dict[str, int] = {}
        """Status to answer for paths that begin so."""
        self.headers: dict[str, str] = {}
        """Headers to add to such answers."""
        self.broken_title: str | None = None
        self.held = threading.Event()
        self.release = threading.Event()
        self.url = ""
        self._lock = threading.Lock()

    def answer(self, path: str) -> tuple[int, bytes]:
        with self._lock:
            self.asked.append(path)
            number = len(self.asked)
        if self.hold_at is not None and number >= self.hold_at:
            self.held.set()
            self.release.wait(30)
            return 400, b"<html>"
        if self.fail_at is not None and number >= self.fail_at:
            return 400, b"<html>"
        status = next((code for start, code in self.statuses.items() if path.startswith(start)), None)
        if status is not None:
            return status, b"{}"
        parts = urlsplit(path)
        return 200, json.dumps(self.body(parts.path.strip("/").split("/"), query=parse_qs(parts.query))).encode()

    def body(self, parts: list[str], *, query: dict[str, list[str]]) -> dict[str, Any]:
        name, what = parts[0], parts[1]
        if what == "about":
            return {"name": name}
        if what == "posts":
            before = query.get("before", [""])[0]
            number = int(before.rsplit("p", 1)[1]) if before else POSTS
            return {"posts": [self._item(name, n) for n in range(number - 1, max(-1, number - 1 - PAGE), -1)]}
        post = parts[2]
        return {
            "comments": [
                {
                    "id": f"{post}c{n}",
                    "community": name,
                    "post": post,
                    "created": BORN + 1000 + n,
                    "author": f"person{n % 3}",
                    "body": f"answer {n} to {post}",
                }
                for n in range(COMMENTS)
            ]
        }

    def _item(self, name: str, number: int) -> dict[str, Any]:
        post = f"{name}p{number}"
        return {
            "id": post,
            "community": name,
            "created": BORN + number,
            "author": f"person{number % 4}",
            "title": None if post == self.broken_title else f"question {number}",
            "comments": COMMENTS,
        }


@contextmanager
def serving() -> Iterator[ForumServer]:
    """A forum that listens on loopback for the time of the block."""
    forum = ForumServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body = forum.answer(self.path)
            try:
                self.send_response(status)
                if status != 200:
                    for key, value in forum.headers.items():
                        self.send_header(key, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:  # the client was killed
                self.close_connection = True

        def date_time_string(self, timestamp: float | None = None) -> str:
            return NOW_TEXT

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    forum.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield forum
    finally:
        forum.release.set()
        server.shutdown()
        thread.join()
        server.server_close()
