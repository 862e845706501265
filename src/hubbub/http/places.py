"""Places in which several processes keep what they share: a Redis or Valkey, or a PostgreSQL."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from hubbub import clock
from hubbub.errors import ConfigError
from hubbub.http.access import Access
from hubbub.http.budgets import AwayError, Keeper, LocalKeeper, Place, SharedKeeper
from hubbub.http.limits import Budget, opened
from hubbub.http.valkey import connect, first_line, place_of

TIMEOUT_S = 2.0
KEPT_S = 2 * 86_400
"""What nobody touches for so long is dropped."""
_TRIES = 50
_MAKE = "CREATE TABLE IF NOT EXISTS hubbub_budget (key text PRIMARY KEY, state text, touched_at timestamptz NOT NULL)"


def open_place(url: str, *, source: str, identity: str) -> Place:
    """The place at this address for the budget of one credential: its key shows neither name nor secret.

    Nothing is asked of it yet. Raises ConfigError for an address of another kind."""
    digest = hashlib.blake2b(f"{source}\x00{identity}".encode(), digest_size=16).hexdigest()
    scheme = urlsplit(url).scheme
    if scheme in {"redis", "rediss", "unix", "valkey", "valkeys"}:
        return ValkeyPlace(url, key=f"hubbub:budget:{digest}")
    if scheme in {"postgresql", "postgres"}:
        return PostgresPlace(url, key=digest)
    raise ConfigError(
        "budget.share is no address hubbub knows; write redis://HOST:PORT/DATABASE or postgresql://HOST/DATABASE"
    )


def keeper_of(access: Access, *, source: str, warn: Callable[[str], None]) -> Keeper:
    """Who keeps the budget of an access: this process, or a place it shares with others. Raises ConfigError."""
    given = access.budget
    now = clock.monotonic()
    if given.share is None or not access.identity:
        return LocalKeeper(opened(access.default_budget, now, gap_s=access.gap_s, reserve=given.reserve))
    half = opened(access.default_budget / 2, now, gap_s=2 * access.gap_s, reserve=max(given.reserve, 0.5))

    def fresh(at: float) -> Budget:
        return opened(access.default_budget, at, gap_s=access.gap_s, reserve=given.reserve)

    place = open_place(given.share, source=source, identity=access.identity)
    return SharedKeeper(place, fresh=fresh, alone=half, warn=warn)


class ValkeyPlace:
    """One key of a Redis or Valkey, changed only when nobody else changed it meanwhile."""

    def __init__(self, url: str, *, key: str) -> None:
        self._client, self._trouble = connect(url, setting="budget.share", timeout_s=TIMEOUT_S)
        self._key = key
        self.where = place_of(url)

    def change(self, step: Callable[[bytes | None, float], bytes]) -> None:
        """Replace what is kept; raises AwayError."""
        import redis  # noqa: PLC0415 - an extra, loaded by `connect` before

        try:
            for _ in range(_TRIES):
                with self._client.pipeline() as pipe:
                    pipe.watch(self._key)
                    kept = pipe.get(self._key)
                    seconds, micros = pipe.time()
                    made = step(kept, seconds + micros / 1e6)
                    pipe.multi()
                    pipe.set(self._key, made, ex=KEPT_S)
                    try:
                        pipe.execute()
                    except redis.WatchError:
                        continue
                    return
        except self._trouble as error:
            raise AwayError(f"the shared budget at {self.where} is out of reach: {first_line(error)}") from None
        raise AwayError(f"the shared budget at {self.where} is changed by too many at once")

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


class PostgresPlace:
    """One row of a small table of its own in a PostgreSQL, locked while it is changed."""

    def __init__(self, url: str, *, key: str) -> None:
        try:
            import psycopg  # noqa: PLC0415 - an extra
        except ImportError as err:
            raise ConfigError(
                "budget.share needs the extra 'postgres'", advice="pip install 'hubbub[postgres]'"
            ) from err
        self._psycopg = psycopg
        self._url = url.partition("?")[0]
        self._key = key
        self._connection: Any = None
        self._turn = threading.Lock()
        self.where = place_of(url)

    def change(self, step: Callable[[bytes | None, float], bytes]) -> None:
        """Replace what is kept; raises AwayError."""
        try:
            with self._turn, self._connected().transaction():
                self._change(step)
        except (self._psycopg.Error, OSError) as error:
            self._connection = None
            raise AwayError(f"the shared budget at {self.where} is out of reach: {first_line(error)}") from None

    def _change(self, step: Callable[[bytes | None, float], bytes]) -> None:
        db = self._connection
        db.execute("INSERT INTO hubbub_budget VALUES (%s, NULL, now()) ON CONFLICT DO NOTHING", (self._key,))
        query = "SELECT state FROM hubbub_budget WHERE key = %s FOR UPDATE"
        (state,) = db.execute(query, (self._key,)).fetchone()
        # Read after the lock was had: the wait for it is time, too.
        (now,) = db.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        made = step(None if state is None else state.encode(), now)
        update = "UPDATE hubbub_budget SET state = %s, touched_at = now() WHERE key = %s"
        db.execute(update, (made.decode(), self._key))

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Any:
        if self._connection is None or self._connection.closed:
            self._connection = self._psycopg.connect(self._url, autocommit=True, connect_timeout=int(TIMEOUT_S))
            self._connection.execute(f"SET statement_timeout = {int(TIMEOUT_S * 1000)}")
            self._connection.execute(_MAKE)
        return self._connection
