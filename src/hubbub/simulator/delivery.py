"""How an answer travels: whole, in pieces at a given pace, cut off, or never to its end."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from hubbub import clock
from hubbub.simulator.exchange import Ask, Reply
from hubbub.simulator.faults import Fault, Scenario

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[str, str]

_SMALL = 500
"""Bytes that are not worth compressing."""
_PIECE_S = 0.02
"""Seconds between two pieces of a body that comes at a limited pace."""


async def deliver(
    reply: Reply, fault: Fault | None, *, ask: Ask, scenario: Scenario, receive: Receive, send: Send
) -> None:
    """Send an answer at the scenario's pace, with the trouble its request met on the way."""
    action = None if fault is None else fault.action
    keep = 1.0 if fault is None else fault.keep
    if action == "truncate":
        reply = msgspec.structs.replace(reply, body=reply.body[: int(len(reply.body) * keep)])
    reply = _compressed(reply, ask) if scenario.gzip else reply
    if action == "clip":
        reply = msgspec.structs.replace(reply, body=reply.body[: int(len(reply.body) * keep)])
    if fault is None or action not in ("cut", "hang", "slow"):
        await send_reply(reply, send, head=ask.method == "HEAD", bytes_per_s=scenario.bytes_per_s)
    elif action == "slow":
        await send_reply(reply, send, bytes_per_s=len(reply.body) / max(fault.seconds, 0.001))
    else:
        await send_reply(reply, send, keep=keep)
        if action == "hang":
            await gone(receive, seconds=fault.seconds)
        drop(send, flush=action == "cut")


def _compressed(reply: Reply, ask: Ask) -> Reply:
    asked = "gzip" in ask.headers.get("accept-encoding", "")
    if not asked or len(reply.body) <= _SMALL or "json" not in reply.media_type:
        return reply
    headers = (*reply.headers, ("content-encoding", "gzip"))
    return msgspec.structs.replace(reply, body=gzip.compress(reply.body, 1, mtime=0), headers=headers)


async def send_reply(
    reply: Reply, send: Send, *, head: bool = False, keep: float | None = None, bytes_per_s: float | None = None
) -> None:
    """The answer with its true length told; with `keep` only that share of its body comes, and no end."""
    pairs = [("content-type", reply.media_type), ("content-length", str(len(reply.body))), *reply.headers]
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
    await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
    if keep is not None:
        await send({"type": "http.response.body", "body": reply.body[: int(len(reply.body) * keep)], "more_body": True})
    elif bytes_per_s and not head:
        await _drip(reply.body, send, bytes_per_s=bytes_per_s)
    else:
        await send({"type": "http.response.body", "body": b"" if head else reply.body})


async def _drip(body: bytes, send: Send, *, bytes_per_s: float) -> None:
    piece = max(1, int(bytes_per_s * _PIECE_S))
    for start in range(0, len(body), piece):
        part = body[start : start + piece]
        await send({"type": "http.response.body", "body": part, "more_body": True})
        await clock.sleep(len(part) / bytes_per_s)
    await send({"type": "http.response.body", "body": b""})


def drop(send: Send, *, flush: bool = False) -> None:
    """Break the connection under uvicorn's feet; in process there is none: ConnectionResetError."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("the simulator broke this connection on purpose")
    if flush:
        transport.close()
    else:
        transport.abort()


async def disconnect(receive: Receive) -> None:
    """Wait until the client goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def gone(receive: Receive, *, seconds: float) -> None:
    """Wait so long, or until the client goes away."""
    waiting = asyncio.ensure_future(disconnect(receive))
    await asyncio.wait({waiting}, timeout=seconds)
    waiting.cancel()
