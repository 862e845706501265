"""Recorded exchanges: the answers of a directory, and all the posts and comments found in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from hubbub.errors import ConfigError
from hubbub.simulator.exchange import fields


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded exchange."""

    order: int
    method: str
    path: str
    """As `normal` makes it."""
    parameters: dict[str, str]
    """Query and form together."""
    status: int
    media_type: str
    body: bytes
    escaped: bool
    """Recorded without raw_json: <, > and & are written as entities."""


class Pool(msgspec.Struct, kw_only=True):
    """Everything the recordings hold, by id."""

    posts: dict[str, dict[str, Any]] = {}
    comments: dict[str, dict[str, Any]] = {}
    replies: dict[str, list[str]] = {}
    """Fullname of a parent to the ids of comments directly below it."""


class _Row(msgspec.Struct, kw_only=True):
    """A line of index.jsonl."""

    file: str
    method: str = "GET"
    path: str = ""
    query: str | None = ""
    form: str | None = ""
    status: int = 200
    headers: dict[str, str] = {}
    raw_json: bool = True


def normal(path: str) -> str:
    """A path as it is compared: spelling does not matter, nor a thread's community and title."""
    plain = path.casefold().rstrip("/").removesuffix(".json").rstrip("/")
    parts = plain.split("/")
    if parts[1:2] == ["r"] and parts[3:4] == ["comments"] and len(parts) > 4:
        parts = ["", *parts[3:]]
    if parts[1:2] == ["comments"] and len(parts) > 3:
        parts = [*parts[:3], "_", *parts[4:]] if len(parts) > 4 else parts[:3]
    return "/".join(parts) or "/"


def load(directory: Path) -> list[Recorded]:
    """The exchanges recorded in a directory, in order: those its index.jsonl (there or above) lists, else its files.

    Raises ConfigError when there is nothing to replay."""
    home = directory.resolve()
    index = next((d / "index.jsonl" for d in (home, *home.parents) if (d / "index.jsonl").is_file()), None)
    try:
        rows = _indexed(index, home) if index is not None else _by_name(home)
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(f"the recordings in {directory} cannot be read: {error}") from error
    if not rows:
        raise ConfigError(f"there is nothing to replay in {directory}", advice="name a folder of recorded answers")
    return rows


def _indexed(index: Path, home: Path) -> list[Recorded]:
    made: list[Recorded] = []
    for line in index.read_bytes().splitlines():
        row = msgspec.json.decode(line, type=_Row, strict=False) if line.strip() else None
        file = index.parent / row.file if row is not None else None
        if row is None or file is None or not file.is_relative_to(home) or not file.is_file() or not row.path:
            continue
        made.append(
            Recorded(
                order=len(made),
                method=row.method,
                path=normal(row.path),
                parameters=fields(row.query or "") | fields(row.form or ""),
                status=row.status,
                media_type=row.headers.get("content-type", "application/json; charset=UTF-8"),
                body=file.read_bytes(),
                escaped=not row.raw_json,
            )
        )
    return made


def _by_name(home: Path) -> list[Recorded]:
    """Without an index: thread answers tell their own address, and morechildren answers need none."""
    made: list[Recorded] = []
    for file in sorted(home.rglob("*.json")):
        body = file.read_bytes()
        post = next(iter(pool_of([body]).posts), None)
        path = f"/comments/{post}" if body.lstrip().startswith(b"[") and post else "/api/morechildren"
        made.append(
            Recorded(
                order=len(made),
                method="GET",
                path=path,
                parameters={},
                status=200,
                media_type="application/json; charset=UTF-8",
                body=body,
                escaped=False,
            )
        )
    return made


def unescaped(body: bytes) -> bytes:
    """The body as it would have been with raw_json=1."""
    return body.replace(b"&lt;", b"<").replace(b"&gt;", b">").replace(b"&amp;", b"&")


def pool_of(bodies: list[bytes]) -> Pool:
    """All posts and comments of these bodies; of one seen twice the first counts. What is no JSON is left out."""
    pool = Pool()
    for body in bodies:
        try:
            data = msgspec.json.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        for kind, thing in _things(data):
            if kind == "t3":
                pool.posts.setdefault(str(thing["id"]), thing)
            elif str(thing["id"]) not in pool.comments:
                name = str(thing["id"])
                pool.comments[name] = thing | {"replies": ""}
                pool.replies.setdefault(str(thing.get("parent_id")), []).append(name)
    return pool


def _things(data: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Posts and comments anywhere in an answer, a comment before its replies."""
    if isinstance(data, list):
        for member in data:
            yield from _things(member)
    elif isinstance(data, dict):
        inner = data.get("data")
        if data.get("kind") in ("t1", "t3") and isinstance(inner, dict) and "id" in inner:
            yield data["kind"], inner
            yield from _things(inner.get("replies"))
        else:
            for member in data.values():
                yield from _things(member)
