"""What an ordinary line of a dump looks like, told cheaply: the checks that the short roads share.

A check may send an ordinary line the long way round; it must never let one through that calls for a decision."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import msgspec

from hubbub.sources.reddit.values import ONE_DAY_S, REDDIT_BEGAN

ARCTIC_SHIFT_BEGAN = 1_680_307_200
"""2023-04-01: collections from here on carry unescaped text."""
ENTITIES = (b"&amp;", b"&lt;", b"&gt;", b"\\u0026")

_FAR = 2**53
Number = Annotated[int, msgspec.Meta(gt=-_FAR, lt=_FAR)]
"""A number that needs no look at its size."""
Count = Annotated[int, msgspec.Meta(ge=0, lt=_FAR)]
Id36 = Annotated[str, msgspec.Meta(min_length=1, max_length=13)]
Fullname = Annotated[str, msgspec.Meta(min_length=4, max_length=16)]

_BLANKS = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
SUSPECT = frozenset({"", "[", *_BLANKS})
"""First characters of a text that need a look: notices of removals stand in brackets, perhaps after white space."""

_MOST_NAMES = 200_000


encode_json = msgspec.json.Encoder().encode


class Names(dict[str, str | None]):
    """Remembers what `key_of` says of each name: its key, or None for what is no ordinary name.

    The same few people and places are on every page."""

    def __init__(self, key_of: Callable[[str], str | None]) -> None:
        super().__init__()
        self._key_of = key_of

    def __missing__(self, name: str) -> str | None:
        if len(self) >= _MOST_NAMES:
            self.clear()
        clean = name.strip() == name and "\0" not in name
        key = self[name] = self._key_of(name) if name and clean else None
        return key


def people_names() -> Names:
    """Names of people -> keys; a name in brackets ("[deleted]") stands for nobody."""
    return Names(lambda name: None if name[0] == "[" else name.casefold())


def place_names() -> Names:
    """Names of communities -> keys."""
    return Names(str.casefold)


def plain_labels() -> Names:
    """Short texts -> themselves."""
    return Names(lambda name: name)


bit: Callable[[bool | None], int | None] = {None: None, False: 0, True: 1}.__getitem__
"""A flag as a database keeps it."""


_TOLD_LATER = ("note", "was_initially_deleted", "was_deleted_later", "removal_type")


def fields_of_times(latest: int) -> list[tuple[Any, ...]]:
    """The fields of a line with its times, none of which may be after `latest` (epoch seconds), and what the archive
    adds to the platform's own words. `created_utc` is a number or its digits, by era."""
    bounds = msgspec.Meta(gt=REDDIT_BEGAN, le=latest)
    since = Annotated[int, bounds]
    again = [("retrieved_2nd_on", since | None, None), *((name, Any, None) for name in _TOLD_LATER)]
    return [
        ("created_utc", since | Annotated[float, bounds] | Annotated[str, msgspec.Meta(min_length=10, max_length=10)]),
        ("retrieved_on", since | None, None),
        *((name, since | None, None) for name in ("updated_on", "updated_utc", "retrieved_utc")),
        ("meta", msgspec.defstruct("Meta", again, gc=False) | None, None),
    ]


class Times(NamedTuple):
    """When a line was made and read (epoch seconds)."""

    created: int
    fetched: int
    """When its text was read: as it says, else at the end of its month."""
    again: int
    """When its numbers were read once more; 0 when they were not."""


def times_of(line: Any, *, latest: int) -> Times | None:
    """The times of a line, of which none is after `latest`; None when they call for a decision."""
    created = line.created_utc
    if isinstance(created, str) and not (created.isascii() and created.isdecimal()):
        return None
    created = int(created)
    if not REDDIT_BEGAN < created <= latest:
        return None
    fetched = line.retrieved_on or line.retrieved_utc or min(month_end(created), latest - ONE_DAY_S)
    again = None if line.meta is None else line.meta.retrieved_2nd_on
    return Times(created, fetched, again or line.updated_on or line.updated_utc or 0)


def month_end(created: int) -> int:
    """The last second of the month that a time (epoch seconds) lies in."""
    day = datetime.fromtimestamp(created, tz=UTC)
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) - 1
