"""Requests to Arctic Shift's web API, its answers, its refusals in words and its account of the budget.

The rules are those of `api/README.md` in the repository ArthurHeitmann/arctic_shift; what it leaves open is said where
it matters. Neither whether `after` and `before` include their own second nor in what unit `X-RateLimit-Reset` counts is
documented: nothing here depends on either."""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import Any

import msgspec

from hubbub.errors import RateLimitedError, RecordError, RemoteError, TransientRemoteError
from hubbub.http.access import BudgetReading
from hubbub.http.messages import Request, Response
from hubbub.http.retry import retry_after_s
from hubbub.sources.reddit.answers import parse
from hubbub.sources.reddit.values import ONE_DAY_S, moment, number_of

BASE_URL = "https://arctic-shift.photon-reddit.com"
AUTO = "auto"
"""Asks for as many items as the server can afford: 100 to 1,000."""
LEAST_OF_AUTO = 100
_MAX_BYTES = 96 * 1024 * 1024
"""Largest answer accepted: a thousand items of nearly 100 KB each."""
_EPOCH_SECONDS_FROM = 1e9
_EPOCH_MILLISECONDS_FROM = 1e12
_LONGEST_WINDOW_S = 86_400.0
_ONE_AT_A_TIME = "archive"
"""Two requests side by side are enough for the server to say that it is asked too fast."""
_TIMED_OUT = re.compile(r"time\s*d?\s*-?out|slow down", re.IGNORECASE)
"""The server's own limit for one query, about three seconds: "Timeout. Maybe slow down a bit" (mostly with status 422,
also with 200), "Query timed out". Waiting does not help, asking for less does (issues 12 and 66)."""


class TooMuchError(Exception):
    """The archive's database ran out of time over this question; a narrower one may be answered."""


class Item(msgspec.Struct, frozen=True):
    """One post or comment of an answer, not decoded but for what paging needs."""

    key: str
    """Its id; for an item without one, a name made of its bytes."""
    created_at: int | None
    """None when the item states no time that can be true."""
    line: bytes
    """The item as a dump would hold it: one JSON object."""


class Point(msgspec.Struct, frozen=True):
    """One number of a time series and when its span begins (epoch seconds)."""

    begins_at: int
    value: int


class _Answer(msgspec.Struct):
    data: list[msgspec.Raw] | None = None
    error: Any = None


class _Known(msgspec.Struct):
    id: Any = None
    created_utc: Any = None


def search(
    path: str,
    *,
    route: str,
    of: tuple[str, str],
    limit: str = AUTO,
    sort: str = "asc",
    after: int | None = None,
    before: int | None = None,
) -> Request:
    """One page of posts or comments ("/api/posts/search") of a community or a person (`of`), ordered by creation."""
    params = [of, ("sort", sort), ("limit", limit)]
    if after is not None:
        params.append(("after", str(after)))
    if before is not None:
        params.append(("before", str(before)))
    return _request(path, params=tuple(params), route=route)


def time_series(key: str, *, precision: str, after: int | None) -> Request:
    """The archive's own counts ("r/bugs/posts/count"), one number for each day or month."""
    params = [("key", key), ("precision", precision)]
    if after is not None:
        params.append(("after", str(after)))
    return _request("/api/time_series", params=tuple(params), route="arctic_series")


def read_items(response: Response) -> tuple[Item, ...]:
    """The items of a page in the server's order.

    Raises TooMuchError when the query took too long, TransientRemoteError for an answer that is damaged, RemoteError
    for any other refusal."""
    latest = response.received_at + ONE_DAY_S
    return tuple(_item(bytes(raw), latest=latest) for raw in _data(response))


def read_points(response: Response) -> tuple[Point, ...]:
    """A time series by time; raises as `read_items` does, and TransientRemoteError for points that are none."""
    points = []
    for raw in _data(response):
        try:
            point = msgspec.json.decode(raw)
            begins_at, value = moment(point["date"], name="date"), number_of(point["value"])
        except (msgspec.DecodeError, RecordError, KeyError, TypeError):
            raise TransientRemoteError(f"{response.url} answered with a series of an unknown shape") from None
        if value is not None:
            points.append(Point(begins_at, int(value)))
    return tuple(sorted(points, key=lambda point: point.begins_at))


def read_budget(response: Response) -> BudgetReading | None:
    """What the rate headers say; None when they are absent or nonsense. Never raises.

    `X-RateLimit-Reset` is taken for seconds to wait when it is small, for a time of day when it is large enough to be
    one (in seconds or milliseconds)."""
    remaining, reset = (number_of(response.header(f"x-ratelimit-{name}")) for name in ("remaining", "reset"))
    if remaining is None or reset is None or not math.isfinite(remaining) or not math.isfinite(reset):
        return None
    if reset >= _EPOCH_MILLISECONDS_FROM:
        reset /= 1000
    if reset >= _EPOCH_SECONDS_FROM:
        reset -= response.received_at
    return BudgetReading(remaining=float(remaining), reset_s=min(max(float(reset), 0.0), _LONGEST_WINDOW_S))


def _request(path: str, *, params: tuple[tuple[str, str], ...], route: str) -> Request:
    return Request(url=path, params=params, route=route, max_bytes=_MAX_BYTES, serial=_ONE_AT_A_TIME)


def _data(response: Response) -> list[msgspec.Raw]:
    where, status = response.url, response.status
    if status == 429:
        asked = retry_after_s(response.header("retry-after"), server_now=response.received_at)
        until = None if asked is None else response.received_at + math.ceil(asked)
        raise RateLimitedError(f"{where}: too many requests", until=until, advice="run the same command later")
    if 300 <= status < 400:
        raise RemoteError(f"{where} leads elsewhere ({status})", advice="is this the address of the archive?")
    answer = _answer(response)
    if answer.error is not None and answer.error != "":
        said = str(answer.error)[:200]
        if _TIMED_OUT.search(said):
            raise TooMuchError(said)
        if status >= 500 or "maintenance" in said.lower():
            raise TransientRemoteError(f"{where} answered {status}: {said}", advice="try again later")
        raise RemoteError(f"{where} was refused ({status}): {said}")
    if status >= 500:
        raise TransientRemoteError(f"{where} answered {status}: the archive is failing", advice="try again later")
    if status != 200:
        raise RemoteError(f"{where} answered {status}")
    if answer.data is None:
        raise TransientRemoteError(f"{where} answered without data", advice="try again later")
    return answer.data


def _answer(response: Response) -> _Answer:
    try:
        return msgspec.json.decode(response.body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    if response.status >= 400:
        return _Answer()
    # Lone surrogates and the like: read leniently, and set out again as text that a line of a dump could be.
    value = parse(response.body, where=response.url).value
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(data, list):
        raise TransientRemoteError(f"{response.url} answered with something that is no page", advice="try again later")
    return _Answer(data=[msgspec.Raw(json.dumps(each).encode()) for each in data], error=value.get("error"))


def _item(line: bytes, *, latest: int) -> Item:
    known = _known(line)
    try:
        created_at: int | None = moment(known.created_utc, name="created_utc")
    except RecordError:
        created_at = None
    if created_at is not None and created_at > latest:
        created_at = None
    named = isinstance(known.id, str) and bool(known.id)
    return Item(known.id if named else f"#{hashlib.sha256(line).hexdigest()[:16]}", created_at, line)


def _known(line: bytes) -> _Known:
    try:
        return msgspec.json.decode(line, type=_Known)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return _Known()
    return _Known(value.get("id"), value.get("created_utc")) if isinstance(value, dict) else _Known()
