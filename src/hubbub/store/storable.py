"""What no database takes of a record. Loads no SQL: processes that only decode ask it, too."""

from __future__ import annotations

from typing import Any

import msgspec

COUNTS = frozenset({"comment_count", "crosspost_count", "member_count", "active_count", "follower_count", "post_count"})
"""Numbers that are never below zero; scores and karma may be."""

_encode_json = msgspec.json.Encoder().encode


def storable(record: Any) -> str | None:
    """Why a record cannot be stored, naming the field; None when it can. Only asked after the database refused."""
    key = "owner" if hasattr(record, "link") else "id"
    names = (record.source, getattr(record, key), *getattr(record, "members", ()))
    if "" in names:
        return "source or id is empty"
    if any("\x00" in name for name in names):
        return "id holds a NUL character"
    for field in record.__struct_fields__:
        wrong = _wrong_value(field, getattr(record, field))
        if wrong is not None:
            return f"{field} {wrong}"
    return None


def _wrong_value(field: str, value: Any) -> str | None:
    """What no database takes, or what a CHECK of the schema refuses."""
    wrong = None
    if isinstance(value, str):
        if any("\ud800" <= char <= "\udfff" for char in value):
            wrong = "holds a lone surrogate"
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            wrong = "is beyond 64 bits"
        elif field in COUNTS and value < 0:
            wrong = "is negative"
    elif isinstance(value, float):
        if field == "upvote_ratio" and not 0 <= value <= 1:
            wrong = "is not within 0..1"
    elif isinstance(value, tuple):
        try:
            _encode_json(value)
        except (UnicodeEncodeError, TypeError, ValueError, OverflowError) as err:
            wrong = f"cannot be written: {err}"
    return wrong
