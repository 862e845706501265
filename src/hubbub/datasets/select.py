"""PURE. What an export holds: which kinds, communities and times, and which columns in which order.

Tombstoned, hidden and stub rows never leave the store; that is not an option but how the rows are read.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import msgspec

from hubbub.errors import UsageError
from hubbub.plugins.contracts import Column

KINDS = ("post", "comment", "user", "community")
HISTORIES = ("observation", "revision")
"""Kinds that leave only when they are named: how numbers and texts of the records changed, a row for each state."""
GROUPINGS = ("topic", "collection")
"""Kinds that leave only when they are named: what gathers posts. Narrowed to communities they are empty."""
DEHYDRATED = ("post", "comment")
"""Kinds whose ids can be fetched again; those of people and communities are their names."""
SHAREABLE = ("community", "created_at")
"""Columns that may stand beside the ids of a dehydrated export: neither text nor persons."""
FILE_STEM = {
    "post": "posts",
    "comment": "comments",
    "user": "users",
    "community": "communities",
    "topic": "topics",
    "collection": "collections",
    "observation": "observations",
    "revision": "revisions",
}


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows and columns to hand out. Empty means all."""

    kinds: tuple[str, ...] = ()
    communities: tuple[str, ...] = ()
    """Case-folded keys."""
    since: int | None = None
    """Created at or after, epoch seconds UTC."""
    until: int | None = None
    """Created before."""
    columns: tuple[str, ...] = ()
    """Names allowed to leave, for every kind that has them."""
    dehydrated: bool = False
    """Only which posts and comments there are: kind, source and id, and of other columns those named of `SHAREABLE`."""

    @property
    def chosen_kinds(self) -> tuple[str, ...]:
        """The kinds in the order in which they are written.

        People have no community or time of their own: a narrowed selection leaves them out unless it names them. So it
        does with kinds that have none of the named columns."""
        if self.dehydrated:
            return tuple(kind for kind in DEHYDRATED if not self.kinds or kind in self.kinds)
        if self.kinds:
            return tuple(kind for kind in (*KINDS, *GROUPINGS, *HISTORIES) if kind in self.kinds)
        narrowed = bool(self.communities) or self.since is not None or self.until is not None
        kinds = [kind for kind in KINDS if not (narrowed and kind in {"user", "community"})]
        return tuple(kind for kind in kinds if columns_of(kind, self)) or tuple(kinds)


def _columns(spec: str) -> tuple[Column, ...]:
    return tuple(Column(name=name, type=kind) for name, _, kind in (word.partition(":") for word in spec.split()))


_SEEN = " observed_at:time first_seen_at:time last_seen_at:time"

IDS = _columns("kind:text source:text id:text")
"""What a dehydrated export holds in any case."""

DEFAULT_COLUMNS: dict[str, tuple[Column, ...]] = {
    "post": _columns(
        "source:text id:text community:text community_name:text created_at:time author:text author_name:text "
        "author_flair:text title:text body:text url:text domain:text permalink:text post_type:text flair:text "
        "score:integer upvote_ratio:real comment_count:integer over_18:boolean spoiler:boolean locked:boolean "
        "archived:boolean stickied:boolean distinguished:text edited:boolean edited_at:time crosspost_parent:text"
        + _SEEN
    ),
    "comment": _columns(
        "source:text id:text community:text community_name:text post_id:text parent_id:text created_at:time "
        "author:text author_name:text author_flair:text body:text permalink:text score:integer "
        "controversiality:integer is_submitter:boolean locked:boolean stickied:boolean distinguished:text "
        "edited:boolean edited_at:time" + _SEEN
    ),
    "user": _columns(
        "source:text id:text name:text created_at:time title:text body:text post_karma:integer "
        "comment_karma:integer total_karma:integer is_suspended:boolean is_employee:boolean is_moderator:boolean"
        + _SEEN
    ),
    "community": _columns(
        "source:text id:text name:text created_at:time title:text description:text body:text community_type:text "
        "over_18:boolean quarantined:boolean language:text member_count:integer active_count:integer" + _SEEN
    ),
    "topic": _columns(
        "source:text id:text slug:text name:text description:text created_at:time url:text follower_count:integer "
        "post_count:integer observed_at:time"
    ),
    "collection": _columns(  # whoever keeps it does not leave: a tombstone of that person could not follow
        "source:text id:text slug:text name:text tagline:text description:text created_at:time featured_at:time "
        "url:text follower_count:integer observed_at:time"
    ),
    "observation": _columns(
        "source:text kind:text id:text community:text observed_at:time score:integer score_hidden:boolean "
        "upvote_ratio:real comment_count:integer crosspost_count:integer controversiality:integer post_karma:integer "
        "comment_karma:integer total_karma:integer member_count:integer active_count:integer"
    ),
    "revision": _columns(
        "source:text kind:text id:text community:text first_at:time last_at:time title:text body:text description:text"
    ),
}
"""Per kind: the columns that leave when none are named."""

EXTRA_COLUMNS: dict[str, tuple[Column, ...]] = {
    "post": _columns(
        "author_id:text author_gone:boolean score_hidden:boolean crosspost_count:integer tagline:text "
        "featured_at:time topics:json extra:json door:text terms:text"
    ),
    "comment": _columns(
        "author_id:text author_gone:boolean score_hidden:boolean archived:boolean extra:json door:text terms:text"
    ),
    "user": _columns("platform_id:text verified:boolean url:text extra:json door:text terms:text"),
    "community": _columns("platform_id:text url:text extra:json door:text terms:text"),
    "topic": _columns("door:text terms:text"),
    "collection": _columns("posts:json door:text terms:text"),
    "observation": (),
    "revision": (),
}
"""Per kind: the columns that leave only when they are named."""


def columns_of(kind: str, selection: Selection) -> tuple[Column, ...]:
    """The columns of one kind, in the order of the schema."""
    if selection.dehydrated:
        beside = tuple(column for column in DEFAULT_COLUMNS[kind] if column.name in selection.columns)
        return (*IDS, *(column for column in beside if column.name in SHAREABLE))
    if not selection.columns:
        return DEFAULT_COLUMNS[kind]
    return tuple(column for column in _known(kind) if column.name in selection.columns)


def check(selection: Selection) -> None:
    """Raise UsageError for a kind or column that does not exist, naming the nearest, and for a named kind that would be
    left without a column."""
    for kind in selection.kinds:
        if kind not in FILE_STEM:
            raise UsageError(f"there is no kind {kind!r}; known: {', '.join(FILE_STEM)}")
    if selection.dehydrated:
        _check_dehydrated(selection)
        return
    known = {column.name for kind in selection.chosen_kinds for column in _known(kind)}
    for name in selection.columns:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f", did you mean {close[0]!r}?" if close else f"; known: {', '.join(sorted(known))}"
            raise UsageError(f"none of the chosen kinds has a column {name!r}{hint}")
    for kind in selection.chosen_kinds:
        if not columns_of(kind, selection):
            raise UsageError(f"{FILE_STEM[kind]} have none of the named columns: name one, or leave out this kind")


def _check_dehydrated(selection: Selection) -> None:
    for kind in selection.kinds:
        if kind not in DEHYDRATED:
            raise UsageError(f"a dehydrated export holds posts and comments only, not {FILE_STEM[kind]}")
    names = {column.name for column in IDS}
    for name in selection.columns:
        if name not in names and name not in SHAREABLE:
            raise UsageError(f"a dehydrated export holds no {name!r}: beside ids only {' and '.join(SHAREABLE)}")


def _known(kind: str) -> tuple[Column, ...]:
    return (*DEFAULT_COLUMNS[kind], *EXTRA_COLUMNS[kind])


def python_values(columns: Sequence[Column], row: Sequence[Any]) -> list[Any]:
    """A row of the store with booleans as booleans: SQLite keeps them as 0 and 1."""
    return [
        bool(value) if value is not None and column.type == "boolean" else value
        for column, value in zip(columns, row, strict=True)
    ]
