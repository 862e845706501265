"""How a run is watched: logs on stderr and, on a terminal, a live line. Reading commands need neither."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from pydantic import SecretStr

from hubbub.cli.session import Session
from hubbub.config.schema import SECTIONS
from hubbub.events import Observer
from hubbub.observe import logs, progress


@contextmanager
def watched(session: Session) -> Iterator[list[Observer]]:
    """The observers of one run: logs, and on a terminal a live line that goes when the run ends."""
    typed = session.typed
    _configure_logs(session)
    watching: list[Observer] = [logs.LogObserver(findings=typed.verbose > 0 or session.as_json)]
    if typed.verbose or not progress.wanted(quiet=typed.quiet):
        yield watching
        return
    with progress.ProgressObserver() as display:
        yield [*watching, display]


def log_observer(session: Session) -> Observer:
    """Writes events to the log on stderr: for commands that are no runs."""
    _configure_logs(session)
    return logs.LogObserver()


def _configure_logs(session: Session) -> None:
    settings = session.loaded.settings
    level = settings.log.level or "warning"
    if session.typed.quiet:
        level = "error"
    elif session.typed.verbose:
        level = "debug" if session.typed.verbose > 1 else "info"
    values = [value for name in SECTIONS for value in dict(getattr(settings, name)).values()]
    secrets = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    addresses = (session.store_url, settings.store.read_url, session.typed.read_store)
    secrets += [password for address in addresses if address and (password := urlsplit(address).password)]
    logs.configure(level=level, form=settings.log.format, secrets=secrets)
