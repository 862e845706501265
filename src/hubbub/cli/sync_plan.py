"""`hubbub sync --plan`: what a sync would ask, without asking."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from hubbub.cli import render
from hubbub.cli.session import Session
from hubbub.errors import ExitCode
from hubbub.pipeline.estimating import SyncEstimate, estimate_sync
from hubbub.plugins.contracts import SyncOptions, Target
from hubbub.store.engine import Store, open_store

_HOURS_FROM = 300
"""Minutes from which hours are told instead."""


def tell_plan(session: Session, targets: Sequence[Target], *, options: SyncOptions) -> int:
    """Print requests and minutes by kind of request; returns the exit code."""
    with _store(session) as store:
        estimates = estimate_sync(store, targets, options=options)
    document = {"plan": [_document(each) for each in estimates]}
    lines = [line for each in estimates for line in _lines(each)]
    render.result(document, lines, as_json=session.as_json)
    return int(ExitCode.OK)


@contextmanager
def _store(session: Session) -> Iterator[Store]:
    """The store, or an empty one for the time of the question."""
    if session.has_store:
        with session.open_store(read_only=True) as store:
            yield store
        return
    with tempfile.TemporaryDirectory() as folder, open_store(f"sqlite:///{folder}/empty.db", create=True) as store:
        yield store


def _document(each: SyncEstimate) -> dict[str, object]:
    plain: dict[str, object] = msgspec.to_builtins(each)
    if not each.requests:
        return plain
    told = {"least": each.least, "most": each.most}
    minutes = {f"{name}_minutes": each.minutes(count) for name, count in told.items()}
    return plain | told | minutes


def _lines(each: SyncEstimate) -> list[str]:
    names = ", ".join(f"{each.source}:{name}" if name else each.source for name in each.targets[:5])
    if len(each.targets) > 5:
        names += f" and {len(each.targets) - 5:,} more"
    if not each.requests:
        return [f"{names}: not known beforehand"]
    rows = [[row.what, _range(row.least, row.most)] for row in each.requests]
    total = _range(each.least, each.most)
    return [
        f"{names}:",
        *render.table(["", each.measure], [*rows, ["in all", total]]),
        f"about {_duration(each)} at {each.per_minute} {each.measure} a minute",
    ]


def _duration(each: SyncEstimate) -> str:
    least, most = each.minutes(each.least), each.minutes(each.most)
    if most < _HOURS_FROM:
        return f"{_range(least, most)} minutes"
    return f"{_range(math.ceil(least / 60), math.ceil(most / 60))} hours"


def _range(least: int, most: int) -> str:
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"
