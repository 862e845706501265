"""Plain records as the store writes them: rows of one shape, and which column takes which value.

What rows have in common becomes part of the statement: a value that is not bound costs a fifth.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import msgspec

from hubbub.records.facets import FACET_TIME, FACETS_OF, Facet
from hubbub.records.models import Comment, Door, Post, Reason
from hubbub.records.rows import Rows, records_of
from hubbub.store.content import Seen
from hubbub.store.rows import CODECS, flag_fields
from hubbub.store.tables import content_fields, facet_times

KINDS: dict[type[Any], str] = {Post: "post", Comment: "comment"}

SMALLEST_GROUP = 4
"""Fewer records of one shape are not worth a statement of their own."""

_FACETS = (Facet.FRAME, Facet.AUTHOR, Facet.CONTENT, Facet.NUMBERS, Facet.EXTRA)
_TIMES = tuple(FACET_TIME[facet] for facet in _FACETS)
_MASKS = tuple(enumerate(_FACETS))
_NO_TIMES = (None,) * len(_TIMES)
_EARLY = ("author_at", "content_at", "extra_at")
"""The facet times that `text_at` of `records.rows` stands for."""
_UNSTATED = ("author_at", "content_at", "numbers_at", "extra_at")
"""Facets a tombstone leaves nothing of; a time of 0 says so."""


class Sheet(msgspec.Struct, kw_only=True):
    """Records of one kind and shape."""

    kind: str
    bound: tuple[str, ...]
    """Names of the values of a row, the id first: columns, and "text_at", "early_at", "first_at", which are none."""
    fixed: dict[str, Any]
    """Columns that have one value for all."""
    copies: dict[str, int]
    """Columns that take the value at a position besides the one it is named for."""
    ours: dict[str, int]
    """The same for bookkeeping: columns that do not say what was observed."""
    rows: list[tuple[Any, ...]]
    records: Callable[[list[int]], list[Seen]]
    """The records of these positions, as objects."""
    withdrawn: bool = False
    turned: list[tuple[Any, ...]] | None = None
    """The rows as columns, once somebody asked."""

    def __post_init__(self) -> None:
        for name in (*self.bound, *self.copies):
            self.fixed.pop(name, None)

    @property
    def source(self) -> str:
        """The platform."""
        source: str = self.fixed["source"]
        return source

    def at(self, column: str | None) -> int | None:
        """The position of a column's value in a row."""
        return self.bound.index(column) if column in self.bound else None

    def column(self, at: int) -> tuple[Any, ...]:
        """The values at one position of all rows."""
        if self.turned is None:
            self.turned = list(zip(*self.rows, strict=True))
        return self.turned[at]

    def take_out(self, positions: list[int]) -> list[Seen]:
        """Remove the rows of these positions and return their records."""
        if not positions:
            return []
        out = self.records(positions)
        gone = {*positions}
        left = [i for i in range(len(self.rows)) if i not in gone]
        rows, records = self.rows, self.records
        self.rows, self.turned = [rows[i] for i in left], None
        self.records = lambda asked: records([left[i] for i in asked])
        return out


def of_rows(part: Rows) -> Sheet:
    """The sheet of rows as a door hands them over."""
    at = {name: i for i, name in enumerate(part.columns)}
    observed, whole = at["observed_at"], msgspec.structs.replace(part)  # whose list of rows stays as it is
    if not part.withdrawn:
        early, first = at["text_at"], at["first_seen_at"]
        return Sheet(
            kind=part.kind,
            bound=tuple("first_at" if name == "first_seen_at" else name for name in part.columns),
            fixed=_unsaid(part.kind) | {"author_gone": 0} | part.fixed,
            copies=dict.fromkeys(_EARLY, early),
            ours={"text_since": first, "first_seen_at": first, "last_seen_at": observed},
            rows=part.rows,
            records=partial(_some, whole),
        )
    reason = Reason(part.fixed["tombstone"])
    copies = ("tombstone_at",) if reason.erases else ("tombstone_at", "wiped_to")
    told = ("first_seen_at", "last_seen_at") if reason not in (Reason.FORGET, Reason.GONE) else ()
    return Sheet(
        kind=part.kind,
        bound=part.columns,
        fixed=_unsaid(part.kind) | part.fixed | {"withdrawn": 1, "author_gone": 0} | dict.fromkeys(_UNSTATED, 0),
        copies=dict.fromkeys(copies, observed),
        ours=dict.fromkeys(told, observed),
        rows=part.rows,
        records=partial(_some, whole),
        withdrawn=True,
    )


_UNSAID = {kind: dict.fromkeys((*content_fields(kind), *facet_times(kind))) for kind in KINDS.values()}


def _unsaid(kind: str) -> dict[str, Any]:
    """All that a row can say, unsaid."""
    return dict(_UNSAID[kind])


def _some(part: Rows, positions: Iterable[int]) -> list[Seen]:
    rows = part.rows
    return [*records_of(msgspec.structs.replace(part, rows=[rows[i] for i in positions]))]


class _Layout:
    """Which fields of a kind are part of a shape and which are bound row by row."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.whole = FACETS_OF[kind]
        self.shared = ("source", "door", "terms", "distinguished", *flag_fields(kind))
        fields = [name for name in content_fields(kind) if name not in self.shared and name != "media"]
        self.bound = ("id", *fields, "observed_at")
        self.shape = operator.attrgetter(*self.shared, "stated", "media", *_TIMES)
        self.row = operator.attrgetter(*self.bound)
        self.at = len(self.bound) - 1
        assert set(facet_times(kind)) == set(_TIMES)
        assert {*self.shared, *self.bound, *_TIMES, "media"} <= set(CODECS[kind].columns)


LAYOUTS: dict[str, _Layout] = {kind: _Layout(kind) for kind in KINDS.values()}


class _Group(msgspec.Struct):
    """Records of one shape."""

    kind: str
    shared: tuple[Any, ...]
    """Values of the layout's shared fields."""
    early: int = 0
    """Mask of the facets with a time of their own, which is one and earlier than `observed_at`."""
    records: list[Any] = []
    early_at: list[int] = []
    """That time of each record, in groups that have it."""


class Sorter:
    """Sorts the records of a batch into sheets of plain ones, and the rest."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        """No time may be later."""
        self._groups: dict[tuple[Any, ...], _Group | None] = {}

    def take(self, record: Any) -> bool:
        """Whether the record is plain; it is in a group then."""
        layout = LAYOUTS[record.kind]
        shape = layout.shape(record)
        early = None
        if shape[-5:] != _NO_TIMES:
            shape, early = _with_mask(shape, record.observed_at)
        try:
            group = self._groups[shape]
        except KeyError:
            group = self._groups[shape] = self._group(layout, shape)
        if group is None:
            return False
        group.records.append(record)
        if early is not None:
            group.early_at.append(early)
        return True

    def _group(self, layout: _Layout, shape: tuple[Any, ...]) -> _Group | None:
        stated, media, mask = shape[-7], shape[-6], shape[-1]
        values = shape[:-7]
        if any(isinstance(value, str) and "\x00" in value for value in values):
            return None
        gone = values[layout.shared.index("author_gone")]
        if stated & layout.whole != layout.whole or media or gone or mask == -1:
            return None
        return _Group(kind=layout.kind, shared=values, early=mask or 0)

    def sheets(self, kind: str) -> tuple[list[Sheet], list[Any]]:
        """The sheets of a kind that are worth it, and the records of the others."""
        worth: list[Sheet] = []
        few: list[Any] = []
        for group in self._groups.values():
            if group is None or group.kind != kind:
                continue
            sheet = self._sheet(group) if len(group.records) >= SMALLEST_GROUP else None
            if sheet is not None:
                worth.append(sheet)
            else:
                few += group.records
        return worth, few

    def _sheet(self, group: _Group) -> Sheet | None:
        """None when one record of the group has a time that cannot be."""
        layout = LAYOUTS[group.kind]
        rows = list(map(layout.row, group.records))
        times = [row[layout.at] for row in rows]
        if not (min(times) > 0 and max(times) <= self._limit):
            return None
        bound = layout.bound
        first = layout.at
        if group.early:
            rows = [(*row, early) for row, early in zip(rows, group.early_at, strict=True)]
            bound, first = (*bound, "early_at"), len(bound)
        fixed = _unsaid(group.kind) | dict(zip(layout.shared, group.shared, strict=True))
        fixed["door"] = str(Door(fixed["door"]))
        early = [name for facet, name in zip(_FACETS, _TIMES, strict=True) if group.early & facet]
        text = first if group.early & Facet.CONTENT else layout.at
        records = group.records
        return Sheet(
            kind=group.kind,
            bound=bound,
            fixed=fixed,
            copies=dict.fromkeys(early, first),
            ours={"text_since": text, "first_seen_at": first, "last_seen_at": layout.at},
            rows=rows,
            records=lambda positions: [records[i] for i in positions],
        )


def _with_mask(shape: tuple[Any, ...], at: int) -> tuple[tuple[Any, ...], int]:
    """A shape with the facets that have one earlier time in place of the times, and that time; mask -1 for others."""
    times = shape[-5:]
    own = {time for time in times if time is not None}
    early = own.pop()
    mask = sum(facet for i, facet in _MASKS if times[i] is not None)
    if own or not 0 < early < at or None not in times:
        mask = -1
    return (*shape[:-5], None, None, None, None, mask), early
