"""A replica that answers reads, as long as it keeps up with its primary."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg

from hubbub import clock
from hubbub.store.backend import StoreOptions
from hubbub.store.postgres.session import address_of

ASK_EVERY_S = 5.0
"""How long a measured lag counts."""

_LAG = (
    "SELECT CASE WHEN NOT pg_is_in_recovery() OR pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0"
    " ELSE coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()), 0) END"
)


class Replica:
    """Another server that holds the same store, a little later."""

    def __init__(self, options: StoreOptions, *, connect: Callable[..., psycopg.Connection[Any]]) -> None:
        assert options.read_url is not None
        self.conninfo = address_of(options.read_url, schema=options.schema).conninfo
        self._max_lag_s = options.max_lag_s
        self._connect = connect
        self._connection: psycopg.Connection[Any] | None = None
        self._asked_at: float | None = None
        self._lag_s: float | None = None

    def lag_s(self) -> float | None:
        """Seconds it is behind, asked at most every few seconds; None while it cannot be reached."""
        now = clock.monotonic()
        if self._asked_at is None or now - self._asked_at > ASK_EVERY_S:
            self._asked_at, self._lag_s = now, self._measured()
        return self._lag_s

    def fresh(self) -> bool:
        """Whether reads may go there."""
        lag_s = self.lag_s()
        return lag_s is not None and lag_s <= self._max_lag_s

    def _measured(self) -> float | None:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = self._connect(self.conninfo, autocommit=True)
            row = self._connection.execute(_LAG).fetchone()
        except psycopg.Error:
            self.close()
            return None
        return None if row is None else float(row[0])

    def close(self) -> None:
        """Let go of it."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None
