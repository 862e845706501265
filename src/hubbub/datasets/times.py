"""PURE. Times at the edge: epoch seconds inside, ISO 8601 with Z outside."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC throughout; without the zone it prints without "+00:00"
_AGE = re.compile(r"(\d+)\s*([smhdw])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def iso(seconds: int) -> str:
    """`2024-05-01T12:00:00Z`; seconds outside the years 1 to 9999 stay a number."""
    try:
        return (_EPOCH + timedelta(seconds=seconds)).isoformat() + "Z"
    except OverflowError:
        return str(seconds)


def parse_time(text: str, *, now: int) -> int:
    """Epoch seconds of an ISO date or time (UTC when it names no zone), or of an age before `now` such as `7d`.

    Raises ValueError."""
    if _AGE.fullmatch(text.strip().lower()):
        return now - parse_age(text)
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return (moment - _EPOCH) // timedelta(seconds=1)


def parse_age(text: str) -> int:
    """Seconds of an age such as `7d` (s, m, h, d or w). Raises ValueError."""
    age = _AGE.fullmatch(text.strip().lower())
    if age is None:
        raise ValueError(f"{text!r} is no age")
    return int(age[1]) * _UNIT_S[age[2]]
