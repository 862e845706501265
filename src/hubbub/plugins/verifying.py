"""What a source fulfils that can say who the user is there, what is left of the budget and which places are open.

Optional: `hubbub verify` asks the sources that have it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

from hubbub.errors import ExitCode
from hubbub.http.access import BudgetReading
from hubbub.http.messages import Request
from hubbub.plugins.contracts import SourceSettings, Target


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform said of one community or person."""

    name: str
    """As typed."""
    state: str
    """In one word: "public", "restricted", "private", "quarantined", "gated", "banned", "missing", "renamed", …"""
    exit_code: ExitCode = ExitCode.OK
    """PARTIAL for what cannot be read, REMOTE where the platform failed to say."""
    said: str = ""
    """The same for people, where there is more to say than the state."""
    advice: str | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one source said."""

    account: str | None = None
    """Who the credentials belong to: "u/NAME"; None for an application without a user, and where none is asked for."""
    door: str
    """How it is entered: the kind of login in words."""
    note: str | None = None
    """What is odd about it and no failure."""
    budget: BudgetReading | None = None
    """As the last answer told it."""
    standings: tuple[Standing, ...] = ()
    """One for each target, in the order given."""


Verification = Generator[Request | tuple[Request, ...], Any, Verdict]
"""Yields as a stream does (see contracts) but for pages and recalls; returns the verdict, in the fewest requests.

Errors of the whole source (credentials, budget, block page, platform) are raised, those of one target are its standing.
"""


@runtime_checkable
class Verifies(Protocol):
    """A source that can be verified."""

    def verify(self, targets: Sequence[Target], settings: SourceSettings) -> Verification:
        """Ask who we are and what the targets are. Raises UsageError for a name the platform cannot have, ConfigError
        when a needed setting is missing; both before anything is asked."""
        ...
