"""Functions for workers that die by SIGKILL in the middle of a unit, once."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from hubbub.events import BatchStored, Event
from hubbub.pipeline import archive, load_batch
from hubbub.pipeline.fanout import StoreUnit
from hubbub.pipeline.lake_load import LakeUnit, import_into_lake
from hubbub.pipeline.load import load_files
from hubbub.pipeline.run import RunReport
from hubbub.store.engine import open_store
from tests.engines.units import first_time

LINES = 40


def die_at_replace(number: int) -> None:
    """Kill this process just before the Nth file takes its place."""
    real, calls = os.replace, 0

    def replace(source: Any, target: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        real(source, target)

    os.replace = replace  # type: ignore[assignment]  # it takes fewer arguments


def _is_victim(path: str) -> bool:
    marker = Path(path).with_suffix(".died")
    return path.endswith("_1.zst") and first_time(marker)


def dying_lake(unit: LakeUnit) -> RunReport:
    """`import_into_lake`, killed in the second block of one of the files the first time it is tried."""
    real = os.replace
    if _is_victim(unit.path):
        die_at_replace(8)
    try:
        return import_into_lake(unit)
    finally:
        os.replace = real


def dying_store(unit: StoreUnit) -> RunReport:
    """`import_into_store` in small batches, killed after the third of one of the files the first time it is tried."""
    archive.MOST_LINES = load_batch.BATCH_ROWS = LINES
    batches = 0
    victim = _is_victim(unit.path)

    def watch(event: Event) -> None:
        nonlocal batches
        batches += isinstance(event, BatchStored)
        if victim and batches == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    with open_store(unit.url, create=False, options=unit.store) as store:
        return load_files(store, [Path(unit.path)], options=unit.options, observers=[watch])
