"""What is made of some lines on their way into a lake: the same in whatever process. Loads nothing of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from hubbub.pipeline.archive import LineChunk
from hubbub.pipeline.decoding import LineDecoder
from hubbub.pipeline.lake_sort import Blocked, sort_into
from hubbub.pipeline.lake_taken import Taken, Taking
from hubbub.pipeline.load_filters import Filters
from hubbub.pipeline.readers import reader_of

LINES_AT_ONCE = 4_096
"""Enough that a column costs little, few enough that they are still in the processor's cache when it is made."""
PIECES_AT_ONCE = 16
"""Pieces of a file, each up to a mebibyte unless it is one long line, after which fewer lines are enough, too."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody who decodes lines of a file has to know."""

    source: str
    filters: Filters
    blocked: Mapping[str, Mapping[str, int]]
    """Records that must not come in: `source/kind` -> id -> since when (the store's blocklist)."""
    where: str
    """What to call the file in messages."""
    now: int
    observed_at: int | None = None
    """What the user said of when the lines were observed."""


class LineWork:
    """Decodes lines and makes tables of them. Whoever is given the same lines at once makes the same tables."""

    def __init__(self, job: Job) -> None:
        reader = reader_of(job.source, observed_at=job.observed_at)
        self._filters = job.filters
        self._blocked = Blocked(job.blocked)
        self._decoder = LineDecoder(
            reader, source=job.source, communities=job.filters.communities, where=job.where, now=job.now
        )

    def taken(self, chunks: Sequence[LineChunk]) -> Taken:
        """What comes of some lines in a row."""
        taking = Taking()
        for chunk in chunks:
            for decoded in self._decoder.decode(chunk):
                sort_into(taking, decoded, filters=self._filters, blocked=self._blocked)
        return taking.done()
