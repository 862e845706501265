"""Progress on a terminal: one live line a file, or one for the requests and records of a sync."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from hubbub import events
from hubbub.datasets.times import iso
from hubbub.observe.terminal import shown


class ProgressObserver:
    """An observer that draws on stderr while it is entered as a context, and leaves nothing behind."""

    def __init__(self, console: Console | None = None) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[facts]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console or Console(stderr=True),
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._requests = 0
        self._records = 0
        self._media = 0
        self._wait = ""

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, event: events.Event) -> None:
        match event:
            case events.FileProgress():
                self._file(event)
            case events.CopyProgress():
                self._copy(event)
            case events.RequestDone():
                self._requests += 1
                self._wait = ""
                self._counts()
            case events.BatchStored():
                self._records += sum(event.tally.values())
                self._counts()
            case events.MediaDone():
                self._media += 1
                self._counts()
            case events.Waiting():
                self._wait = f", waiting {event.wait_s:.0f} s until {iso(event.until)[11:]}: {event.why}"
                self._counts()

    def _file(self, event: events.FileProgress) -> None:
        task = self._task(event.path, Path(event.path).name, total=event.total_bytes)
        took = self._progress.tasks[task].elapsed or 0
        rate = f", {event.rows / took:,.0f} a second" if took >= 1 else ""
        self._progress.update(task, completed=event.done_bytes, facts=f"{event.rows:,} rows{rate}")

    def _copy(self, event: events.CopyProgress) -> None:
        facts = f"{event.done:,} of {event.total:,}"
        task = self._task("copy", "", total=event.total)  # one line for all: there are more tables than lines
        self._progress.update(
            task, description=escape(shown(event.table)), completed=event.done, total=event.total, facts=facts
        )

    def _counts(self) -> None:
        if not self._requests and not self._media:
            return  # an import shows its files
        media = f", {self._media:,} files" if self._media else ""
        facts = f"{self._requests:,} requests, {self._records:,} records{media}{self._wait}"
        self._progress.update(self._task("", "working", total=None), facts=escape(shown(facts)))

    def _task(self, key: str, label: str, *, total: int | None) -> TaskID:
        if key not in self._tasks:
            self._tasks[key] = self._progress.add_task(escape(shown(label)), total=total, facts="")
        return self._tasks[key]


def wanted(*, quiet: bool) -> bool:
    """True when somebody watches: stderr is a terminal that can move its cursor."""
    return not quiet and sys.stderr is not None and sys.stderr.isatty() and Console(stderr=True).is_terminal
