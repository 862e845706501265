"""One line over all live content: equal for equal content, whatever the order, number and timing of its observations.

The digest is the sum (mod 2^256) of the sha256 of every entry's canonical encoding, so that no collation, no order of
rows and no JSON type of a database can change it. It reads the *logical* histories (table and row together).
"""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

import hashlib
import operator
from collections.abc import Iterator
from typing import Any

import msgspec

from hubbub.records.facets import FACET_FIELDS, PLACE_FIELDS
from hubbub.records.grouping import values_of
from hubbub.records.history import NumbersRegister, TextRevision, numbers_history, text_history
from hubbub.records.merge import Kept, unsigned
from hubbub.store import groupings
from hubbub.store.engine import Store
from hubbub.store.history import stored_numbers, stored_texts
from hubbub.store.rows import CODECS
from hubbub.store.session import Session
from hubbub.store.tables import CONTENT, GROUPINGS, LINKS

SHARED_FIELDS: dict[str, tuple[str, ...]] = {
    "post": ("author_name", "title", "body", "over_18", "score", "comment_count", "edited_at", "permalink"),
    "comment": ("author_name", "body", "score", "edited_at", "permalink"),
}
"""What every door carries of a record besides its id and place."""

_MODULUS = 2**256
_SIGNED = frozenset({"media", "rules"})
"""The fields that `unsigned` may change."""
_FACETS = {
    kind: tuple(
        (facet, names, None if len(names) == 1 or _SIGNED & {*names} else operator.attrgetter(*names))
        for facet, names in facets.items()
    )
    for kind, facets in FACET_FIELDS.items()
}
"""Per kind and facet: its fields, and how to take them all at once where that will do."""
_encode = msgspec.json.Encoder().encode


def digest(store: Store, *, shared: bool = False) -> str:
    """64 hex digits over the content of the store; with `shared`, only over the fields that every door carries."""
    with store.reading_raw() as db:
        return digest_of(db, shared=shared)


def digest_of(db: Session, *, shared: bool = False) -> str:
    """The digest of what a read transaction sees."""
    total = 0
    for entry in _shared_entries(db) if shared else _entries(db):
        total += int.from_bytes(hashlib.sha256(_encode(entry)).digest(), "big")
    return f"{total % _MODULUS:064x}"


def _shared_entries(db: Session) -> Iterator[Any]:
    for kind, names in SHARED_FIELDS.items():
        wanted = (*PLACE_FIELDS[kind], *names)
        for page in pages(db, kind):
            for kept in page:
                if not kept.withdrawn:
                    record = kept.record
                    yield [kind, record.source, record.id, *(getattr(record, name) for name in wanted)]


def _entries(db: Session) -> Iterator[Any]:
    for kind in CONTENT:
        for page in pages(db, kind):
            keys = [(kept.record.source, kept.record.id) for kept in page]
            numbers, texts = stored_numbers(db, kind, keys), stored_texts(db, kind, keys)
            for key, kept in zip(keys, page, strict=True):
                yield _content_entry(kept, numbers.get(key, []), texts.get(key, []))
    people = "SELECT source, id, reason, at, detail FROM tombstones WHERE kind = 'user'"
    yield from (["grave", *row] for row in db.execute(people))
    for link in LINKS:
        holding = (
            f"SELECT l.source, l.owner, l.member, l.seen_at FROM {link} l LEFT JOIN link_listings o"
            " ON o.source = l.source AND o.link = ? AND o.owner = l.owner"
            " WHERE l.seen_at >= coalesce(o.complete_at, 0)"
        )
        yield from (["link", link, *row] for row in db.execute(holding, (link,)))
    listings = "SELECT source, link, owner, complete_at FROM link_listings"
    yield from (["listing", *row] for row in db.execute(listings))
    for kind in GROUPINGS:
        for record in groupings.everything(db, kind):
            yield [kind, record.source, record.id, record.observed_at, *values_of(record)]


def pages(db: Session, kind: str) -> Iterator[list[Kept]]:
    """What is kept of every record of a kind, stubs left out, a page at a time."""
    codec = CODECS[kind]
    query = f"SELECT {', '.join(codec.columns)} FROM {CONTENT[kind].name} WHERE observed_at IS NOT NULL"
    for rows in db.stream(query):
        yield [codec.decode(row) for row in rows]


def _content_entry(kept: Kept, numbers: list[NumbersRegister], texts: list[TextRevision]) -> list[Any]:
    """Everything about a record that must not depend on how it came in."""
    record: Any = kept.record
    kind = record.kind
    tombstone = [kept.tombstone, kept.tombstone_at, kept.tombstone_detail]
    if kept.tombstone is not None and kept.tombstone.erases:
        place = [getattr(record, name) for name in PLACE_FIELDS[kind]]
        return [kind, record.source, record.id, tombstone, place, kept.first_seen_at, kept.last_seen_at]
    stated = record.stated
    facets = [
        [record.stated_at(facet), *(taken(record) if taken else (unsigned(getattr(record, name)) for name in names))]
        for facet, names, taken in _FACETS[kind]
        if stated & facet
    ]
    return [
        kind,
        record.source,
        record.id,
        tombstone,
        kept.wiped_to,
        stated,
        facets,
        bool(getattr(record, "author_gone", False)),
        kept.first_seen_at,
        kept.last_seen_at,
        [[entry.observed_at, entry.values] for entry in numbers_history(record, numbers)],
        [[entry.texts, entry.first_at, entry.last_at] for entry in text_history(record, kept.text_since, past=texts)],
    ]
