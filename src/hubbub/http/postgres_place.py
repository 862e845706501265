"""A budget in a PostgreSQL; its driver is an extra, so that only whoever names one loads this."""

from __future__ import annotations

import threading
from typing import Any

import psycopg

from hubbub.errors import ConfigError
from hubbub.http.budgets import AwayError, Step
from hubbub.http.postgres import read_address
from hubbub.http.valkey import first_line

TIMEOUT_S = 2.0
_TABLE = "hubbub_budget"
_LOCK = 5_846_027_411
"""An advisory lock of ours: two that make one table at once are in each other's way."""
_BOUNDS = (
    f"SET LOCAL statement_timeout = {int(TIMEOUT_S * 1000)};"
    f" SET LOCAL idle_in_transaction_session_timeout = {int(TIMEOUT_S * 1000)}"
)
"""Nobody who is stopped in the middle keeps the others from their budget."""


class PostgresPlace:
    """One row of a small table of its own in a PostgreSQL, locked while it is changed."""

    def __init__(self, url: str, *, key: str) -> None:
        try:
            self._address = read_address(url)
        except ValueError:  # its words may hold part of the password
            raise ConfigError(
                "budget.share is no address of a PostgreSQL; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
            ) from None
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
                except psycopg.OperationalError:  # perhaps only this connection: the server was restarted
                    self._let_go()
                    if not was_open:
                        raise
                    self._change(step)
            except (psycopg.Error, OSError) as error:
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
        return psycopg.sql.SQL(statement).format(self._table)

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
        connection = psycopg.connect(
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
