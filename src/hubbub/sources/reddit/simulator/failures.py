"""What Reddit says instead of an answer: each error in its real shape (API reference, sections 3 and 6)."""

from __future__ import annotations

from typing import Any

import msgspec

from hubbub.simulator.exchange import Ask, Reply
from hubbub.simulator.faults import Fault
from hubbub.simulator.limits import Standing
from hubbub.sources.reddit.simulator.shapes import text_html

_WORDS = {
    200: "Log in to continue", 301: "Moved Permanently", 302: "Found", 400: "Bad Request", 401: "Unauthorized",
    403: "Forbidden", 404: "Not Found", 408: "Request Timeout", 409: "Conflict", 413: "Payload Too Large",
    414: "URI Too Long", 415: "Unsupported Media Type", 429: "Too Many Requests",
    451: "Unavailable For Legal Reasons", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
    520: "Web server is returning an unknown error", 522: "Connection timed out",
}  # fmt: skip
_HTML = "text/html; charset=UTF-8"
_BLOCK_PAGE = (
    b"<!doctype html><html><head><title>Blocked</title></head><body><h1>whoa there, pardner!</h1>"
    b"<p>Your request has been blocked by network security. If you think this is a mistake, file a ticket.</p>"
    b"</body></html>"
)
_SHUT = {"private": 403, "quarantined": 403, "gated": 403, "gold_only": 403, "banned": 404, "legal": 451}
"""Why a community refuses, and the status that says so."""
_FIELDS: dict[str, tuple[list[str], str]] = {
    "TOO_MANY_THING_IDS": (["id"], "you are trying to look up too many things"),
    "USER_DOESNT_EXIST": (["id"], "that user doesn't exist"),
}
_DESCRIPTIONS = {
    "unauthorized_client": "Only script apps may use password auth",
    "invalid_request": "bad device_id",
}


def error(status: int, *, html: bool = False, plain: bool = False) -> Reply:
    """An error in JSON, as plain text, or as the page that 5xx and 429 answers really are."""
    text = _WORDS.get(status, "Internal Server Error")
    if plain:
        return Reply(status=status, body=text.encode(), media_type="text/plain")
    if html and status in (502, 504, 520, 522):
        words = "Our CDN was unable to reach our servers"
        page = f"<html><head><title>{status}: {text}</title></head><body><h1>{words}</h1></body></html>"
        return Reply(status=status, body=page.encode(), media_type=_HTML)
    if html:
        page = f"<!doctype html><html><title>Ow! -- reddit.com</title><h2>{text}</h2><p>(error code: {status})</p>"
        return Reply(status=status, body=f"{page}</html>".encode(), media_type=_HTML)
    return Reply(status=status, body=msgspec.json.encode({"message": text, "error": status}))


def blocked() -> Reply:
    """The edge's block page."""
    return Reply(status=403, body=_BLOCK_PAGE, media_type=_HTML)


def shut(reason: str) -> Reply:
    """The answer of a community that exists and cannot be read."""
    status = _SHUT[reason]
    made: dict[str, Any] = {"message": _WORDS[status], "error": status}
    if status != 451:
        made = {"reason": reason} | made
    if reason == "quarantined":
        text = "It may contain a high degree of misinformation."
        made |= {"quarantine_message": text, "quarantine_message_html": text_html(text, fenced=True)}
        made["quarantine_requires_email_optin"] = True
    if reason == "gated":
        text = "You must opt in to see this."
        made |= {
            "interstitial_warning_message": text,
            "interstitial_warning_message_html": text_html(text, fenced=True),
        }
    return Reply(status=status, body=msgspec.json.encode(made))


def refused_field(reason: str) -> Reply:
    """400 with the field that is wrong, and why."""
    names, words = _FIELDS[reason]
    said = {"message": "Bad Request", "error": 400, "reason": reason, "fields": names, "explanation": words}
    return Reply(status=400, body=msgspec.json.encode(said))


def of_fault(fault: Fault, *, ask: Ask, standing: Standing | None) -> Reply:
    """The error a scenario ordered; with rate headers when it tells where the client stands."""
    at_door = ask.path.startswith("/api/v1/access_token")
    if fault.reason and not fault.html and not fault.plain:
        reply = _of_reason(fault, at_door=at_door)
    else:
        reply = error(fault.status, html=fault.html, plain=fault.plain)
        if fault.status == 401:
            reply = _asking(
                reply, 'Basic realm="reddit"' if at_door else 'Bearer realm="reddit", error="invalid_token"'
            )
    return reply if standing is None else with_headers(reply, *rate_headers(standing))


def _of_reason(fault: Fault, *, at_door: bool) -> Reply:
    reason = fault.reason
    if at_door:
        told: dict[str, Any] = {"error": reason} | (
            {"error_description": _DESCRIPTIONS[reason]} if reason in _DESCRIPTIONS else {}
        )
        return Reply(status=fault.status, body=msgspec.json.encode(told))
    if fault.status == 200:
        # What is asked by POST fails with 200, and a list of labels, words and fields.
        told = {"json": {"errors": [[reason, reason.replace("_", " ").lower(), None]]}}
        return Reply(body=msgspec.json.encode(told))
    if reason == "insufficient_scope":
        return insufficient_scope()
    if reason in _SHUT or reason in _FIELDS:
        made = shut(reason) if reason in _SHUT else refused_field(reason)
        return msgspec.structs.replace(made, status=fault.status)
    body = {"reason": reason, "message": _WORDS.get(fault.status, "Error"), "error": fault.status}
    return Reply(status=fault.status, body=msgspec.json.encode(body))


def unauthorized() -> Reply:
    """The answer to a missing, dead or unknown token."""
    return _asking(error(401), 'Bearer realm="reddit", error="invalid_token"')


def insufficient_scope() -> Reply:
    """The answer to a token that lacks the scope needed."""
    return _asking(error(403), 'Bearer realm="reddit", error="insufficient_scope"')


def rate_headers(standing: Standing) -> tuple[tuple[str, str], ...]:
    """As recorded: remaining as float text (a plain 0 when used up), the others whole."""
    remaining = "0" if standing.remaining <= 0 else f"{standing.remaining:.1f}"
    return (
        ("x-ratelimit-remaining", remaining),
        ("x-ratelimit-used", str(standing.used)),
        ("x-ratelimit-reset", str(standing.reset_s)),
    )


def too_many(standing: Standing) -> Reply:
    """429, by turns as HTML with Retry-After and as JSON without."""
    html = standing.used % 2 == 1
    extra = (("retry-after", str(min(standing.reset_s, 4))),) if html else ()
    return with_headers(error(429, html=html), *rate_headers(standing), *extra)


def with_headers(reply: Reply, *headers: tuple[str, str]) -> Reply:
    """The same answer with these headers first."""
    return msgspec.structs.replace(reply, headers=(*headers, *reply.headers))


def _asking(reply: Reply, for_what: str) -> Reply:
    return with_headers(reply, ("www-authenticate", for_what))
