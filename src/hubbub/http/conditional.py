"""PURE. Kept answers: how long each is good, and how to ask whether an old one still holds (RFC 9110 §13, RFC 9111)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

import msgspec

from hubbub.http.messages import Request, Response

_SECRET_HEADERS = frozenset({"set-cookie", "authorization", "www-authenticate", "proxy-authorization"})
_OF_THE_MOMENT = ("x-ratelimit-", "retry-after")
"""Headers that are true of one answer only."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it is kept, without anything secret."""

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: str
    """Base64."""
    received_at: int
    """When the platform gave it: what it says was observed then, however late it is read again."""
    put_at: int
    """When it was kept, or last found to hold (epoch seconds)."""


def key_of(request: Request, *, identity: str) -> str:
    """The key of a request, without its parts in the clear; answers are never shared between credentials."""
    parts = (identity, request.method, request.url, sorted(request.params), sorted(_asking(request)))
    return hashlib.blake2b(msgspec.json.encode(parts), digest_size=20).hexdigest()


def _asking(request: Request) -> list[tuple[str, str]]:
    return [(name, value) for name, value in request.headers if name.lower() in {"accept", "accept-language"}]


def may_keep(request: Request, response: Response) -> bool:
    """Whether an answer is kept: a good one to a question that changes nothing."""
    return request.method == "GET" and request.authorize and not request.form and response.status == 200


def kept(response: Response, *, now: int) -> Kept:
    """The answer to be kept."""
    headers = tuple(
        (name, value)
        for name, value in response.headers
        if name not in _SECRET_HEADERS and not name.startswith(_OF_THE_MOMENT)
    )
    return Kept(
        url=response.url,
        status=response.status,
        headers=headers,
        body=base64.b64encode(response.body).decode(),
        received_at=response.received_at,
        put_at=now,
    )


def answer_of(entry: Kept, request: Request) -> Response:
    """The kept answer, given to a request."""
    return Response(
        request=request,
        url=entry.url,
        status=entry.status,
        headers=entry.headers,
        body=base64.b64decode(entry.body),
        received_at=entry.received_at,
    )


def is_fresh(entry: Kept, *, ttl_s: float, now: int) -> bool:
    """Whether an answer is given without asking."""
    return 0 <= now - entry.put_at < ttl_s


def ttl_of(route: str, *, ttl_s: float, by_route: Mapping[str, float]) -> float:
    """How long answers to this kind of request are good (seconds)."""
    return by_route.get(route, ttl_s)


def with_validators(request: Request, entry: Kept) -> Request | None:
    """The request that asks whether an old answer still holds; None when the platform gave nothing to ask by."""
    asked = {"etag": "if-none-match", "last-modified": "if-modified-since"}
    found = tuple((asked[name], value) for name, value in entry.headers if name in asked and value.isascii())
    return msgspec.structs.replace(request, headers=(*request.headers, *found)) if found else None


def revalidated(entry: Kept, *, response: Response, now: int) -> Kept:
    """The entry after the platform said that it still holds (304): as good as an answer of now."""
    fresh = {name: value for name, value in response.headers if name in {"etag", "last-modified", "date"}}
    headers = tuple((name, fresh.get(name, value)) for name, value in entry.headers)
    return msgspec.structs.replace(entry, headers=headers, received_at=response.received_at, put_at=now)
