"""Repairs and canonical forms of what platforms send: text that cannot be stored, entities, names, JSON for `extra`."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import msgspec

_DAMAGE = re.compile("[\x00\ud800-\udfff]")
_ENTITY = re.compile("&(?:amp|lt|gt);")
_UNESCAPED = re.compile("[<>]|&(?!amp;|lt;|gt;)")
REPLACEMENT = "\ufffd"


def mend(text: str) -> str:
    """The text with NUL and lone surrogates, which cannot be stored, replaced by U+FFFD; noncharacters stay."""
    return _DAMAGE.sub(REPLACEMENT, text)


def unescape(text: str) -> str:
    """Undo, once, the escaping of `<`, `>` and `&` that Reddit applies to every string without `raw_json=1`.

    No other entity is touched: a person may have typed it."""
    if "&" not in text:
        return text
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def looks_escaped(text: str) -> bool:
    """True when a text holds the three entities and none of the characters they stand for."""
    return _ENTITY.search(text) is not None and _UNESCAPED.search(text) is None


def scrub(value: Any, *, entities: bool = False) -> tuple[Any, int]:
    """A JSON value with every string mended, and how many had to be; `entities` undoes the escaping as well.

    Raises RecursionError for a value nested deeper than the interpreter's stack."""
    if isinstance(value, str):
        mended = mend(value)
        return (unescape(mended) if entities else mended), int(mended != value)
    if isinstance(value, list):
        pairs = [scrub(item, entities=entities) for item in value]
        return [item for item, _ in pairs], sum(count for _, count in pairs)
    if isinstance(value, dict):
        repaired = 0
        clean: dict[str, Any] = {}
        for key, item in value.items():
            name = mend(key)
            clean[name], count = scrub(item, entities=entities)
            repaired += count + (name != key)
        return clean, repaired
    return value, 0


def path_of(permalink: str, *, host: str) -> str | None:
    """The absolute path of a permalink on `host` ("reddit.com"); None when it leads elsewhere or is none."""
    permalink = permalink.strip()
    if permalink.startswith("/") and not permalink.startswith(("//", "/\\")):
        return permalink
    try:
        parts = urlsplit(permalink)
        name = parts.hostname or ""
    except ValueError:
        return None
    if parts.scheme in {"http", "https"} and (name == host or name.endswith("." + host)):
        return parts.path or "/"
    return None


def canonical_json(value: Any) -> str:
    """JSON that is the same for the same value: keys sorted, no spaces, whole floats written as integers.

    Numbers that are none (NaN, infinities) become null."""
    return msgspec.json.encode(_steady(value), order="sorted").decode()


def _steady(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _steady(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_steady(item) for item in value]
    if isinstance(value, float):
        if value != value or value in {float("inf"), float("-inf")}:  # noqa: PLR0124 - NaN is the number unlike itself
            return None
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        return None
    return value
