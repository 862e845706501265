"""Pictures of launches: their addresses, and the bytes behind them when they are on the simulator's own host."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlencode

from hubbub.simulator.drawing import draw
from hubbub.simulator.exchange import Ask, Reply

HOST = "ph-files.imgix.net"


def address(picture: str, *, base_url: str | None, sizes: dict[str, Any]) -> str:
    """Where a picture lies: on the real host, or under the simulator's own address."""
    given = {"w": sizes.get("width"), "h": sizes.get("height")}
    query = urlencode({"auto": "format"} | {name: size for name, size in given.items() if size is not None})
    host = f"https://{HOST}" if base_url is None else f"{base_url}/{HOST}"
    return f"{host}/{picture}.png?{query}"


def serve(ask: Ask) -> Reply:
    """The picture at a path: the same for all time, drawn when it is asked for."""
    name = ask.path.rpartition("/")[2]
    shade = hashlib.sha256(name.encode()).hexdigest()[:6]
    body = draw("beetle", f"#{shade}", seed=name, width=240, height=180, form="PNG")
    return Reply(body=body, media_type="image/png", headers=(("cache-control", "max-age=31536000"),))
