"""PURE. Text of strangers, made safe to look at: nothing in it can steer a terminal or forge a line."""

from __future__ import annotations

import re
import unicodedata

_UNSAFE = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # control characters: escape sequences begin with one of them
    "\u2028\u2029"  # line and paragraph separators: one record is one line
    "\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069"  # marks and overrides of direction
    "\ud800-\udfff"
    "]"
)


def shown(text: str) -> str:
    r"""`text` on one line, with every control character written out (`\x1b`, `\u202e`)."""
    return _UNSAFE.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    named = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}.get(code)
    if named:
        return named
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def width(text: str) -> int:
    """Columns that `text` takes on a terminal."""
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def fitted(text: str, columns: int) -> str:
    """`text` on one line, cut to `columns` with an ellipsis."""
    text = shown(text)
    if width(text) <= columns:
        return text
    kept = 0
    for index, character in enumerate(text):
        kept += width(character)
        if kept > columns - 1:
            return text[:index] + "…"
    return text
