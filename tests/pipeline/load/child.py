"""One import in a process of its own that dies where it is told: `python -m tests.pipeline.load.child STORE WHERE N FILE…`.

WHERE is `after` (the Nth batch is committed), `inside` (the Nth batch is written but not committed), `interrupt` (Ctrl-C
when the Nth batch is committed), `never`, or `paced`: nowhere, but in small batches, for somebody else to kill; `large` is
paced, and does what is done for large files: a process beside decodes, indexes and search entries come last.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hubbub.events import BatchStored, Event
from hubbub.pipeline import archive, bulk, exported, load, load_batch
from hubbub.pipeline.load import LoadOptions, load_files
from hubbub.store import bookkeeping, search_index
from hubbub.store.engine import open_store

LINES = 40


def at_call(number: int, do: Callable[[], None]) -> Callable[[], None]:
    """A callable that does something when it is called for the Nth time."""
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            do()

    return count


def signal_self(number: int) -> None:
    """Send a signal to this process."""
    os.kill(os.getpid(), number)


def peak_mb() -> int:
    """The most memory this program held. Linux counts what its parent held before the start into `ru_maxrss`."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return next(int(row.split()[1]) for row in status.read_text().splitlines() if row.startswith("VmHWM")) >> 10


def main() -> int:
    database, where, number, *files = sys.argv[1:]
    if where != "never":
        archive.MOST_LINES = exported.ROWS_AT_ONCE = load_batch.BATCH_ROWS = LINES
    if where == "large":
        load.BESIDE_BYTES, bulk.LARGE_ROWS, search_index.CATCH_UP_ROWS = 0, 1, 5 * LINES
    due = at_call(int(number), lambda: signal_self(signal.SIGINT if where == "interrupt" else signal.SIGKILL))
    if where == "inside":
        real = bookkeeping.count

        def count(*args: Any, **named: Any) -> None:
            real(*args, **named)
            due()

        bookkeeping.count = count

    def watch(event: Event) -> None:
        if isinstance(event, BatchStored) and where in {"after", "interrupt"}:
            due()

    with open_store(database) as store:
        report = load_files(store, [Path(file) for file in files], options=LoadOptions(), observers=[watch])
    for line in report.errors:
        print(line, file=sys.stderr)  # noqa: T201
    peak = peak_mb()
    print(json.dumps({"rss_mb": peak, "elapsed_s": report.elapsed_s, "line": report.conservation}))  # noqa: T201
    return int(report.exit_code)


if __name__ == "__main__":
    sys.exit(main())
