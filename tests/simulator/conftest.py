"""A small simulated Reddit: in process for questions about answers, on loopback for real clients."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from hubbub.plugins.registry import load
from hubbub.simulator.app import Application
from hubbub.simulator.exchange import Ask, Reply
from hubbub.simulator.faults import Scenario
from hubbub.simulator.server import Options, Running, build

COMMUNITY = "whatisthisbug"
AGENT = "test:hubbub.tests:1.0 (by /u/tester)"


def bare(value: Any) -> Any:
    """A truth with ids as listings print them, without their prefix."""
    if isinstance(value, dict):
        return {bare(key): bare(each) for key, each in value.items()}
    if isinstance(value, list):
        return [bare(each) for each in value]
    return value.removeprefix("t3_").removeprefix("t1_") if isinstance(value, str) else value


def options(**changed: Any) -> Options:
    """A world of 40 posts and 600 comments in each of two communities."""
    asked: dict[str, Any] = {"posts": 40, "comments": 600, "communities": (COMMUNITY, "spiders")}
    asked["routes"] = [load("simulators", "reddit")]
    return Options(**(asked | changed))


class Door:
    """Asks the pretend Reddit in process, with a token, as a client would over HTTP."""

    def __init__(self, app: Application, *, base_url: str = "http://sim.test") -> None:
        self.app = app
        self.platform: Any = app.platforms[0]
        self.base_url = base_url
        self.login()

    def login(self) -> None:
        """Get a token; the old one dies a day later, as the real ones do."""
        self.headers = {"user-agent": AGENT}
        token = self.post("/api/v1/access_token", {"grant_type": "client_credentials"}, **basic())
        self.headers["authorization"] = f"Bearer {msgspec.json.decode(token.body)['access_token']}"

    def get(self, path: str, **query: Any) -> Any:
        """The decoded answer, which must be a 200."""
        reply = self.reply(path, **query)
        assert reply.status == 200, (reply.status, reply.body)
        return msgspec.json.decode(reply.body)

    def reply(self, path: str, **query: Any) -> Reply:
        asked = {"raw_json": "1"} | {name: str(value) for name, value in query.items()}
        raw = "&".join(f"{name}={value}" for name, value in asked.items())
        return self._ask(method="GET", path=path, query=asked, raw_query=raw, headers=self.headers)

    def post(self, path: str, form: dict[str, str], **headers: str) -> Reply:
        return self._ask(method="POST", path=path, form=form, headers=self.headers | headers)

    def media(self, url: str, **headers: str) -> Reply:
        assert url.startswith(self.base_url)
        path, _, raw = url.removeprefix(self.base_url).partition("?")
        return self._ask(method="GET", path=path, raw_query=raw, headers=headers)

    def move_to(self, at: float) -> None:
        """Set the clock, and log in anew."""
        self.app.clock.set(at)
        self.login()

    def truth(self, **query: str) -> Any:
        return bare(self.platform.truth(self.app.clock.now(), query))

    def _ask(self, **asked: Any) -> Reply:
        ask = Ask(at=self.app.clock.tick(), base_url=self.base_url, **asked)
        answer: Reply = self.platform.answer(ask)
        return answer


def basic(client: str = "hubbub-simulated-app", secret: str = "simulated-secret") -> dict[str, str]:
    return {"authorization": "Basic " + b64encode(f"{client}:{secret}".encode()).decode()}


def door(scenario: Scenario | None = None, **changed: Any) -> Door:
    """A door of its own, for tests that change something."""
    return Door(build(options(scenario=scenario, **changed)))


@pytest.fixture(scope="session")
def reddit() -> Door:
    """The common door; its world must not be changed."""
    return door()


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    """The common simulator on loopback."""
    with Running(options()) as simulator:
        yield simulator
