"""Base-36 ids as Reddit writes them."""

from __future__ import annotations

from functools import lru_cache

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@lru_cache(maxsize=1 << 17)
def b36(number: int) -> str:
    """The number in lower-case base 36."""
    made = ""
    while number:
        number, rest = divmod(number, 36)
        made = _DIGITS[rest] + made
    return made or "0"


def unb36(text: str) -> int | None:
    """The number behind a base-36 id; None when it is none."""
    if not text or len(text) > 13 or any(c not in _DIGITS for c in text):
        return None
    return int(text, 36)
