"""Places in which several processes keep what they share: a Redis or Valkey, or a PostgreSQL."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from hubbub import clock
from hubbub.errors import ConfigError
from hubbub.http.access import Access
from hubbub.http.budgets import AwayError, Keeper, LocalKeeper, Place, SharedKeeper, Step
from hubbub.http.limits import Budget, opened
from hubbub.http.valkey import connect, first_line, place_of

TIMEOUT_S = 2.0
KEPT_S = 2 * 86_400
"""What nobody touches for so long is dropped."""
_TRIES = 50
_TABLE = "hubbub_budget"
_LOCK = 5_846_027_411
"""An advisory lock of ours: two that make one table at once are in each other's way."""
_BOUNDS = (
    f"SET LOCAL statement_timeout = {int(TIMEOUT_S * 1000)};"
    f" SET LOCAL idle_in_transaction_session_timeout = {int(TIMEOUT_S * 1000)}"
)
"""Nobody who is stopped in the middle keeps the others from their budget."""


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
    half = opened(access.default_budget, now, gap_s=2 * access.gap_s, reserve=(1 + given.reserve) / 2)

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

    def change(self, step: Step) -> None:
        """Replace what is kept, if the step says so; raises AwayError."""
        import redis  # noqa: PLC0415 - an extra, loaded by `connect` before

        try:
            try:
                done = self._change(step)
            except redis.ConnectionError:  # perhaps only this connection: the server was restarted, or had enough of it
                self._client.connection_pool.disconnect()
                done = self._change(step)
        except self._trouble as error:
            raise AwayError(f"the shared budget at {self.where} is out of reach: {first_line(error)}") from None
        if not done:
            raise AwayError(f"the shared budget at {self.where} is changed by too many at once")

    def _change(self, step: Step) -> bool:
        import redis  # noqa: PLC0415 - an extra, loaded by `connect` before

        for _ in range(_TRIES):
            with self._client.pipeline() as pipe:
                pipe.watch(self._key)
                kept = pipe.get(self._key)
                seconds, micros = pipe.time()
                made = step(kept, seconds + micros / 1e6)
                if made is None:
                    return True
                pipe.multi()
                pipe.set(self._key, made, ex=KEPT_S)
                with suppress(redis.WatchError):
                    pipe.execute()
                    return True
        return False

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


class PostgresPlace:
    """One row of a small table of its own in a PostgreSQL, locked while it is changed."""

    def __init__(self, url: str, *, key: str) -> None:
        try:
            import psycopg  # noqa: PLC0415 - an extra

            from hubbub.http.postgres import read_address  # noqa: PLC0415 - needs the same extra
        except ImportError as err:
            raise ConfigError(
                "budget.share needs the extra 'postgres'", advice="pip install 'hubbub[postgres]'"
            ) from err
        try:
            self._address = read_address(url)
        except ValueError:  # its words may hold part of the password
            raise ConfigError(
                "budget.share is no address of a PostgreSQL; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
            ) from None
        self._psycopg = psycopg
        self._table = psycopg.sql.Identifier(*filter(None, (self._address.schema, _TABLE)))
        self._key = key
        self._connection: Any = None
        self._turn = threading.Lock()
        self.where = self._address.place

    def change(self, step: Step) -> None:
        """Replace what is kept, if the step says so; raises AwayError."""
        with self._turn:
            was_open = self._connection is not None
            try:
                try:
                    self._change(step)
                except self._psycopg.OperationalError:  # perhaps only this connection: the server was restarted
                    self._let_go()
                    if not was_open:
                        raise
                    self._change(step)
            except (self._psycopg.Error, OSError) as error:
                self._let_go()
                raise AwayError(f"the shared budget at {self.where} is out of reach: {first_line(error)}") from None

    def _change(self, step: Step) -> None:
        if self._connection is None:
            self._connection = self._connected()
        db = self._connection
        with db.transaction():
            db.execute(_BOUNDS)
            row = db.execute(self._worded("SELECT state FROM {} WHERE key = %s FOR UPDATE"), (self._key,)).fetchone()
            if row is None:
                db.execute(self._worded("INSERT INTO {} VALUES (%s, NULL) ON CONFLICT DO NOTHING"), (self._key,))
                query = self._worded("SELECT state FROM {} WHERE key = %s FOR UPDATE")
                row = db.execute(query, (self._key,)).fetchone()
            # Read after the lock was had: the wait for it is time, too.
            (now,) = db.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
            made = step(None if row[0] is None else row[0].encode(), now)
            if made is not None:
                db.execute(self._worded("UPDATE {} SET state = %s WHERE key = %s"), (made.decode(), self._key))

    def _worded(self, statement: str) -> Any:
        return self._psycopg.sql.SQL(statement).format(self._table)

    def close(self) -> None:
        """Let go of the connection."""
        with self._turn:
            self._let_go()

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Any:
        """A connection, and the table. Nothing is prepared and nothing set for longer than a transaction: PgBouncer may
        stand in between."""
        connection = self._psycopg.connect(
            self._address.conninfo, autocommit=True, connect_timeout=int(TIMEOUT_S), prepare_threshold=None
        )
        try:
            with connection.transaction():
                connection.execute(_BOUNDS)
                there = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (self._table.as_string(),))
                if there.fetchone() != (True,):
                    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                    connection.execute(self._worded("CREATE TABLE IF NOT EXISTS {} (key text PRIMARY KEY, state text)"))
        except BaseException:
            connection.close()
            raise
        return connection
