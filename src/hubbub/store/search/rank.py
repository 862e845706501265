"""PURE. Which of the candidates answer a query best: Okapi BM25 over the candidates themselves.

Both engines hand over candidates, newest first and at most so many (`find.CANDIDATES`); ranking them here gives the
same order on both. Term frequencies and lengths are of the first `TEXT_CHARS` characters; how rare a term is, is told
by how many candidates have it. A word in a title counts four times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from hubbub.store.search.query import Term
from hubbub.store.search_words import words

TEXT_CHARS = 4_000
"""Of a body so much is read for ranking."""

_K1, _B = 1.2, 0.75
_TITLE = 4


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A record that matches."""

    kind: str
    key: Any
    """What its engine finds it by."""
    created_at: int | None
    title: str | None
    body: str | None


def ranked(candidates: Sequence[Candidate], terms: Sequence[Term], *, limit: int) -> list[tuple[float, Candidate]]:
    """The best candidates with their rank, best (smallest) first; equal ranks newest first."""
    counted = [_counts(candidate, terms) for candidate in candidates]
    average = sum(length for length, _ in counted) / len(counted) if counted else 1.0
    rare = [_rarity(sum(counts[at] > 0 for _, counts in counted), len(counted)) for at in range(len(terms))]
    found = []
    for candidate, (length, counts) in zip(candidates, counted, strict=True):
        damping = _K1 * (1 - _B + _B * length / (average or 1.0))
        score = sum(weight * tf * (_K1 + 1) / (tf + damping) for weight, tf in zip(rare, counts, strict=True) if tf)
        found.append((-round(score, 6), -(candidate.created_at or 0), candidate.kind, candidate.key, candidate))
    found.sort(key=lambda each: each[:4])
    return [(each[0], each[4]) for each in found[:limit]]


def _rarity(having: int, among: int) -> float:
    return math.log(1 + among / having) if having else 0.0


def _counts(candidate: Candidate, terms: Sequence[Term]) -> tuple[int, list[int]]:
    """Length in words, and how often each term occurs."""
    body = words(candidate.body) if candidate.body else []
    counts = [_occurrences(body, term) for term in terms]
    if not candidate.title:
        return len(body), counts
    title = words(candidate.title)
    return len(body) + len(title), [
        in_body + _TITLE * _occurrences(title, term) for in_body, term in zip(counts, terms, strict=True)
    ]


def _occurrences(text: list[str], term: Term) -> int:
    wanted = term.words
    if len(wanted) == 1:
        word = wanted[0]
        if not term.prefix:
            return text.count(word)
        return sum(each.startswith(word) for each in text)
    found, at = 0, -1
    try:
        while True:  # the search for the first word runs in C: most texts are done with here
            at = text.index(wanted[0], at + 1)
            found += matches_at(text, at, term)
    except ValueError:
        return found


def matches_at(text: Sequence[str], at: int, term: Term) -> bool:
    """Whether a term stands at a position of a list of words."""
    wanted = term.words
    if len(text) - at < len(wanted):
        return False
    *whole, last = wanted
    if any(text[at + i] != word for i, word in enumerate(whole)):
        return False
    final = text[at + len(whole)]
    return final.startswith(last) if term.prefix else final == last
