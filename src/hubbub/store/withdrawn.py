"""What was withdrawn after a moment: what a copy that was made then may still hold."""

# ruff: noqa: S608 - table and column names are written here, every value is bound

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hubbub.store.engine import Store
from hubbub.store.tables import CONTENT

_NARROWED = frozenset({"post", "comment"})
"""Kinds that have a community and a time of their own."""


def withdrawn_since(
    store: Store,
    at: int,
    *,
    kinds: Sequence[str],
    communities: Sequence[str] = (),
    since: int | None = None,
    until: int | None = None,
) -> dict[str, int]:
    """How many records of each kind were first seen at or before `at` (epoch seconds) and wiped here at or after it;
    kinds of which there are none are left out.

    `communities` (case-folded), `since` and `until` (creation, from and before) narrow posts and comments. When a
    record was wiped is our own time, not the one a tombstone names: an archive may tell today what went last year.
    Hidden records are not counted."""
    found: dict[str, int] = {}
    with store.reading_raw() as db:
        for kind in kinds:
            narrowed = (communities, since, until) if kind in _NARROWED else ((), None, None)
            where, values = _narrowing(*narrowed)
            query = (
                f"SELECT count(*) FROM {CONTENT[kind].name}"
                f" WHERE withdrawn = 1 AND updated_at >= ? AND first_seen_at <= ?{where}"
            )
            (count,) = db.execute(query, (at, at, *values)).fetchone()
            if count:
                found[kind] = int(count)
    return found


def _narrowing(communities: Sequence[str], since: int | None, until: int | None) -> tuple[str, list[Any]]:
    where = ""
    values: list[Any] = []
    if communities:
        where += f" AND community IN ({', '.join('?' * len(communities))})"
        values += communities
    if since is not None:
        where += " AND created_at >= ?"
        values.append(since)
    if until is not None:
        where += " AND created_at < ?"
        values.append(until)
    return where, values
