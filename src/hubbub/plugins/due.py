"""What a stream may ask the store about rows that are to be looked at again."""

from __future__ import annotations

import msgspec

MISSING = "missing:"
"""What the key of a checkpoint begins with that remembers one absence; the record's id follows."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Whose rows; all of the source when both are empty."""

    communities: tuple[str, ...] = ()
    """Case-folded keys."""
    authors: tuple[str, ...] = ()
    """Case-folded keys; rows of either are meant."""


class DueRow(msgspec.Struct, frozen=True, kw_only=True):
    """A live post or comment that nobody has looked at for a while."""

    kind: str
    id: str
    community: str | None
    """Case-folded key."""
    observed_at: int
    """When the platform last said anything of it, epoch seconds UTC."""
    missed: str | None = None
    """State of the checkpoint `missing:ID`: when the platform left it out of an answer; None when it never did."""


class RecallDue(msgspec.Struct, frozen=True, kw_only=True):
    """Ask the store: a part of the live posts and comments that were last observed before a time.

    Live: not withdrawn, no stub; hidden ones are among them. Answer: `list[DueRow]`. Rows that came in through the
    platform's API come oldest observation first, those of other doors by id, so that neither sorts a table."""

    before: int
    limit: int
    after: tuple[int, str] = (0, "")
    """(observed_at, id) of the last row of the part before this one."""
    other_doors: bool = False
    """Rows that came in any other way, instead of those of the live API."""
    scope: Scope = Scope()
    without: tuple[str, ...] = ()
    """Communities to leave out, case-folded keys."""


class RecallDueCount(msgspec.Struct, frozen=True):
    """Ask the store: how many rows `due` would bring in all parts together. Answer: `int`."""

    due: RecallDue


class RecallThreads(msgspec.Struct, frozen=True):
    """Ask the store: the live comments of some posts. Answer: `dict[str, frozenset[str]]`, by the post's id."""

    post_ids: tuple[str, ...]
