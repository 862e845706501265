"""Imports many files at once: what each worker does is told in `load` and `lake_load`, this deals the work out and adds
up what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from hubbub import clock
from hubbub.engines.contracts import Engine, Finished
from hubbub.errors import ExitCode, HubbubError, InterruptedRunError, UsageError, worst
from hubbub.events import FileProgress, Observer
from hubbub.pipeline.archive import shown
from hubbub.pipeline.interrupt import Interrupts
from hubbub.pipeline.load import FileReport, LoadOptions, load_files
from hubbub.pipeline.run import RunReport, peak_rss_bytes
from hubbub.plugins import registry
from hubbub.store.backend import StoreOptions
from hubbub.store.batch import Tally
from hubbub.store.engine import open_store

WINDOW_BYTES = 2 << 30
"""The largest window of a dump, all of which its reader may hold."""
READER_BYTES = 512 << 20
"""What a reader needs besides."""
UNPACKED = 20
"""Times a dump grows when it is unpacked: a small one never fills the window."""
STRIPES = 6
"""Most workers of one file where each unpacks all of it, which is a seventh of the work."""
HELPERS = 4
"""Most workers of one file that one process unpacks for them: it keeps no more than these busy."""

_STATES = ("failed", "refused", "damaged", "interrupted", "reading", "done", "skipped")
"""Of several workers of one file the earliest of these is the file's state."""


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how widely the work is dealt out."""

    engine: str = "local"
    workers: int | None = 1
    """None leaves it to the engine."""
    address: str | None = None

    @property
    def here(self) -> bool:
        """True when this process does it all."""
        return self.engine == "local" and self.workers == 1

    def load(self) -> Engine:
        """The engine. Raises UsageError for a name nobody registered and for an address it has no use for."""
        engine = registry.load("engines", self.engine)
        if not isinstance(engine, Engine):
            raise UsageError(f"{self.engine!r} is no engine")
        if self.address is not None and not engine.elsewhere:
            raise UsageError(f"--address names a cluster; the engine {self.engine} has none")
        return engine


class StoreUnit(msgspec.Struct, frozen=True, kw_only=True):
    """One file, and the store it goes to."""

    path: str
    url: str
    store: StoreOptions
    options: LoadOptions


U = TypeVar("U", bound=msgspec.Struct)


def import_into_store(unit: StoreUnit) -> RunReport:
    """Import one file in this process and report what became of it; its batches and marks are those of any import.

    Killed at any point and run again, here or elsewhere, the store ends up the same."""
    path = Path(unit.path)
    try:
        with open_store(unit.url, create=False, options=unit.store) as store:
            return load_files(store, [path], options=unit.options)
    except HubbubError as error:
        said = f"{error}; {error.advice}" if error.advice else str(error)
        return _bare(error.exit_code, said, files=[FileReport(path=shown(path), state="failed")])


def run_units(
    fn: Callable[[U], RunReport],
    units: Sequence[U],
    *,
    spread: Spread,
    target: str,
    observers: Sequence[Observer] = (),
) -> RunReport:
    """Run every unit on the engine and report on all of them as one run.

    Units have a `path`. A unit that kills each of its workers ends with exit code 1 and the others go on. Ctrl-C asks
    the workers to end what they have in hand; the same command goes on from there."""
    began, started_at = clock.monotonic(), clock.now()
    paths = [str(getattr(unit, "path", "")) for unit in units]
    reports: list[RunReport] = []
    with spread.load().open(workers=spread.workers, address=spread.address) as pool, Interrupts(pool.stop) as wish:
        for finished in pool.map_unordered(fn, units, memory_bytes=_memory(paths)):
            report = _report(finished, paths[finished.at])
            reports.append(report)
            _tell(report, observers)
        if wish.requested:
            reports.append(_stopped())
    return together(reports, target=target, started_at=started_at, elapsed_s=clock.monotonic() - began)


def stripes(paths: Sequence[Path], *, workers: int, block_bytes: int, most: int = STRIPES) -> list[int]:
    """How many workers each file gets: one where there are files enough, else as many as keep all workers busy, and
    none for less than a block of so many bytes as stored."""
    if len(paths) >= 2 * workers:
        return [1] * len(paths)
    sizes = [_size(path) for path in paths]
    total = sum(sizes) or 1
    wanted = [min(-(-workers * size // total), size // block_bytes or 1) for size in sizes]
    return [max(1, min(most, count)) for count in wanted]


def together(reports: Sequence[RunReport], *, target: str, started_at: int, elapsed_s: float) -> RunReport:
    """Several reports as one: counts are added, the worst exit code counts, workers of one file make one file."""
    tally = Tally()
    unknown: Counter[str] = Counter()
    files: dict[str, FileReport] = {}
    for report in reports:
        tally.add(report.tally)
        unknown.update(report.details.get("unknown_fields", {}))
        for file in report.details.get("files", ()):
            files[file.path] = _joined(files[file.path], file) if file.path in files else file
    details: dict[str, object] = {"files": [files[path] for path in sorted(files)]}
    if unknown:
        details["unknown_fields"] = dict(sorted(unknown.items()))
    return RunReport(
        run_id=next((report.run_id for report in reports if report.run_id), 0),
        command="import",
        target=target,
        tally=tally,
        requests=0,
        missing=0,
        findings=tuple(dict.fromkeys(finding for report in reports for finding in report.findings)),
        errors=tuple(dict.fromkeys(error for report in reports for error in report.errors)),
        exit_code=worst(*(report.exit_code for report in reports)),
        started_at=started_at,
        elapsed_s=elapsed_s,
        peak_rss_bytes=max([peak_rss_bytes(), *(report.peak_rss_bytes for report in reports)]),
        resume_at=None,
        details=details,
    )


def _joined(one: FileReport, other: FileReport) -> FileReport:
    return FileReport(
        path=one.path,
        state=min(one.state, other.state, key=_STATES.index),
        rows=one.rows + other.rows,
        lines=max(one.lines, other.lines),
        kinds=dict(Counter(one.kinds) + Counter(other.kinds)),
        filtered=one.filtered + other.filtered,
        set_aside=one.set_aside + other.set_aside,
        offset=max(one.offset, other.offset),
        resumed_at_byte=min(one.resumed_at_byte, other.resumed_at_byte),
        size_bytes=one.size_bytes or other.size_bytes,
        damaged=one.damaged or other.damaged,
    )


def _report(finished: Finished[RunReport], path: str) -> RunReport:
    if finished.value is not None:
        return finished.value
    what = f"{shown(Path(path))}: {finished.lost}; what it had put in place stays, the same command goes on from there"
    return _bare(ExitCode.BUG, what, files=[FileReport(path=shown(Path(path)), state="failed")])


def _stopped() -> RunReport:
    error = InterruptedRunError("stopped by the user", advice="the same command goes on from here")
    return _bare(error.exit_code, f"{error}; {error.advice}")


def _bare(code: ExitCode, error: str, *, files: Sequence[FileReport] = ()) -> RunReport:
    return RunReport(
        run_id=0,
        command="import",
        target="",
        tally=Tally(),
        requests=0,
        missing=0,
        findings=(),
        errors=(error,),
        exit_code=code,
        started_at=0,
        elapsed_s=0.0,
        peak_rss_bytes=0,
        resume_at=None,
        details={"files": list(files)},
    )


def _tell(report: RunReport, observers: Sequence[Observer]) -> None:
    for file in report.details.get("files", ()):
        size = file.size_bytes or 0
        event = FileProgress(path=file.path, done_bytes=size, total_bytes=size, rows=file.rows)
        for observer in observers:
            observer(event)


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _memory(paths: Sequence[str]) -> int:
    """What the hungriest reader of these files may need, in bytes."""
    largest = max((_size(Path(path)) for path in paths), default=0)
    return READER_BYTES + min(WINDOW_BYTES, largest * UNPACKED)
