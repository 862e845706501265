"""The recorded answers as requests and responses."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from hubbub.http.messages import Request, Response
from tests.shared import DATA

REDDIT = DATA / "reddit"


@cache
def entries() -> list[dict[str, Any]]:
    index = REDDIT / "index.jsonl"
    return [json.loads(line) for line in index.read_bytes().splitlines()] if index.is_file() else []


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [entry for entry in entries() if entry["kind"] in kinds]


def body(entry: dict[str, Any]) -> bytes:
    path: str = entry["file"]
    return (REDDIT / path).read_bytes()


def body_json(entry: dict[str, Any]) -> Any:
    return json.loads(body(entry))


def response(entry: dict[str, Any], *, request: Request | None = None) -> Response:
    """The recorded answer to the recorded request, or to `request`."""
    date = entry["headers"].get("date")
    at = parsedate_to_datetime(date) if date else datetime.fromisoformat(entry["recorded"]).replace(tzinfo=UTC)
    request = request or Request(
        method=entry["method"],
        url=entry["path"],
        params=tuple(parse_qsl(entry["query"])),
        form=tuple(parse_qsl(entry.get("form", ""))),
    )
    return Response(
        request=request,
        url="https://oauth.reddit.com" + entry["path"],
        status=entry["status"],
        headers=tuple(entry["headers"].items()),
        body=body(entry),
        received_at=int(at.timestamp()),
    )


def things(value: Any) -> list[tuple[str, dict[str, Any]]]:
    """(kind, data) of every thing in an answer, by a plain search through the JSON: listings, threads, flat lists."""
    found = []
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            if item.get("kind") in {"t1", "t2", "t3", "t5"} and isinstance(item.get("data"), dict):
                found.append((item["kind"], item["data"]))
                waiting.append(item["data"].get("replies"))
            else:
                waiting.extend(item.values())
    return found
