"""While a sync watches: a pass over what is due to be rechecked, every hour, so that no live row leaves the cycle of
deletions (design §7)."""

from __future__ import annotations

import uuid
from functools import partial

from hubbub import clock
from hubbub.pipeline.plan import TargetPlan
from hubbub.pipeline.recheck import Recheck, RecheckOptions
from hubbub.plugins.by_id import IdReader
from hubbub.plugins.contracts import Stream, StreamPlan, Target

_RUN = uuid.uuid4().hex
"""Two absences seen by this process count as two only when they lie an hour apart."""
SHARE = 0.5
"""Of the platform's budget of an hour that one pass may take."""


def recheck_plan(source: str, reader: IdReader) -> TargetPlan:
    """One pass, to be run again and again."""
    limit = int(reader.requests_a_minute * 60 * SHARE) * reader.ids_a_request
    stream = StreamPlan(name="recheck", begin=partial(_pass, reader, source=source, limit=limit))
    return TargetPlan(target=Target(source=source, name=""), stages=((stream,),), stem=source)


def _pass(reader: IdReader, *, source: str, limit: int) -> Stream:
    options = RecheckOptions(now=clock.now(), by=_RUN, limit=limit)
    yield from Recheck(reader, source=source, options=options).stream()
