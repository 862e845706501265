"""Where the budget of an access is kept: in this process, or in a Redis, Valkey or PostgreSQL that several share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from urllib.parse import urlsplit

from hubbub import clock
from hubbub.errors import ConfigError
from hubbub.http.access import Access
from hubbub.http.budgets import Keeper, LocalKeeper, Place, SharedKeeper
from hubbub.http.limits import BURST, Budget, opened


def open_place(url: str, *, source: str, identity: str) -> Place:
    """The place at this address for the budget of one credential: its key shows neither name nor secret.

    Nothing is asked of it yet. Raises ConfigError for an address of another kind."""
    digest = hashlib.blake2b(f"{source}\x00{identity}".encode(), digest_size=16).hexdigest()
    scheme = urlsplit(url).scheme
    if scheme in {"redis", "rediss", "unix", "valkey", "valkeys"}:
        return _valkey(url, key=f"hubbub:budget:{digest}")
    if scheme in {"postgresql", "postgres"}:
        return _postgres(url, key=digest)
    raise ConfigError(
        "budget.share is no address hubbub knows; write redis://HOST:PORT/DATABASE or postgresql://HOST/DATABASE"
    )


def _valkey(url: str, *, key: str) -> Place:
    try:
        from hubbub.http.valkey_place import ValkeyPlace  # noqa: PLC0415 - its driver is an extra
    except ImportError as err:
        raise ConfigError("budget.share needs the extra 'redis'", advice="pip install 'hubbub[redis]'") from err
    return ValkeyPlace(url, key=key)


def _postgres(url: str, *, key: str) -> Place:
    try:
        from hubbub.http.postgres_place import PostgresPlace  # noqa: PLC0415 - its driver is an extra
    except ImportError as err:
        raise ConfigError("budget.share needs the extra 'postgres'", advice="pip install 'hubbub[postgres]'") from err
    return PostgresPlace(url, key=key)


def keeper_of(access: Access, *, source: str, warn: Callable[[str], None]) -> Keeper:
    """Who keeps the budget of an access: this process, or a place it shares with others. Raises ConfigError."""
    given = access.budget
    now = clock.monotonic()
    if given.share is None or not access.identity:
        return LocalKeeper(_opened(access, now))
    half = _opened(access, now, gap_s=2 * access.gap_s, reserve=(1 + given.reserve) / 2)

    def fresh(at: float) -> Budget:
        return _opened(access, at)

    place = open_place(given.share, source=source, identity=access.identity)
    return SharedKeeper(place, fresh=fresh, alone=half, warn=warn)


def _opened(access: Access, at: float, *, gap_s: float | None = None, reserve: float | None = None) -> Budget:
    return opened(
        access.default_budget,
        at,
        gap_s=access.gap_s if gap_s is None else gap_s,
        reserve=access.budget.reserve if reserve is None else reserve,
        burst=BURST if access.burst is None else access.burst,
    )
