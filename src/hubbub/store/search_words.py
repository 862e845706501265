"""PURE. What the search index holds of a record: its words, folded as FTS5's unicode61 folds them, and its facts.

*Facts* are marked terms for what filters ask (source, community, author, year, month, band of the score), so that a
query with filters is one walk through the index. Both engines hold the same terms: SQLite makes its words itself and
its facts by the views `posts_words` and `comments_words` (whose expression is here, too), PostgreSQL is given a
finished vector.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

MARK = "\ue000"
"""Begins every fact: a private character, a letter to both engines, which nobody types."""

_SIGNS = {"_": "\ue001", "-": "\ue002"}
"""Signs inside a name that would split it in two words."""

_SIGNS_SINCE_2012 = (
    "2065-2069 20ba-20cf 218a-218f 23f4-23ff 2427-243f 244b-245f 2700-2700 2b4d-2b4f 2b5a-2bff 1f02c-1f02f 1f094-1f09f"
    " 1f0af-1f0b0 1f0bf-1f0c0 1f0d0-1f0d0 1f0e0-1f0ff 1f10d-1f10f 1f12f-1f12f 1f16c-1f16f 1f19b-1f1e5 1f203-1f20f"
    " 1f23b-1f23f 1f249-1f24f 1f252-1f2ff 1f321-1f32f 1f336-1f336 1f37d-1f37f 1f394-1f39f 1f3c5-1f3c5 1f3cb-1f3df"
    " 1f3f1-1f3ff 1f43f-1f43f 1f441-1f441 1f4f8-1f4f8 1f4fd-1f4ff 1f53e-1f53f 1f544-1f54f 1f568-1f5fa 1f641-1f644"
    " 1f650-1f67f 1f6c6-1f6ff 1f774-1faff"
)
"""Signs, mostly emoji, that FTS5's tables (Unicode 6.1) do not know and would take for letters of the word beside."""

SEPARATORS = "".join(
    chr(point)
    for first, _, last in (part.partition("-") for part in _SIGNS_SINCE_2012.split())
    for point in range(int(first, 16), int(last, 16) + 1)
)
"""What FTS5 is told to cut at besides what it knows."""

BANDS: tuple[int, ...] = (-100, -10, 0, 1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000)
"""Borders of the bands of a score; a border belongs to the band above it."""

LETTERS = "abcdefghijklmnopqrs"
"""Names of the bands, lowest first."""

MAX_WORDS = 50_000
"""Of one record at most so many words reach a vector (PostgreSQL takes 1 MiB of them)."""

_MAX_WORD_BYTES = 2000
_DIACRITICS = frozenset(
    768 + i for i in range(50) if ((0x08029FDF if i < 32 else 0x000361F8) >> (i if i < 32 else i - 32)) & 1
)
"""The combining marks that FTS5 leaves out of words (`sqlite3Fts5UnicodeIsdiacritic`)."""


_KEPT = frozenset({0x1E0, 0x1E1})
"""Letters with two marks that FTS5 leaves as they are."""


class _Folding(dict[int, Any]):
    """Code point -> what stands for it in the index: another one, nothing, or a space between words."""

    def __missing__(self, point: int) -> Any:
        folded = self[point] = _folded(point)
        return folded


def _folded(point: int) -> str | None:
    if point in _DIACRITICS:
        return None
    char = chr(point)
    if char in SEPARATORS:
        return " "
    category = unicodedata.category(char)
    if category[0] not in "LN" and category != "Co":
        return " "
    base = unicodedata.normalize("NFD", char)
    if base[0].isascii() and base[0].isalpha() and point not in _KEPT:
        return base[0].lower()
    for lower in (char.casefold(), char.lower()):
        if len(lower) == 1:
            return lower
    return char


_FOLDING = _Folding()


def fold(text: str) -> str:
    """The text in lower case, without accents, spaces in place of everything that is no letter and no number."""
    return text.translate(_FOLDING)


def words(text: str) -> list[str]:
    """The words of a text as the index knows them."""
    return text.translate(_FOLDING).split()


def name_fact(letter: str, name: str) -> str:
    """The fact that a name is; `letter` is s (source), c (community) or a (author)."""
    for sign, stand_in in _SIGNS.items():
        name = name.replace(sign, stand_in)
    return f"{MARK}{letter}{name}"


def time_fact(digits: str) -> str:
    """The fact of a month ("202601") or of a year ("2026"); a record has both."""
    return f"{MARK}t{digits}"


def band_fact(band: int) -> str:
    """The fact that a score lies in the band of this number."""
    return f"{MARK}b{LETTERS[band]}"


def band_of(score: int) -> int:
    """Number of the band a score lies in."""
    return bisect_right(BANDS, score)


class Said(NamedTuple):
    """What an entry is made of, for records that have no object."""

    source: str
    community: str | None
    author: str | None
    created_at: int | None
    score: int | None
    title: str | None
    body: str | None


def facts(record: Any) -> Iterator[str]:
    """The facts of a post or comment."""
    yield name_fact("s", record.source)
    if record.community is not None:
        yield name_fact("c", record.community)
    if record.author is not None:
        yield name_fact("a", record.author)
    if record.created_at is not None and (month := month_of(record.created_at)) is not None:
        yield time_fact(month[:4])
        yield time_fact(month)
    if record.score is not None:
        yield band_fact(band_of(record.score))


def month_of(at: int) -> str | None:
    """Year and month as "202601"; None for a time no calendar has."""
    try:
        day = datetime.fromtimestamp(at, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return f"{day.year:04d}{day.month:02d}"


def vector_text(record: Any) -> str:
    """A record's entry as PostgreSQL's `tsvector` reads it: words with their places, those of a title weighing more."""
    entries, at = [quoted(fact) for fact in facts(record)], 0
    title = getattr(record, "title", None)
    if title:
        found = words(title)[:MAX_WORDS]
        entries += [f"{word}:{i}A" for i, word in enumerate(found, start=1) if _fits(word)]
        at = len(found) + 1
    if record.body:
        found = words(record.body)[: MAX_WORDS - at]
        entries += [f"{word}:{i}" for i, word in enumerate(found, start=at + 1) if _fits(word)]
    return " ".join(entries)


def _fits(word: str) -> bool:
    return len(word) <= 500 or len(word.encode()) <= _MAX_WORD_BYTES


def quoted(term: str) -> str:
    """A term as a vector or a vector query reads it, whatever its characters."""
    return "'" + term.replace("\\", "\\\\").replace("'", "''") + "'"


def _name_sql(letter: str, column: str) -> str:
    name = column
    for sign, stand_in in _SIGNS.items():
        name = f"replace({name}, '{sign}', char({ord(stand_in)}))"
    return f"char({ord(MARK)}) || '{letter}' || {name}"


def _band_sql() -> str:
    cases = " ".join(f"WHEN score < {border} THEN '{letter}'" for border, letter in zip(BANDS, LETTERS, strict=False))
    return f"char({ord(MARK)}) || 'b' || CASE {cases} ELSE '{LETTERS[len(BANDS)]}' END"


FACTS_SQL = (
    f"{_name_sql('s', 'source')}"
    f" || coalesce(' ' || {_name_sql('c', 'community')}, '')"
    f" || coalesce(' ' || {_name_sql('a', 'author')}, '')"
    f" || coalesce(' ' || char({ord(MARK)}) || 't' || strftime('%Y', created_at, 'unixepoch'), '')"
    f" || coalesce(' ' || char({ord(MARK)}) || 't' || strftime('%Y%m', created_at, 'unixepoch'), '')"
    f" || CASE WHEN score IS NULL THEN '' ELSE ' ' || {_band_sql()} END"
)
"""The same facts as an expression of SQLite, separated by spaces."""
