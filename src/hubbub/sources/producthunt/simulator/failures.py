"""What Product Hunt says instead of an answer: each error in its real shape (API reference, section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from hubbub.simulator.exchange import Reply
from hubbub.simulator.faults import Fault
from hubbub.sources.producthunt.simulator.points import Standing

_HTML = "text/html; charset=UTF-8"
_ASKING = 'Bearer realm="ProductHuntOauth2", error="invalid_token"'
_STRANGER = (
    "Please supply a valid access token. Refer to our api documentation about how to authorize an api request. "
    'Please also make sure you require the correct scopes. Eg "private public" for to access private endpoints.'
)
_TOO_MUCH = "Sorry. You have exceeded the API rate limit, please try again later."
_MOMENT = (
    '<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title></head><body><noscript>Enable JavaScript '
    "and cookies to continue</noscript></body></html>"
)
_SOMEONE_ELSES = 50
"""By how much a 429 that a scenario orders is over the budget: as the one that was seen."""


def unauthorized() -> Reply:
    """The answer to a missing, dead or unknown token: an error without a `message`."""
    told = {"data": None, "errors": [{"error": "invalid_oauth_token", "error_description": _STRANGER}]}
    return _json(told, status=401, headers=(("www-authenticate", _ASKING),))


def too_much(standing: Standing) -> Reply:
    """429 with what is left, which may be below zero, and the seconds to wait."""
    details = {"limit": standing.limit, "remaining": standing.remaining, "reset_in": standing.reset_s}
    said = {"error": "rate_limit_reached", "error_description": _TOO_MUCH, "details": details}
    return with_headers(_json({"data": None, "errors": [said]}, status=429), *rate_headers(standing))


def just_a_moment(status: int = 403) -> Reply:
    """The page of the delivery network that takes the client for a robot."""
    return Reply(status=status, body=_MOMENT.encode(), media_type=_HTML, headers=(("server", "cloudflare"),))


def refused(errors: Sequence[Any], *, data: Any = msgspec.UNSET) -> Reply:
    """200 with errors; `data` is absent unless given."""
    told: dict[str, Any] = {"errors": list(errors)}
    return _json(told if data is msgspec.UNSET else {"data": data} | told)


def not_granted(error: str, description: str, *, status: int) -> Reply:
    """What the token door says (RFC 6749, section 5.2)."""
    return _json({"error": error, "error_description": description}, status=status)


def of_fault(fault: Fault, *, standing: Standing) -> Reply:
    """The error a scenario ordered; `standing` is where the application stands at that moment."""
    if fault.status == 401:
        return unauthorized()
    if fault.status == 429 and not fault.plain:
        over = standing if fault.rated else msgspec.structs.replace(standing, remaining=-_SOMEONE_ELSES)
        return too_much(over)
    if fault.plain:
        return Reply(status=fault.status, body=b"upstream error", media_type="text/plain")
    if fault.html:
        page = f"<!DOCTYPE html><html><head><title>{fault.status}</title></head><body><h1>Oops</h1></body></html>"
        given = Reply(status=fault.status, body=page.encode(), media_type=_HTML)
        made = just_a_moment(fault.status) if fault.status == 403 or fault.reason == "just_a_moment" else given
    elif fault.status < 500:
        said = {"message": fault.reason or "Something went wrong", "locations": [{"line": 1, "column": 1}], "path": []}
        made = msgspec.structs.replace(refused([said], data=None), status=fault.status)
    else:
        made = Reply(status=fault.status)
    return with_headers(made, *rate_headers(standing)) if fault.rated else made


def rate_headers(standing: Standing) -> tuple[tuple[str, str], ...]:
    """What is left and the seconds until it is whole again; the hyphen inside Rate-Limit is theirs."""
    return (
        ("x-rate-limit-limit", str(standing.limit)),
        ("x-rate-limit-remaining", str(standing.remaining)),
        ("x-rate-limit-reset", str(standing.reset_s)),
    )


def with_headers(reply: Reply, *headers: tuple[str, str]) -> Reply:
    """The same answer with these headers first."""
    return msgspec.structs.replace(reply, headers=(*headers, *reply.headers))


def _json(told: Any, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    return Reply(
        status=status, body=msgspec.json.encode(told), media_type="application/json; charset=utf-8", headers=headers
    )
