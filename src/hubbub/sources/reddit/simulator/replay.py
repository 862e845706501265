"""Serves recorded exchanges as if Reddit stood behind them.

A request gets the recorded answer whose path fits and whose parameters are most alike, each once and in order. What
nobody recorded but the recordings know (a listing of their posts, comments asked for in other groups) is put together
from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from hubbub.simulator.exchange import Ask, Reply
from hubbub.simulator.fates import Fate
from hubbub.simulator.faults import Fault
from hubbub.simulator.limits import Windows
from hubbub.sources.reddit.simulator import failures, platform, recordings
from hubbub.sources.reddit.simulator.listings import paging
from hubbub.sources.reddit.simulator.recordings import Recorded
from hubbub.sources.reddit.simulator.shapes import listing
from hubbub.sources.reddit.simulator.tokens import CLIENT_ID, CLIENT_SECRET, PASSWORD, USERNAME, Tokens
from hubbub.sources.reddit.simulator.trees import UNFOLDED
from hubbub.sources.reddit.simulator.view import CAP


class Replay:
    """The pretend Reddit over recorded exchanges."""

    name = "reddit"

    def __init__(self, directory: Path, *, tokens: Tokens, windows: Windows) -> None:
        self.tokens = tokens
        self.windows = windows
        self.recorded = recordings.load(directory)
        bodies = [recordings.unescaped(r.body) if r.escaped else r.body for r in self.recorded if r.status == 200]
        self.pool = recordings.pool_of(bodies)
        self._used: set[int] = set()

    def route(self, ask: Ask) -> str:
        """As the simulated Reddit names it."""
        return platform.route_of(ask.path)[0]

    def exclusive(self, ask: Ask) -> str | None:
        """As the simulated Reddit."""
        return "morechildren" if self.route(ask) == "morechildren" else None

    def blocked(self) -> Reply:
        """As the simulated Reddit."""
        return failures.blocked()

    def revoke(self) -> None:
        """Kill all access tokens."""
        self.tokens.revoke_all()

    def withdraw(self, *, withdrawn: bool) -> None:
        """As the simulated Reddit."""
        self.tokens.withdraw(withdrawn=withdrawn)

    def befall(self, fate: Fate, *, at: float) -> None:
        """What was recorded stays as it is."""

    def failure(self, fault: Fault, *, ask: Ask) -> Reply:
        """As the simulated Reddit, without rate headers."""
        return failures.of_fault(fault, ask=ask, standing=None)

    def answer(self, ask: Ask) -> Reply:
        """The recorded answer, or one put together from the recordings."""
        route, found = platform.route_of(ask.path)
        if route == "token":
            return self.tokens.grant(ask)
        if self.tokens.holder(ask) is None:
            return failures.unauthorized()
        standing = self.windows.count(CLIENT_ID, at=ask.at)
        if standing.refused:
            return failures.too_many(standing)
        match = self._match(ask)
        made = None if match is not None else self._compose(route, found, ask=ask)
        if match is not None:
            self._used.add(match.order)
            raw = match.escaped and ask.value("raw_json") == "1"
            body = recordings.unescaped(match.body) if raw else match.body
            reply = Reply(status=match.status, body=body, media_type=match.media_type)
        elif made is not None:
            reply = platform.shaped(made, ask)
        else:
            reply = failures.error(404, html=False)
        return msgspec.structs.replace(reply, headers=(*failures.rate_headers(standing), *reply.headers))

    def _match(self, ask: Ask) -> Recorded | None:
        asked = dict(ask.query) | dict(ask.form)
        path = recordings.normal(ask.path)
        fitting = [r for r in self.recorded if r.path == path]
        if path == "/api/morechildren":
            wanted = set(asked.get("children", "").split(","))
            fitting = [r for r in fitting if set(r.parameters.get("children", "").split(",")) == wanted]
        elif any("after" in r.parameters for r in fitting) or "after" in asked:
            fitting = [r for r in fitting if r.parameters.get("after") == asked.get("after")]
        if not fitting:
            return None
        return min(fitting, key=lambda r: (r.order in self._used, -_alike(r.parameters, asked), r.order))

    def _compose(self, route: str, found: Mapping[str, str | None], *, ask: Ask) -> Any:
        community = (found.get("s") or "").casefold()
        posts = [p for p in self.pool.posts.values() if str(p.get("subreddit", "")).casefold() == community]
        if route == "morechildren":
            return {"json": {"errors": [], "data": {"things": self._unfold(ask.value("children").split(","))}}}
        if route == "info":
            names = ask.value("id").split(",")[:100]
            return listing([thing for name in names if (thing := self._thing(name)) is not None])
        if route == "thread_focus" and (found.get("comment") or "") in self.pool.comments:
            post = self._thing(f"t3_{found.get('post')}")
            return [listing([post] if post else []), listing([self._nested(str(found.get("comment")))])]
        return self._place(route, posts, ask=ask) if posts else None

    def _place(self, route: str, posts: list[dict[str, Any]], *, ask: Ask) -> Any:
        if route in ("new", "hot", "top", "best"):
            return _page([("t3", p) for p in posts], ask)
        if route == "community_comments":
            place = posts[0].get("subreddit")
            return _page([("t1", c) for c in self.pool.comments.values() if c.get("subreddit") == place], ask)
        if route == "about":
            return {"kind": "t5", "data": _about(posts[0])}
        return {"rules": [], "site_rules": [], "site_rules_flow": []} if route == "rules" else None

    def _thing(self, fullname: str) -> dict[str, Any] | None:
        kind, _, name = fullname.partition("_")
        data = {"t1": self.pool.comments, "t3": self.pool.posts}.get(kind, {}).get(name)
        return None if data is None else {"kind": kind, "data": data}

    def _nested(self, name: str) -> dict[str, Any]:
        below = [self._nested(reply) for reply in self.pool.replies.get(f"t1_{name}", [])]
        return {"kind": "t1", "data": self.pool.comments[name] | ({"replies": listing(below)} if below else {})}

    def _unfold(self, asked: list[str]) -> list[dict[str, Any]]:
        """The comments asked for and what is known below them, 100 at most; the rest waits behind `more` objects."""
        waiting = [name for name in dict.fromkeys(asked) if name in self.pool.comments]
        taken: list[str] = []
        while waiting and len(taken) < UNFOLDED:
            name = waiting.pop(0)
            taken.append(name)
            waiting.extend(r for r in self.pool.replies.get(f"t1_{name}", []) if r not in waiting and r not in taken)
        left: dict[str, list[str]] = {}
        for name in waiting:
            left.setdefault(str(self.pool.comments[name].get("parent_id")), []).append(name)
        things = [{"kind": "t1", "data": self.pool.comments[name]} for name in taken]
        return things + [{"kind": "more", "data": self._more(parent, names)} for parent, names in left.items()]

    def _more(self, parent: str, names: list[str]) -> dict[str, Any]:
        count = sum(1 + self._below(name) for name in names)
        first = names[0]
        return {"count": count, "name": f"t1_{first}", "id": first, "parent_id": parent, "depth": 0, "children": names}

    def _below(self, name: str) -> int:
        replies = self.pool.replies.get(f"t1_{name}", [])
        return len(replies) + sum(self._below(reply) for reply in replies)

    def ready(self, base_url: str) -> dict[str, Any]:
        """As the simulated Reddit; the communities are those met in the recordings."""
        return {
            "reddit": base_url,
            "oauth": base_url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "username": USERNAME,
            "password": PASSWORD,
            "communities": sorted({str(p.get("subreddit")) for p in self.pool.posts.values()}),
        }

    def truth(self, at: float, query: Mapping[str, str]) -> dict[str, Any]:
        """Per community the fullnames of all posts and comments in the recordings."""
        del at, query
        made: dict[str, Any] = {}
        for kind, prefix, things in (("posts", "t3_", self.pool.posts), ("comments", "t1_", self.pool.comments)):
            for name, thing in things.items():
                place = made.setdefault(str(thing.get("subreddit")), {"posts": [], "comments": []})
                place[kind].append(prefix + name)
        for place in made.values():
            place["counts"] = {kind: len(place[kind]) for kind in ("posts", "comments")}
        return made


def _alike(recorded: Mapping[str, str], asked: Mapping[str, str]) -> int:
    same = sum(1 for name, value in recorded.items() if asked.get(name) == value)
    return same - sum(1 for name in asked if name not in recorded)


def _page(things: list[tuple[str, dict[str, Any]]], ask: Ask) -> dict[str, Any]:
    newest = sorted(things, key=lambda t: -float(t[1].get("created_utc") or 0))[:CAP]
    part = paging(ask)
    names = [f"{kind}_{data['id']}" for kind, data in newest]
    if part.after and part.after not in names:
        return listing([], dist=0)
    start = names.index(part.after) + 1 if part.after else 0
    chunk = newest[start : start + part.limit]
    after = names[start + len(chunk) - 1] if chunk and start + len(chunk) < len(newest) else None
    return listing([{"kind": kind, "data": data} for kind, data in chunk], after=after, dist=len(chunk))


def _about(post: Mapping[str, Any]) -> dict[str, Any]:
    name = str(post.get("subreddit"))
    fullname = str(post.get("subreddit_id", "t5_0"))
    return {
        "display_name": name,
        "display_name_prefixed": f"r/{name}",
        "id": fullname.removeprefix("t5_"),
        "name": fullname,
        "title": name,
        "public_description": "",
        "description": "",
        "subreddit_type": post.get("subreddit_type", "public"),
        "subscribers": post.get("subreddit_subscribers"),
        "over18": False,
        "quarantine": bool(post.get("quarantine")),
        "created_utc": 1_200_000_000.0,
        "url": f"/r/{name}/",
    }
