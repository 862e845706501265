"""Snapshots that others took of Product Hunt: lines and whole files of JSON, told by their shape.

A line is a launch, a comment that names its launch, a poll (`{"fetchedAt": …, "posts": […]}`) or an answer as it came.
People's names were withdrawn in 2023 (producthunt.md §8): nothing of a person becomes part of a record, of what is set
aside or of a message, and so a line that is no JSON is set aside without its bytes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hubbub.errors import InputError, RecordError
from hubbub.plugins.contracts import Decoded, line_place
from hubbub.records.models import Collection, Door, LinkListing, Record, Rejected, Stub
from hubbub.sources.producthunt.fields import unknown_fields
from hubbub.sources.producthunt.mapping import (
    SNAPSHOT_TERMS,
    Look,
    collection_of,
    collection_posts_of,
    own_comment_of,
    post_of,
    thread_of,
    topic_of,
)
from hubbub.sources.producthunt.shapes import (
    FETCHED,
    POST_OF_COMMENT,
    Thing,
    errors_in,
    is_known,
    spelled,
    things_in,
    without_people,
)
from hubbub.sources.producthunt.values import (
    ONE_DAY_S,
    SOURCE_NAME,
    is_complete,
    moment,
    nodes_of,
    optional_id,
)

_BOM = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n"
_NO_FIELDS = frozenset((*POST_OF_COMMENT, *FETCHED))
"""What data sets add to a node and hubbub reads: no unknown fields."""
_NEITHER = "neither a post nor a comment, topic or collection"
_EXPECTED = "expected posts, comments, polls with their time, or answers of the API as they came"


def decode_lines(
    lines: Sequence[bytes], *, where: str, first_line: int, now: int, observed_at: int | None = None
) -> Decoded:
    """Records of some lines; what is none is set aside under its file and line number. Blank lines are skipped.

    A line is as old as its `fetchedAt`, else `observed_at`, else the greatest time in it (epoch seconds)."""
    found = _Found(observed_at=observed_at, now=now)
    for number, line in enumerate(lines, first_line):
        text = line.strip(_BLANK)
        if number <= 1:
            text = text.removeprefix(_BOM)
        if text:
            found.place = line_place(where, number)
            _take_line(text, found)
    return found.decoded()


def decode_saved(body: bytes, *, where: str, observed_at: int | None, now: int) -> Decoded:
    """Records of one whole file of JSON: an answer, a poll, a node or a list of these.

    Raises InputError, with the platform's words, for an answer that holds errors and nothing else, and for a file that
    holds nothing hubbub reads."""
    try:
        value = parsed(body.removeprefix(_BOM))
    except RecordError as error:
        raise InputError(f"{where} {str(error).replace('the line', 'the file')}", advice=_EXPECTED) from None
    found = _Found(observed_at=observed_at, now=now)
    found.place = where
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, Mapping):
            raise InputError(f"{where} holds no answer of Product Hunt's API", advice=_EXPECTED)
        words = errors_in(one)
        things = [] if words and not isinstance(one.get("data"), Mapping) else list(things_in(one))
        if words and not things:
            raise InputError(f"{where} holds an error answer of Product Hunt: {words}")
        kinds = {thing.kind for thing in things}
        if kinds <= {None, "person"} and (kinds or not (words or is_known(one))):
            what = "people, whom hubbub does not store" if "person" in kinds else "nothing that hubbub reads"
            raise InputError(f"{where} holds {what}", advice=_EXPECTED)
        found.take(one, things, words=words)
    return found.decoded()


def parsed(text: bytes) -> Any:
    """The JSON value in a text; lone surrogates and NaN are let in for the mapping to mend. Raises RecordError."""
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise RecordError("is nested too deeply to read") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        return json.loads(text.decode("utf-8", errors="surrogateescape"))
    except RecursionError:
        raise RecordError("is nested too deeply to read") from None
    except ValueError:
        raise RecordError("is no JSON") from None


def _take_line(text: bytes, found: _Found) -> None:
    try:
        value = parsed(text)
    except RecordError as error:
        found.reject(f"the line {error}", raw=b"")
        return
    if not isinstance(value, Mapping):
        found.reject("the line holds no JSON object", raw=b"")
        return
    words = errors_in(value)
    things = [] if words and not isinstance(value.get("data"), Mapping) else list(things_in(value))
    if not (things or words or is_known(value)):
        found.reject(_NEITHER, raw=b"{}")
    found.take(value, things, words=words)


class _Found:
    """What some lines or a file have brought so far."""

    def __init__(self, *, observed_at: int | None, now: int) -> None:
        self.place = ""
        """Where the current value stands."""
        self._observed_at = observed_at
        self._now = now
        self._records: list[Record] = []
        self._rejected: list[Rejected] = []
        self._unknown: Counter[str] = Counter()

    def decoded(self) -> Decoded:
        """All of it."""
        return Decoded(records=self._records, rejected=tuple(self._rejected), unknown_fields=dict(self._unknown))

    def reject(self, reason: str, *, raw: bytes, kind: str | None = None, identity: str | None = None) -> None:
        """Set something aside."""
        self._rejected.append(
            Rejected(
                reason=reason,
                raw=raw,
                source=SOURCE_NAME,
                door=Door.SAVED,
                where=self.place,
                kind=kind,
                id=identity,
            )
        )

    def take(self, value: Mapping[str, Any], things: Sequence[Thing], *, words: str | None) -> None:
        """Map the things that were found in a value; `words` are those of the errors in it."""
        if words:
            self.reject(f"an error answer of Product Hunt: {words}", raw=b"")
        try:
            look = self._look(value)
        except RecordError as error:
            for thing in things:
                self._set_aside(thing, str(error))
            return
        for thing in things:
            mark = len(self._records)
            try:
                self._map(thing, look)
            except RecordError as error:
                del self._records[mark:]
                self._set_aside(thing, str(error))

    def _look(self, value: Mapping[str, Any]) -> Look:
        """When the things in a value were observed; raises RecordError when that is unknown or cannot be."""
        latest = self._now + ONE_DAY_S
        fetched = [at for name in FETCHED if (at := moment(value, name)) is not None]
        at = fetched[0] if fetched else self._observed_at
        if at is None:
            at = latest_in(value, until=latest)
        if at is None:
            raise RecordError("no time is in it: give --observed-at")
        if at > latest:
            raise RecordError("observed more than a day ahead")
        return Look(observed_at=at, door=Door.SAVED, terms=SNAPSHOT_TERMS, now=self._now)

    def _map(self, thing: Thing, look: Look) -> None:
        node = thing.node
        if thing.kind == "post":
            self._records += [record for record in post_of(node, look) if not isinstance(record, Stub)]
        elif thing.kind == "topic":
            self._records.append(topic_of(node, look))
        elif thing.kind == "collection":
            self._records += _collected(node, look)
        elif thing.kind == "comment":
            self._talk(thing, look)
            return
        else:
            raise RecordError(
                "a person: Product Hunt withdrew their names, none is stored" if thing.kind == "person" else _NEITHER
            )
        self._note(thing.kind, node)

    def _talk(self, thing: Thing, look: Look) -> None:
        """A comment and its replies, each on its own: a broken one takes none along."""
        if optional_id(thing.post_id) is None:
            raise RecordError("the id of the post is missing")
        post_id = str(optional_id(thing.post_id))
        for one, above in thread_of(thing.node):
            node = spelled(one)
            try:
                self._records.append(own_comment_of(node, post_id=post_id, parent_id=above, look=look))
            except RecordError as error:
                self._set_aside(Thing("comment", {**node, "replies": None}), str(error))
            else:
                self._note("comment", node)

    def _note(self, kind: str, node: Mapping[str, Any]) -> None:
        self._unknown.update(unknown_fields(kind, {name: None for name in node if name not in _NO_FIELDS}))

    def _set_aside(self, thing: Thing, reason: str) -> None:
        identity = None if thing.kind == "person" else optional_id(thing.node.get("id"))
        kind = None if thing.kind == "person" else thing.kind
        self.reject(reason, raw=without_people(thing), kind=kind, identity=identity)


def _collected(node: Mapping[str, Any], look: Look) -> list[Collection | LinkListing]:
    """A collection and, where the node lists launches, which those are."""
    collection = collection_of(node, look)
    posts = nodes_of(node.get("posts"))
    ids = [key for post in posts if isinstance(post, Mapping) and (key := optional_id(post.get("id"))) is not None]
    if not ids:
        return [collection]
    complete = is_complete(node.get("posts")) and len(ids) == len(posts)
    return [collection, collection_posts_of(collection.id, ids, complete=complete, look=look)]


def latest_in(value: Any, *, until: int) -> int | None:
    """The greatest time at which something in a value was made or featured, of those not after `until`."""
    found: int | None = None
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, Mapping):
            waiting.extend(item.values())
            for name in ("createdAt", "featuredAt", "created_at", "featured_at"):
                try:
                    at = moment(item, name)
                except RecordError:
                    continue
                if at is not None and at <= until and (found is None or at > found):
                    found = at
    return found
