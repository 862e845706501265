"""Ordinary records as rows: what a door hands over where no record needs a decision of its own.

A record object costs more than all else an import does with it. Nearly every line of an archive states all facets of a
post or comment, at one time or at two, or that it is gone; such records travel as tuples, a few shapes of them at a
time, and become objects only where a merge has to decide (`records_of`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec

from hubbub.records.facets import FACETS_OF
from hubbub.records.models import Comment, Door, MediaItem, Post, Reason, Tombstone

TIMES = ("observed_at", "text_at", "first_seen_at")
"""How the columns of a live row end: when its frame and numbers were observed; when author, content and extra were,
where that was earlier, else None; the lesser of the two."""

_MAKERS: dict[str, Callable[..., Post | Comment]] = {"post": Post, "comment": Comment}
_FLAGS = {
    kind: frozenset(field.name for field in msgspec.structs.fields(maker) if field.type in (bool, bool | None))
    for kind, maker in (("post", Post), ("comment", Comment))
}
_media = msgspec.json.Decoder(tuple[MediaItem, ...])


class Rows(msgspec.Struct, kw_only=True):
    """Records of one kind and shape, each key once or more often.

    Live rows state all facets; a field that is neither in `columns` nor in `fixed` is None. Flags are 0, 1 or None and
    media is JSON text, as a database keeps them. `withdrawn` rows are tombstones: their columns are the id and the
    place, then `observed_at`, the time of the tombstone; `fixed` holds its `tombstone` (the reason) and
    `tombstone_detail`."""

    kind: Literal["post", "comment"]
    columns: tuple[str, ...]
    """Names of the values of a row; the first is the id."""
    fixed: dict[str, Any]
    """Values all rows have in common; "source", "door" and "terms" are among them."""
    rows: list[tuple[Any, ...]]
    withdrawn: bool = False

    @property
    def shape(self) -> tuple[Any, ...]:
        """Equal for rows that may lie in one list."""
        return self.kind, self.withdrawn, self.columns, tuple(self.fixed.items())


def joined(parts: Iterable[Rows]) -> list[Rows]:
    """The same rows with those of one shape in one list; the parts are used up."""
    found: dict[tuple[Any, ...], Rows] = {}
    for part in parts:
        known = found.setdefault(part.shape, part)
        if known is not part:
            known.rows += part.rows
    return list(found.values())


def records_of(rows: Rows) -> list[Post | Comment | Tombstone]:
    """The same records as objects."""
    return [_tombstone(rows, row) if rows.withdrawn else _observation(rows, row) for row in rows.rows]


def _observation(rows: Rows, row: tuple[Any, ...]) -> Post | Comment:
    values = dict(rows.fixed) | dict(zip(rows.columns, row, strict=True))
    early = values.pop("text_at")
    del values["first_seen_at"]
    for name in _FLAGS[rows.kind] & values.keys():
        if values[name] is not None:
            values[name] = bool(values[name])
    media = values.pop("media", None)
    return _MAKERS[rows.kind](
        **values | {"door": Door(values["door"])},
        stated=FACETS_OF[rows.kind],
        author_at=early,
        content_at=early,
        extra_at=early,
        media=_media.decode(media) if media else (),
    )


def _tombstone(rows: Rows, row: tuple[Any, ...]) -> Tombstone:
    values = dict(rows.fixed) | dict(zip(rows.columns, row, strict=True))
    return Tombstone(
        source=values.pop("source"),
        kind=rows.kind,
        door=Door(values.pop("door")),
        reason=Reason(values.pop("tombstone")),
        detail=values.pop("tombstone_detail"),
        at=values.pop("observed_at"),
        **values,
    )
