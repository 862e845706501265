"""What stands in a snapshot: answers of the API as they came, polls with their time, single nodes; and what of them may
be kept for quarantine, which is nothing that tells of a person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from hubbub.records.clean import canonical_json, mend
from hubbub.sources.producthunt.fields import (
    COLLECTION_FIELDS,
    COMMENT_FIELDS,
    POST_FIELDS,
    TOPIC_FIELDS,
)
from hubbub.sources.producthunt.values import nodes_of, optional_id

POST_OF_COMMENT = ("post_id", "postId", "product_id")
"""How data sets say which launch a comment is on."""
FETCHED = ("fetchedAt", "fetched_at")
"""How data sets say when they asked."""
_ROOTS = {
    "post": "post",
    "posts": "post",
    "comment": "comment",
    "comments": "comment",
    "topic": "topic",
    "topics": "topic",
    "collection": "collection",
    "collections": "collection",
    "user": "person",
    "viewer": "person",
}
"""Fields of an answer or a poll, and the kind of what lies under them."""
_PERSONAL = frozenset(("user", "userId", "makers", "votes", "isVoted", "isCollected", "isFollowing"))
_KEPT = (POST_FIELDS | COMMENT_FIELDS | TOPIC_FIELDS | COLLECTION_FIELDS | {*POST_OF_COMMENT, *FETCHED}) - _PERSONAL | {
    "nodes",
    "edges",
    "node",
    "type",
    "videoUrl",
}
_SPELLINGS = {
    re.sub("([A-Z])", lambda found: "_" + found.group().lower(), name): name
    for name in POST_FIELDS | COMMENT_FIELDS | TOPIC_FIELDS | COLLECTION_FIELDS
}
"""`votes_count` -> `votesCount`: data sets often spell names so."""
_SPELLINGS |= {"thumbnail_url": "thumbnail", "thumbnail.url": "thumbnail", "thumbnailUrl": "thumbnail"}
_NESTED = frozenset(("topics", "media", "thumbnail", "productLinks", "replies", "comments", "user"))
"""Fields that hold objects or lists; in CSV they are texts."""
_QUOTED = re.compile(r"""'([^']*)'|"([^"]*)\"""")
_LONGEST_WORDS = 200


class Thing(msgspec.Struct, frozen=True):
    """One node of a snapshot."""

    kind: str | None
    """post, comment, topic, collection or person; None where that cannot be told."""
    node: Mapping[str, Any]
    post_id: Any = None
    """Of a comment: the launch it is on, as given."""


def things_in(value: Mapping[str, Any]) -> Iterator[Thing]:
    """Everything in an answer, a poll or a node; nodes below a launch come after it. A null is nothing."""
    if isinstance(value.get("node"), Mapping):
        value = value["node"]
    inner = value.get("data")
    if isinstance(inner, Mapping):
        for name, item in inner.items():
            yield from _under(item, kind=_ROOTS.get(name))
        return
    lists = [name for name in ("posts", "comments", "topics", "collections") if name in value]
    if lists and "id" not in value:
        for name in lists:
            yield from _under(value[name], kind=_ROOTS[name])
        return
    yield from _thing(value, kind=None)


def is_known(value: Mapping[str, Any]) -> bool:
    """True for an answer or a poll of a known form, though there may be nothing in it."""
    inner = value["data"] if isinstance(value.get("data"), Mapping) else value
    return not _ROOTS.keys().isdisjoint(inner)


def errors_in(value: Mapping[str, Any]) -> str | None:
    """The platform's own words where an answer tells of errors, in either of its two shapes; else None."""
    errors = value.get("errors")
    if not isinstance(errors, list):
        errors = [value] if isinstance(value.get("error"), str) and "id" not in value else []
    words = []
    for error in errors:
        told = error if isinstance(error, Mapping) else {"message": error}
        parts = [told[name] for name in ("error", "error_description", "message") if isinstance(told.get(name), str)]
        words.append(mend(": ".join(dict.fromkeys(parts)) or "an error without words")[:_LONGEST_WORDS])
    return "; ".join(words) or None


def spelled(node: Mapping[str, Any]) -> dict[str, Any]:
    """The node with its fields as the platform spells them, `votes_count` as `votesCount`."""
    found: dict[str, Any] = {}
    for name, value in node.items():
        own = _SPELLINGS.get(name, name)
        if own == name or own not in node:
            found[own] = _unpacked(value) if own in _NESTED and isinstance(value, str) else value
    return found


def _unpacked(text: str) -> Any:
    """What a text stands for where an object or a list belongs: JSON, a list as Python prints it, names between
    semicolons; else the text itself."""
    text = text.strip()
    if text.startswith(("[", "{")):
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            printed = _QUOTED.findall(text) if text.startswith("[") else []
            return [single or double for single, double in printed]
    if "://" in text:
        return text
    return [name.strip() for name in text.split(";") if name.strip()]


def is_table(names: Iterable[str]) -> bool:
    """Whether rows under these headings are launches or comments that name their launch."""
    node = spelled(dict.fromkeys(names))
    kind = _kind_of(node) if "id" in node else None
    return kind in {"post", "topic", "collection"} or (kind == "comment" and any(n in node for n in POST_OF_COMMENT))


def without_people(thing: Thing) -> bytes:
    """What may be kept of a node that is set aside, as JSON: the fields of its type that tell of nobody."""
    if thing.kind in {None, "person"}:
        key = optional_id(thing.node.get("id")) if thing.kind is None else None
        return canonical_json({} if key is None else {"id": key}).encode()
    try:
        return canonical_json(_impersonal(thing.node)).encode()
    except RecursionError:
        return b"{}"


def _impersonal(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _impersonal(item) for name, item in value.items() if name in _KEPT}
    if isinstance(value, list):
        return [_impersonal(item) for item in value]
    if isinstance(value, str):
        return "" if "producthunt.com/@" in value else mend(value)  # collections lie below their keeper's name
    return value


def _under(item: Any, *, kind: str | None) -> Iterator[Thing]:
    if isinstance(item, Mapping) and not nodes_of(item):
        if not {"nodes", "edges"} & item.keys():
            yield from _thing(item, kind=kind)
        return
    for node in nodes_of(item):
        if isinstance(node, Mapping):
            yield from _thing(node["node"] if isinstance(node.get("node"), Mapping) else node, kind=kind)
        elif node is not None:
            yield Thing(None, {})


def _thing(node: Mapping[str, Any], *, kind: str | None) -> Iterator[Thing]:
    node = spelled(node)
    kind = _typed(kind, node)
    yield Thing(kind, node, next((node[name] for name in POST_OF_COMMENT if node.get(name) is not None), None))
    if kind == "post":
        for comment in _objects(node.get("comments")):
            yield Thing(_typed("comment", comment), comment, node.get("id"))
    elif kind == "collection":
        for post in _objects(node.get("posts")):
            yield Thing(_typed("post", post), post)


def _objects(connection: Any) -> list[dict[str, Any]]:
    return [spelled(node) for node in nodes_of(connection) if isinstance(node, Mapping)]


def _typed(kind: str | None, node: Mapping[str, Any]) -> str | None:
    """The kind that the place of a node says, else what its fields say; a person is one wherever it stands."""
    own = _kind_of(node)
    return own if kind is None or own == "person" else kind


def _kind_of(node: Mapping[str, Any]) -> str | None:
    names = node.keys()
    if "body" in names:
        return "comment"
    if "postsCount" in names or ("followersCount" in names and not names & {"tagline", "coverImage"}):
        return "topic"
    if "username" in names and not names & {"tagline", "votesCount"}:
        return "person"
    if "followersCount" in names or ("coverImage" in names and "tagline" in names):
        return "collection"
    if names & {"tagline", "votesCount", "commentsCount", "featuredAt", "website", "thumbnail"}:
        return "post"
    return "person" if names & {"username", "headline", "isMaker", "profileImage", "twitterUsername"} else None
