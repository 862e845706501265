"""Score and text history: what `observations` and `revisions` hold, and how it is read.

The store keeps only what is *past*; the current numbers and text are in the record's own row. Stale entries for the
current hour or text may lie in the tables: the two views here give the same answer with or without them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from hubbub.records.facets import FACET_FIELDS, TEXT_FIELDS, Facet
from hubbub.records.models import Observation

HOUR_S = 3600
DAY_S = 86_400
HOURLY_FOR_S = 7 * DAY_S
"""Score history is kept by the hour for the first week of a record and by the day afterwards (design §2)."""


class NumbersRegister(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers a record had in one hour: among equal hours the greatest `(observed_at, values)` counts."""

    hour: int
    """Start of the hour, epoch seconds."""
    observed_at: int
    values: tuple[Any, ...]
    """In the order of FACET_FIELDS[kind][Facet.NUMBERS]."""


class TextRevision(msgspec.Struct, frozen=True, kw_only=True):
    """A text a record had, and the least and greatest time it was seen with it."""

    texts: tuple[str | None, ...]
    """In the order of TEXT_FIELDS[kind]."""
    first_at: int
    last_at: int


def numbers_of(kind: str, record: Observation) -> tuple[Any, ...]:
    """The values of the numbers facet, in their canonical order."""
    return tuple(getattr(record, name) for name in FACET_FIELDS[kind][Facet.NUMBERS])


def texts_of(kind: str, record: Observation) -> tuple[str | None, ...]:
    """The text of a record, as `revisions` keeps it."""
    return tuple(getattr(record, name) for name in TEXT_FIELDS[kind])


def register(record: Observation) -> NumbersRegister | None:
    """The current numbers of a record as a register of its history; None when it has none."""
    at = record.stated_at(Facet.NUMBERS)
    if at is None:
        return None
    return NumbersRegister(hour=at - at % HOUR_S, observed_at=at, values=numbers_of(record.kind, record))


def numbers_history(record: Observation, past: Iterable[NumbersRegister]) -> list[NumbersRegister]:
    """The score history in order of time: past registers and the current numbers, one an hour during the record's
    first week and one a day (UTC) afterwards."""
    created = record.created_at
    current = register(record)
    entries = [*past, current] if current else [*past]
    if len(entries) < 2:
        return entries
    best: dict[tuple[int, int], NumbersRegister] = {}
    for entry in entries:
        key = _slot(entry.hour, created)
        known = best.get(key)
        if known is None or _register_key(entry) > _register_key(known):
            best[key] = entry
    return sorted(best.values(), key=lambda entry: entry.observed_at)


def text_history(record: Observation, text_since: int | None, *, past: Iterable[TextRevision]) -> list[TextRevision]:
    """The texts a record had, oldest first, the current one (seen since `text_since`) included: one entry a text."""
    content_at = record.stated_at(Facet.CONTENT)
    entries = list(past)
    if content_at is not None and text_since is not None:
        entries.append(TextRevision(texts=texts_of(record.kind, record), first_at=text_since, last_at=content_at))
    if len(entries) < 2:
        return entries
    best: dict[tuple[str | None, ...], TextRevision] = {}
    for entry in entries:
        known = best.get(entry.texts, entry)
        best[entry.texts] = TextRevision(
            texts=entry.texts,
            first_at=min(known.first_at, entry.first_at),
            last_at=max(known.last_at, entry.last_at),
        )
    return sorted(best.values(), key=lambda entry: (entry.last_at, comparable(entry.texts)))


def comparable(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """A key by which two values of one facet compare the same on every machine: unknown first, then by value."""
    return tuple(
        (value is not None, msgspec.json.encode(value) if isinstance(value, tuple) else value) for value in values
    )


def _slot(hour: int, created: int | None) -> tuple[int, int]:
    if created is not None and hour - created <= HOURLY_FOR_S:
        return hour, HOUR_S
    return hour - hour % DAY_S, DAY_S


def _register_key(entry: NumbersRegister) -> tuple[Any, ...]:
    return entry.observed_at, comparable(entry.values)
