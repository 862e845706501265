"""Requests to Product Hunt's API, its errors in words, and its account of the budget (producthunt.md §3, §6)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hubbub.errors import AuthError, BlockedError, RateLimitedError, RemoteError, TransientRemoteError
from hubbub.http.access import BudgetReading
from hubbub.http.messages import Request, Response
from hubbub.sources.producthunt.prices import POINTS, WINDOW_S, Prices
from hubbub.sources.producthunt.queries import Template, document

PATH = "/v2/api/graphql"
PAGE_SIZE = 20
"""Nodes of a connection, whatever `first` says (§3)."""
MAX_BYTES = 16 * 1024 * 1024
_HEADERS = (("content-type", "application/json"), ("accept", "application/json"))
_LONGEST_WINDOW_S = 86_400.0
SEE = "see docs/how-to/product-hunt.md"


def ask(
    template: Template, variables: Mapping[str, Any], *, prices: Prices, size: int = 0, aliases: int = 0
) -> Request:
    """A query; `size` is its page size or how many ids it asks for, by which its price is known. One is under way at a
    time: prices are learned from what an answer leaves of the budget."""
    body = {
        "query": document(template.name, aliases=aliases),
        "variables": {key: value for key, value in variables.items() if value is not None},
        "operationName": template.name,
    }
    return Request(
        method="POST",
        url=PATH,
        body=msgspec.json.encode(body),
        headers=_HEADERS,
        route=template.name,
        max_bytes=MAX_BYTES,
        serial="graphql",
        cost=prices.of(template, size=size),
    )


def ask_by_id(template: Template, ids: Sequence[str], *, prices: Prices) -> Request:
    """Up to `queries.MOST_ALIASES` records by id."""
    variables = {f"i{at}": key for at, key in enumerate(ids)}
    return ask(template, variables, prices=prices, size=len(ids), aliases=len(ids))


def data_of(response: Response) -> dict[str, Any]:
    """The `data` of an answer, which may be null in parts.

    Raises AuthError, RateLimitedError, BlockedError, TransientRemoteError or RemoteError in the platform's words."""
    status, where = response.status, response.url
    said = object_in(response.body)
    told = said.get("errors")
    errors = [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []
    words = "; ".join(words_of(each) for each in errors[:3])
    if status in {401, 403}:
        _raise_refusal(response, said=bool(said), words=words)
    if status == 429 or any(each.get("error") == "rate_limit_reached" for each in errors):
        raise RateLimitedError(f"{where}: {words or 'too many points spent'}", until=come_back_at(response))
    if status >= 500 or status == 408:
        raise TransientRemoteError(f"{where} answered {status}: the platform is failing", advice="try again later")
    if status != 200:
        raise RemoteError(f"{where} answered {status} {words}".rstrip())
    data = said.get("data")
    if not isinstance(data, dict):
        raise RemoteError(f"{where} answered without data: {words or 'no reason given'}", advice=SEE)
    if told:
        raise RemoteError(f"{where} answered in part only: {words or 'no reason given'}")
    return data


def words_of(error: Mapping[str, Any]) -> str:
    """What an entry of `errors` says, in either of its shapes (§6)."""
    said = error.get("message") or error.get("error_description") or error.get("error") or "an error without words"
    path = error.get("path")
    where = f" (at {'.'.join(str(part) for part in path)})" if isinstance(path, list) and path else ""
    return f"{str(said)[:200]}{where}"


def connection(value: object, *, where: str) -> tuple[list[dict[str, Any]], str | None]:
    """The nodes of a connection and the cursor of the next page; None where there is none.

    Raises RemoteError for what is no connection."""
    if not isinstance(value, dict) or not isinstance(value.get("nodes"), list):
        raise RemoteError(f"{where}: a list was asked for and did not come")
    nodes = [node for node in value["nodes"] if isinstance(node, dict)]
    info = value.get("pageInfo")
    info = info if isinstance(info, dict) else {}
    cursor = info.get("endCursor")
    more = info.get("hasNextPage") is True and isinstance(cursor, str) and nodes
    return nodes, cursor if more else None


def object_in(body: bytes) -> dict[str, Any]:
    """The JSON object of an answer; empty when the body is anything else."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def read_budget(response: Response) -> BudgetReading | None:
    """What an answer says of the points that are left; None when it says nothing. Never raises.

    The names have a hyphen inside "Rate-Limit", and the reset is in seconds (§3); the body of a 429 says it as well,
    with a remainder that may be negative."""
    if response.status == 429 and (details := _details(response.body)):
        remaining, reset_s = _number(details.get("remaining")), _number(details.get("reset_in"))
        if remaining is not None and reset_s is not None:
            # It refuses one query, which may have cost more than was left: what is left is not told.
            return BudgetReading(remaining=min(0.0, remaining), used=None, reset_s=_bounded(reset_s))
    remaining = _number(response.header("x-rate-limit-remaining"))
    reset_s = _number(response.header("x-rate-limit-reset"))
    if remaining is None or reset_s is None:
        return None
    limit = _number(response.header("x-rate-limit-limit")) or POINTS
    return BudgetReading(remaining=remaining, used=max(0.0, limit - remaining), reset_s=_bounded(reset_s))


def learn(prices: Prices, template: Template, response: Response, *, size: int = 0) -> None:
    """Note what an answer cost, as its headers tell it."""
    left, resets_in_s = (_number(response.header(f"x-rate-limit-{name}")) for name in ("remaining", "reset"))
    prices.learn(template, size=size, left=left, resets_in_s=resets_in_s)


def come_back_at(response: Response) -> int:
    """When a refused request is worth repeating (epoch seconds): the body's word, then the headers', then a window."""
    details = _details(response.body) or {}
    waits = (_number(details.get("reset_in")), _number(response.header("x-rate-limit-reset")))
    wait = next((each for each in waits if each is not None), float(WINDOW_S))
    return response.received_at + math.ceil(_bounded(wait))


def _details(body: bytes) -> dict[str, Any] | None:
    errors = object_in(body).get("errors")
    for each in errors if isinstance(errors, list) else ():
        if isinstance(each, dict) and isinstance(each.get("details"), dict):
            found: dict[str, Any] = each["details"]
            return found
    return None


def _raise_refusal(response: Response, *, said: bool, words: str) -> None:
    where = response.url
    if not said:
        raise BlockedError(
            f"{where}: Product Hunt's edge turned hubbub away with a web page ({response.status})",
            advice="it depends on the address and the User-Agent, not on the token: try again later, or set an honest "
            "producthunt.user_agent; everything stored so far is kept",
        )
    raise AuthError(f"{where}: Product Hunt does not accept the token: {words}", advice=f"make a new one: {SEE}")


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), _LONGEST_WINDOW_S)
