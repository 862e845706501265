"""PURE. The part of a text in which most of a query stands, with marks around what was found."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hubbub.store.search.query import Term
from hubbub.store.search.rank import matches_at
from hubbub.store.search_words import fold

WORDS = 24
"""Length of a snippet."""
TEXT_CHARS = 20_000
"""Only so much of a text is looked through."""

_WORD = re.compile(r"[^\W_][^\W_\u0300-\u0331]*(?:[\u0300-\u0331]+[^\W_]*)*")


def best_snippet(texts: Sequence[str | None], terms: Sequence[Term], *, marks: tuple[str, str]) -> str:
    """The snippet of the text that holds most of the terms; of equals the first. Without terms, the beginning."""
    found = [_snippet(text, terms, marks=marks) for text in texts if text]
    return max(found, key=lambda each: each[0])[1] if found else ""


def _snippet(text: str, terms: Sequence[Term], *, marks: tuple[str, str]) -> tuple[int, str]:
    """How many different terms the best part of a text holds, and that part."""
    spans = [(each.start(), each.end()) for each in _WORD.finditer(text[:TEXT_CHARS])]
    folded = [fold(text[begin:end]).replace(" ", "") for begin, end in spans]
    which = _found(folded, terms)
    first, terms_in = _window(which, len(spans))
    last = min(first + WORDS, len(spans))
    begin = spans[first][0] if first else 0
    end = spans[last - 1][1] if last < len(spans) else min(len(text), TEXT_CHARS)
    out, at = ["…" if first else ""], begin
    for number in range(first, last):
        if number in which:
            from_, to = spans[number]
            out += [text[at:from_], marks[0], text[from_:to], marks[1]]
            at = to
    out += [text[at:end], "…" if last < len(spans) else ""]
    return terms_in, _joined_marks("".join(out).strip(), marks)


def _joined_marks(text: str, marks: tuple[str, str]) -> str:
    """Words of a phrase side by side get one pair of marks."""
    if not all(marks):
        return text
    return re.sub(f"{re.escape(marks[1])}( ?){re.escape(marks[0])}", r"\1", text)


def _found(words: Sequence[str], terms: Sequence[Term]) -> dict[int, set[int]]:
    """Word number -> the terms it is part of."""
    which: dict[int, set[int]] = {}
    firsts: dict[str, list[int]] = {}
    open_ended = [number for number, term in enumerate(terms) if len(term.words) == 1 and term.prefix]
    for number, term in enumerate(terms):
        if number not in open_ended:
            firsts.setdefault(term.words[0], []).append(number)
    for at, word in enumerate(words):
        for number in (*firsts.get(word, ()), *open_ended):
            if matches_at(words, at, terms[number]):
                for inside in range(len(terms[number].words)):
                    which.setdefault(at + inside, set()).add(number)
    return which


def _window(which: dict[int, set[int]], length: int) -> tuple[int, int]:
    """Where to begin so that most different terms are shown, and how many those are."""
    best = (0, 0, 0)
    for at in sorted(which):
        first = max(0, min(at - 4, length - WORDS))
        inside = [which[n] for n in range(first, min(first + WORDS, length)) if n in which]
        seen = (len(set().union(*inside)), len(inside))
        if seen > best[:2]:
            best = (*seen, first)
    return best[2], best[0]
