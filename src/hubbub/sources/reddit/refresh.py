"""Looking again at what is stored: scores, edits and deletions of posts and comments of all communities together, a
hundred to a request (reddit.md §11, §20)."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

from hubbub.errors import AuthError, BlockedError, HubbubError, RateLimitedError, RemoteError
from hubbub.http.messages import Response
from hubbub.plugins.contracts import Answer, Due, RecallCounts, RecallDue, StoredCount, Stream
from hubbub.records.models import Comment, Post, Tombstone
from hubbub.sources.reddit import api
from hubbub.sources.reddit.answers import listing_of, parse
from hubbub.sources.reddit.listings import add_children, gather
from hubbub.sources.reddit.places import Place, Places
from hubbub.sources.reddit.schedule import AHEAD_S, POST_AGES_S, Refresh, batches, comment_ages, refresh_of
from hubbub.sources.reddit.strays import note_strays
from hubbub.sources.reddit.values import Gathered

SIDE_BY_SIDE = 10
_AT_ONCE = 2_000
"""Records of one kind and community that are asked of the store at once."""
_NOW = -1.0
"""How pressing what cannot wait is: past the point at which a request goes out half empty."""
_ENDS_ALL = (AuthError, BlockedError, RateLimitedError)


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
        for start in range(0, len(groups), SIDE_BY_SIDE):
            some = groups[start : start + SIDE_BY_SIDE]
            asked.update(key for group in some for key in group)
            failed = (yield from _look(some, places=places)) or failed
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
    for place in places.open():
        if place.recount:
            counts: list[StoredCount] = yield RecallCounts(place.key)
            found += [Refresh(_NOW, each.post_id, 0) for each in _shown(counts, place=place) if each.observed_at < now]
        for kind, ages in (("post", POST_AGES_S), ("comment", comment_ages(place.pace))):
            dues: list[Due] = yield RecallDue(
                kind=kind, community=place.key, ages_s=ages, until=now + AHEAD_S, limit=_AT_ONCE
            )
            found += [each for due in dues if (each := refresh_of(due, ages_s=ages, now=now)) is not None]
    return [*{each.id: each for each in reversed(found) if each.id not in places.vain}.values()]


def _shown(counts: Sequence[StoredCount], *, place: Place) -> Iterator[StoredCount]:
    return (each for each in counts if each.created_at >= (place.posts.reached or 0))


def _look(groups: Sequence[tuple[str, ...]], *, places: Places) -> Generator[Any, Any, HubbubError | None]:
    """Ask for some hundreds side by side and store what comes; returns the first failure that is none of ours."""
    answers: tuple[Answer, ...] = yield tuple(api.info(ids) for ids in groups)
    failed: HubbubError | None = None
    for ids, answer in zip(groups, answers, strict=True):
        if isinstance(answer, _ENDS_ALL) or (isinstance(answer, HubbubError) and not isinstance(answer, RemoteError)):
            raise answer
        try:
            out, named = _read(answer)
        except RemoteError as error:
            failed = failed or error
            continue
        places.vain.update(set(ids) - named)
        places.strays.difference_update(ids)
        yield from note_strays(out, places=places)
        yield out.page()
    return failed


def _read(answer: Answer) -> tuple[Gathered, set[str]]:
    """The records of an answer and the names of all it holds; raises what is wrong with it."""
    if not isinstance(answer, Response):
        raise answer
    api.check_status(answer)
    parsed = parse(answer.body, where=answer.url)
    listing = listing_of(parsed.value, where=answer.url)
    out = gather(answer)
    names = {str(child["data"].get("name")) for child in listing.children if _is_thing(child)}
    add_children(listing, response=answer, parsed=parsed, out=out)
    return out, names | {record.id for record in out.records if isinstance(record, Post | Comment | Tombstone)}


def _is_thing(child: Any) -> bool:
    return isinstance(child, dict) and isinstance(child.get("data"), dict)
