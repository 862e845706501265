"""How a run is watched: logs on stderr and, on a terminal, a live line. Reading commands need neither."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hubbub.cli.session import Session
from hubbub.events import Observer
from hubbub.observe import logs, progress


@contextmanager
def watched(session: Session) -> Iterator[list[Observer]]:
    """The observers of one run: logs, and on a terminal a live line that goes when the run ends."""
    typed = session.typed
    session.configure_logs()
    watching: list[Observer] = [logs.LogObserver(findings=typed.verbose > 0 or session.as_json)]
    if typed.verbose or not progress.wanted(quiet=typed.quiet):
        yield watching
        return
    with progress.ProgressObserver() as display:
        yield [*watching, display]
