"""Between what is kept of a record and its row: one place that knows how a value lies in a column."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from hubbub.records.facets import FACET_FIELDS, FACET_TIME, FACETS_OF, Facet
from hubbub.records.merge import Kept
from hubbub.records.models import Door, MediaItem, Reason, Rule
from hubbub.store.tables import RECORDS, content_fields

_JSON_TYPES: dict[str, Any] = {"media": tuple[MediaItem, ...], "rules": tuple[Rule, ...]}
_KEPT = ("text_since", "first_seen_at", "last_seen_at", "tombstone", "tombstone_at", "tombstone_detail", "wiped_to")

_of_kept = operator.attrgetter(*_KEPT, "withdrawn")

encode_json = msgspec.json.Encoder().encode


class Codec:
    """Turns `Kept` into the values of a row of its kind and back."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        record_type = RECORDS[kind]
        self._make: Callable[..., Any] = record_type
        self.fields = content_fields(kind)
        self.has_author = Facet.AUTHOR in FACET_FIELDS[kind]
        gone = ("author_gone",) if self.has_author else ()
        # Plain ints: an IntFlag's own operators cost more than the rest of a row.
        self._facets = tuple((int(facet), FACET_TIME[facet]) for facet in FACET_FIELDS[kind])
        self._whole = FACETS_OF[kind]
        of_record = (
            "source",
            "id",
            *self.fields,
            *gone,
            "door",
            "terms",
            "observed_at",
            *(name for _, name in self._facets),
        )
        self._of_record = operator.attrgetter(*of_record)
        self.columns: tuple[str, ...] = (*of_record, *_KEPT, "withdrawn")
        self._json_at = tuple(i for i, name in enumerate(of_record) if name in _JSON_TYPES)
        self._door_at = of_record.index("door")
        self._times_at = len(of_record) - len(self._facets)
        self._tombstone_at = self.columns.index("tombstone")
        self._bools = flag_fields(kind)

    def encode(self, kept: Kept) -> tuple[Any, ...]:
        """The values of `columns`."""
        record: Any = kept.record
        row = [*self._of_record(record), *_of_kept(kept)]
        for i in self._json_at:
            row[i] = encode_json(row[i]).decode() if row[i] else None
        row[self._door_at] = str(record.door)
        if record.stated != self._whole:
            for i, (facet, _) in enumerate(self._facets, self._times_at):
                if not record.stated & facet:
                    row[i] = 0
        if kept.tombstone is not None:
            row[self._tombstone_at] = str(kept.tombstone)
        return tuple(row)

    def decode(self, row: Sequence[Any]) -> Kept:
        """What is kept, from the values of `columns`. Not for stubs."""
        values = dict(zip(self.columns, row, strict=True))
        tombstone, door = values.pop("tombstone"), values.pop("door")
        kept = {name: values.pop(name) for name in _KEPT if name != "tombstone"}
        values.pop("withdrawn")
        stated = 0
        for facet, name in self._facets:
            if values[name] == 0:
                values[name] = None
            else:
                stated |= facet
        for name in self._bools:
            if values[name] is not None:
                values[name] = bool(values[name])
        for i in self._json_at:
            name = self.columns[i]
            values[name] = msgspec.json.decode(values[name], type=_JSON_TYPES[name]) if values[name] else ()
        return Kept(
            record=self._make(stated=stated, door=Door(door), **values),
            tombstone=None if tombstone is None else Reason(tombstone),
            **kept,
        )


def flag_fields(kind: str) -> tuple[str, ...]:
    """The fields of a kind that are true, false or unknown, `author_gone` included."""
    names = {field.name: field.type for field in msgspec.structs.fields(RECORDS[kind])}
    wanted = (*content_fields(kind), "author_gone")
    return tuple(name for name in wanted if name in names and names[name] in (bool, bool | None))


CODECS: dict[str, Codec] = {kind: Codec(kind) for kind in RECORDS}
"""One codec a kind of record."""
