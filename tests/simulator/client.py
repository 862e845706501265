"""A plain HTTP client for questions about what travels."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from hubbub.simulator.faults import Scenario
from hubbub.simulator.server import Running
from tests.simulator.conftest import AGENT, basic, options


class Client:
    """A plain HTTP client with a token."""

    def __init__(self, simulator: Running) -> None:
        self.address = simulator.url.removeprefix("http://")
        form = "grant_type=client_credentials"
        extra = basic() | {"content-type": "application/x-www-form-urlencoded"}
        body = self.ask("POST", "/api/v1/access_token", body=form, headers=extra)[2]
        self.token = json.loads(body)["access_token"]

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: str | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = 5,
    ) -> tuple[int, dict[str, str], bytes]:
        sent = {"user-agent": AGENT} | (headers or {})
        with closing(http.client.HTTPConnection(self.address, timeout=timeout)) as connection:
            connection.request(method, path, body=body, headers=sent)
            reply = connection.getresponse()
            return reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read()

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        return self.ask("GET", path, headers={"authorization": f"bearer {self.token}"} | headers)

    def control(self, **order: Any) -> dict[str, Any]:
        status, _, body = self.ask("POST", "/__control", body=json.dumps(order))
        assert status == 200, body
        made: dict[str, Any] = json.loads(body)
        return made

    def stats(self) -> dict[str, int]:
        made: dict[str, int] = json.loads(self.get("/__stats")[2])
        return made


@contextmanager
def simulated(scenario: Scenario | None = None, **changed: Any) -> Iterator[Client]:
    with Running(options(**({"posts": 12, "comments": 60, "scenario": scenario} | changed))) as simulator:
        yield Client(simulator)
