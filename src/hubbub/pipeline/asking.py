"""One live source during a sync: its client, the streams that ask it, and the error that ended it, if one did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hubbub.errors import AuthError, BlockedError, HubbubError, RateLimitedError
from hubbub.events import Event
from hubbub.http.access import Access
from hubbub.http.client import Client
from hubbub.http.messages import Request
from hubbub.http.retry import RetryPolicy
from hubbub.http.tunnels import Tunnels
from hubbub.plugins.contracts import Answer

TARGETS_AT_ONCE = 4
"""Targets of one source that run side by side; the rest wait their turn, so that some are finished early."""
STREAMS_AT_ONCE = 12
"""Streams of one source that are under way at once: each may hold pages that wait for the writer."""

ENDS_SOURCE = (AuthError, BlockedError, RateLimitedError)
"""Errors after which asking the same source again is pointless or rude."""


class Asking:
    """A source as a sync asks it."""

    def __init__(
        self,
        name: str,
        *,
        access: Access,
        tell: Callable[[Event], None],
        policy: RetryPolicy,
        tunnels: Tunnels | None = None,
    ) -> None:
        """`tunnels` leads its requests through proxies."""
        self.name = name
        self.client = Client(access, source=name, observers=[tell], policy=policy, tunnels=tunnels)
        self.ended_by: HubbubError | None = None
        self.turns = asyncio.Semaphore(TARGETS_AT_ONCE)
        self.streams = asyncio.Semaphore(STREAMS_AT_ONCE)
        self.tasks: set[asyncio.Task[Any]] = set()

    @property
    def ahead_s(self) -> int:
        """By how much the platform's clock is ahead of ours (seconds)."""
        return self.client.ahead_s

    def end(self, error: HubbubError) -> None:
        """Ask this source nothing more; its streams stop, but for the one that found out."""
        if self.ended_by is None:
            self.ended_by = error
        self.stop(spare=asyncio.current_task())

    def stop(self, *, spare: asyncio.Task[Any] | None = None) -> None:
        """Stop its streams, but for one."""
        for task in self.tasks - {spare}:
            task.cancel()


async def fetch(source: Asking, asked: Request | tuple[Request, ...]) -> Answer | tuple[Answer, ...]:
    """The answer to each request, in order; an error that ends the source also stops its other streams."""
    if isinstance(asked, Request):
        answers: tuple[Answer, ...] = (await _fetch_one(source.client, asked),)
    else:
        answers = tuple(await asyncio.gather(*(_fetch_one(source.client, each) for each in asked)))
    for answer in answers:
        if isinstance(answer, ENDS_SOURCE):
            source.end(answer)
    return answers[0] if isinstance(asked, Request) else answers


async def _fetch_one(client: Client, request: Request) -> Answer:
    try:
        return await client.fetch(request)
    except HubbubError as error:
        return error
