"""PURE. From counts to statements: what is missing or old in a community, and the command that fills it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from hubbub.store.completeness import CommunityFacts, StoreFacts, Window

API = "reddit"
"""The door whose streams read comment trees and are told to go on."""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One thing worth knowing about a community or the store."""

    about: str
    """A constant word: comments, trees, orphans, parents, walk, floor, scores, deletions, quarantine, findings."""
    missing: bool
    """True when something is not here that could be, or is later than it must be; else it is only said."""
    words: str
    advice: str | None = None
    """The command that fills it."""


def of_community(facts: CommunityFacts) -> tuple[Statement, ...]:
    """All there is to say of one community; nothing when all is well."""
    return (*_comments(facts), *_lost(facts), *_streams(facts), *_ages(facts))


def of_store(facts: StoreFacts) -> tuple[Statement, ...]:
    """What concerns no community in particular."""
    return tuple(_of_store(facts))


def missing(statements: Sequence[Statement]) -> bool:
    """Whether anything is missing: exit code 3."""
    return any(each.missing for each in statements)


def share(part: int, whole: int) -> str:
    """A part in per cent, never rounded to nothing or to everything."""
    if not whole or not part:
        return "0 %"
    if part == whole:
        return "100 %"
    return f"{min(99, max(1, round(100 * part / whole)))} %"


def _target(facts: CommunityFacts) -> str:
    return f"{facts.source}:{facts.community}"


def _synced(facts: CommunityFacts) -> bool:
    return any(mark.door == facts.source for mark in facts.marks)


def _fill(facts: CommunityFacts, *, full: bool, kind: str) -> str:
    """How to get what is not here: from where the community came."""
    archive = f"`hubbub import {kind}_….zst --community {facts.community}` (a dump of those months)"
    if not _synced(facts):
        return archive
    return f"`hubbub sync {_target(facts)}{' --full' if full else ''}`; what is out of its reach: {archive}"


def _comments(facts: CommunityFacts) -> Iterator[Statement]:
    if facts.lacking:
        yield Statement(
            about="comments",
            missing=True,
            words=f"{facts.lacking:,} of {facts.expected:,} comments are not here"
            f" ({_count(facts.lacking_posts, 'post')} lack some; removed comments count, those their authors deleted"
            " do not)",
            advice=_fill(facts, full=True, kind="RC"),
        )
    if facts.not_to_be_had:
        yield Statement(
            about="comments",
            missing=False,
            words=f"{_count(facts.not_to_be_had, 'comment')} the platform counts were in no answer when their trees"
            " were read to the end: removed ones, mostly",
        )
    if facts.unread_trees and _synced(facts):
        yield Statement(
            about="trees",
            missing=True,
            words=f"the comments of {_count(facts.unread_trees, 'post')} that lack some were never read as a tree",
            advice=f"`hubbub sync {_target(facts)}`",
        )


def _lost(facts: CommunityFacts) -> Iterator[Statement]:
    if facts.orphans:
        yield Statement(
            about="orphans",
            missing=True,
            words=f"{_count(facts.orphans, 'comment')} belong to {_count(facts.lost_posts, 'post')} not here",
            advice=_fill(facts, full=True, kind="RS"),
        )
    if facts.lost_parents:
        yield Statement(
            about="parents",
            missing=True,
            words=f"{_count(facts.lost_parents, 'comment')} answer comments that are not here",
            advice=_fill(facts, full=True, kind="RC"),
        )


def _streams(facts: CommunityFacts) -> Iterator[Statement]:
    if not facts.marks:
        yield Statement(
            about="walk",
            missing=False,
            words="never synced: nothing tells whether what was imported is all there is",
            advice=f"`hubbub sync {_target(facts)}`",
        )
    for mark in facts.marks:
        state = state_of(mark.state)
        target = f"{mark.door}:{facts.community}"
        if state.get("walk"):
            yield Statement(
                about="walk",
                missing=True,
                words=f"the last walk through {target} {mark.stream} did not come to its end",
                advice=f"`hubbub sync {target}` goes on where it stopped",
            )
        elif state.get("floor") is not None and (mark.door, mark.stream) != (API, "comments"):  # trees bring the rest
            yield Statement(
                about="floor",
                missing=False,
                words=f"{target} {mark.stream} was read back to a time that was asked for; what is older was not",
                advice=f"`hubbub sync {target} --full`",
            )


def state_of(text: str) -> dict[str, Any]:
    """A checkpoint's state as far as it is a JSON object; empty for what is none."""
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _ages(facts: CommunityFacts) -> Iterator[Statement]:
    windows = (facts.posts, facts.comments)
    live = sum(map(_live, windows))
    day, week, month = (
        sum(getattr(each, name) for each in windows)
        for name in ("older_than_day", "older_than_week", "older_than_month")
    )
    if day:
        yield Statement(
            about="scores",
            missing=False,
            words=f"scores and counts older than 1 day: {share(day, live)}, 7 days: {share(week, live)},"
            f" 30 days: {share(month, live)}",
            advice=_look_again(facts) if any(each.api_rows for each in windows) else None,
        )
    late, rows = sum(each.api_rows_late for each in windows), sum(each.api_rows for each in windows)
    if late:
        yield Statement(
            about="deletions",
            missing=True,
            words=f"{late:,} of {rows:,} records from the API were not looked at for 48 hours:"
            " what their authors deleted since may still be here",
            advice=_look_again(facts),
        )


def _look_again(facts: CommunityFacts) -> str:
    """How to see known records anew."""
    return f"`hubbub recheck {_target(facts)}`"


def _live(window: Window) -> int:
    return window.stored - window.withdrawn


def _of_store(facts: StoreFacts) -> Iterator[Statement]:
    if facts.quarantined:
        yield Statement(
            about="quarantine",
            missing=True,
            words=f"{_count(facts.quarantined, 'record')} could not be kept",
            advice="`hubbub quarantine list` shows them and the reasons",
        )
    if facts.cut_trees:
        yield Statement(
            about="trees",
            missing=True,
            words=f"{_count(facts.cut_trees, 'time')} a comment tree was not read to its end",
            advice="`hubbub sync TARGET --full` reads it again",
        )
    if worth := {severity: count for severity, count in facts.findings.items() if severity != "info"}:
        counted = ", ".join(f"{count:,} {severity}s" for severity, count in worth.items())
        yield Statement(
            about="findings",
            missing=False,
            words=f"the latest runs found: {counted}",
            advice="`hubbub runs` shows them",
        )


def _count(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
