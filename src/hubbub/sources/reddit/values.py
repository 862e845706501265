"""Single values out of Reddit's JSON: what is accepted, what is repaired to None and counted, what spoils a record."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from hubbub.errors import RecordError
from hubbub.plugins.contracts import Checkpoint, Decoded, Page
from hubbub.records.models import Door, Record, Rejected, Stub
from hubbub.records.rows import Rows

SOURCE_NAME = "reddit"
ID36 = re.compile(r"[0-9a-z]{1,13}\Z")
"""An id without prefix, as Reddit prints it."""
ONE_DAY_S = 86_400
LARGEST = 2**63 - 1
YEAR_10000 = 253_402_300_800
REDDIT_BEGAN = 1_117_584_000
"""2005-06-01: nothing on Reddit is older."""
_ONE_SECOND_IN_MS = 1_000
_MILLISECONDS_FROM = REDDIT_BEGAN * _ONE_SECOND_IN_MS
_MILLISECONDS_TO = 4_102_444_800 * _ONE_SECOND_IN_MS
_LONGEST_NUMBER = 25
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?\Z")
"""ASCII digits only: `int` and `float` would also take other scripts' digits, `1_000` and `nan`."""


class Gathered:
    """What one answer or one piece of a file has brought so far."""

    def __init__(self, *, where: str, door: Door, terms: str) -> None:
        self.where = where
        self.door = door
        self.terms = terms
        self.records: list[Record] = []
        self.rejected: list[Rejected] = []
        self.unknown: Counter[str] = Counter()
        self.repaired = 0
        self.filtered = 0
        self.missing = 0
        self._stubs: dict[tuple[str, str], Stub] = {}

    def mention_user(self, key: str, *, name: str) -> None:
        """Note that a record names this person."""
        if ("user", key) not in self._stubs:
            self._stubs["user", key] = Stub(source=SOURCE_NAME, kind="user", id=key, name=name)

    def mention_community(self, key: str, *, name: str) -> None:
        """Note that a record lies in this community."""
        if ("community", key) not in self._stubs:
            self._stubs["community", key] = Stub(source=SOURCE_NAME, kind="community", id=key, name=name)

    def reject(self, reason: str, *, raw: bytes, kind: str | None = None, identity: str | None = None) -> None:
        """Set a record aside with its bytes."""
        self.rejected.append(
            Rejected(
                reason=reason,
                raw=raw,
                source=SOURCE_NAME,
                door=self.door,
                where=self.where,
                kind=kind,
                id=identity,
            )
        )

    def mark(self) -> tuple[int, int]:
        """Where the collection stands before a record is mapped."""
        return self.repaired, len(self._stubs)

    def undo(self, mark: tuple[int, int]) -> None:
        """Forget the repairs and mentions of a record that could not be mapped after all."""
        self.repaired = mark[0]
        for key in list(self._stubs)[mark[1] :]:
            del self._stubs[key]

    def everything(self) -> list[Record]:
        """The records, with the mentions after them."""
        return [*self.records, *self._stubs.values()]

    def page(self, *checkpoints: Checkpoint, note: str | None = None) -> Page:
        """All of it as one page of a stream."""
        return Page(
            records=self.everything(),
            rejected=tuple(self.rejected),
            repaired=self.repaired,
            unknown_fields=dict(self.unknown),
            checkpoints=checkpoints,
            missing=self.missing,
            note=note,
        )

    def decoded(self, *, rows: Sequence[Rows] = ()) -> Decoded:
        """All of it, and `rows`, as the outcome of reading a file."""
        return Decoded(
            records=self.everything(),
            rows=rows,
            rejected=tuple(self.rejected),
            repaired=self.repaired,
            filtered=self.filtered,
            unknown_fields=dict(self.unknown),
        )


def joined(pages: Sequence[Page]) -> Page:
    """Several answers as one page: they are stored in one transaction, which costs hardly more than one of them."""
    unknown: Counter[str] = Counter()
    for page in pages:
        unknown.update(page.unknown_fields)
    return Page(
        records=[record for page in pages for record in page.records],
        rejected=[rejected for page in pages for rejected in page.rejected],
        repaired=sum(page.repaired for page in pages),
        filtered=sum(page.filtered for page in pages),
        unknown_fields=dict(unknown),
        checkpoints=[checkpoint for page in pages for checkpoint in page.checkpoints],
        missing=sum(page.missing for page in pages),
        note="; ".join(page.note for page in pages if page.note) or None,
    )


def number_of(value: Any) -> int | float | None:
    """A JSON number or the number a string spells; None for booleans and everything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str) or len(value) > _LONGEST_NUMBER:
        return None
    text = value.strip()
    if not _NUMBER.match(text):
        return None
    return float(text) if set(text) & set(".eE") else int(text)


def integer(data: dict[str, Any], key: str, *, out: Gathered, least: int = -LARGEST - 1) -> int | None:
    """A whole 64-bit number not below `least`; "12" and 12.0 are 12; anything else is None and counted as repaired."""
    value = data.get(key)
    if type(value) is int and least <= value <= LARGEST:
        return value
    if value is None:
        return None
    number = number_of(value)
    if isinstance(number, float):
        number = int(number) if abs(number) < 2**63 and number.is_integer() else None
    if number is not None and least <= number <= LARGEST:
        return int(number)
    out.repaired += 1
    return None


def ratio(data: dict[str, Any], key: str, *, out: Gathered) -> float | None:
    """A share between 0 and 1; anything else is None and counted as repaired."""
    value = data.get(key)
    if value is None:
        return None
    number = number_of(value)
    if number is not None and 0 <= number <= 1:
        return float(number)
    out.repaired += 1
    return None


def flag(data: dict[str, Any], key: str, *, out: Gathered) -> bool | None:
    """True or False; anything else, the string "false" included, is None and counted as repaired."""
    value = data.get(key)
    if value is None or value is True or value is False:
        return value
    out.repaired += 1
    return None


def label(data: dict[str, Any], key: str, *, out: Gathered) -> str | None:
    """A short text without white space around it; "" is None; what is no text is None and counted as repaired."""
    value = data.get(key)
    if value is None:
        return None
    if isinstance(value, str):
        return value.strip() or None
    out.repaired += 1
    return None


def prose(data: dict[str, Any], key: str, *, out: Gathered) -> str | None:
    """A title or a body, untrimmed; "" is None; null and numbers are repaired.

    Raises RecordError for an object or a list: the record's shape is not understood."""
    value = data.get(key, "")
    if isinstance(value, str):
        return value or None
    if value is None or isinstance(value, int | float):
        out.repaired += 1
        return None if value is None or isinstance(value, bool) else str(value)
    raise RecordError(f"{key} is {_shape(value)}, not text")


def moment(value: Any, *, name: str) -> int:
    """A time as epoch seconds, from seconds or milliseconds, as number or text.

    Raises RecordError outside 1970..9999, naming the field."""
    if type(value) in {int, float} and 0 < value < YEAR_10000:
        return int(value)
    number = number_of(value)
    if number is None or number != number:  # noqa: PLR0124 - NaN is the number unlike itself
        raise RecordError(f"{name} is {_shape(value)}")
    if _MILLISECONDS_FROM <= number < _MILLISECONDS_TO:
        number /= _ONE_SECOND_IN_MS
    if not 0 < number < YEAR_10000:
        raise RecordError(f"{name} is {str(value)[:_LONGEST_NUMBER]}, outside the years 1970 to 9999")
    return int(number)


def edit_time(data: dict[str, Any], *, out: Gathered) -> tuple[bool | None, int | None]:
    """(edited, edited_at) of Reddit's `edited`: false, a time, or true for an unknown time (reddit.md §14)."""
    value = data.get("edited")
    if value is False or value is None:
        return value, None
    if value is True:
        return True, None
    if value == "":
        return None, None
    try:
        return True, moment(value, name="edited")
    except RecordError:
        out.repaired += 1
        return None, None


def shape_of(value: Any) -> str:
    """What kind of JSON value this is, in words."""
    names = {bool: "true or false", dict: "an object", list: "a list", str: "a text"}
    return "null" if value is None else names.get(type(value), "a number")


def _shape(value: Any) -> str:
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    return f"the number {str(value)[:40]}" if type(value) in {int, float} else shape_of(value)
