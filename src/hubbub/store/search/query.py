"""PURE. The query language: what a user types becomes words to look for and plain conditions, or a clear refusal.

Words (all must occur), "phrases", `OR` between two words, `-not`, `prefix*`, and filters: `community:`, `author:`,
`source:`, `kind:post|comment`, `score:>10` (also `>=`, `<`, `<=`, `5..10`), `after:2026-01-01`, `before:`. Words are
cut as the index cuts them and reach it inside quotes (`expressions`), so no typed character is ever syntax there.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import msgspec

from hubbub.errors import UsageError
from hubbub.store.search_words import words

MAX_CHARS = 1000
MAX_TERMS = 40
"""FTS5 takes minutes for thousands of words: longer queries are refused."""

_PIECE = re.compile(
    r'(?P<minus>-?)(?:(?P<field>[A-Za-z_]+):(?!//))?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))|(?P<odd>")'
)
_NUMBER = re.compile(r"(?P<op>>=|<=|>|<|=)?(?P<low>-?\d{1,15})(?:\.\.(?P<high>-?\d{1,15}))?")
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")


class Condition(msgspec.Struct, frozen=True):
    """One filter: a field of the record, how it is compared, and with what."""

    field: Literal["community", "author", "source", "kind", "score", "created_at"]
    op: Literal["=", "<>", ">", ">=", "<", "<="]
    value: str | int


class _Build(Protocol):
    """Makes conditions of what stands behind a filter's colon."""

    def __call__(self, value: str, *, negated: bool, at: int) -> list[Condition]: ...


class Term(msgspec.Struct, frozen=True):
    """Words that must stand side by side."""

    words: tuple[str, ...]
    """As the index folds them; at least one."""
    prefix: bool = False
    """Whether the last one may go on."""


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """A query understood."""

    groups: tuple[tuple[Term, ...], ...]
    """Of every group one term must occur; empty when only filters were given."""
    excluded: tuple[Term, ...]
    """None of these may occur."""
    conditions: tuple[Condition, ...]

    @property
    def terms(self) -> tuple[Term, ...]:
        """Every term that may occur, once."""
        return tuple(dict.fromkeys(term for group in self.groups for term in group))


def parse(text: str) -> Parsed:
    """Understand a query. Raises UsageError that names the position (counted from 1) of what is wrong."""
    _check_text(text)
    groups: list[list[Term]] = []
    excluded: list[Term] = []
    conditions: list[Condition] = []
    joining: int | None = None
    for piece in _PIECE.finditer(text):
        at = piece.start() + 1
        if piece[0] == "OR":
            if joining is not None or not groups:
                raise _lonely_or(at)
            joining = at
        elif piece["field"]:
            conditions.extend(_filter(piece, at))
        elif (term := _term(piece)) is not None:
            if piece["minus"]:
                excluded.append(term)
            elif joining is not None:
                groups[-1].append(term)
            else:
                groups.append([term])
            joining = None
    if joining is not None:
        raise _lonely_or(joining)
    return _built(groups, excluded, conditions)


def _lonely_or(at: int) -> UsageError:
    return UsageError(f"OR at position {at} needs a word before and after it")


def _check_text(text: str) -> None:
    if len(text) > MAX_CHARS:
        raise UsageError(f"the query is too long: {len(text)} characters, at most {MAX_CHARS}")
    for at, char in enumerate(text, start=1):
        if char == "\x00" or "\ud800" <= char <= "\udfff":
            raise UsageError(f"the query holds a character that cannot be searched for at position {at}")


def _built(groups: list[list[Term]], excluded: list[Term], conditions: list[Condition]) -> Parsed:
    terms = sum(map(len, groups)) + len(excluded)
    if terms > MAX_TERMS:
        raise UsageError(f"the query is too long: {terms} words, at most {MAX_TERMS}")
    if not groups and not conditions:
        raise UsageError(
            "there is no word to look for in the query"
            if not excluded
            else "the query only says what must not occur: add a word or a filter such as community:NAME"
        )
    return Parsed(groups=tuple(map(tuple, groups)), excluded=tuple(excluded), conditions=tuple(conditions))


def _term(piece: re.Match[str]) -> Term | None:
    """What one piece asks for; None for signs without words, and for AND, which is implied."""
    if piece["odd"]:
        raise UsageError(f'the quote at position {piece.start() + 1} is not closed: write "two words"')
    if piece[0] == "AND":
        return None
    text = piece["phrase"] if piece["phrase"] is not None else piece["word"]
    found = tuple(words(text))
    return Term(found, prefix=piece["phrase"] is None and text.endswith("*")) if found else None


def _filter(piece: re.Match[str], at: int) -> list[Condition]:
    name = piece["field"].casefold()
    value = piece["phrase"] if piece["phrase"] is not None else piece["word"]
    build = _FILTERS.get(name)
    if build is None:
        known = ", ".join(f"{known}:" for known in _FILTERS)
        raise UsageError(
            f"there is no filter {name!r} (position {at}); known: {known}",
            advice=f'to search for the words themselves, quote them: "{name}:{value}"',
        )
    return build(value, negated=bool(piece["minus"]), at=at)


def _text_filter(field: Any, strip: str) -> _Build:
    def build(value: str, *, negated: bool, at: int) -> list[Condition]:
        plain = value.casefold().removeprefix(strip)
        if not plain:
            raise UsageError(f"the filter at position {at} has no value")
        return [Condition(field, "<>" if negated else "=", plain)]

    return build


def _kind_filter(value: str, *, negated: bool, at: int) -> list[Condition]:
    kind = value.casefold().removesuffix("s")
    if kind not in {"post", "comment"}:
        raise UsageError(f"kind: at position {at} is post or comment, not {value!r}")
    return [Condition("kind", "<>" if negated else "=", kind)]


def _score_filter(value: str, *, negated: bool, at: int) -> list[Condition]:
    found = _NUMBER.fullmatch(value)
    if found is None or negated or (found["op"] and found["high"]):
        raise UsageError(f"score: at position {at} needs a number: score:>10, score:<=5, score:5..10")
    low: int = int(found["low"])
    if found["high"]:
        return [Condition("score", ">=", low), Condition("score", "<=", int(found["high"]))]
    op: Any = found["op"] or "="
    return [Condition("score", op, low)]


def _time_filter(op: Any) -> _Build:
    def build(value: str, *, negated: bool, at: int) -> list[Condition]:
        parts = [int(part) for part in value.split("-")] if _DATE.fullmatch(value) and not negated else []
        try:
            year, month, day = [*parts, 1, 1][:3] if parts else (0, 0, 0)
            moment = datetime(year, month, day, tzinfo=UTC)
        except ValueError:
            moment = None
        if moment is None:
            raise UsageError(f"the filter at position {at} needs a date: after:2026-01-31, before:2026-02")
        return [Condition("created_at", op, int(moment.timestamp()))]

    return build


_FILTERS: dict[str, _Build] = {
    "community": _text_filter("community", "r/"),
    "author": _text_filter("author", "u/"),
    "source": _text_filter("source", ""),
    "kind": _kind_filter,
    "score": _score_filter,
    "after": _time_filter(">="),
    "before": _time_filter("<"),
}
