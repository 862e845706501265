"""One import of many files into a lake: units, workers, and what is left to tidy up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hubbub import clock
from hubbub.errors import ExitCode
from hubbub.events import Observer
from hubbub.pipeline.archive import shown
from hubbub.pipeline.fanout import HELPERS, STRIPES, Spread, run_units, stripes, together
from hubbub.pipeline.lake import BLOCK_LINES, Lake
from hubbub.pipeline.lake_load import LakeUnit, import_into_lake
from hubbub.pipeline.load import LoadOptions
from hubbub.pipeline.run import RunReport

LINE_BYTES = 100
"""What a line of a dump takes as stored, more or less."""


def import_files(
    lake: Lake,
    paths: Sequence[Path],
    *,
    options: LoadOptions,
    spread: Spread,
    observers: Sequence[Observer] = (),
    blocked: Mapping[str, Mapping[str, int]] | None = None,
    block_lines: int = BLOCK_LINES,
    work: Callable[[LakeUnit], RunReport] = import_into_lake,
) -> RunReport:
    """Import files into a lake and report what became of each, as `load_files` does for a store.

    Of every file what is not in place yet is written. Several workers take several files, or parts of one where there
    are few: on this machine they decode what one process unpacks for them, elsewhere each unpacks the file for itself.
    `work` is what the engine runs. Raises LockedError when another import into the lake is under way."""
    target = ", ".join(map(shown, paths))
    if spread.engine != "local":  # whose workers begin in a folder of their own
        lake = Lake(lake.root.absolute(), partition_by=lake.partition_by)
        paths = [path.absolute() for path in paths]
    paths = list(dict.fromkeys(paths))
    local = spread.engine == "local"
    counts = stripes(
        paths,
        workers=spread.workers or 1,
        block_bytes=block_lines * LINE_BYTES,
        most=HELPERS if local else STRIPES,
    )
    units = [
        LakeUnit(
            path=str(path),
            lake=str(lake.root),
            partition_by=lake.partition_by,
            options=options,
            stripe=stripe,
            stripes=1 if local else count,
            helpers=count if local and count > 1 else 0,
            blocked=blocked or {},
            block_lines=block_lines,
        )
        for path, count in zip(paths, counts, strict=True)
        for stripe in range(1 if local else count)
    ]
    with lake.claim():
        lake.sweep()
        try:
            if spread.here or (local and len(units) == 1):
                return _here(units, target=target, observers=observers)
            return run_units(work, units, spread=spread, target=target, observers=observers)
        finally:
            lake.sweep()


def _here(units: Sequence[LakeUnit], *, target: str, observers: Sequence[Observer]) -> RunReport:
    """All of it in this process."""
    began, started_at = clock.monotonic(), clock.now()
    reports = []
    for unit in units:
        reports.append(import_into_lake(unit, observers))
        if reports[-1].exit_code is ExitCode.INTERRUPTED:
            break
    return together(reports, target=target, started_at=started_at, elapsed_s=clock.monotonic() - began)
