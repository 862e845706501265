"""PURE. A parsed query as each engine's index reads it: words in quotes, filters as facts (`search_words`).

Facts may let through a little more than the filter says (a whole month, a whole band of scores); what they keep out is
out for certain. The exact conditions are asked of the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from hubbub.store.search.query import Condition, Parsed, Term
from hubbub.store.search_words import BANDS, band_fact, band_of, name_fact, quoted, time_fact

_NAMES = {"source": "s", "community": "c", "author": "a"}
_FIRST_YEAR = 2000
"""Nothing in a store is older, as far as a filter without a lower end is concerned: the rows are asked all the same."""


def fts5(parsed: Parsed, columns: Sequence[str], *, this_year: int) -> str | None:
    """The MATCH expression over these text columns; None when there is nothing to match."""
    place = f"{{{' '.join(columns)}}} : "
    parts = [place + _any([_phrase(term) for term in group]) for group in parsed.groups]
    parts += ["facts : " + _any([_string(fact) for fact in each]) for each in needed(parsed, this_year=this_year)]
    if not parts:
        return None
    match = " AND ".join(parts)
    if parsed.excluded:
        return f"({match}) NOT ({place}{_any([_phrase(term) for term in parsed.excluded])})"
    return match


def fts5_excluded(parsed: Parsed, columns: Sequence[str]) -> str | None:
    """The MATCH expression of what must not occur."""
    if not parsed.excluded:
        return None
    return f"{{{' '.join(columns)}}} : {_any([_phrase(term) for term in parsed.excluded])}"


def tsquery(parsed: Parsed, *, this_year: int) -> str | None:
    """The same as PostgreSQL's `tsquery`; None when there is nothing to match."""
    parts = [_either([_followed(term) for term in group]) for group in parsed.groups]
    parts += [_either([quoted(fact) for fact in each]) for each in needed(parsed, this_year=this_year)]
    parts += [f"!{_followed(term)}" for term in parsed.excluded]
    return " & ".join(parts) or None


def needed(parsed: Parsed, *, this_year: int) -> Iterator[list[str]]:
    """Per filter: the facts of which a record must have one. Nothing was created after `this_year`."""
    for condition in parsed.conditions:
        if condition.field in _NAMES and condition.op == "=":
            yield [name_fact(_NAMES[condition.field], str(condition.value))]
    scores = [c for c in parsed.conditions if c.field == "score"]
    if scores:
        low = max((_least_band(c) for c in scores), default=0)
        high = min((_greatest_band(c) for c in scores), default=len(BANDS))
        yield [band_fact(band) for band in range(low, high + 1)] or [name_fact("b", "none")]
    times = [c for c in parsed.conditions if c.field == "created_at"]
    if times and (spans := _spans(times, this_year=this_year)):
        yield [time_fact(span) for span in spans]


def _least_band(condition: Condition) -> int:
    value = int(condition.value)
    return {"=": band_of(value), ">=": band_of(value), ">": band_of(value + 1)}.get(condition.op, 0)


def _greatest_band(condition: Condition) -> int:
    value = int(condition.value)
    return {"=": band_of(value), "<=": band_of(value), "<": band_of(value - 1)}.get(condition.op, len(BANDS))


def _spans(times: Sequence[Condition], *, this_year: int) -> list[str]:
    """Months and whole years between two times, as few as cover them; none where that says nothing."""
    first = max((int(c.value) for c in times if c.op == ">="), default=None)
    last = min((int(c.value) - 1 for c in times if c.op == "<"), default=None)
    begin = datetime.fromtimestamp(first, UTC) if first is not None else datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC)
    end = datetime.fromtimestamp(last, UTC) if last is not None else datetime(this_year, 12, 31, tzinfo=UTC)
    if first is None and last is not None and end.year <= _FIRST_YEAR:
        return []
    found: list[str] = []
    year, month = begin.year, begin.month
    while (year, month) <= (min(end.year, this_year), end.month if end.year <= this_year else 12):
        if month == 1 and (year, 12) <= (end.year, end.month):
            found.append(f"{year:04d}")
            year += 1
            continue
        found.append(f"{year:04d}{month:02d}")
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return found or [f"{begin.year:04d}"]


def _any(strings: Iterable[str]) -> str:
    return _joined(strings, " OR ")


def _either(strings: Iterable[str]) -> str:
    return _joined(strings, " | ")


def _joined(strings: Iterable[str], by: str) -> str:
    found = list(strings)
    return found[0] if len(found) == 1 else f"({by.join(found)})"


def _phrase(term: Term) -> str:
    return _string(" ".join(term.words), prefix=term.prefix)


def _string(text: str, *, prefix: bool = False) -> str:
    return '"' + text.replace('"', '""') + '"' + "*" * prefix


def _followed(term: Term) -> str:
    found = [quoted(word) for word in term.words]
    if term.prefix:
        found[-1] += ":*"
    return found[0] if len(found) == 1 else f"({' <-> '.join(found)})"
