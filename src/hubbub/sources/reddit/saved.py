"""Saved API answers: whatever a user kept of Reddit's JSON, told by its shape (reddit.md §8 to §12)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hubbub.errors import InputError, RecordError, TransientRemoteError
from hubbub.plugins.contracts import Decoded
from hubbub.records.models import Door
from hubbub.sources.reddit.answers import (
    KIND_NAMES,
    add_data,
    add_thing,
    comments_in,
    is_escaped,
    kind_of,
    labels,
    listing_of,
    parse,
    raw_of,
    things_of,
)
from hubbub.sources.reddit.listings import TERMS
from hubbub.sources.reddit.mapping import Look
from hubbub.sources.reddit.values import ONE_DAY_S, Gathered, moment

_UNREAD = {
    "wikipage": "a page of a community's wiki",
    "wikipagelisting": "the list of a community's wiki pages",
    "wikipagesettings": "the settings of a wiki page",
    "UserList": "a list of a community's moderators or members",
    "layout": "the widgets of a community",
    "body_restriction_policy": "what a community requires of new posts",
}
"""Answers of Reddit that hold no records, by their kind or a key that only they have."""


def decode_saved(body: bytes, *, where: str, observed_at: int | None, now: int) -> Decoded:
    """Records of one saved answer: a listing, a thread, a morechildren or info answer, a post, comment, person or
    community, rules, or people by id.

    Whether its strings are HTML-escaped is told by `is_escaped`. Raises InputError for an error answer and for anything
    else that is no such answer."""
    try:
        parsed = parse(body, where=where)
        things = list(_things(parsed.value, where=where))
    except TransientRemoteError as error:
        raise InputError(str(error).replace(" answered with ", " holds ")) from None
    out = Gathered(where=where, door=Door.SAVED, terms=TERMS)
    seen_at = observed_at if observed_at is not None else _latest_inside(parsed.value, latest=now + ONE_DAY_S)
    if seen_at is None or seen_at > now + ONE_DAY_S:
        reason = "no time is in the answer: give --observed-at" if seen_at is None else "observed more than a day ahead"
        for kind, thing in things:
            out.reject(reason, raw=raw_of(thing), kind=kind)
        return out.decoded()
    look = Look(door=Door.SAVED, terms=TERMS, observed_at=seen_at)
    entities = is_escaped(parsed.value)
    for kind, thing in things:
        if kind == "rules":
            out.reject("the answer does not say whose rules these are", raw=raw_of(thing), kind="community")
        elif kind is None:
            for child in comments_in([thing], out=out):
                if not (isinstance(child, dict) and child.get("kind") == "more"):
                    add_thing(child, look=look, out=out, dirty=parsed.dirty, entities=entities)
        else:
            add_data(thing, kind=kind, look=look, out=out, scrubbing=(parsed.dirty, entities))
    return out.decoded()


def _things(value: Any, *, where: str) -> Iterator[tuple[str | None, Any]]:
    """(kind, inner object), or (None, child with its envelope), of everything in an answer."""
    if isinstance(value, list):
        yield from _several(value, where=where)
        return
    if not isinstance(value, dict):
        raise InputError(f"{where} holds no answer of Reddit's API")
    kind = value.get("kind")
    if kind == "Listing":
        yield from ((None, child) for child in listing_of(value, where=where).children)
    elif kind == "more" or (isinstance(kind, str) and kind in KIND_NAMES and isinstance(value.get("data"), dict)):
        yield None, value
    elif isinstance(value.get("json"), dict):
        if refused := labels(value["json"].get("errors")):
            raise InputError(f"{where} holds a refusal of the platform: {refused}")
        yield from ((None, thing) for thing in things_of(value, where=where))
    elif isinstance(value.get("rules"), list):
        yield "rules", value
    elif isinstance(value.get("sorted_links"), dict):
        yield from _things(value["sorted_links"], where=where)
    else:
        yield from _bare(value, where=where)


def _several(value: list[Any], *, where: str) -> Iterator[tuple[str | None, Any]]:
    """A thread (a list of listings), a list of things, or a list of inner objects as other clients save them."""
    if value and all(isinstance(item, dict) and "collection_id" in item for item in value):
        raise _unread(where, what="collections by name, without their posts")
    if not value or not all(isinstance(item, dict) and (item.get("kind") or item.get("id")) for item in value):
        raise InputError(f"{where} holds a JSON list that is no answer of Reddit's API")
    for item in value:
        yield from _things(item, where=where)


def _bare(value: dict[str, Any], *, where: str) -> Iterator[tuple[str | None, Any]]:
    """An object without an envelope: a map of ids to people, an error, or a single thing."""
    if value and all(key.startswith("t2_") and isinstance(item, dict) for key, item in value.items()):
        for key, item in value.items():
            yield "user", {**item, "id": key}
        return
    try:
        kind = kind_of(value) if "kind" not in value and ("id" in value or "name" in value) else None
    except RecordError:
        kind = None
    if "access_token" in value:
        raise InputError(f"{where} holds an access token, no records: keep such answers to yourself")
    if kind is not None:
        yield kind, value
    elif "error" in value or "reason" in value or "message" in value:
        words = " ".join(str(value[key])[:80] for key in ("error", "message", "reason") if key in value)
        raise InputError(f"{where} holds an error answer: {words}")
    elif what := next((what for key, what in _UNREAD.items() if key in (value.get("kind"), *value)), None):
        raise _unread(where, what=what)
    else:
        named = f"kind {str(value['kind'])[:30]!r}" if value.get("kind") else "no kind"
        raise InputError(f"{where} holds JSON that is no answer hubbub reads ({named})")


def _unread(where: str, *, what: str) -> InputError:
    return InputError(
        f"{where} holds {what}, which hubbub does not read", advice="posts, comments, people and communities are read"
    )


def _latest_inside(value: Any, *, latest: int) -> int | None:
    """The greatest created or edited time in an answer that is not in the future."""
    found: int | None = None
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            waiting.extend(item.values())
            for key in ("created_utc", "edited"):
                try:
                    at = moment(item.get(key), name=key)
                except RecordError:
                    continue
                if at <= latest and (found is None or at > found):
                    found = at
    return found
