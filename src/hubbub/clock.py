"""The only doors to time: everything else is handed the time it works with."""

from __future__ import annotations

import asyncio
import time


def now() -> int:
    """Whole seconds since the epoch, UTC."""
    return int(time.time())


def monotonic() -> float:
    """Seconds on a clock that never jumps, for durations and deadlines."""
    return time.monotonic()


def pause(seconds: float) -> None:
    """Wait and hold up this thread: for the thread that writes, never in an event loop."""
    time.sleep(max(0.0, seconds))


async def sleep(seconds: float) -> None:
    """Wait without holding up other tasks."""
    await asyncio.sleep(max(0.0, seconds))
