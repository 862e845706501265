"""The pretend Reddit's door: which route a path is, who may use it, how often, and in which shape it answers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from hubbub.simulator.exchange import Ask, Reply
from hubbub.simulator.fates import Fate, Fates
from hubbub.simulator.faults import Fault, Limits
from hubbub.simulator.limits import Windows
from hubbub.simulator.world import World
from hubbub.sources.reddit.simulator import answers, failures, files, media, truth
from hubbub.sources.reddit.simulator.answers import RefusedError
from hubbub.sources.reddit.simulator.failures import error
from hubbub.sources.reddit.simulator.places import CLOSED
from hubbub.sources.reddit.simulator.tokens import CLIENT_ID, CLIENT_SECRET, PASSWORD, USERNAME, Issued, Tokens
from hubbub.sources.reddit.simulator.view import View

_ROUTES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("token", r"/api/v1/access_token"),
        ("revoke", r"/api/v1/revoke_token"),
        ("me", r"/api/v1/me"),
        ("morechildren", r"/api/morechildren"),
        ("info", r"(?:/r/(?P<s>[^/]+))?/api/info"),
        ("users_by_id", r"/api/user_data_by_account_ids"),
        ("names", r"/api/(?:search_reddit_names|subreddit_autocomplete_v2)"),
        ("by_id", r"/by_id/(?P<ids>[^/]+)"),
        ("thread", r"(?:/r/(?P<s>[^/]+))?/comments/(?P<post>\w+)(?:/[^/]*(?:/(?P<comment>\w+))?)?"),
        ("rules", r"/r/(?P<s>[^/]+)/about/rules"),
        ("sticky", r"/r/(?P<s>[^/]+)/about/sticky"),
        ("moderation", r"/r/(?P<s>[^/]+)/(?:about/\w+|api/link_flair_v2|api/user_flair_v2)"),
        ("about", r"/r/(?P<s>[^/]+)/about"),
        ("search", r"(?:/r/(?P<s>[^/]+))?/search"),
        ("community_comments", r"/r/(?P<s>[^/]+)/comments"),
        ("listing", r"/r/(?P<s>[^/]+)(?:/(?P<sort>new|hot|top|rising|controversial|best))?"),
        ("user_about", r"/user/(?P<user>[^/]+)/about"),
        ("user", r"/user/(?P<user>[^/]+)(?:/(?P<what>submitted|comments|overview))?"),
        ("subreddits", r"/subreddits/(?:search|popular|new|default)"),
        ("page", r"/media"),
    )
)
_SCOPES = {"user": "history", "me": "identity"}
_BARE_AGENTS = re.compile(r"curl|^python-urllib|^python-requests|^python-httpx|^java", re.IGNORECASE)
_LONGEST_TARGET = 2564
"""Characters of path and query that still pass (measured by others: redditp issue 90)."""


class Reddit:
    """Answers as Reddit would about its world, at the time of each request."""

    name = "reddit"

    def __init__(self, world: World, *, limits: Limits, official: bool = False, strange: bool = False) -> None:
        self.world = world
        self.tokens = Tokens(
            seed=world.seed, limit=limits.token_requests, window_s=limits.window_s, lives_s=limits.token_lives_s
        )
        self.windows = Windows(requests=limits.requests, seconds=limits.window_s)
        self._official = official
        """Write the real media hosts into answers instead of the simulator's own address."""
        self._strange = strange
        self._fates = Fates()
        for name, state in CLOSED.items():
            self._fates.add(Fate(community=name, state=state), at=-math.inf)
        self._view = View(world, world.horizon)
        self._moment: tuple[int, tuple[int, int]] | None = None

    def view(self, at: float) -> View:
        """The world at that time; the last one is kept, for time mostly stands still at the horizon."""
        moment = int(min(at, self.world.horizon)), self._fates.phase(at)
        if moment != self._moment:
            self._view, self._moment = View(self.world, at, fates=self._fates), moment
        return self._view

    def route(self, ask: Ask) -> str:
        """The route's name; paths end with or without a slash or .json."""
        return route_of(ask.path)[0]

    def exclusive(self, ask: Ask) -> str | None:
        """morechildren: one at a time per user."""
        return "morechildren" if self.route(ask) == "morechildren" else None

    def blocked(self) -> Reply:
        """The edge's block page."""
        return failures.blocked()

    def revoke(self) -> None:
        """Kill all access tokens."""
        self.tokens.revoke_all()

    def withdraw(self, *, withdrawn: bool) -> None:
        """Let the app's credentials open nothing any more, or again."""
        self.tokens.withdraw(withdrawn=withdrawn)

    def befall(self, fate: Fate, *, at: float) -> None:
        """Let a community's fate begin at this time."""
        self._fates.add(fate, at=at)

    def failure(self, fault: Fault, *, ask: Ask) -> Reply:
        """An error as Reddit shows it."""
        if not fault.rated:
            return failures.of_fault(fault, ask=ask, standing=None)
        counted = self.windows.used_up if fault.status == 429 else self.windows.count
        return failures.of_fault(fault, ask=ask, standing=counted(CLIENT_ID, at=ask.at))

    def answer(self, ask: Ask) -> Reply:
        """What Reddit would say."""
        route, found = route_of(ask.path)
        addresses = media.Addresses(None if self._official else ask.base_url, seed=self.world.seed)
        if route in ("media", "page"):
            return files.serve(self.view(ask.at), addresses, ask) if route == "media" else files.viewer_page()
        refused = _edge(ask)
        if refused is not None:
            return refused
        if route in ("token", "revoke"):
            return self.tokens.grant(ask) if route == "token" else self.tokens.revoke(ask)
        holder = self.tokens.holder(ask)
        if holder is None:
            return failures.unauthorized()
        standing = self.windows.count(CLIENT_ID, at=ask.at)
        if standing.refused:
            return failures.too_many(standing)
        reply = _scope(route, holder) or self._answer(route, found, ask=ask, holder=holder, addresses=addresses)
        return failures.with_headers(reply, *failures.rate_headers(standing))

    def _answer(
        self, route: str, found: Mapping[str, str | None], *, ask: Ask, holder: Issued, addresses: media.Addresses
    ) -> Reply:
        asked = answers.Asked(
            view=self.view(ask.at), ask=ask, found=found, addresses=addresses, username=holder.username
        )
        try:
            made = answers.ANSWERS[route](asked) if route in answers.ANSWERS else None
        except RefusedError as refusal:
            return refusal.reply
        if made is None:
            return error(404)
        return shaped(estranged(made) if self._strange else made, ask)

    def ready(self, base_url: str) -> dict[str, Any]:
        """The Reddit part of the ready line; `closed_communities` names those that refuse, and why."""
        return {
            "reddit": base_url,
            "oauth": base_url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "username": USERNAME,
            "password": PASSWORD,
            "refresh_token": self.tokens.first_refresh_token,
            "communities": list(self.world.names),
            "closed_communities": dict(CLOSED),
        }

    def truth(self, at: float, query: Mapping[str, str]) -> dict[str, Any]:
        """Per community the fullnames a perfect client with listings and trees gets now; of one account with
        `?user=NAME`; what was deleted with `?deletions=1`, and with `&texts=1` what it had said."""
        view = self.view(at)
        if "user" in query:
            return {"user": truth.of_user(view, query["user"])}
        wanted = query.get("community", "").casefold()
        names = [name for name in self.world.names if wanted in ("", name.casefold())]
        if query.get("deletions") == "1":
            return truth.deletions(view, names, texts=query.get("texts") == "1")
        return {name: truth.of_community(view, name) for name in names}


def route_of(path: str) -> tuple[str, Mapping[str, str | None]]:
    """The name of a path's route, and the named parts of the path."""
    if path.lstrip("/").partition("/")[0] in files.HOSTS:
        return "media", {}
    plain = path.rstrip("/").removesuffix(".json").rstrip("/")
    for name, pattern in _ROUTES:
        if found := pattern.fullmatch(plain):
            groups = found.groupdict()
            sort = groups.get("sort") or "hot"
            if name == "listing":
                return sort, groups
            if name == "user":
                return f"user_{groups.get('what') or 'overview'}", groups
            return ("thread_focus" if groups.get("comment") else name), groups
    return "unknown", {}


def estranged(made: Any) -> Any:
    """The same answer with a new field in every thing, and values from tomorrow where today's are known."""
    if isinstance(made, list):
        return [estranged(member) for member in made]
    if not isinstance(made, dict):
        return made
    changed = {key: estranged(value) for key, value in made.items()}
    if made.get("kind") in ("t1", "t3", "t5") and isinstance(changed.get("data"), dict):
        changed["data"]["vibe_check"] = {"score": 0.5, "labels": ["new"]}
        if changed["data"].get("removed_by_category") == "moderator":
            changed["data"]["removed_by_category"] = "community_jury"
    return changed


def shaped(made: Any, ask: Ask) -> Reply:
    """JSON; without raw_json=1 with <, > and & escaped in every string, addresses included."""
    body = msgspec.json.encode(made)
    if ask.value("raw_json") != "1":
        body = body.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")
    return Reply(body=body)


def _edge(ask: Ask) -> Reply | None:
    """What the edge refuses before anybody looks at the token: it counts nothing and tells no budget."""
    if len(ask.path) + len(ask.raw_query) + (1 if ask.raw_query else 0) > _LONGEST_TARGET:
        return Reply(status=414, body=b"URI Too Long", media_type="text/plain")
    agent = ask.headers.get("user-agent", "")
    if not agent.strip():
        return error(403, html=True)
    return error(429, html=True) if _BARE_AGENTS.search(agent) else None


def _scope(route: str, holder: Issued) -> Reply | None:
    needed = _SCOPES.get(route.partition("_")[0] if route != "user_about" else "", "read")
    if holder.scope == "*" or needed in holder.scope.split():
        return None
    return failures.insufficient_scope()
