"""What a source fulfils that can be asked for single things by their ids."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

from hubbub.errors import HubbubError
from hubbub.plugins.contracts import Asked, Checkpoint, Target
from hubbub.plugins.due import Scope


class LookedUp(msgspec.Struct, frozen=True, kw_only=True):
    """What became of ids that were asked for. Each id is in one of these and no more."""

    shown: frozenset[str] = frozenset()
    """They came with their content."""
    withdrawn: frozenset[str] = frozenset()
    """They came without: the platform says that somebody withdrew them."""
    unreadable: frozenset[str] = frozenset()
    """They came, and were set aside."""
    missing: Mapping[str, int] = {}
    """Left out of a whole answer -> when it was given, epoch seconds UTC."""
    failed: Mapping[str, HubbubError] = {}
    """Their request failed or its answer was damaged: nothing is known of them."""


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """Checkpoints that belong into the transaction of one answer."""

    checkpoints: Sequence[Checkpoint] = ()
    forgotten: Sequence[str] = ()


Told = Callable[[LookedUp], Marks]
"""Told what one answer brought before its page is stored; says what else to store with it."""


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a community can be read."""

    is_open: bool | None
    """None: nothing is known, its request failed."""
    words: str = ""
    """Why not: "the community is private"."""


@runtime_checkable
class IdReader(Protocol):
    """A source that answers by id. The generators yield what streams yield, and return what they found out."""

    ids_a_request: int
    requests_a_round: int
    """Requests that are sent side by side."""
    requests_a_minute: int
    """What the platform grants, for plans."""

    def look_up(self, ids: Sequence[str], *, told: Told | None = None) -> Generator[Asked, Any, LookedUp]:
        """Ask for posts and comments, and store what comes; the answer is compared by id, never by position.

        Raises what makes asking on pointless (credentials, a block, the budget), and the error of a round in which
        every request failed; what came before is stored."""
        ...

    def reach(self, communities: Sequence[str]) -> Generator[Asked, Any, dict[str, Reach]]:
        """Whether these communities (case-folded keys) can be read right now; one request each."""
        ...

    def scope_of(self, targets: Sequence[Target]) -> Scope:
        """Whose rows the targets mean. Raises UsageError for a name the platform cannot have."""
        ...

    def identify(self, word: str, *, kind: str | None = None) -> tuple[str, str] | None:
        """(kind, id) of a post or comment as people and files write it; `kind` helps where the word does not tell.

        None when it names neither."""
        ...
