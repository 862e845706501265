"""PURE. A parsed query as each engine's index reads it: words in quotes, filters as facts (`search_words`).

Facts may let through a little more than the filter says (a whole month, a whole band of scores); what they keep out is
out for certain. The exact conditions are asked of the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from hubbub.store.search.query import Condition, Parsed, Term
from hubbub.store.search_words import BANDS, band_fact, band_of, month_fact, name_fact, quoted

_NAMES = {"source": "s", "community": "c", "author": "a"}
_YEARS = (2000, 2100)
"""Months outside are not worth a list of their own."""


def fts5(parsed: Parsed, columns: Sequence[str], *, facts: bool = True) -> str | None:
    """The MATCH expression over these text columns; None when there is nothing to match."""
    place = f"{{{' '.join(columns)}}} : "
    parts = [place + _any([_phrase(term) for term in group]) for group in parsed.groups]
    if facts:
        parts += ["facts : " + _any([_string(fact, prefix=prefix) for fact, prefix in each]) for each in needed(parsed)]
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


def tsquery(parsed: Parsed, *, facts: bool = True) -> str | None:
    """The same as PostgreSQL's `tsquery`; None when there is nothing to match."""
    parts = [_either([_followed(term) for term in group]) for group in parsed.groups]
    if facts:
        parts += [_either([quoted(fact) + ":*" * prefix for fact, prefix in each]) for each in needed(parsed)]
    parts += ["!" + _either([_followed(term)]) for term in parsed.excluded]
    return " & ".join(parts) or None


def needed(parsed: Parsed) -> Iterator[list[tuple[str, bool]]]:
    """Per filter: the facts of which a record must have one; True marks what a fact may only begin with."""
    for condition in parsed.conditions:
        if condition.field in _NAMES and condition.op == "=":
            yield [(name_fact(_NAMES[condition.field], str(condition.value)), False)]
    scores = [c for c in parsed.conditions if c.field == "score"]
    if scores:
        low = max((_least_band(c) for c in scores), default=0)
        high = min((_greatest_band(c) for c in scores), default=len(BANDS))
        yield [(band_fact(band), False) for band in range(low, high + 1)] or [(band_fact(0) + "-", False)]
    times = [c for c in parsed.conditions if c.field == "created_at"]
    if times and (months := _months(times)):
        yield [(month_fact(month), len(month) < 6) for month in months]


def _least_band(condition: Condition) -> int:
    value = int(condition.value)
    return {"=": band_of(value), ">=": band_of(value), ">": band_of(value + 1)}.get(condition.op, 0)


def _greatest_band(condition: Condition) -> int:
    value = int(condition.value)
    return {"=": band_of(value), "<=": band_of(value), "<": band_of(value - 1)}.get(condition.op, len(BANDS))


def _months(times: Sequence[Condition]) -> list[str]:
    """Months and whole years between two times, as few as cover them; none where a side is open too far."""
    first = max((int(c.value) for c in times if c.op == ">="), default=None)
    last = min((int(c.value) - 1 for c in times if c.op == "<"), default=None)
    begin = datetime.fromtimestamp(first, UTC) if first is not None else datetime(_YEARS[0], 1, 1, tzinfo=UTC)
    end = datetime.fromtimestamp(last, UTC) if last is not None else datetime(_YEARS[1], 12, 31, tzinfo=UTC)
    if first is None and begin > end:
        return []
    found: list[str] = []
    year, month = begin.year, begin.month
    while (year, month) <= (end.year, end.month):
        if month == 1 and (year, 12) <= (end.year, end.month):
            found.append(f"{year:04d}")
            year += 1
            continue
        found.append(f"{year:04d}{month:02d}")
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return _by_decades(found)


def _by_decades(months: list[str]) -> list[str]:
    """Ten whole years of one decade as one prefix."""
    years = {month for month in months if len(month) == 4}
    whole = {year[:3] for year in years if all(f"{year[:3]}{digit}" in years for digit in range(10))}
    return sorted(whole) + [month for month in months if not (len(month) == 4 and month[:3] in whole)]


def _any(strings: Iterable[str]) -> str:
    return _joined(strings, " OR ")


def _either(strings: Iterable[str]) -> str:
    return _joined(strings, " | ")


def _joined(strings: Iterable[str], by: str) -> str:
    found = list(strings)
    return found[0] if len(found) == 1 else f"({by.join(found)})"


def _phrase(term: Term) -> str:
    return _string(" ".join(term.words), prefix=term.prefix)


def _string(text: str, *, prefix: bool) -> str:
    return '"' + text.replace('"', '""') + '"' + "*" * prefix


def _followed(term: Term) -> str:
    found = [quoted(word) for word in term.words]
    if term.prefix:
        found[-1] += ":*"
    return found[0] if len(found) == 1 else f"({' <-> '.join(found)})"
