"""The best comments of a community: by score, among equals the newest; hidden and withdrawn ones never.

They are read along the index (source, community, score) from the top, and only so far: a community of any size costs
the same. A cache keeps no words, only which comments they were: what is shown comes from the store, as it is by then.
"""

# ruff: noqa: S608 - table and column names are written here, every value is bound

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import msgspec

from hubbub.store import ttl_cache
from hubbub.store.engine import Store
from hubbub.store.session import Session
from hubbub.store.targets import Target, resolve
from hubbub.store.ttl_cache import Cache

EXAMINED = 20_000
"""Comments that are looked at, from the highest score down."""

_PAGE = 500

_VISIBLE = "observed_at IS NOT NULL AND withdrawn = 0 AND hidden_at IS NULL AND coalesce(score_hidden, 0) = 0"
"""A score the platform does not show yet means nothing."""

BY_SCORE = (
    f"SELECT id, score, created_at, length(body), {_VISIBLE} FROM comments"
    f" WHERE source = ? AND community = ? AND score >= ? ORDER BY score DESC LIMIT {EXAMINED + 1}"
)
"""Whether a comment is an exemplar is decided behind it: the database stops at the limit, however few are."""

_SCORES = (-(2**63), 2**63 - 1)
"""What a database takes as a score."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a comment an exemplar."""

    limit: int = 10
    min_score: int | None = None
    min_chars: int = 0
    max_age_s: int | None = None
    """Seconds since it was written; one of unknown age is too old."""


class Exemplar(msgspec.Struct, frozen=True, kw_only=True):
    """One of the best comments."""

    source: str
    id: str
    post_id: str | None
    parent_id: str | None
    author_name: str | None
    created_at: int | None
    score: int
    permalink: str | None
    body: str


class Exemplars(msgspec.Struct, frozen=True, kw_only=True):
    """The best comments of a community, best first."""

    source: str
    community: str
    comments: tuple[Exemplar, ...]
    examined: int
    """Comments that were looked at."""
    whole: bool
    """False when there are more than were looked at, all of lower or equal score, and so perhaps more exemplars."""
    cached: bool


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What a cache keeps."""

    ids: tuple[str, ...]
    examined: int
    whole: bool


def exemplars(store: Store, community: Target, wanted: Wanted, *, cache: Cache, now: int) -> Exemplars:
    """The best comments of a community. Raises UsageError for a community that is unknown or in several sources."""
    with store.reading_raw() as db:
        (place,) = resolve(db, [community])
        key = ttl_cache.key_of("exemplars", 1, ttl_cache.identity(db, store.where), place.source, place.id, wanted)
        since = None if wanted.max_age_s is None else now - wanted.max_age_s
        entry = _cached(cache, key, limit=wanted.limit)
        found = () if entry is None else _shown(db, (place.source, place.id), entry.ids, wanted=wanted, since=since)
        cached = entry is not None and len(found) == len(entry.ids)  # else one was withdrawn: the next may step up
        if not cached:
            entry = _walk(db, (place.source, place.id), wanted=wanted, since=since)
            found = _shown(db, (place.source, place.id), entry.ids, wanted=wanted, since=since)
    assert entry is not None
    if not cached:
        cache.put(key, msgspec.json.encode(entry))
    return Exemplars(
        source=place.source,
        community=place.id,
        comments=found,
        examined=entry.examined,
        whole=entry.whole,
        cached=cached,
    )


def _cached(cache: Cache, key: str, *, limit: int) -> _Entry | None:
    kept = cache.get(key)
    try:
        entry = None if kept is None else msgspec.json.decode(kept, type=_Entry)
    except msgspec.DecodeError:
        return None
    return None if entry is None or len(entry.ids) > limit else entry


def _walk(db: Session, place: tuple[str, str], *, wanted: Wanted, since: int | None) -> _Entry:
    """Find them from the highest score down, as far as the last score that can still count."""
    lowest, highest = _SCORES
    least = lowest if wanted.min_score is None else min(max(wanted.min_score, lowest), highest)
    best: list[tuple[int, int, str]] = []
    examined, whole = 0, True
    rows = chain.from_iterable(db.stream(BY_SCORE, (*place, least), size=_PAGE))
    for record_id, score, created_at, chars, visible in rows:
        if len(best) >= wanted.limit and score < -best[wanted.limit - 1][0]:
            break
        if examined == EXAMINED:
            whole = False
            break
        examined += 1
        if visible and _suits(wanted, since=since, score=score, created_at=created_at, chars=chars):
            best.append((-score, -(created_at or 0), record_id))
    ids = tuple(record_id for _, _, record_id in sorted(best)[: wanted.limit])
    return _Entry(ids=ids, examined=examined, whole=whole)


def _suits(wanted: Wanted, *, since: int | None, score: int | None, created_at: int | None, chars: int | None) -> bool:
    return (
        score is not None
        and (wanted.min_score is None or score >= wanted.min_score)
        and (chars or 0) >= max(1, wanted.min_chars)
        and (since is None or (created_at is not None and created_at >= since))
    )


def _shown(
    db: Session, place: tuple[str, str], ids: Sequence[str], *, wanted: Wanted, since: int | None
) -> tuple[Exemplar, ...]:
    """Those of these comments that are exemplars as the store has them now, best first."""
    if not ids:
        return ()
    names = Exemplar.__struct_fields__
    sql = (
        f"SELECT length(body), {', '.join(names)} FROM comments"
        f" WHERE source = ? AND community = ? AND {db.among('id')} AND {_VISIBLE}"
    )
    found = []
    for chars, *row in db.execute(sql, (*place, db.listed(ids))):
        values = dict(zip(names, row, strict=True))
        if _suits(wanted, since=since, score=values["score"], created_at=values["created_at"], chars=chars):
            found.append(Exemplar(**values))
    return tuple(sorted(found, key=lambda each: (-each.score, -(each.created_at or 0), each.id)))
