"""Topics and collections are merged as a whole: of all observations of one the greatest is kept (design §2).

`freshest` is commutative, associative and idempotent: any order, repetition and split of observations keeps the same.
"""

from __future__ import annotations

from typing import Any, TypeVar

from hubbub.records.history import comparable
from hubbub.records.merge import Outcome
from hubbub.records.models import Collection, Grouping, Topic

GROUPING_TYPES: dict[str, type[Grouping]] = {"topic": Topic, "collection": Collection}
"""The type of each kind."""

_CARRIED = ("source", "id", "door", "observed_at", "terms")
"""Fields of an observation that are no values: whose it is, when it was made and how it came."""

GROUPING_FIELDS: dict[str, tuple[str, ...]] = {
    kind: tuple(name for name in made.__struct_fields__ if name not in _CARRIED)
    for kind, made in GROUPING_TYPES.items()
}
"""Per kind: the values that are merged, in the order in which equal times compare them."""

_G = TypeVar("_G", Topic, Collection)


def freshest(a: _G, b: _G) -> _G:
    """The one of two observations of the same topic or collection that is kept: the later one; at equal times the one
    with the greater values, field by field, an unknown value below every known one. Where they say the same, door and
    terms decide, in the order of the alphabet."""
    return b if _order(b) > _order(a) else a


def merged(kept: _G | None, seen: _G) -> tuple[_G, Outcome]:
    """What is kept after one more observation, and what became of that: new, updated (it tells something else),
    unchanged (it tells nothing else, or lost against another of the same time) or older."""
    if kept is None:
        return seen, "new"
    winner = freshest(kept, seen)
    if winner is seen and values_of(seen) != values_of(kept):
        return winner, "updated"
    return winner, "older" if seen.observed_at < kept.observed_at else "unchanged"


def values_of(record: Grouping) -> tuple[Any, ...]:
    """What a record tells, in the order of `GROUPING_FIELDS`."""
    return tuple(getattr(record, name) for name in GROUPING_FIELDS[record.kind])


def _order(record: Grouping) -> tuple[Any, ...]:
    return record.observed_at, comparable(values_of(record)), comparable((str(record.door), record.terms))
