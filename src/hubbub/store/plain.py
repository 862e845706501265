"""The common case of an import without the machinery of a merge: whole records never seen before, or seen just so.

A *plain* observation states every facet of its kind, at one time or at two, names nothing that needs rows of its own
but stubs, and comes once in its batch. Where its key is new the fold would keep it as it is, so its row is written
straight from its fields; where the row that is there says the same, the fold changes nothing (it is idempotent).
Everything else goes through `content`. Records are grouped by what they have in common (flags, door, …), which becomes
part of the statement: a value that is not bound costs a fifth.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import msgspec

from hubbub.records.facets import FACET_TIME, FACETS_OF, Facet
from hubbub.records.models import Comment, Door, Post
from hubbub.store import mentions
from hubbub.store.content import Key
from hubbub.store.people import Graves
from hubbub.store.rows import CODECS, flag_fields
from hubbub.store.search_words import vector_text
from hubbub.store.session import Added, Mention, Session
from hubbub.store.tables import CONTENT, content_fields, facet_times

KINDS: dict[type[Any], str] = {Post: "post", Comment: "comment"}

SMALLEST_GROUP = 4
"""Fewer records of one shape are not worth a statement of their own."""

_FACETS = (Facet.FRAME, Facet.AUTHOR, Facet.CONTENT, Facet.NUMBERS, Facet.EXTRA)
_TIMES = tuple(FACET_TIME[facet] for facet in _FACETS)
_MASKS = tuple(enumerate(_FACETS))
_NO_TIMES = (None,) * len(_TIMES)


class _Layout:
    """Which fields of a kind are part of a shape and which are bound row by row."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.table = CONTENT[kind].name
        self.whole = FACETS_OF[kind]
        self.shared = ("source", "door", "terms", "distinguished", *flag_fields(kind))
        fields = [name for name in content_fields(kind) if name not in self.shared and name != "media"]
        self.bound = ("id", *fields, "observed_at")
        self.shape = operator.attrgetter(*self.shared, "stated", "media", *_TIMES)
        self.row = operator.attrgetter(*self.bound)
        self.at = len(self.bound) - 1
        self.author, self.author_name = self.bound.index("author"), self.bound.index("author_name")
        self.community, self.community_name = self.bound.index("community"), self.bound.index("community_name")
        self.post = self.bound.index("post_id") if kind == "comment" else None
        self.mentions = (
            Mention("users", "author", "author_name"),
            Mention("communities", "community", "community_name"),
            *([Mention("posts", "post_id", None)] if kind == "comment" else []),
        )
        assert set(facet_times(kind)) == set(_TIMES)
        assert {*self.shared, *self.bound, *_TIMES, "media"} <= set(CODECS[kind].columns)


LAYOUTS: dict[str, _Layout] = {kind: _Layout(kind) for kind in KINDS.values()}


class Group(msgspec.Struct):
    """Records of one shape."""

    kind: str
    shared: tuple[Any, ...]
    """Values of the layout's shared fields."""
    early: int = 0
    """Mask of the facets with a time of their own, which is one and earlier than `observed_at`."""
    records: list[Any] = []
    early_at: list[int] = []
    """That time of each record, in groups that have it."""
    rows: list[tuple[Any, ...]] = []
    """Their bound values, that time behind them; filled when the group is written."""


class Sieve:
    """Sorts the records of a batch into groups of plain ones, and the rest."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        """No time may be later."""
        self._groups: dict[tuple[Any, ...], Group | None] = {}

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

    def _group(self, layout: _Layout, shape: tuple[Any, ...]) -> Group | None:
        stated, media, mask = shape[-7], shape[-6], shape[-1]
        values = shape[:-7]
        if any(isinstance(value, str) and "\x00" in value for value in values):
            return None
        gone = values[layout.shared.index("author_gone")]
        if stated & layout.whole != layout.whole or media or gone or mask == -1:
            return None
        return Group(kind=layout.kind, shared=values, early=mask or 0)

    def groups(self, kind: str) -> tuple[list[Group], list[Any]]:
        """The groups of a kind that are worth it, and the records of the others."""
        worth: list[Group] = []
        few: list[Any] = []
        for group in self._groups.values():
            if group is None or group.kind != kind:
                continue
            if len(group.records) >= SMALLEST_GROUP and self._timely(group):
                worth.append(group)
            else:
                few += group.records
        return worth, few

    def _timely(self, group: Group) -> bool:
        """Fill in the rows; False when one record of the group has a time that cannot be."""
        layout = LAYOUTS[group.kind]
        group.rows = list(map(layout.row, group.records))
        times = [row[layout.at] for row in group.rows]
        if group.early:
            group.rows = [(*row, early) for row, early in zip(group.rows, group.early_at, strict=True)]
        return bool(min(times) > 0 and max(times) <= self._limit)


def _with_mask(shape: tuple[Any, ...], at: int) -> tuple[tuple[Any, ...], int]:
    """A shape with the facets that have one earlier time in place of the times, and that time; mask -1 for others."""
    times = shape[-5:]
    own = {time for time in times if time is not None}
    early = own.pop()
    mask = sum(facet for i, facet in _MASKS if times[i] is not None)
    if own or not 0 < early < at or None not in times:
        mask = -1
    return (*shape[:-5], None, None, None, None, mask), early


def write(
    db: Session,
    kind: str,
    groups: Iterable[Group],
    *,
    graves: Graves,
    taken: set[Key],
    outcomes: dict[str, int],
    run_id: int,
    now: int,
) -> list[Any]:
    """Write groups of one kind and the stubs they refer to; returns the records that a merge must decide.

    `taken` are keys that other records of the batch have."""
    layout, rest = LAYOUTS[kind], []
    made: dict[str, dict[Key, str | None]] = {"user": {}, "community": {}, "post": {}}
    groups = list(groups)
    for group in groups:
        rest += _part_doubles(group, layout, taken=taken, graves=graves)
    for group in groups:
        if not group.rows:
            continue
        done = _insert(db, group, layout, run_id=run_id, now=now, outcomes=outcomes)
        if done.differ:
            rest += [record for record in group.records if record.id in done.differ]
        # What was there before has its stubs, and what differs may not come to hold what it says.
        if done.new and not db.mention_added(group.shared[0], layout.mentions, but=done.differ):
            _mention(group, layout, made, but=done.differ)
    for referred, keys in made.items():
        mentions.make(db, referred, keys)
    return rest


def _part_doubles(group: Group, layout: _Layout, *, taken: set[Key], graves: Graves) -> list[Any]:
    """Take out the records whose key another one of the batch has, and those of people who are gone."""
    source = group.shared[0]
    keys = {(source, row[0]) for row in group.rows}
    names: set[Key] = set()
    if graves.any:
        names = {(source, row[layout.author]) for row in group.rows}
        graves.look_up(names)
        names = {name for name in names if name in graves}
    if len(keys) == len(group.rows) and not names and taken.isdisjoint(keys):
        taken |= keys
        return []
    out, records, rows = [], [], []
    for record, row in zip(group.records, group.rows, strict=True):
        key = (source, row[0])
        if key in taken or (source, row[layout.author]) in names:
            out.append(record)
        else:
            records.append(record)
            rows.append(row)
        taken.add(key)
    group.records, group.rows = records, rows
    return out


def _insert(db: Session, group: Group, layout: _Layout, *, run_id: int, now: int, outcomes: dict[str, int]) -> Added:
    """Insert the rows whose key is new."""
    fixed = dict(zip(layout.shared, group.shared, strict=True))
    fixed["door"] = str(Door(fixed["door"]))
    bound = layout.bound
    early = {name for facet, name in zip(_FACETS, _TIMES, strict=True) if group.early & facet}
    fixed |= {name: None for name in ("media", *_TIMES) if name not in early}
    copies = dict.fromkeys(early, len(bound))
    first = len(bound) if group.early else layout.at
    ours = {"text_since": len(bound) if group.early & Facet.CONTENT else layout.at}
    ours |= {"first_seen_at": first, "last_seen_at": layout.at}
    names = (*bound, "early_at") if group.early else bound
    rows = group.rows
    if db.index_now and db.vectors:
        names = (*names, "search")
        rows = [(*row, vector_text(record)) for record, row in zip(group.records, rows, strict=True)]
    done = db.add(
        layout.table,
        names,
        rows,
        fixed=fixed,
        copies=copies,
        ours=ours,
        constants={"run_id": run_id, "updated_at": now},
    )
    outcomes["new"] += done.new
    outcomes["unchanged"] += len(group.rows) - done.new - len(done.differ)
    return done


def _mention(group: Group, layout: _Layout, made: dict[str, dict[Key, str | None]], *, but: frozenset[str]) -> None:
    source, rows = group.shared[0], group.rows
    if but:
        rows = [row for row in rows if row[0] not in but]
    for kind, at, name in (
        ("user", layout.author, layout.author_name),
        ("community", layout.community, layout.community_name),
    ):
        for key, shown in {row[at]: row[name] for row in rows}.items():
            if key:
                made[kind].setdefault((source, key), shown)
    if layout.post is not None:
        posts = {row[layout.post] for row in rows}
        made["post"].update({(source, post): None for post in posts if post})
