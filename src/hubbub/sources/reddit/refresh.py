"""Looking again at what is stored: scores, edits and deletions of posts and comments of all communities together, a
hundred to a request (reddit.md §11, §20)."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

from hubbub.errors import AuthError, BlockedError, HubbubError, RateLimitedError, RemoteError
from hubbub.plugins.by_id import LookedUp
from hubbub.plugins.contracts import Page, RecallCounts, RecallRipe, Ripe, StoredCount, Stream
from hubbub.sources.reddit.lookup import look_up
from hubbub.sources.reddit.places import Place, Places
from hubbub.sources.reddit.schedule import AHEAD_S, POST_AGES_S, Refresh, batches, comment_ages, refresh_of
from hubbub.sources.reddit.strays import note_strays

_AT_ONCE = 20_000
"""Records of one kind that are asked of the store at once."""
_NOW = -1.0
"""How pressing what cannot wait is: past the point at which a request goes out half empty."""
ENDS_ALL = (AuthError, BlockedError, RateLimitedError)


def refresh(places: Places, *, now: int, patient: bool) -> Stream:
    """Look again at everything that is due at `now` (epoch seconds); `patient` waits for full requests.

    With it comes what others only spoke of so far (see `strays`), and all posts of communities whose comments were
    missed. A request that fails says nothing about its records: they stay due. Raises the first such failure in the
    end."""
    asked: set[str] = set()
    failed: HubbubError | None = None
    while True:
        refreshes = yield from _due(places, now=now)
        groups = [*batches([each for each in refreshes if each.id not in asked], now=now, patient=patient)]
        if not groups:
            break
        ids = [key for group in groups for key in group]
        asked.update(ids)
        try:
            failed = (yield from _look(ids, places=places)) or failed
        except ENDS_ALL:
            raise
        except RemoteError as error:
            failed = failed or error
            break
    for place in places.open():
        place.recount = False
    if failed is not None:
        raise RemoteError(
            f"some records could not be looked at again; the first: {failed}",
            advice="the next sync asks for them again",
        ) from failed


def _due(places: Places, *, now: int) -> Generator[Any, Any, list[Refresh]]:
    """What is due now or soon, less what was asked for in vain before."""
    found = [Refresh(_NOW, each, 0) for each in sorted(places.strays)]
    kinds: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for place in places.open():
        if place.recount:
            counts: list[StoredCount] = yield RecallCounts(place.key)
            found += [Refresh(_NOW, each.post_id, 0) for each in _shown(counts, place=place) if each.observed_at < now]
        for kind, ages in (("post", POST_AGES_S), ("comment", comment_ages(place.pace))):
            kinds.setdefault((kind, ages), []).append(place.key)
    for (kind, ages), keys in kinds.items():
        ripe: list[Ripe] = yield RecallRipe(
            kind=kind, communities=tuple(keys), ages_s=ages, until=now + AHEAD_S, limit=_AT_ONCE
        )
        found += [each for due in ripe if (each := refresh_of(due, ages_s=ages, now=now)) is not None]
    return [*{each.id: each for each in reversed(found) if each.id not in places.vain}.values()]


def _shown(counts: Sequence[StoredCount], *, place: Place) -> Iterator[StoredCount]:
    return (each for each in counts if each.created_at >= (place.posts.reached or 0))


def _look(ids: Sequence[str], *, places: Places) -> Generator[Any, Any, HubbubError | None]:
    """Ask for these ids and store what comes; returns the first failure, which says nothing of what it asked for."""
    asking = look_up(ids)
    answer: Any = None
    while True:
        try:
            asked = asking.send(answer)
        except StopIteration as stop:
            looked: LookedUp = stop.value
            break
        if isinstance(asked, Page):
            yield from note_strays(asked.records, places=places)
        answer = yield asked
    places.vain.update(looked.missing)
    places.strays.difference_update(set(ids) - looked.failed.keys())
    return next(iter(looked.failed.values()), None)
