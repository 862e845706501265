"""Ingest is a merge: what the store keeps of a record is a function of the *set* of its observations (design §2).

`fold` adds one observation or tombstone to what is kept. It is commutative, associative and idempotent: any order, any
repetition and any split give the same `Kept` and the same histories (as `records.history` shows them).

The rules, per facet and time `t`:

- the greatest `(t, value)` wins; equal times are decided by comparing the values themselves, in field order;
- an *erasing* tombstone (author, legal, staff, forget) leaves the place, for ever;
- a *removing* tombstone at `R` wipes every facet with `t <= R` down to the place; what is observed after `R` is kept,
  and text observed after `R` brings the record back. `wiped_to` is the greatest such `R`;
- `author_gone`, once seen, erases the author facet for ever.
"""

from __future__ import annotations

import operator
from typing import Any, Literal

import msgspec

from hubbub.records.facets import FACET_FIELDS, FACET_TIME, FACETS_OF, PLACE_FIELDS, Facet
from hubbub.records.history import HOUR_S, NumbersRegister, TextRevision, comparable, texts_of
from hubbub.records.models import (
    Comment,
    Community,
    MediaItem,
    Observation,
    Post,
    Reason,
    Tombstone,
    User,
)

RECORD_TYPES: dict[str, Any] = {
    "post": Post,
    "comment": Comment,
    "user": User,
    "community": Community,
}


_OWN_TIMES = {
    kind: operator.attrgetter(*(FACET_TIME[facet] for facet in facets)) for kind, facets in FACET_FIELDS.items()
}


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What the store keeps of one record."""

    record: Observation
    """The winning facets. `record.stated` tells which facets are held, `record.observed_at` is the newest of their
    times (of the tombstone where none is held), and a facet's own time is None where it equals that one. Of a wiped
    frame only the place is left."""
    first_seen_at: int | None
    last_seen_at: int | None
    text_since: int | None = None
    """Since when the current text is known (`wiped_to` once there is one); None without content. When a text came back,
    an earlier sight of it may lie in the history: `text_history` joins the two, and only its answer is content."""
    tombstone: Reason | None = None
    """The tombstone that ranks highest among all seen, even when later text restored the record."""
    tombstone_at: int | None = None
    tombstone_detail: str | None = None
    wiped_to: int | None = None

    @property
    def withdrawn(self) -> bool:
        """True while the record is gone: erased, or removed and no text seen since. Such a row leaves no search
        entry, media, labels or exports; the store keeps this in a column of its own."""
        if self.tombstone is None:
            return False
        return self.tombstone.erases or not self.record.stated & Facet.CONTENT


def as_forgotten(record: Any, at: int) -> Tombstone:
    """What is left of a record that the user has had forgotten at this time: its place."""
    return Tombstone(
        source=record.source,
        kind=record.kind,
        id=record.id,
        door=record.door,
        reason=Reason.FORGET,
        at=at,
        terms=record.terms,
        community=getattr(record, "community", None),
        post_id=getattr(record, "post_id", None),
        parent_id=getattr(record, "parent_id", None),
        created_at=record.created_at,
    )


Outcome = Literal["new", "updated", "unchanged", "older", "tombstoned"]


class Folded(msgspec.Struct, frozen=True, kw_only=True):
    """What one observation did."""

    kept: Kept
    outcome: Outcome
    past_numbers: NumbersRegister | None = None
    """Put this into the history (never the current numbers: those are in the row)."""
    past_text: TextRevision | None = None
    wiped: bool = False
    """History up to `kept.wiped_to` (all of it when `kept.tombstone.erases`) must go, with media, labels, search."""


def fold(kept: Kept | None, seen: Observation | Tombstone) -> Folded:
    """What is kept after one more observation or tombstone of the same record."""
    if isinstance(seen, Tombstone):
        return _bury(kept, seen)
    if kept is None:
        return Folded(kept=_begin(seen), outcome="new")
    return _observe(kept, seen)


def _begin(seen: Observation) -> Kept:
    """The first observation of a record."""
    kind = seen.kind
    whole = FACETS_OF[kind]
    if seen.stated & whole == whole and not getattr(seen, "author_gone", False):
        newest, own = seen.observed_at, [at for at in _OWN_TIMES[kind](seen) if at is not None]
        if not own or (len(own) < len(FACET_FIELDS[kind]) and max(own) < newest):  # it is in canonical form
            return Kept(
                record=seen if seen.stated == whole else msgspec.structs.replace(seen, stated=whole),
                first_seen_at=min(own, default=newest),
                last_seen_at=newest,
                text_since=newest if seen.content_at is None else seen.content_at,
            )
    times = {facet: at for facet in FACET_FIELDS[kind] if (at := seen.stated_at(facet)) is not None}
    if getattr(seen, "author_gone", False):
        times.pop(Facet.AUTHOR, None)
    values = {name: getattr(seen, name) for facet in times for name in FACET_FIELDS[kind][facet]}
    stated_times = _times_seen(seen)
    return Kept(
        record=_compose(seen, values, times, gone=getattr(seen, "author_gone", False), fallback_at=seen.observed_at),
        first_seen_at=min(stated_times),
        last_seen_at=max(stated_times),
        text_since=times.get(Facet.CONTENT),
    )


def _observe(kept: Kept, seen: Observation) -> Folded:
    kind, old = seen.kind, kept.record
    gone = getattr(old, "author_gone", False) or getattr(seen, "author_gone", False)
    values, times = _held(old)
    changed = gone != getattr(old, "author_gone", False)
    refused = False
    stale = True
    past_numbers: NumbersRegister | None = None
    past_text: TextRevision | None = None
    text_since = kept.text_since
    if gone and times.pop(Facet.AUTHOR, None) is not None:
        _drop(values, FACET_FIELDS[kind][Facet.AUTHOR])
    for facet, names in FACET_FIELDS[kind].items():
        at = seen.stated_at(facet)
        if at is None or (facet is Facet.AUTHOR and gone):
            continue
        new = _values(seen, names)
        if _is_wiped(kept, at):
            refused = refused or facet is not Facet.FRAME
            if facet is not Facet.FRAME or not PLACE_FIELDS[kind]:
                continue
            new = _place_only(kind, new)
        held_at = times.get(facet)
        held = tuple(values.get(name) for name in names)
        wins = held_at is None or at > held_at or (at == held_at and comparable(new) > comparable(held))
        stale = stale and held_at is not None and at < held_at
        if facet is Facet.NUMBERS:
            past_numbers = _superseded_numbers((held_at, held), (at, new), wins=wins)
        if facet is Facet.CONTENT:
            past_text, text_since = _superseded_text(kept, seen, at=at, wins=wins)
        if wins:
            changed = changed or held_at is None or [*map(unsigned, new)] != [*map(unsigned, held)]
            times[facet] = at
            values.update(zip(names, new, strict=True))
    seen_times = _times_seen(seen)
    fresh = Kept(
        record=_compose(
            seen if max(seen_times) >= old.observed_at else old,
            values,
            times,
            gone=gone,
            fallback_at=_fallback_at(kept),
        ),
        first_seen_at=_least(kept.first_seen_at, min(seen_times)),
        last_seen_at=_greatest(kept.last_seen_at, max(seen_times)),
        text_since=text_since,
        tombstone=kept.tombstone,
        tombstone_at=kept.tombstone_at,
        tombstone_detail=kept.tombstone_detail,
        wiped_to=kept.wiped_to,
    )
    outcome: Outcome = "updated" if changed else "older" if stale else "unchanged"
    if refused and fresh.withdrawn:
        outcome = "tombstoned"
    return Folded(kept=fresh, outcome=outcome, past_numbers=past_numbers, past_text=past_text)


def _bury(kept: Kept | None, stone: Tombstone) -> Folded:
    kind = stone.kind
    wiped_to = kept.wiped_to if kept else None
    if not stone.reason.erases:
        wiped_to = _greatest(wiped_to, stone.at)
    reason, at, detail = _outranking(kept, stone)
    values, times = _held(kept.record) if kept else ({}, {})
    gone = bool(kept and getattr(kept.record, "author_gone", False))
    for facet in [f for f, t in times.items() if reason.erases or (wiped_to is not None and t <= wiped_to)]:
        names = FACET_FIELDS[kind][facet]
        place = {name: values[name] for name in PLACE_FIELDS[kind]} if facet is Facet.FRAME else {}
        _drop(values, names)
        values.update(place)
        if facet is not Facet.FRAME or not place:
            del times[facet]
    if stone.created_at is not None and PLACE_FIELDS[kind]:
        names = PLACE_FIELDS[kind]
        new = _values(stone, names)
        held_at = times.get(Facet.FRAME)
        held = tuple(values.get(name) for name in names)
        if held_at is None or (stone.at, comparable(new)) > (held_at, comparable(held)):
            _drop(values, FACET_FIELDS[kind][Facet.FRAME])
            values.update(zip(names, new, strict=True))
            times[Facet.FRAME] = stone.at
    told = stone.at if stone.reason not in (Reason.FORGET, Reason.GONE) else None
    content = Facet.CONTENT in times
    base = kept.record if kept else _blank(stone)
    return Folded(
        kept=Kept(
            record=_compose(base, values, times, gone=gone, fallback_at=at),
            first_seen_at=_least(kept.first_seen_at if kept else None, told),
            last_seen_at=_greatest(kept.last_seen_at if kept else None, told),
            text_since=(kept.text_since if wiped_to is None else wiped_to) if kept and content else None,
            tombstone=reason,
            tombstone_at=at,
            tombstone_detail=detail,
            wiped_to=wiped_to,
        ),
        outcome="tombstoned",
        wiped=True,
    )


def _outranking(kept: Kept | None, stone: Tombstone) -> tuple[Reason, int, str | None]:
    """Of two tombstones: the higher rank; among equals the earliest that erases, the latest that removes."""
    new = (stone.reason, stone.at, stone.detail)
    if kept is None or kept.tombstone is None or kept.tombstone_at is None:
        return new
    old = (kept.tombstone, kept.tombstone_at, kept.tombstone_detail)

    def order(entry: tuple[Reason, int, str | None]) -> tuple[Any, ...]:
        reason, at, detail = entry
        return (reason.rank, at if reason.erases else -at, detail is None, detail or "")

    return min(old, new, key=order)


def _superseded_numbers(
    held: tuple[int | None, tuple[Any, ...]], new: tuple[int, tuple[Any, ...]], *, wins: bool
) -> NumbersRegister | None:
    """The register that goes into the history: the loser's, unless it shares its hour with the winner."""
    held_at, at = held[0], new[0]
    if held_at is None or held_at // HOUR_S == at // HOUR_S:
        return None
    lost_at, lost = (held_at, held[1]) if wins else new
    return NumbersRegister(hour=lost_at - lost_at % HOUR_S, observed_at=lost_at, values=lost)


def _superseded_text(kept: Kept, seen: Observation, *, at: int, wins: bool) -> tuple[TextRevision | None, int | None]:
    """The revision that goes into the history, and since when the winning text is known."""
    kind, text_since = seen.kind, kept.text_since
    held_at = kept.record.stated_at(Facet.CONTENT)
    since = at if kept.wiped_to is None else kept.wiped_to
    if held_at is None or text_since is None:
        return None, since
    held, new = texts_of(kind, kept.record), texts_of(kind, seen)
    if held == new:
        return None, min(text_since, since)
    if wins:
        return TextRevision(texts=held, first_at=text_since, last_at=held_at), since
    return TextRevision(texts=new, first_at=since, last_at=at), text_since


def _is_wiped(kept: Kept, at: int) -> bool:
    if kept.tombstone is not None and kept.tombstone.erases:
        return True
    return kept.wiped_to is not None and at <= kept.wiped_to


def _held(record: Observation) -> tuple[dict[str, Any], dict[int, int]]:
    """Field values and facet times of the facets that are held."""
    fields = FACET_FIELDS[record.kind]
    times = {facet: at for facet in fields if (at := record.stated_at(facet)) is not None}
    return {name: getattr(record, name) for facet in times for name in fields[facet]}, times


def _compose(
    like: Observation, values: dict[str, Any], times: dict[int, int], *, gone: bool, fallback_at: int
) -> Observation:
    """A record of the held facets, in canonical form."""
    newest = max(times.values(), default=fallback_at)
    own = {FACET_TIME[facet]: at for facet, at in times.items() if at != newest}
    extra: dict[str, Any] = {"author_gone": True} if gone else {}
    record: Observation = RECORD_TYPES[like.kind](
        source=like.source,
        id=like.id,
        door=like.door,
        terms=like.terms,
        observed_at=newest,
        stated=sum(times),
        **own,
        **values,
        **extra,
    )
    return record


def _blank(stone: Tombstone) -> Observation:
    """A record that states nothing, for a tombstone of something never seen."""
    record: Observation = RECORD_TYPES[stone.kind](
        source=stone.source, id=stone.id, door=stone.door, terms=stone.terms, observed_at=stone.at, stated=0
    )
    return record


def _fallback_at(kept: Kept) -> int:
    return kept.record.observed_at if kept.tombstone_at is None else kept.tombstone_at


def _times_seen(seen: Observation) -> list[int]:
    return [at for facet in FACET_FIELDS[seen.kind] if (at := seen.stated_at(facet)) is not None] or [seen.observed_at]


def _values(record: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(getattr(record, name) for name in names)


def _place_only(kind: str, frame: tuple[Any, ...]) -> tuple[Any, ...]:
    """A frame's values with everything wiped but the place (whose fields come first)."""
    keep = len(PLACE_FIELDS[kind])
    return frame[:keep] + (None,) * (len(frame) - keep)


def _drop(values: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        values.pop(name, None)


def unsigned(value: Any) -> Any:
    """A field's value without the signed addresses in it, which differ from answer to answer though nothing changed."""
    if not isinstance(value, tuple):
        return value
    return tuple(
        msgspec.structs.replace(item, fallback_url=None) if isinstance(item, MediaItem) else item for item in value
    )


def _least(first: int | None, second: int | None) -> int | None:
    return min((t for t in (first, second) if t is not None), default=None)


def _greatest(first: int | None, second: int | None) -> int | None:
    return max((t for t in (first, second) if t is not None), default=None)
