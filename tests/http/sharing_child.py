"""A process that asks the simulator as fast as the budget it shares allows."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping

from hubbub import clock
from hubbub.events import Event, Finding
from hubbub.http import limits
from hubbub.http.access import BudgetOptions
from hubbub.http.client import Client
from hubbub.http.messages import Request
from hubbub.plugins import registry
from hubbub.plugins.contracts import SourceSettings


async def ask(given: Mapping[str, str], *, share: str, reserve: float, until: float) -> dict[str, int]:
    """How many answers came, the highest count their headers told, and how many warnings."""
    settings = SourceSettings(
        values=given, base_url=given["reddit"], budget=BudgetOptions(share=share, reserve=reserve)
    )
    access = registry.load("sources", "reddit").access(settings)
    found = {"answers": 0, "used": 0, "warnings": 0}

    def watch(event: Event) -> None:
        found["warnings"] += isinstance(event, Finding)

    async def task(client: Client) -> None:
        while clock.monotonic() < until:
            response = await client.fetch(Request(url="/r/whatisthisbug/about", route="about"))
            found["answers"] += 1
            found["used"] = max(found["used"], int(float(response.header("x-ratelimit-used") or 0)))

    async with Client(access, source="reddit", observers=[watch]) as client:
        await asyncio.gather(*(task(client) for _ in range(4)))
    return found


def main() -> None:
    """Reads its orders from stdin, prints what it found."""
    order = json.load(sys.stdin)
    limits.WINDOW_S = float(order["window_s"])
    until = clock.monotonic() + float(order["seconds"])
    found = asyncio.run(ask(order["given"], share=order["share"], reserve=order["reserve"], until=until))
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
