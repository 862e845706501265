"""Records as bytes, for those that leave the process: to disk while a database is away, or to a process beside."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from hubbub.records.models import (
    Collection,
    Comment,
    Community,
    LinkListing,
    Post,
    Record,
    Stub,
    Tombstone,
    Topic,
    User,
)

_TYPES: dict[str, type[Any]] = {
    each.__name__: each for each in (Post, Comment, User, Community, Topic, Collection, Stub, Tombstone, LinkListing)
}

Packed = list[tuple[str, msgspec.Raw]]
"""How records lie in a message: each with the name of its type."""


def tagged(records: Iterable[Record]) -> list[tuple[str, Record]]:
    """Records with their types' names, to be encoded as MessagePack."""
    return [(type(record).__name__, record) for record in records]


def unpacked(packed: Packed) -> list[Record]:
    """The records again."""
    return [msgspec.msgpack.decode(raw, type=_TYPES[name]) for name, raw in packed]
