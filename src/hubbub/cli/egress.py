"""How the requests of a command leave: read from the list of proxies in the home."""

from __future__ import annotations

from pathlib import Path

from hubbub.cli.session import Session
from hubbub.pipeline.egress import Egress
from hubbub.store.proxy_list import FILE_NAME, read_list


def list_file(session: Session) -> Path:
    """Where the list of proxies lies."""
    return session.home / FILE_NAME


def egress_of(session: Session) -> Egress:
    """The proxies of the list, each for what it is assigned to. Raises ConfigError for a list that cannot be used."""
    file = list_file(session)
    return Egress(read_list(file), file=file, strict=session.loaded.settings.proxies.strict)
