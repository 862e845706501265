"""Links between records (topics of a post, posts of a collection): per link the last time it was seen."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from hubbub.records.models import LinkListing


def write(connection: sqlite3.Connection, listings: Iterable[LinkListing]) -> None:
    """Fold listings in; a link holds if it was seen at or after its owner's last complete listing."""
    for listing in listings:
        connection.executemany(
            f"INSERT INTO {listing.link} (source, owner, member, seen_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (source, owner, member) DO UPDATE SET seen_at = max(seen_at, excluded.seen_at)",
            [(listing.source, listing.owner, member, listing.observed_at) for member in listing.members],
        )
        if listing.complete:
            connection.execute(
                "INSERT INTO link_listings (source, link, owner, complete_at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (source, link, owner) DO UPDATE SET"
                " complete_at = max(complete_at, excluded.complete_at)",
                (listing.source, listing.link, listing.owner, listing.observed_at),
            )
