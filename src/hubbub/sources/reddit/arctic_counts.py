"""Is what came all there is? Compares the store with the archive's own counts (`/api/time_series`).

The counts come a day or a month at a time, so that a surplus of one month (from another door) never hides a gap in
another. They lag by hours or days and "might not be 100% accurate" (the archive's own words): a difference is a
finding, never an error."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from hubbub.errors import BlockedError, RemoteError, UnavailableError
from hubbub.plugins.contracts import Page, RecallTotals
from hubbub.sources.reddit import arctic_api as api
from hubbub.sources.reddit.values import ONE_DAY_S, SOURCE_NAME, YEAR_10000

_DAYS_S = 92 * ONE_DAY_S
"""A stretch up to this long is compared day by day, a longer one by months."""
_SPANS_NAMED = 5


class Walked(msgspec.Struct, frozen=True, kw_only=True):
    """What a finished walk has read."""

    kind: str
    """post or comment."""
    name: str
    """For people: "r/whatisthisbug"."""
    community: str | None
    """None for a person."""
    floor: int | None
    """From when on; None is the beginning of the archive."""
    now: int
    full: bool
    """All of it was asked for again."""
    found: bool
    """True when the archive has ever handed out anything here."""


def check_counts(walked: Walked) -> Generator[Any, Any, None]:
    """The end of a stream: yields a page with what is missing, or with why that cannot be told, or nothing.

    Raises UnavailableError when the archive neither has nor counts any post of the community."""
    if walked.community is None:
        if walked.floor is None:
            note = f"completeness is not checked: the archive counts no {walked.kind}s by person"
            yield Page(note=note)
        return
    daily = walked.floor is not None and walked.now - walked.floor <= _DAYS_S
    key = f"r/{walked.community}/{walked.kind}s/count"
    try:
        response = yield api.time_series(key, precision="day" if daily else "month", after=walked.floor)
        points = api.read_points(response)
    except BlockedError:
        raise
    except (api.TooMuchError, RemoteError) as error:
        yield Page(note=f"completeness is not checked, the archive's counts are not available: {error}")
        return
    if not points and walked.kind == "post" and walked.floor is None and not walked.found:
        raise UnavailableError(f"the archive holds nothing of {walked.name}", advice="check the spelling")
    spans = tuple(point for point in points if walked.floor is None or point.begins_at >= walked.floor)
    if not spans:
        if walked.found and walked.floor is None:
            yield Page(note="completeness is not checked: the archive has no counts for it")
        return
    bounds = (*(point.begins_at for point in spans), YEAR_10000)
    stored = yield RecallTotals(source=SOURCE_NAME, kind=walked.kind, community=walked.community, bounds=bounds)
    yield from _compared(walked, spans=spans, stored=stored, daily=daily)


def _compared(
    walked: Walked, *, spans: Sequence[api.Point], stored: Sequence[int], daily: bool
) -> Generator[Any, Any, None]:
    gaps = [(span.begins_at, span.value - ours) for span, ours in zip(spans, stored, strict=True) if span.value > ours]
    if not gaps:
        return
    form = "%Y-%m-%d" if daily else "%Y-%m"
    named = [f"{datetime.fromtimestamp(at, tz=UTC).strftime(form)}: {lacking:,}" for at, lacking in gaps[:_SPANS_NAMED]]
    if len(gaps) > _SPANS_NAMED:
        named.append(f"{len(gaps) - _SPANS_NAMED} more")
    missing = sum(lacking for _, lacking in gaps)
    target = walked.name.removeprefix("r/")
    next_step = (
        "its pages did not hand them out, a monthly dump may"
        if walked.full or walked.floor is None
        else f"`hubbub sync arctic:{target} --full` asks for all of them again"
    )
    counted = sum(span.value for span in spans)
    yield Page(
        missing=missing,
        note=f"the archive counts {counted:,} {walked.kind}s in {walked.name}, {missing:,} of them are not stored "
        f"({', '.join(named)}); {next_step}",
    )
