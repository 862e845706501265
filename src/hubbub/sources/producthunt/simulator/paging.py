"""Connections: offset paging in the clothes of cursors, with its cap and its lies (API reference, section 7)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")
PAGE = 20
"""Nodes on a page: at most, and without `first` and `last`."""


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A cut of a result."""

    start: int
    """How many items lie before it."""
    items: list[T]
    more: bool
    """Whether items lie behind it."""


def cut(items: Iterable[T], *, args: Mapping[str, Any]) -> Page[T]:
    """What `after`, `before`, `first` and `last` leave of a result; reads no further than it must."""
    begin = max(0, ordinal(args.get("after"), default=0))
    end = ordinal(args.get("before"), default=1 << 62) - 1
    first, last = args.get("first"), args.get("last")
    if last is None:
        end = max(begin, min(end, begin + min(PAGE if first is None else max(0, first), PAGE)))
        read = list(islice(items, begin, end + 1))
        return Page(start=begin, items=read[: end - begin], more=len(read) > end - begin)
    everything = list(items)
    end = min(end, len(everything))
    if first is not None:
        end = min(end, begin + max(0, first))
    begin = max(begin, end - min(max(0, last), PAGE))
    return Page(start=begin, items=everything[begin:end], more=end < len(everything))


def connection(items: Iterable[T], *, args: Mapping[str, Any], make: Callable[[T], Any]) -> dict[str, Any]:
    """One page as the fields of a connection; only what is on it is made.

    `totalCount` is the size of the page (issue 277); without `first` and `last` it claims to be the last one
    (issues 177, 193, 250)."""
    page = cut(items, args=args)
    nodes = [make(item) for item in page.items]
    cursors = [cursor(page.start + place) for place in range(1, len(nodes) + 1)]
    silent = args.get("first") is None and args.get("last") is None
    return {
        "edges": [{"cursor": at, "node": node} for at, node in zip(cursors, nodes, strict=True)],
        "nodes": nodes,
        "pageInfo": {
            "hasNextPage": page.more and not silent,
            "hasPreviousPage": page.start > 0,
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
        },
        "totalCount": len(nodes),
    }


def cursor(place: int) -> str:
    """Base64 of the 1-based ordinal, without padding."""
    return base64.b64encode(str(place).encode()).decode().rstrip("=")


def ordinal(written: str | None, *, default: int) -> int:
    """The ordinal in a cursor, padded or not; `default` without one, 0 for one that is none (an assumption)."""
    if written is None:
        return default
    try:
        text = base64.b64decode(written + "=" * (-len(written) % 4), validate=True)
    except (binascii.Error, ValueError):
        return 0
    return int(text) if text.isdigit() and len(text) < 12 else 0
