"""What the client is told of a platform: where it is, how to get a token, how to read its budget. Plain data."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping

import msgspec

from hubbub.http.messages import Request, Response

SHORTEST_LIFE_S = 60
LONGEST_LIFE_S = 7 * 86_400
"""What a token's stated life is held between: nothing else is believed of any platform."""


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A bearer token and how long it lives."""

    value: str
    expires_in_s: int
    """Seconds from when it was issued, between SHORTEST_LIFE_S and LONGEST_LIFE_S."""
    refresh_token: str | None = None
    """A new refresh token, only when the platform replaced the one that was sent."""
    scopes: tuple[str, ...] | None = None
    """What it allows, in the platform's words; None when the platform did not say."""
    given: bool = False
    """It stands in the settings: there is no other."""


class BudgetReading(msgspec.Struct, frozen=True, kw_only=True):
    """The platform's own account of our budget, from one answer."""

    remaining: float
    used: float | None = None
    reset_s: float
    """Seconds until the window ends."""


class BudgetOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a budget is kept; the user's, the same for every source."""

    share: str | None = None
    """Address of a Redis, Valkey or PostgreSQL in which processes with the same credential share it; may hold a
    password."""
    reserve: float = 0.05
    """Share of every window that is never used."""


class KeptOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Whether answers are kept and given again without asking: for whoever develops, never for a sync in earnest."""

    where: str | None = None
    """`memory`, a folder, or the address of a Redis or Valkey, which may hold a password; None keeps nothing."""
    ttl_s: float = 3_600.0
    by_route: Mapping[str, float] = {}
    """Another time for some kinds of request ("about", "new", "comments")."""
    max_bytes: int = 256 * 1024 * 1024


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """How the client reaches a source: its hosts, its token flow and its pace. Built by the source from settings."""

    base_url: str
    """API address that relative request paths are joined to; the bearer token goes to this host only."""
    user_agent: str
    token: Callable[[], Generator[Request, Response, Token]] | None = None
    """One run of the token flow: yields token requests, returns the token; None when the API needs none."""
    read_budget: Callable[[Response], BudgetReading | None]
    """What an answer's headers say of the budget; None when they say nothing. Never raises."""
    default_budget: int = 100
    """Requests (or points) a minute to assume until headers say otherwise."""
    burst: float | None = None
    """Most that may run ahead of the even pace; None for what suits a budget of requests, infinity to spend a window as
    fast as it can be spent."""
    patience_s: float = 0.0
    """How long this platform's budget is waited for at least, where the retry rules would give up: where a few requests
    spend a whole window, waiting is how one reads."""
    gap_s: float = 0.0
    """Least time between two requests, for a platform that asks to be spared more than its headers do."""
    identity: str = ""
    """Whose budget it is: the public name of the credential (a client id), never a secret."""
    account: str = ""
    """Who reads with it, and what they may: kept answers are never shared between two of them. A digest, no secret."""
    budget: BudgetOptions = BudgetOptions()
    kept: KeptOptions = KeptOptions()
