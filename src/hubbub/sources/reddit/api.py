"""Requests to Reddit's API, its refusals in words, and its account of the budget (reddit.md §4, §5, §6)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from hubbub.errors import AuthError, BlockedError, RateLimitedError, RemoteError, TransientRemoteError, UnavailableError
from hubbub.http.access import BudgetReading
from hubbub.http.messages import Request, Response
from hubbub.http.retry import retry_after_s
from hubbub.sources.reddit.values import number_of

PAGE_SIZE = 100
INFO_SIZE = 100
MORE_SIZE = 100
TREE_LIMIT = 500
TREE_DEPTH = 10
MAX_BYTES = 96 * 1024 * 1024
"""Largest answer accepted: a hundred times the largest real one."""
_RAW = ("raw_json", "1")
_LONGEST_WINDOW_S = 86_400.0
SEE_CREDENTIALS = "see docs/how-to/reddit-credentials.md"


def listing(
    path: str, *, route: str, after: str | None = None, limit: int = PAGE_SIZE, t: str | None = None
) -> Request:
    """One page of a listing ("/r/x/new")."""
    params = [_RAW, ("limit", str(limit)), ("show", "all")]
    if t is not None:
        params.append(("t", t))
    if after is not None:
        params.append(("after", after))
    return Request(url=path, params=tuple(params), route=route, max_bytes=MAX_BYTES)


def tree(post: str, *, sort: str) -> Request:
    """A post's comment tree; `post` is its id without prefix."""
    return Request(
        url=f"/comments/{post}",
        params=(_RAW, ("limit", str(TREE_LIMIT)), ("depth", str(TREE_DEPTH)), ("sort", sort)),
        route="comments",
        max_bytes=MAX_BYTES,
    )


def branch(post: str, *, comment: str, sort: str) -> Request:
    """The part of a tree below one comment ("continue this thread"); ids without prefix."""
    return Request(
        url=f"/comments/{post}/_/{comment}",
        params=(_RAW, ("limit", str(TREE_LIMIT)), ("depth", str(TREE_DEPTH)), ("sort", sort)),
        route="branch",
        max_bytes=MAX_BYTES,
    )


def info(names: tuple[str, ...]) -> Request:
    """Up to a hundred things by fullname; what does not exist is left out of the answer."""
    return Request(url="/api/info", params=(_RAW, ("id", ",".join(names))), route="info", max_bytes=MAX_BYTES)


def more_children(post: str, *, children: tuple[str, ...], sort: str) -> Request:
    """Hidden comments of one post (`t3_…`) by id without prefix; the platform answers one such request at a time."""
    return Request(
        method="POST",
        url="/api/morechildren",
        params=(_RAW,),
        form=(("api_type", "json"), ("link_id", post), ("children", ",".join(children)), ("sort", sort)),
        route="morechildren",
        max_bytes=MAX_BYTES,
        serial="morechildren",
    )


def about(path: str, *, route: str) -> Request:
    """A description: "/r/x/about", "/r/x/about/rules", "/user/x/about"."""
    return Request(url=path, params=(_RAW,), route=route, max_bytes=MAX_BYTES)


def communities(names: Sequence[str]) -> Request:
    """Up to a hundred communities by name; closed ones come as stubs full of nulls, missing ones are left out."""
    return Request(url="/api/info", params=(_RAW, ("sr_name", ",".join(names))), route="names", max_bytes=MAX_BYTES)


def has_raw_json(request: Request) -> bool:
    """True when the answer's strings are not HTML-escaped, because the request said so."""
    return _RAW in request.params


def check_status(response: Response) -> None:
    """Return for 200; raise what the status and the body mean, in words, for everything else (reddit.md §6)."""
    status = response.status
    if status == 200:
        return
    where = response.url
    if 300 <= status < 400:
        _raise_redirect(response)
    said = object_in(response.body)
    if status in {401, 403, 404, 451}:
        _raise_refusal(response, said=said)
    if status == 429:
        raise RateLimitedError(f"{where}: too many requests", until=come_back_at(response))
    if status >= 500 or status == 408:
        raise TransientRemoteError(f"{where} answered {status}: the platform is failing", advice="try again later")
    words = " ".join(str(said[key])[:120] for key in ("message", "reason", "explanation") if said.get(key))
    raise RemoteError(f"{where} answered {status} {words}".rstrip())


def read_budget(response: Response) -> BudgetReading | None:
    """What the x-ratelimit headers say; None when they are absent or nonsense. Never raises.

    `remaining` falls below zero when others spend the same budget: nothing is left then."""
    remaining = _amount(response.header("x-ratelimit-remaining"))
    reset_s = _amount(response.header("x-ratelimit-reset"))
    if remaining is None or reset_s is None:
        return None
    used = _amount(response.header("x-ratelimit-used"))
    return BudgetReading(
        remaining=remaining,
        used=used if used is not None and used >= 0 else None,
        reset_s=min(max(reset_s, 0.0), _LONGEST_WINDOW_S),
    )


def come_back_at(response: Response) -> int | None:
    """When a refused request is worth repeating (epoch seconds), as Retry-After and the rate headers tell it."""
    asked = retry_after_s(response.header("retry-after"), server_now=response.received_at)
    waits = [wait for wait in (asked, _amount(response.header("x-ratelimit-reset"))) if wait is not None]
    return response.received_at + math.ceil(max(*waits, 0.0)) if waits else None


def object_in(body: bytes) -> dict[str, Any]:
    """The JSON object of a refusal or a token answer; empty when the body is anything else."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _raise_redirect(response: Response) -> None:
    target = urlsplit(response.header("location") or "")
    path = target.path.removesuffix(".json").rstrip("/")
    if path.endswith("/search"):
        name = next((unquote(v) for k, _, v in (p.partition("=") for p in target.query.split("&")) if k == "q"), "")
        raise UnavailableError(f"there is no community named {name or response.url!r}", advice="check the spelling")
    if path.endswith("/login"):
        raise AuthError(f"{response.url} is open to logged-in users only", advice="use credentials of an account")
    raise RemoteError(f"{response.url} leads elsewhere ({response.status}): {target.netloc}{target.path}")


def _raise_refusal(response: Response, *, said: dict[str, Any]) -> None:
    status, where, reason = response.status, response.url, said.get("reason")
    challenge = response.header("www-authenticate") or ""
    if status == 401:
        raise AuthError(
            f"{where}: Reddit does not accept the token",
            advice=f"if a new token is refused as well, the app's access was revoked: {SEE_CREDENTIALS}",
        )
    if status == 403 and "insufficient_scope" in challenge:
        raise AuthError(f"{where}: the token lacks a scope for this", advice="ask for the scopes read and history")
    if isinstance(reason, str) and reason in CLOSED:
        words, advice = CLOSED[reason]
        raise UnavailableError(f"{where}: {words}", advice=advice)
    if status == 451:
        raise UnavailableError(f"{where} is not available for legal reasons in this country")
    if status == 404:
        raise UnavailableError(f"{where} does not exist, or is deleted or hidden", advice="check the spelling")
    if response.body.lstrip()[:1] == b"<":
        raise BlockedError(
            f"{where}: Reddit's edge turned hubbub away with a block page (403 HTML)",
            advice="stop for some hours; check that the User-Agent names you honestly and that the network is no VPN "
            "or data centre Reddit blocks; everything stored so far is kept",
        )
    raise UnavailableError(f"{where}: forbidden for this account")


CLOSED = {
    "private": ("the community is private", "only its members can read it"),
    "quarantined": ("the community is quarantined", "it needs an opt-in on the web by an account with verified mail"),
    "gated": ("the community is gated", "it needs an opt-in on the web"),
    "gold_only": ("the community is for premium members only", None),
    "gold_restricted": ("the community is for premium members only", None),
    "banned": ("the community is banned", "nothing of it can be read any more; archives may hold its history"),
}
"""What Reddit gives as the reason why a community is closed: in words, and what to do."""


def _amount(text: str | None) -> float | None:
    number = number_of(text)
    return float(number) if number is not None and math.isfinite(number) else None
