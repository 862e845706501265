"""Forgets: blocks what is named, buries what is stored of it, takes out names and the files of its pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hubbub.events import Observer
from hubbub.pipeline.run import Run, RunReport
from hubbub.pipeline.sweep import sweep_orphans
from hubbub.store import forgetting
from hubbub.store.batch import Batch
from hubbub.store.engine import Store
from hubbub.store.forgetting import Subject


def forget(
    store: Store, subjects: Sequence[Subject], *, blobs: Path, now: int, observers: Sequence[Observer] = ()
) -> RunReport:
    """Erase these for good and let nothing of them in again. Killed halfway, the same call does the rest.

    The run's record counts what was named and never names it."""
    with Run(store, command="forget", target=_counted(subjects), observers=observers) as run:
        since = forgetting.block(store, subjects, now=now)
        for subject, at in zip(subjects, since, strict=True):
            for stones in forgetting.pages(store, subject, at=at):
                run.write(Batch(run_id=run.id, source=subject.source, stream="forget", records=stones))
        forgetting.take_out_names(store, subjects)
        run.details["files"] = sweep_orphans(store, blobs)
    return run.report()


def _counted(subjects: Sequence[Subject]) -> str:
    """`2 posts, 1 user`."""
    plurals = {"community": "communities"}
    counts = sorted(Counter(subject.kind for subject in subjects).items())
    return ", ".join(f"{n} {kind if n == 1 else plurals.get(kind, f'{kind}s')}" for kind, n in counts)
