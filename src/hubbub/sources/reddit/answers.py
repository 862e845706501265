"""From the bytes of an answer to its things: JSON as platforms really send it, envelopes checked strictly, children
decoded one by one so that a broken one never takes its page along (reddit.md §8, §9, §10)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from hubbub.errors import RecordError, TransientRemoteError
from hubbub.records.clean import looks_escaped, scrub
from hubbub.sources.reddit.mapping import Look, map_comment, map_post
from hubbub.sources.reddit.people import map_community, map_user
from hubbub.sources.reddit.values import Gathered, shape_of

BOM = b"\xef\xbb\xbf"
_LONGEST_INTEGER = 25
_LONGEST_KEY = 60
_NUL_ESCAPE = b"\\u0000"
_HTML_TWINS = ("body_html", "selftext_html", "description_html", "public_description_html", "submit_text_html")
_HTML_START = re.compile(rb"\s*<(?:!doctype|html|head|body|title)", re.IGNORECASE)

KIND_NAMES = {"t1": "comment", "t2": "user", "t3": "post", "t5": "community"}


class Parsed(msgspec.Struct, frozen=True):
    """One JSON document, and whether its strings may hold what cannot be stored."""

    value: Any
    dirty: bool


class Listing(msgspec.Struct, frozen=True):
    """One page of a listing: its children as they came and the cursor to the next page."""

    children: Sequence[Any]
    after: str | None


def parse(body: bytes, *, where: str) -> Parsed:
    """The one JSON document in `body`.

    NaN, infinities, endless numbers, invalid UTF-8 and lone surrogates are let in for the mapping to repair. Raises
    TransientRemoteError, naming `where`, for everything else that is not one JSON document: an answer that was cut
    short or replaced often comes whole the next time."""
    body = body.removeprefix(BOM)
    try:
        return Parsed(msgspec.json.decode(body), _NUL_ESCAPE in body)
    except RecursionError:
        raise TransientRemoteError(f"{where} answered JSON that is nested too deeply to read") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    if not body.strip():
        raise TransientRemoteError(f"{where} answered with an empty body")
    if _HTML_START.match(body):
        raise TransientRemoteError(f"{where} answered with HTML instead of JSON", advice="try again later")
    if body.lstrip().startswith(b"<"):
        raise TransientRemoteError(f"{where} answered with XML instead of JSON", advice="try again later")
    try:
        value = _LENIENT.decode(body.decode("utf-8", errors="surrogateescape").strip())
    except RecursionError:
        raise TransientRemoteError(f"{where} answered JSON that is nested too deeply to read") from None
    except ValueError as error:
        raise TransientRemoteError(f"{where} answered with something that is not one JSON document: {error}") from None
    return Parsed(value, dirty=True)


def listing_of(value: Any, *, where: str) -> Listing:
    """The page in a Listing envelope; raises TransientRemoteError, naming `where`, when it is none."""
    if not isinstance(value, dict):
        raise TransientRemoteError(f"{where} answered with {shape_of(value)} where a listing belongs")
    if value.get("kind") != "Listing":
        raise TransientRemoteError(f"{where} answered with no listing{_complaint(value)}")
    data = value.get("data")
    if not isinstance(data, dict):
        raise TransientRemoteError(f"{where} answered with a listing whose data is {shape_of(data)}")
    children = data.get("children")
    if not isinstance(children, list):
        raise TransientRemoteError(f"{where} answered with a listing whose children are {shape_of(children)}")
    after = data.get("after")
    if after is not None and not isinstance(after, str):
        raise TransientRemoteError(f"{where} answered with a next cursor that is {shape_of(after)}, not text")
    return Listing(children, after or None)


def thread_of(value: Any, *, where: str) -> tuple[Listing, Listing]:
    """The two listings of a thread answer (the post, its comments); raises TransientRemoteError when they are not."""
    if not isinstance(value, list) or len(value) != 2:
        given = f"{len(value)} listings" if isinstance(value, list) else shape_of(value)
        raise TransientRemoteError(f"{where} answered with {given} where a post and its comments belong")
    return listing_of(value[0], where=where), listing_of(value[1], where=where)


def things_of(value: Any, *, where: str) -> Sequence[Any]:
    """The flat list of a morechildren answer; raises TransientRemoteError with the platform's own errors."""
    inner = value.get("json") if isinstance(value, dict) else None
    if not isinstance(inner, dict):
        raise TransientRemoteError(f"{where} answered with no list of comments")
    data = inner.get("data")
    things = data.get("things") if isinstance(data, dict) else None
    if isinstance(things, list):
        return things
    raise TransientRemoteError(f"{where} was refused: {labels(inner.get('errors')) or 'no reason given'}")


def labels(errors: Any) -> str:
    """Reddit's error labels ("RATELIMIT", "USER_REQUIRED") joined for a message; "" when there are none."""
    found = [
        str(item[0])[:60] for item in (errors if isinstance(errors, list) else ()) if isinstance(item, list) and item
    ]
    return ", ".join(found)


def comments_in(children: Sequence[Any], *, out: Gathered) -> Iterator[dict[str, Any] | str]:
    """Every child of a comment listing and of the replies below it, whole and before its replies; walks any depth.

    `replies` is taken out of each comment. A reply list of a wrong shape is counted as repaired."""
    waiting: list[Any] = list(reversed(children))
    while waiting:
        child = waiting.pop()
        yield child
        data = child.get("data") if isinstance(child, dict) else None
        if not isinstance(data, dict) or "replies" not in data:
            continue
        replies = data.pop("replies")
        if not replies:
            continue
        if isinstance(replies, dict) and isinstance(replies.get("data"), dict):
            replies = replies["data"].get("children")
        else:
            out.repaired += 1
        if isinstance(replies, list):
            waiting.extend(reversed(replies))


def add_thing(child: Any, *, look: Look, out: Gathered, dirty: bool, entities: bool) -> str | None:
    """Map one child of a listing into `out`, or set it aside there; returns its record's id when it is kept."""
    if not isinstance(child, dict):
        out.reject(f"the child is {shape_of(child)}", raw=raw_of(child))
        return None
    kind, data = child.get("kind"), child.get("data")
    name = KIND_NAMES.get(kind) if isinstance(kind, str) else None
    if not isinstance(data, dict):
        out.reject("the child has no data", raw=raw_of(child), kind=name)
        return None
    if name is None:
        out.reject(f"unknown kind {str(kind)[:20]!r}", raw=raw_of(child))
        return None
    return add_data(data, kind=name, look=look, out=out, scrubbing=(dirty, entities))


def add_data(data: dict[str, Any], *, kind: str, look: Look, out: Gathered, scrubbing: tuple[bool, bool]) -> str | None:
    """Map one inner object of a known kind; `scrubbing` = (mend strings, undo HTML escaping)."""
    before = out.mark()
    raw = data
    try:
        if any(scrubbing):
            data, count = scrub(data, entities=scrubbing[1])
            out.repaired += count
        record = _MAPPERS[kind](data, look=look, out=out)
    except (RecordError, RecursionError) as error:
        reason = str(error) if isinstance(error, RecordError) else "nested too deeply"
        out.undo(before)
        out.reject(reason, raw=raw_of(raw), kind=kind, identity=identity_of(raw, kind=kind))
        return None
    out.records.append(record)
    kept: str = record.id
    return kept


_NAMED_BY = {"user": "name", "community": "display_name"}
_PREFIXES = {kind: f"{prefix}_" for prefix, kind in KIND_NAMES.items()}


def identity_of(data: dict[str, Any], *, kind: str | None) -> str | None:
    """The key an inner object would be stored under, as far as it has one: what is set aside under it goes when a
    tombstone of that key comes."""
    given: Any
    if kind in _NAMED_BY:
        given = data.get(_NAMED_BY[kind])
        return str(scrub(given)[0]).strip().casefold()[:_LONGEST_KEY] if isinstance(given, str) else None
    given = next((data[key] for key in ("id", "name") if isinstance(data.get(key), str)), None)
    if kind is None or given is None:
        return None
    return (_PREFIXES[kind] + str(scrub(given)[0]).strip().removeprefix(_PREFIXES[kind]))[:_LONGEST_KEY]


def raw_of(value: Any) -> bytes:
    """The JSON of a value for quarantine; numbers and surrogates JSON cannot hold are written as Python does."""
    try:
        return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
    except (RecursionError, ValueError):
        return b""


def kind_of(value: dict[str, Any]) -> str:
    """post, comment, community or user, told by the inner object itself and never by the name of its file.

    Raises RecordError when it is none of them."""
    if "body" in value:
        return "comment"
    if "display_name" in value:
        return "community"
    if "title" in value and "collection_id" not in value:
        return "post"
    if "link_karma" in value and "name" in value:
        return "user"
    raise RecordError("neither a post nor a comment")


def is_escaped(value: Any) -> bool:
    """Tell from a saved answer whether its strings are HTML-escaped (asked for without `raw_json=1`).

    The rule: an HTML twin of a text (`body_html`) starts with `&lt;` when escaped and with `<` when not; without twins
    an answer is escaped when entities occur and none of the characters they stand for does."""
    texts: list[str] = []
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            for key in _HTML_TWINS:
                twin = item.get(key)
                if isinstance(twin, str) and twin.lstrip():
                    return twin.lstrip().startswith("&lt;")
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, str):
            texts.append(item)
    return looks_escaped("\n".join(texts))


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float("-inf" if digits.startswith("-") else "inf")


_LENIENT = json.JSONDecoder(parse_int=_integer, strict=False)

_MAPPERS: dict[str, Any] = {"post": map_post, "comment": map_comment, "user": map_user, "community": map_community}


def _complaint(value: dict[str, Any]) -> str:
    words = [str(value[key])[:80] for key in ("error", "message", "reason", "explanation") if key in value]
    return f" but: {' '.join(words)}" if words else ""
