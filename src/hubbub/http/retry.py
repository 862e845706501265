"""What to do after a failed attempt: wait so long and try again, or give up. Pure; the client only obeys."""

from __future__ import annotations

import enum
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

RETRIED_STATUSES = frozenset({408, 500, 502, 503, 504, 520, 521, 522, 523, 524})
"""Statuses that often pass (api/reddit.md §5 after prawcore, and the other edge errors of the same family)."""

_SECONDS = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,9})?", re.ASCII)


class Cause(enum.Enum):
    """Why an attempt failed."""

    CONNECTION = "connection"
    """No answer: name not found, refused, reset, silence, a broken protocol."""
    BODY = "body"
    """An answer that is cut short, damaged or not what it says it is."""
    STATUS = "status"
    """A status that often passes."""
    RATE_LIMITED = "rate limited"
    """The platform said 429."""
    FINAL = "final"
    """Trying again would bring the same: too large, a status that no rule knows, a redirect that leads nowhere."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One failed attempt, in words that may be shown: no query, no header, no secret."""

    cause: Cause
    why: str
    status: int | None = None
    retry_after_s: float | None = None
    """What the platform asked for in `Retry-After`."""
    reset_s: float | None = None
    """Seconds until the platform's rate window ends, where it said so."""


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How patient the client is. All in seconds; tests set the waits to nearly nothing."""

    attempts: int = 3
    """Tries of one request, the first included; waiting out a 429 is none."""
    backoff_s: float = 2.0
    """The wait before try n+1 lies between (n-1) and n times this (prawcore's 0-2 s, then 2-4 s)."""
    attempt_s: float = 60.0
    """Longest single attempt, from the dial to the last byte; what per-read timeouts cannot bound."""
    total_s: float = 150.0
    """Longest all attempts and the waits between them, not counting waits that the platform asked for."""
    rate_attempts: int = 5
    """How many 429 in a row are waited out."""
    rate_floor_s: float = 1.0
    """Least wait after a 429; also the unit of its jitter."""
    max_wait_s: float = 900.0
    """Longest wait for the platform's budget; beyond it the run ends and says when to come back."""
    connect_s: float = 10.0
    silence_s: float = 20.0
    """Longest silence inside an answer."""


class Next(msgspec.Struct, frozen=True):
    """The verdict: wait this long and try again, or (None) give up."""

    wait_s: float | None
    until_s: float | None = None
    """When giving up for want of budget: in how many seconds it is worth coming back."""


def decide(
    failure: Failure,
    policy: RetryPolicy,
    *,
    attempt: int,
    rate_hits: int,
    elapsed_s: float,
    waited_s: float,
    rng: float,
) -> Next:
    """What follows a failed attempt.

    `attempt` counts tries that really failed (1 for the first), `rate_hits` the 429 met so far, `elapsed_s` the time
    spent without the waits the platform asked for, `waited_s` those waits, `rng` a number in 0..1."""
    if failure.cause is Cause.FINAL:
        return Next(None)
    if failure.cause is Cause.RATE_LIMITED:
        return _after_429(failure, policy, rate_hits=rate_hits, waited_s=waited_s, rng=rng)
    if attempt >= policy.attempts:
        return Next(None)
    wait = policy.backoff_s * (attempt - 1 + rng)
    asked = failure.retry_after_s
    if asked is not None:
        if asked > policy.max_wait_s:
            return Next(None)
        wait = max(wait, asked + policy.backoff_s * rng)
        elapsed_s -= asked
    return Next(None) if elapsed_s + wait >= policy.total_s else Next(wait)


def _after_429(failure: Failure, policy: RetryPolicy, *, rate_hits: int, waited_s: float, rng: float) -> Next:
    """api/reddit.md §5: wait max(Retry-After, reset, 1) plus jitter; without a hint, longer each time."""
    hints = [hint for hint in (failure.retry_after_s, failure.reset_s) if hint is not None]
    floor = policy.rate_floor_s * 2 ** min(rate_hits - 1, 5)
    wait = max([*hints, policy.rate_floor_s if any(hints) else floor])
    if rate_hits >= policy.rate_attempts or waited_s + wait > policy.max_wait_s:
        return Next(None, wait)
    return Next(wait + policy.rate_floor_s * rng)


def retry_after_s(value: str | None, *, server_now: int) -> float | None:
    """Seconds a `Retry-After` header asks for, or None when it says nothing usable.

    Digits are ASCII digits only (RFC 9110 §10.2.3); a date is measured against the server's own clock."""
    if value is None:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    when = http_date(text)
    return None if when is None else float(max(0, when - server_now))


def http_date(value: str | None) -> int | None:
    """Epoch seconds of an HTTP date, or None when it is none."""
    if value is None or not value.isascii():
        return None
    try:
        parsed: datetime = parsedate_to_datetime(value)
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=UTC)
        return int(parsed.timestamp())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
