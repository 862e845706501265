"""Single values of Product Hunt's JSON and of what others made of it: what is accepted, what spoils a record."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from hubbub.errors import RecordError
from hubbub.records.clean import mend

SOURCE_NAME = "producthunt"
HOST = "producthunt.com"
ONE_DAY_S = 86_400
_ID = re.compile(r"[A-Za-z0-9_=-]{1,64}\Z")
"""Decimal digits in every answer seen; the reference speaks of Base64 (producthunt.md §5)."""
_FRAGMENT = re.compile(r"[A-Za-z0-9_.:-]{1,80}\Z")
_COMMENT_ID = re.compile(r"[0-9]{1,20}\Z")
_LONGEST_TIME = 40
_LONGEST_NUMBER = 25
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}(?:\.0*)?\Z")
_REAL = re.compile(r"[+-]?[0-9]{1,19}(?:\.[0-9]{0,20})?\Z")
_LARGEST = 2**63 - 1
_MILLISECONDS_FROM = 100_000_000_000
"""A number of seconds so great lies in the year 5138: it counts milliseconds."""
_YEAR_10000 = 253_402_300_800


def id_of(value: Any, *, name: str = "id") -> str:
    """An id as the platform prints it; raises RecordError, naming the field, when it is missing or none."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
        return str(value)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise RecordError(f"{name} is missing")
    if not isinstance(value, str) or not _ID.match(value.strip()):
        raise RecordError(f"{name} is no id")
    return value.strip()


def optional_id(value: Any) -> str | None:
    """An id where there is one."""
    try:
        return id_of(value)
    except RecordError:
        return None


def moment(node: Mapping[str, Any], name: str) -> int | None:
    """A time as epoch seconds, from ISO-8601 (UTC where it names no zone) or a number of seconds or milliseconds; None
    where the node does not carry it. Raises RecordError for anything else."""
    value = node.get(name)
    if value is None or value == "":
        return None
    found: float | None = None
    if isinstance(value, str) and len(value) <= _LONGEST_TIME:
        found = _number(value)
        if found is None:
            try:
                at = datetime.fromisoformat(value.strip().removesuffix(" UTC"))
                found = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
            except (ValueError, OverflowError):
                found = None
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found = value
    if found is not None and found >= _MILLISECONDS_FROM:
        found /= 1_000
    if found is None or not 0 < found < _YEAR_10000:
        raise RecordError(f"{name} is no time")
    return int(found)


def _number(text: str) -> float | None:
    text = text.strip()
    return float(text) if len(text) <= _LONGEST_NUMBER and _REAL.match(text) else None


def whole(node: Mapping[str, Any], name: str, *, least: int | None = 0) -> int | None:
    """A whole number, as number or text, not below `least`; None where the node does not carry it.

    Raises RecordError for anything else."""
    value = node.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER and _WHOLE.match(value.strip()):
        value = int(value.strip().partition(".")[0])
    elif isinstance(value, float) and abs(value) < 2**53 and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise RecordError(f"{name} is no whole number")
    if not -_LARGEST <= value <= _LARGEST or (least is not None and value < least):
        raise RecordError(f"{name} is out of range")
    return value


def real(node: Mapping[str, Any], name: str) -> float | None:
    """A number, as number or text; None where the node carries none that is finite."""
    value = node.get(name)
    if isinstance(value, str):
        value = _number(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 2**53:
        return None
    return float(value)


def plain(node: Mapping[str, Any], name: str) -> str | None:
    """A text that is no HTML, without white space around it; "" is None. Raises RecordError when it is no text."""
    value = node.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise RecordError(f"{name} is no text")
    return mend(value).strip() or None


def address(value: Any) -> str | None:
    """An absolute web address as given; None for anything else."""
    if not isinstance(value, str) or not value.strip().lower().startswith(("http://", "https://")):
        return None
    return mend(value.strip())


def without_tracking(value: Any) -> str | None:
    """An absolute web address without the `utm_…` parameters, by which Product Hunt names the application that asked
    (producthunt.md §5); all else of it stays as it was. None when it is no address."""
    given = address(value)
    if given is None:
        return None
    try:
        parts = urlsplit(given)
    except ValueError:
        return None
    own = parts.hostname is not None and (parts.hostname == HOST or parts.hostname.endswith("." + HOST))
    if own and any(_tracks(part) for part in parts.query.split("&")):
        # The application's name is written as it is, & and # included: nothing behind such a parameter can be trusted.
        kept = itertools.takewhile(lambda part: not _tracks(part), parts.query.split("&"))
        return urlunsplit((parts.scheme, parts.netloc, parts.path, "&".join(kept), ""))
    query = "&".join(part for part in parts.query.split("&") if not _tracks(part))
    fragment = "" if "utm_" in unquote(parts.fragment).lower() else parts.fragment
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, fragment))


def _tracks(parameter: str) -> bool:
    return unquote(parameter).lower().removeprefix("amp;").startswith("utm_")


def place_of(value: Any, *, comment: bool = False) -> str | None:
    """The path of one of Product Hunt's own pages, without its query; None for an address elsewhere or none.

    Of a comment's address the fragment and the parameter that names the comment stay."""
    if not isinstance(value, str):
        return None
    try:
        parts = urlsplit(mend(value.strip()))
        host = parts.hostname
    except ValueError:
        return None
    if host is None:
        if parts.scheme or parts.netloc or not parts.path.startswith("/"):
            return None
    elif parts.scheme not in {"http", "https"} or not (host == HOST or host.endswith("." + HOST)):
        return None
    path = parts.path or "/"
    if not comment:
        return path
    for part in parts.query.split("&"):
        name, _, number = part.partition("=")
        if name == "comment" and _COMMENT_ID.match(number):
            path += f"?comment={number}"
            break
    return f"{path}#{parts.fragment}" if _FRAGMENT.match(parts.fragment) else path


def nodes_of(value: Any) -> list[Any]:
    """The items of a connection, whether asked for as `nodes` or as `edges`, or of a plain list; [] for none."""
    if isinstance(value, list):
        return value
    if not isinstance(value, Mapping):
        return []
    if isinstance(value.get("nodes"), list):
        return list(value["nodes"])
    edges = value.get("edges")
    if not isinstance(edges, list):
        return []
    return [edge["node"] for edge in edges if isinstance(edge, Mapping) and "node" in edge]


def is_complete(value: Any) -> bool:
    """True when a connection says that there is no further page, and that this is the first."""
    page = value.get("pageInfo") if isinstance(value, Mapping) else None
    return (
        isinstance(page, Mapping) and page.get("hasNextPage") is False and page.get("hasPreviousPage") in {None, False}
    )
