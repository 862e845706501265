"""PURE. What it means that the platform left an id out of an answer, and which rows are to be asked for again.

One absence is a hiccup until proven otherwise. A record is gone only when it was missing twice, in different runs or at
least an hour apart, each time while its community could be read, and was not seen in between (design §2)."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence

import msgspec

from hubbub.plugins.contracts import Checkpoint
from hubbub.plugins.due import MISSING, DueRow

APART_S = 3_600
"""Two absences within one run are two only when so much time lies between them."""


class Absence(msgspec.Struct, frozen=True, kw_only=True):
    """The first time a record was missing while its community could be read."""

    at: int
    """When the platform said so, epoch seconds UTC."""
    by: str
    """The run that was told: a word of its own for each."""


class Verdict(enum.Enum):
    """What one more absence means."""

    NONE = "nothing"
    FIRST = "remember it"
    GONE = "it is gone"


def absence_of(row: DueRow) -> Absence | None:
    """The absence that counts for a row: one that is older than its last sight has been refuted."""
    if row.missed is None:
        return None
    absence = msgspec.json.decode(row.missed, type=Absence)
    return absence if absence.at > row.observed_at else None


def judge(row: DueRow, *, at: int, by: str, is_open: bool | None) -> Verdict:
    """What it means that a row was missing from an answer given at this time, to this run, while its community could
    (True) or could not (False, or None for nobody knows) be read."""
    if is_open is not True or at <= row.observed_at:
        return Verdict.NONE
    first = absence_of(row)
    if first is None:
        return Verdict.FIRST
    return Verdict.GONE if is_second(first, at=at, by=by) else Verdict.NONE


def is_second(first: Absence, *, at: int, by: str) -> bool:
    """Whether an absence told to a run at this time would be another one."""
    return at >= first.at and (first.by != by or at - first.at >= APART_S)


def worth_asking(rows: Iterable[DueRow], *, now: int, by: str, closed: frozenset[str]) -> list[DueRow]:
    """The rows that an answer could tell something new of, in their order: not those of a community that is known to
    be closed, nor those this run has just missed."""
    kept = []
    for row in rows:
        first = absence_of(row)
        too_early = first is not None and first.by == by and now - first.at < APART_S
        if row.community not in closed and not too_early:
            kept.append(row)
    return kept


def due_before(now: int, *, within_s: int) -> int:
    """Rows last observed before this time are due.

    A quarter of the time they may wait is left for the run that asks and the pause before it."""
    return now - within_s + within_s // 4


def key_of(record_id: str) -> str:
    """The key under which the absence of a record is remembered."""
    return MISSING + record_id


def remembered(row: DueRow, *, at: int, by: str) -> Checkpoint:
    """The checkpoint of a first absence."""
    state = msgspec.json.encode(Absence(at=at, by=by)).decode()
    return Checkpoint(key=key_of(row.id), state=state)


def without_sight(missing: Sequence[DueRow], *, seen: frozenset[str | None]) -> list[str]:
    """Communities of missing rows of which nothing was seen in the same round: they may be closed."""
    places = dict.fromkeys(row.community for row in missing)
    return [place for place in places if place is not None and place not in seen]
