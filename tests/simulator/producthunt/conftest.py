"""A small simulated Product Hunt, asked in process."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hubbub.plugins.registry import load
from hubbub.simulator.exchange import Ask, Reply
from hubbub.simulator.faults import Limits, Scenario
from hubbub.simulator.server import Options, build
from hubbub.simulator.things import HORIZON

AGENT = "hubbub-tests/1.0 (+https://example.org)"
PLENTY = Limits(points=1_000_000)


def options(scenario: Scenario | None = None, **changed: Any) -> Options:
    """Ten days of about twelve launches, and more points than a test can spend."""
    scenario = scenario or Scenario(limits=PLENTY, producthunt={"launches_a_day": 12})
    asked: dict[str, Any] = {"posts": 0, "comments": 0, "span_days": 10}
    asked["routes"] = [load("simulators", "producthunt")]
    return Options(scenario=scenario, **(asked | changed))


class Hunt:
    """Asks the pretend Product Hunt as the owner of the developer token, at the end of its story unless told when."""

    def __init__(self, scenario: Scenario | None = None, **changed: Any) -> None:
        self.app = build(options(scenario, **changed))
        platforms: Any = self.app.platforms
        self.platform = platforms[0]
        self.token: str = self.platform.tokens.developer
        self.at: float = HORIZON

    def reply(self, query: str, *, name: str | None = None, agent: str = AGENT, **variables: Any) -> Reply:
        body: dict[str, Any] = {"query": query, "variables": variables}
        if name is not None:
            body["operationName"] = name
        return self.post("/v2/api/graphql", msgspec.json.encode(body), agent=agent)

    def post(self, path: str, body: bytes, *, agent: str = AGENT) -> Reply:
        headers = {"user-agent": agent, "authorization": f"Bearer {self.token}", "content-type": "application/json"}
        ask = Ask(method="POST", path=path, body=body, headers=headers, at=self.at, base_url="http://sim.test")
        reply: Reply = self.platform.answer(ask)
        return reply

    def data(self, query: str, **variables: Any) -> Any:
        """The answer's data, which must come without errors."""
        reply = self.reply(query, **variables)
        told = msgspec.json.decode(reply.body)
        assert reply.status == 200, (reply.status, told)
        assert "errors" not in told, told
        return told["data"]

    def posts(self, fields: str = "id", **args: Any) -> list[Any]:
        """All that `posts` lists, by careful paging; text arguments are enums unless they come quoted."""
        return self.walk(f"posts({listed(args)}first: 20, after: $after)", fields)

    def walk(self, connection: str, fields: str = "id") -> list[Any]:
        """All nodes of a root connection."""
        query = f"query Walk($after: String) {{ it: {connection} {{ nodes {{ {fields} }} {PAGE_INFO} }} }}"
        found: list[Any] = []
        after = None
        while True:
            page = self.data(query, after=after)["it"]
            found += page["nodes"]
            if not page["pageInfo"]["hasNextPage"]:
                return found
            after = page["pageInfo"]["endCursor"]

    def comments(self, post: str, fields: str = "id") -> list[Any]:
        """What `post.comments` lists."""
        found: list[Any] = []
        after = None
        query = (
            f"query Talk($id: ID, $after: String) {{ post(id: $id) {{ comments(first: 20, after: $after) "
            f"{{ nodes {{ {fields} }} {PAGE_INFO} }} }} }}"
        )
        while True:
            page = self.data(query, id=post, after=after)["post"]["comments"]
            found += page["nodes"]
            if not page["pageInfo"]["hasNextPage"]:
                return found
            after = page["pageInfo"]["endCursor"]

    def truth(self, **query: str) -> Any:
        return self.platform.truth(self.at, {"platform": "producthunt"} | query)["producthunt"]

    def app_token(self) -> str:
        """A token of the application, not of its owner."""
        tokens = self.platform.tokens
        told = {"client_id": tokens.client_id, "client_secret": tokens.client_secret}
        body = msgspec.json.encode(told | {"grant_type": "client_credentials"})
        token: str = msgspec.json.decode(self.post("/v2/oauth/token", body).body)["access_token"]
        return token


PAGE_INFO = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"


def listed(args: dict[str, Any]) -> str:
    """Arguments as a query writes them."""
    written = {name: str(value).lower() if isinstance(value, bool) else value for name, value in args.items()}
    return "".join(f"{name}: {value}, " for name, value in written.items())


def headers(reply: Reply) -> dict[str, str]:
    return dict(reply.headers)


@pytest.fixture(scope="session")
def hunt() -> Hunt:
    """The common platform at the end of its story; its tokens and clock must not be changed."""
    return Hunt()
