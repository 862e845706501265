"""A small pretend Arctic Shift for the walk's tests: pages by time, and every liberty the real one takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from hubbub.errors import HubbubError
from hubbub.http.messages import Request, Response
from tests.sources.drive import NOW, answer

DAY = 86_400
TIMEOUT = {"data": None, "error": "Timeout. Maybe slow down a bit"}


def post_line(number: int, *, created: int, **more: Any) -> dict[str, Any]:
    """A post as the archive keeps it (archive reference, section 4)."""
    return {
        "id": f"a{number:05d}",
        "subreddit": "bugs",
        "subreddit_id": "t5_2qh0x",
        "author": f"asker{number % 7}",
        "title": f"what is it? {number}",
        "selftext": "",
        "is_self": True,
        "score": 3,
        "num_comments": 0,
        "created_utc": created,
        "edited": False,
        "permalink": f"/r/bugs/comments/a{number:05d}/what/",
        "retrieved_on": created + 30,
    } | more


class Shelf:
    """An archive of one community's posts."""

    def __init__(self, times: Iterable[int], *, inclusive: bool = False, auto: int = 100) -> None:
        self.items = [post_line(n, created=at) for n, at in enumerate(sorted(times))]
        self.inclusive = inclusive
        """Whether `after` and `before` include their own second."""
        self.auto = auto
        """Items of a page with limit=auto."""
        self.too_much: Callable[[dict[str, str]], bool] = lambda _: False
        """Which questions the database has no time for."""
        self.bodies: dict[int, Any] = {}
        """What to answer instead: number of the search (from 1) -> body or error."""
        self.lost: set[str] = set()
        """Ids that are counted but never handed out."""
        self.series: Any = None
        """What to answer instead of the counts."""
        self.timeout_status = 422
        self.searches: list[dict[str, str]] = []
        self.counted: list[dict[str, str]] = []

    def ids(self) -> set[str]:
        return {f"t3_{item['id']}" for item in self.items if item["id"] not in self.lost}

    def add(self, *times: int) -> None:
        self.items += [post_line(len(self.items) + n, created=at) for n, at in enumerate(times)]
        self.items.sort(key=lambda item: (item["created_utc"], item["id"]))

    def respond(self, request: Request) -> Response | HubbubError:
        params = dict(request.params)
        if request.url == "/api/time_series":
            self.counted.append(params)
            if isinstance(self.series, HubbubError):
                return self.series
            return answer(request, {"data": self.counts(params)} if self.series is None else self.series)
        self.searches.append(params)
        if (instead := self.bodies.get(len(self.searches))) is not None:
            return instead if isinstance(instead, HubbubError) else answer(request, instead)
        if self.too_much(params):
            return answer(request, TIMEOUT, status=self.timeout_status)
        return answer(request, {"data": self.page(params)})

    def page(self, params: dict[str, str]) -> list[dict[str, Any]]:
        assert params["subreddit"].casefold() == "bugs"
        edge = 1 if self.inclusive else 0
        least = int(params["after"]) + 1 - edge if "after" in params else 0
        most = int(params["before"]) - 1 + edge if "before" in params else 1 << 40
        held = [item for item in self.items if item["id"] not in self.lost]
        found = [
            item for item in held if not isinstance(item["created_utc"], int) or least <= item["created_utc"] <= most
        ]
        limit = self.auto if params["limit"] == "auto" else int(params["limit"])
        return (found if params["sort"] == "asc" else found[::-1])[:limit]

    def counts(self, params: dict[str, str]) -> list[dict[str, int]]:
        form = {"day": "%Y-%m-%d", "month": "%Y-%m"}[params["precision"]]
        spans = Counter(datetime.fromtimestamp(item["created_utc"], tz=UTC).strftime(form) for item in self.items)
        begun = {int(datetime.strptime(span, form).replace(tzinfo=UTC).timestamp()): n for span, n in spans.items()}
        return [{"date": at, "value": n} for at, n in sorted(begun.items()) if at >= int(params.get("after", 0))]


def lines_of(page: Iterable[dict[str, Any]]) -> list[bytes]:
    """The items as a dump holds them."""
    return [msgspec.json.encode(item) for item in page]


def spread(count: int, *, step: int = 3_600, until: int = NOW - DAY) -> list[int]:
    """So many times, one every `step` seconds, the last at `until`."""
    return [until - step * n for n in range(count)]
