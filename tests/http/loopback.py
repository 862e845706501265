"""Small real servers on this machine, and a client with all waits cut short."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

import msgspec

from hubbub.events import Event
from hubbub.http.access import Access, BudgetReading, Token
from hubbub.http.client import Client
from hubbub.http.limits import CoolDownRules
from hubbub.http.messages import Request, Response
from hubbub.http.retry import RetryPolicy

CANARY = "CANARY-TOKEN-7f3a"
QUICK = RetryPolicy(
    backoff_s=0.005, attempt_s=0.5, total_s=1.2, rate_floor_s=0.005, max_wait_s=5.0, connect_s=0.5, silence_s=0.4
)
NEVER_COOL = CoolDownRules(after_failures=10_000)


class Seen(msgspec.Struct):
    """One request as the server got it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Answer = tuple[int, dict[str, str], bytes]


class Server:
    """Answers each request with what `answer` returns for it."""

    def __init__(self, answer: Callable[[Seen], Answer]) -> None:
        self.answer = answer
        self.seen: list[Seen] = []
        self.under_way = 0
        self.most_under_way = 0
        self.delay_s = 0.0
        self.port = 0
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self.handle(reader, writer))
        self._open[task] = writer

    async def end(self) -> None:
        for writer in self._open.values():
            writer.close()
        closing = (writer.wait_closed() for writer in self._open.values())
        await asyncio.gather(*self._open, *closing, return_exceptions=True)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = lines[0].split(" ", 2)
                headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                seen = Seen(method, target, headers, body)
                self.seen.append(seen)
                self.under_way += 1
                self.most_under_way = max(self.most_under_way, self.under_way)
                await asyncio.sleep(self.delay_s)
                status, out, content = self.answer(seen)
                self.under_way -= 1
                out = {"content-type": "application/json", "content-length": str(len(content)), **out}
                head = "".join(f"{name}: {value}\r\n" for name, value in out.items())
                writer.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode("latin-1") + content)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def serving(answer: Callable[[Seen], Answer]) -> AsyncIterator[Server]:
    server = Server(answer)
    listening = await asyncio.start_server(server.connected, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await server.end()


def plain_number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def read_budget(response: Response) -> BudgetReading | None:
    remaining = plain_number(response.header("x-ratelimit-remaining"))
    reset = plain_number(response.header("x-ratelimit-reset"))
    if remaining is None or reset is None:
        return None
    return BudgetReading(remaining=remaining, used=plain_number(response.header("x-ratelimit-used")), reset_s=reset)


def token_flow(base_url: str, *, expires_in_s: int = 3600) -> Callable[[], Generator[Request, Response, Token]]:
    def flow() -> Generator[Request, Response, Token]:
        response = yield Request(
            method="POST",
            url=f"{base_url}/api/v1/access_token",
            form=(("password", "CANARY-PASSWORD"),),
            headers=(("authorization", "Basic CANARY-BASIC"),),
            route="token",
        )
        return Token(value=json.loads(response.body)["access_token"], expires_in_s=expires_in_s)

    return flow


def access(base_url: str, **more: Any) -> Access:
    return Access(base_url=base_url, user_agent="test:hubbub:1", read_budget=read_budget, **more)


@contextlib.asynccontextmanager
async def asking(
    to: Access, *, events: list[Event] | None = None, policy: RetryPolicy = QUICK, **more: Any
) -> AsyncIterator[Client]:
    observers = () if events is None else (events.append,)
    async with Client(to, source="test", observers=observers, policy=policy, **{"cool_down": NEVER_COOL, **more}) as c:
        yield c
