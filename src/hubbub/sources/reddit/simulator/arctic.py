"""The pretend Arctic Shift: the web API of an archive that has collected the simulated world.

It holds just what `hubbub simulate dump` writes, brought up to date once a (virtual) day. Shapes, limits and messages
are those of the real API's own description (`api/README.md`) and of its issues 12 and 66."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from hubbub.simulator.exchange import Ask, Reply
from hubbub.simulator.fates import Fate
from hubbub.simulator.faults import Fault, Limits
from hubbub.simulator.limits import Standing, Windows
from hubbub.simulator.world import World
from hubbub.sources.reddit.simulator import failures
from hubbub.sources.reddit.simulator.dump import Collected, by_creation, collected
from hubbub.sources.reddit.simulator.media import Addresses
from hubbub.sources.reddit.simulator.shapes import community_id
from hubbub.sources.reddit.simulator.view import View

_ROUTES = (
    ("arctic_posts", re.compile(r"/api/posts/search")),
    ("arctic_comments", re.compile(r"/api/comments/search")),
    ("arctic_ids", re.compile(r"/api/(?P<kind>posts|comments)/ids")),
    ("arctic_series", re.compile(r"/api/time_series")),
    ("arctic_subreddits", re.compile(r"/api/subreddits/search")),
)
_KNOWN = frozenset(
    {"author", "subreddit", "after", "before", "limit", "sort", "fields", "md2html", "link_id", "parent_id"}
)
_MOST = 100
_AUTO = 300
"""What `limit=auto` is worth here; the real one gives 100 to 1,000, as busy as it is."""
_MOST_IDS = 500
_DAY_S = 86_400
_SERIES = re.compile(r"r/(?P<name>[^/]+)/(?P<kind>posts|comments)/count")
_SPANS = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}
_PREFIX = re.compile(r"/?[ur]/", re.IGNORECASE)


class Arctic:
    """Answers as Arctic Shift would, had it collected this world."""

    name = "arctic"

    def __init__(self, world: World, *, limits: Limits, official: bool = False, closed: bool = False) -> None:
        self.world = world
        self.windows = Windows(requests=limits.requests, seconds=limits.window_s)
        self._official = official
        """Write the real media hosts into answers instead of the simulator's own address."""
        self._closed = closed
        """Recorded exchanges are served instead of a world: there is nothing that could have been collected."""
        self._at = -1
        self._shelves: dict[str, Collected] = {}
        """Per community what is held of it, by time."""

    def route(self, ask: Ask) -> str | None:
        """The route's name; None for paths of other platforms."""
        return None if self._closed else _route_of(ask.path)[0]

    def exclusive(self, ask: Ask) -> str | None:
        """Nothing excludes anything."""
        del ask
        return None

    def blocked(self) -> Reply:
        """As Reddit's: there is no other that was seen."""
        return failures.blocked()

    def revoke(self) -> None:
        """There are no tokens."""

    def withdraw(self, *, withdrawn: bool) -> None:
        """There are no credentials."""

    def befall(self, fate: Fate, *, at: float) -> None:
        """What was collected is kept."""

    def failure(self, fault: Fault, *, ask: Ask) -> Reply:
        """An error: 422 is the database's time-out, 5xx with `html` the proxy's own page."""
        del ask
        if fault.html and fault.status >= 500:
            return Reply(status=fault.status, body=b"<html><body>Bad gateway</body></html>", media_type="text/html")
        return _refused(_MESSAGES.get(fault.status, "Something went wrong"), status=fault.status)

    def answer(self, ask: Ask) -> Reply:
        """What the archive would say."""
        standing = self.windows.count("everybody", at=ask.at)
        reply = _refused(_MESSAGES[429], status=429) if standing.refused else self._answer(ask)
        return msgspec.structs.replace(reply, headers=(*_rate_headers(standing), *reply.headers))

    def ready(self, base_url: str) -> dict[str, Any]:
        """The archive's part of the ready line."""
        return {} if self._closed else {"arctic": base_url}

    def truth(self, at: float, query: Mapping[str, str]) -> dict[str, Any]:
        """Nothing of its own: what is true of the world, Reddit's part tells."""
        del at, query
        return {}

    def _answer(self, ask: Ask) -> Reply:
        route, found = _route_of(ask.path)
        try:
            match route:
                case "arctic_posts" | "arctic_comments":
                    return _data(self._search(ask, kind=route.removeprefix("arctic_")))
                case "arctic_ids":
                    return _data(self._by_id(ask, kind=str(found["kind"])))
                case "arctic_series":
                    return _data(self._series(ask))
                case _:
                    return _data(self._subreddits(ask))
        except ValueError as error:
            return _refused(str(error), status=400)

    def _search(self, ask: Ask, *, kind: str) -> list[dict[str, Any]]:
        if unknown := sorted(set(ask.query) - _KNOWN):
            raise ValueError(f"Unknown query parameter: '{unknown[0]}'")
        items = self._items(ask, kind=kind)
        times = [item["created_utc"] for item in items]
        begin = 0 if "after" not in ask.query else bisect_right(times, _time(ask, "after"))
        end = len(items) if "before" not in ask.query else bisect_left(times, _time(ask, "before"))
        limit = _limit(ask)
        if ask.value("sort", "desc") == "asc":
            return items[begin:end][:limit]
        return items[begin:end][::-1][:limit]

    def _items(self, ask: Ask, *, kind: str) -> list[dict[str, Any]]:
        """What the question is about, by time."""
        subreddit, author = (_PREFIX.sub("", ask.value(name)).casefold() for name in ("subreddit", "author"))
        names = [name for name in self.world.names if subreddit in {"", name.casefold()}]
        items = [item for name in names for item in self._shelf(name, ask=ask, kind=kind)]
        for name in ("link_id", "parent_id"):
            if wanted := ask.value(name).rpartition("_")[2]:
                items = [item for item in items if str(item.get(name)).rpartition("_")[2] == wanted]
        if author:
            items = [item for item in items if item["author"].casefold() == author]
        return items if len(names) == 1 else sorted(items, key=by_creation)

    def _by_id(self, ask: Ask, *, kind: str) -> list[dict[str, Any]]:
        ids = [each.rpartition("_")[2] for each in ask.value("ids").split(",") if each]
        if len(ids) > _MOST_IDS:
            raise ValueError(f"Too many ids, at most {_MOST_IDS} are allowed")
        held = (item for name in self.world.names for item in self._shelf(name, ask=ask, kind=kind))
        return [item for item in held if item["id"] in ids]

    def _series(self, ask: Ask) -> list[dict[str, int]]:
        found = _SERIES.fullmatch(ask.value("key"))
        form = _SPANS.get(ask.value("precision"))
        if found is None or form is None:
            raise ValueError("Invalid 'key' or 'precision'")
        name = next((n for n in self.world.names if n.casefold() == found["name"].casefold()), None)
        items = [] if name is None else self._shelf(name, ask=ask, kind=found["kind"])
        after = _time(ask, "after") if "after" in ask.query else 0
        counted = Counter(_span(item["created_utc"], form=form) for item in items)
        return [{"date": begin, "value": count} for begin, count in sorted(counted.items()) if begin >= after]

    def _subreddits(self, ask: Ask) -> list[dict[str, Any]]:
        wanted, prefix = ask.value("subreddit").casefold(), ask.value("subreddit_prefix").casefold()
        return [
            self._subreddit(name, ask=ask)
            for name in self.world.names
            if wanted in {"", name.casefold()} and name.casefold().startswith(prefix)
        ]

    def _subreddit(self, name: str, *, ask: Ask) -> dict[str, Any]:
        community = self.world.community(name)
        assert community is not None
        meta = {f"num_{kind}": len(self._shelf(name, ask=ask, kind=kind)) for kind in ("posts", "comments")}
        return {
            "id": community_id(community.position),
            "display_name": name,
            "created_utc": community.created_at,
            "_meta": meta,
        }

    def _shelf(self, name: str, *, ask: Ask, kind: str) -> list[dict[str, Any]]:
        at = int(min(ask.at, self.world.horizon))
        if at < self.world.horizon:
            at -= at % _DAY_S
        if at != self._at:
            self._at, self._shelves = at, {}
        if name not in self._shelves:
            community = self.world.community(name)
            assert community is not None
            addresses = Addresses(None if self._official else ask.base_url, seed=self.world.seed)
            kept = collected(View(self.world, at), community, addresses=addresses)
            self._shelves[name] = Collected(*(sorted(part, key=by_creation) for part in kept))
        shelf: list[dict[str, Any]] = getattr(self._shelves[name], kind)
        return shelf


class ArcticRoutes:
    """Builds the pretend Arctic Shift."""

    name = "arctic"

    def build(self, *, world: Any, **options: Any) -> Any:
        """The archive over this world, or a closed one while recordings are replayed.

        Options: limits (Limits), replay (Path), official_hosts (write the real media hosts into answers)."""
        return Arctic(
            world,
            limits=options.get("limits") or Limits(),
            official=bool(options.get("official_hosts")),
            closed=options.get("replay") is not None,
        )


_MESSAGES = {422: "Timeout. Maybe slow down a bit", 429: "Too many requests"}


def _route_of(path: str) -> tuple[str | None, Mapping[str, str | None]]:
    for name, pattern in _ROUTES:
        if found := pattern.fullmatch(path.rstrip("/")):
            return name, found.groupdict()
    return None, {}


def _limit(ask: Ask) -> int:
    given = ask.value("limit", "25")
    if given == "auto":
        return _AUTO
    if not given.isascii() or not given.isdigit() or not 1 <= int(given) <= _MOST:
        raise ValueError(f"'limit' must be between 1 and {_MOST}")
    return int(given)


def _time(ask: Ask, name: str) -> int:
    """Epoch seconds of a parameter: as such, in milliseconds or in ISO 8601."""
    given = ask.value(name)
    if given.isascii() and given.isdigit():
        return int(given) if len(given) < 12 else int(given) // 1000
    moment = datetime.fromisoformat(given)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _span(at: int, *, form: str) -> int:
    """When the day, month or year of a time began."""
    text = datetime.fromtimestamp(at, tz=UTC).strftime(form)
    return int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp())


def _data(items: Sequence[Any]) -> Reply:
    return Reply(body=msgspec.json.encode({"data": items}))


def _refused(message: str, *, status: int) -> Reply:
    return Reply(status=status, body=msgspec.json.encode({"data": None, "error": message}))


def _rate_headers(standing: Standing) -> tuple[tuple[str, str], ...]:
    return (
        ("x-ratelimit-remaining", str(int(standing.remaining))),
        ("x-ratelimit-reset", str(standing.reset_s)),
    )


ROUTES = ArcticRoutes()
"""What the entry point names."""
