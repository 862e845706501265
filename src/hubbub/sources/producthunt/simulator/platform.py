"""The pretend Product Hunt's doors: which route a request is, who may use it, at which price, and how it fails."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import msgspec

from hubbub.simulator.exchange import Ask, Reply
from hubbub.simulator.fates import Fate
from hubbub.simulator.faults import Fault, Limits
from hubbub.sources.producthunt.simulator import failures
from hubbub.sources.producthunt.simulator.points import Points
from hubbub.sources.producthunt.simulator.switches import Switches
from hubbub.sources.producthunt.simulator.tokens import Holder, Tokens

if TYPE_CHECKING:
    from hubbub.sources.producthunt.simulator.launches import Launches
    from hubbub.sources.producthunt.simulator.nodes import Scene

_GRAPHQL, _TOKEN, _MEDIA = "/v2/api/graphql", "/v2/oauth/token", "/ph-files.imgix.net/"
_BARE_AGENTS = re.compile(r"^(python|curl|java|axios|node|go-http|okhttp|wget|undici|aiohttp|httpx)\b", re.IGNORECASE)
"""User agents of bare libraries; which ones the real edge turns away is not known in full (issues 266, 322, 329)."""
_OPERATION = re.compile(rb'"operationName"\s*:\s*"(\w+)"')
_NAMED = re.compile(rb"\b(?:query|mutation)\s+(\w+)")
_INVALID = 1
"""Points for a question the schema does not allow; an assumption."""
_NO_GRAPHQL = "the pretend Product Hunt needs graphql-core: install hubbub with the extra `demo`"


class ProductHunt:
    """Answers as Product Hunt would about a world of launches, at the time of each request.

    The world, and what runs GraphQL, are loaded by the first request that needs them."""

    name = "producthunt"

    def __init__(
        self,
        *,
        seed: int,
        span_days: int,
        limits: Limits,
        switches: Switches,
        official: bool = False,
        strange: bool = False,
        closed: bool = False,
    ) -> None:
        self.seed = seed
        self.tokens = Tokens(seed=seed)
        self.points = Points(points=limits.points, seconds=limits.points_window_s)
        """Of the application: all its tokens share them."""
        self.switches = switches
        self._span_days = span_days
        self._official = official
        """Write the real media host into answers instead of the simulator's own address."""
        self._strange = strange
        self._closed = closed or find_spec("graphql") is None
        """There is nothing to answer from, or with."""
        self._world: Launches | None = None

    @property
    def grown_days(self) -> int:
        """How many days of its world have come about so far."""
        return 0 if self._world is None else self._world.grown

    def route(self, ask: Ask) -> str | None:
        """graphql:NAME after the operation's name, graphql without one; producthunt_token, producthunt_media; None for
        paths of other platforms."""
        if self._closed:
            return None
        path = ask.path.rstrip("/")
        if path == _GRAPHQL:
            found = _OPERATION.search(ask.body) or _NAMED.search(ask.body)
            return "graphql" if found is None else f"graphql:{found[1].decode('ascii', 'replace')}"
        if path == _TOKEN:
            return "producthunt_token"
        return "producthunt_media" if ask.path.startswith(_MEDIA) else None

    def exclusive(self, ask: Ask) -> str | None:
        """Nothing excludes anything."""
        del ask
        return None

    def blocked(self) -> Reply:
        """The page of the delivery network."""
        return failures.just_a_moment()

    def revoke(self) -> None:
        """Kill all tokens, the developer's too."""
        self.tokens.revoke_all()

    def withdraw(self, *, withdrawn: bool) -> None:
        """Let the application's credentials and tokens open nothing any more; or let it in again."""
        self.tokens.withdraw(withdrawn=withdrawn)

    def befall(self, fate: Fate, *, at: float) -> None:
        """There are no communities."""

    def failure(self, fault: Fault, *, ask: Ask) -> Reply:
        """An error as Product Hunt or what stands before it shows it."""
        used_up = fault.rated and fault.status == 429
        standing = self.points.use_up(at=ask.at) if used_up else self.points.spend(0, at=ask.at)
        return failures.of_fault(fault, standing=standing)

    def answer(self, ask: Ask) -> Reply:
        """What Product Hunt would say."""
        route = self.route(ask) or ""
        if route == "producthunt_media":
            from hubbub.sources.producthunt.simulator import pictures  # noqa: PLC0415 - drawing is slow to load, and rarely asked for

            return pictures.serve(ask)
        agent = ask.headers.get("user-agent", "")
        if not agent.strip() or _BARE_AGENTS.search(agent):
            return failures.just_a_moment()
        if ask.method != "POST":
            return Reply(status=404, media_type="text/html; charset=UTF-8", body=b"<h1>Not found</h1>")
        if route == "producthunt_token":
            return self.tokens.grant(ask)
        holder = self.tokens.holder(ask)
        return failures.unauthorized() if holder is None else self._run(ask, holder=holder)

    def _run(self, ask: Ask, *, holder: Holder) -> Reply:
        from hubbub.sources.producthunt.simulator import graph  # noqa: PLC0415 - slow to load, in the extra `demo`

        try:
            ready = graph.check(msgspec.json.decode(ask.body, type=graph.Question))
        except msgspec.MsgspecError as error:
            return Reply(status=400, body=str(error).encode(), media_type="text/plain; charset=utf-8")
        except graph.InvalidError as invalid:
            standing = self.points.spend(_INVALID, at=ask.at)
            return failures.with_headers(failures.refused(invalid.errors), *failures.rate_headers(standing))
        standing = self.points.spend(ready.price, at=ask.at)
        if standing.refused:
            return failures.too_much(standing)
        told = graph.answer(ready, scene=self.scene(ask.at, owner=holder.owner, base_url=ask.base_url))
        if self._strange:
            told |= {"extensions": {"vibe_check": {"score": 0.5}}}
        reply = Reply(body=msgspec.json.encode(told), media_type="application/json; charset=utf-8")
        return failures.with_headers(reply, *failures.rate_headers(standing))

    def scene(self, at: float, *, owner: bool, base_url: str = "") -> Scene:
        """The world at that time, as the token's owner or the application sees it."""
        from hubbub.sources.producthunt.simulator.launches import Launches  # noqa: PLC0415 - as above
        from hubbub.sources.producthunt.simulator.nodes import Scene  # noqa: PLC0415 - as above

        if self._world is None:
            self._world = Launches(self.seed, switches=self.switches, span_days=self._span_days)
        official = self._official or not base_url
        now = min(at, self._world.horizon)
        return Scene(
            world=self._world, at=now, owner=owner, base_url=None if official else base_url, strange=self._strange
        )

    def ready(self, base_url: str) -> dict[str, Any]:
        """The Product Hunt part of the ready line; nothing when it is closed."""
        if self._closed:
            return {}
        return {
            "producthunt": base_url,
            "producthunt_token": self.tokens.developer,
            "producthunt_client_id": self.tokens.client_id,
            "producthunt_client_secret": self.tokens.client_secret,
        }

    def truth(self, at: float, query: Mapping[str, str]) -> dict[str, Any]:
        """With `?platform=producthunt` only: what a perfect client gets now (see `truth.present`), what was spent and
        refused so far; with `&deletions=1` what is gone."""
        if self._closed or query.get("platform") != self.name:
            return {}
        from hubbub.sources.producthunt.simulator import truth  # noqa: PLC0415 - as above

        scene = self.scene(at, owner=False)
        if query.get("deletions") == "1":
            return {self.name: truth.deletions(scene)}
        counted = {"points": self.points.spent, "refused": self.points.refused}
        return {self.name: truth.present(scene, query) | counted}
