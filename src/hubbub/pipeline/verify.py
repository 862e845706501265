"""Asks sources who the user is there and which places are open; stores nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from hubbub.errors import ExitCode, HubbubError, UsageError, worst
from hubbub.events import Event, Observer
from hubbub.http.access import KeptOptions
from hubbub.http.client import Client
from hubbub.http.messages import Request
from hubbub.http.retry import RetryPolicy
from hubbub.pipeline.egress import Egress
from hubbub.plugins import registry
from hubbub.plugins.contracts import Answer, SourceSettings, Target
from hubbub.plugins.verifying import Verdict, Verification, Verifies

QUICK = RetryPolicy(
    attempts=2, backoff_s=1.0, attempt_s=20.0, total_s=45.0, rate_attempts=1, rate_floor_s=1.0, max_wait_s=10.0
)
"""It is to say what is wrong, not to wait until it passes."""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What came of asking one source: a verdict, or the error that stands in its place."""

    source: str
    verdict: Verdict | None = None
    scopes: tuple[str, ...] | None = None
    """What the token allows, in the platform's words."""
    requests: int = 0
    """Attempts that went out, those for a token included."""
    error: HubbubError | None = None
    measure: str = "requests"
    """What the budget counts."""

    @property
    def exit_code(self) -> ExitCode:
        """The code of the error, or of the worst standing."""
        if self.error is not None:
            return self.error.exit_code
        return worst(*(each.exit_code for each in self.verdict.standings)) if self.verdict else ExitCode.OK


def verifiable() -> tuple[str, ...]:
    """Names of the sources that can be verified."""
    return tuple(name for name in registry.names("sources") if isinstance(registry.load("sources", name), Verifies))


def verify(
    source: str,
    targets: Sequence[Target],
    *,
    settings: SourceSettings,
    egress: Egress | None = None,
    observers: Sequence[Observer] = (),
    policy: RetryPolicy = QUICK,
) -> Checked:
    """Ask one source. Blocks. Errors of settings, credentials, platform and network are in what is returned.

    Raises UsageError for a source that cannot be verified or a name it cannot have."""
    plugin = registry.load("sources", source)
    if not isinstance(plugin, Verifies):
        raise UsageError(f"{source} cannot be verified", advice=f"these can: {', '.join(verifiable())}")
    ways = egress or Egress()

    async def ask() -> Checked:
        access = registry.load("sources", source).access(settings)
        access = msgspec.structs.replace(access, kept=KeptOptions())  # yesterday's answer says nothing of today
        verification = plugin.verify(targets, settings)
        way = await ways.route(source, to=access.base_url, tell=tell)
        async with Client(access, source=source, observers=observers, policy=policy, tunnels=way) as client:
            try:
                verdict = await _follow(verification, client)
            except UsageError:
                raise
            except HubbubError as error:
                return Checked(source=source, scopes=client.scopes, requests=client.requests, error=error)
            measure = getattr(plugin, "measure", "requests")
            scopes, requests = client.scopes, client.requests
            return Checked(source=source, verdict=verdict, scopes=scopes, requests=requests, measure=measure)

    def tell(event: Event) -> None:
        for observer in observers:
            observer(event)

    try:
        return asyncio.run(ask())
    except UsageError:
        raise
    except HubbubError as error:
        return Checked(source=source, error=error)
    finally:
        ways.settle()


async def _follow(verification: Verification, client: Client) -> Verdict:
    answer: Any = None
    try:
        while True:
            asked = verification.throw(answer) if isinstance(answer, HubbubError) else verification.send(answer)
            if isinstance(asked, Request):
                answer = await _fetched(asked, client)
            else:
                answer = tuple(await asyncio.gather(*(_fetched(each, client) for each in asked)))
    except StopIteration as stop:
        verdict: Verdict = stop.value
        return verdict


async def _fetched(request: Request, client: Client) -> Answer:
    try:
        return await client.fetch(request)
    except HubbubError as error:
        return error
