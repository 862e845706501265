"""PostgreSQL addresses, connections, and what a connection says in the store's own words."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound or a quoted literal

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import psycopg
from psycopg import sql as pgsql
from psycopg.adapt import Dumper

from hubbub.errors import ConfigError
from hubbub.http.postgres import read_address
from hubbub.store.mentioned import Mentioned
from hubbub.store.session import NO_COLUMNS, Added, Engine, Rows, insert_sql, literal, named

COPY_FROM_ROWS = 16
"""Fewer rows go one by one: a COPY and its staging table cost more."""

_streams = itertools.count(1)
"""Server-side cursors are named; each gets a name of its own."""

_VECTOR = "search"


class _FlagDumper(Dumper):
    """True and false as 1 and 0: flags are whole numbers in every store."""

    oid = psycopg.adapters.types["int2"].oid

    def dump(self, obj: Any) -> bytes:
        return b"1" if obj else b"0"


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a store in PostgreSQL is."""

    conninfo: str
    """As libpq reads it."""
    schema: str
    shown: str
    """Without the password."""


def address_of(url: str, *, schema: str) -> Address:
    """Understand `postgresql://…[?schema=NAME&…]`; other parameters go to the driver. Raises ConfigError."""
    try:
        found = read_address(url)
    except ValueError as err:
        raise ConfigError(
            "that is no address of a PostgreSQL store; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        ) from err
    chosen = schema if found.schema is None else found.schema
    if not chosen.isidentifier() or chosen != chosen.lower() or chosen.startswith("pg_"):
        raise ConfigError(f"{chosen!r} is no name for a schema: small letters, digits and underscores")
    return Address(conninfo=found.conninfo, schema=chosen, shown=f"{found.place} (schema {chosen})")


def lock_key(*words: str) -> int:
    """The number of an advisory lock for something that has a name."""
    digest = hashlib.blake2b("\x00".join(("hubbub", *words)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


@lru_cache(maxsize=512)
def _placeholders(sql: str) -> str:
    """SQL with the driver's marks in place of `?`."""
    return sql.replace("%", "%%").replace("?", "%s")


class PostgresSession:
    """A driver connection that speaks `session.Session`."""

    engine: Engine = "postgresql"
    least = "least"
    greatest = "greatest"
    row_number = "0"
    vectors = True

    def __init__(
        self, connection: psycopg.Connection[Any], *, types: Mapping[str, Mapping[str, str]], partitions: int
    ) -> None:
        self.connection = connection
        self.room: set[str] = set()
        """Sources that are known to have partitions."""
        self.made_room: set[str] = set()
        """Sources this transaction made partitions for."""
        self._partitions = partitions
        self._mentioned = Mentioned()
        self._number = 0
        """The transaction in which `unmentioned` was asked last."""
        self._asked = False
        """Whether that is this one."""
        self._savepoints = 0
        """How many there were in this transaction: each takes a number of its own."""
        self._due = -1
        """The number of this transaction, if nobody wrote since the one before."""
        self._known_tables: set[str] = set()
        """Tables in which most rows of the last `add` were there already."""
        connection.adapters.register_dumper(bool, _FlagDumper)
        self.index_now = True
        self._types = types
        """Per table: the type of each column."""
        self._staged: set[str] = set()
        """Staging tables this transaction has used."""

    def begun(self) -> None:
        """A new transaction: staging tables are empty again, or not there."""
        self._staged.clear()
        self.made_room.clear()
        self._due = self._number + 1 + self._savepoints if self._asked else -1
        self._asked, self._savepoints = False, 0

    def make_room(self, sources: Iterable[str]) -> None:
        for source in {*sources} - self.room - self.made_room - {""}:
            for statement in partitions_ddl(source, count=self._partitions):
                self.connection.execute(statement)
            self.made_room.add(source)

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> psycopg.Cursor[Any]:
        return self.connection.execute(_placeholders(sql), parameters) if parameters else self.connection.execute(sql)

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Any:
        with self.connection.cursor() as cursor:
            cursor.executemany(_placeholders(sql), parameters)

    def among(self, column: str) -> str:
        return f"{column} = ANY(?)"

    def listed(self, values: Iterable[str] | Iterable[int]) -> list[Any]:
        return list(values)

    def save(
        self,
        table: str,
        columns: Sequence[str],
        rows: Rows,
        *,
        key: Sequence[str],
        sets: Mapping[str, str] | None = None,
        keep: bool = False,
    ) -> None:
        if not rows:
            return
        if len(rows) < COPY_FROM_ROWS:
            types = self._types[table]
            marks = ", ".join(f"?::{types[name]}" if name == _VECTOR else "?" for name in columns)
            self.executemany(
                insert_sql(table, columns, key=key, sets=sets, keep=keep, source=f"VALUES ({marks})"), rows
            )
            return
        staging = self._stage(table, columns, rows)
        names = ", ".join(self._unstaged(columns))
        source = f"SELECT {names} FROM {staging}"
        self.connection.execute(insert_sql(table, columns, key=key, sets=sets, keep=keep, source=source))

    def _unstaged(self, columns: Sequence[str]) -> list[str]:
        """What to select of a staging table: search entries lie there as text."""
        return [f"{name}::tsvector" if name == _VECTOR else named(name) for name in columns]

    def _stage(self, table: str, columns: Sequence[str], rows: Rows) -> str:
        """Copy rows into a temporary table made for these columns; returns its name."""
        known = self._types[table]
        types = ["text" if name == _VECTOR else known.get(name, "int8") for name in columns]
        mark = hashlib.blake2b(",".join(columns).encode(), digest_size=6).hexdigest()
        staging = f"staging_{table}_{mark}"
        if staging in self._staged:
            self.connection.execute(f"DELETE FROM {staging}")
        else:
            made = ", ".join(f"{named(name)} {kind}" for name, kind in zip(columns, types, strict=True))
            self.connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {staging} ({made}) ON COMMIT DELETE ROWS")
            self._staged.add(staging)
        with (
            self.connection.cursor() as cursor,
            cursor.copy(f"COPY {staging} ({', '.join(map(named, columns))}) FROM STDIN (FORMAT BINARY)") as copy,
        ):
            copy.set_types(types)
            write = copy.write_row
            for row in rows:
                write(row)
        return staging

    def add(
        self,
        table: str,
        bound: Sequence[str],
        rows: Rows,
        *,
        fixed: Mapping[str, Any],
        copies: Mapping[str, int],
        ours: Mapping[str, int],
        constants: Mapping[str, int],
    ) -> Added:
        staging = self._stage(table, bound, rows)
        own = [name for name in bound if name not in NO_COLUMNS]
        values = dict(zip(own, self._unstaged(own), strict=True))
        values |= {name: bound[at] for name, at in {**copies, **ours}.items()}
        values |= {name: literal(value) for name, value in {**fixed, **constants}.items() if value is not None}
        insert = f"INSERT INTO {table} ({', '.join(values)}) SELECT {', '.join(values.values())} FROM {staging}"
        if table not in self._known_tables and self._inserted(insert):
            return Added(len(rows), frozenset())
        new = self.connection.execute(f"{insert} ON CONFLICT (source, id) DO NOTHING").rowcount
        (self._known_tables.discard if 2 * new > len(rows) else self._known_tables.add)(table)
        if new == len(rows):
            return Added(new, frozenset())
        source = literal(fixed["source"])
        constant = {*fixed, *constants}
        sets = ", ".join(
            f"{name} = {value if name in constant else f's.{value}'}"
            for name, value in values.items()
            if name not in {"source", "id"}
        )
        stubs = self.connection.execute(
            f"UPDATE {table} AS t SET {sets} FROM {staging} s"
            f" WHERE t.source = {source} AND t.id = s.id AND t.observed_at IS NULL"
        )
        new += stubs.rowcount
        if new == len(rows):
            return Added(new, frozenset())
        said = {name: f"s.{name}" for name in own if name not in {_VECTOR, "id"}}
        said |= {name: f"s.{bound[at]}" for name, at in copies.items()}
        said |= {name: literal(value) for name, value in fixed.items() if name != "source"}
        differs = " OR ".join(f"t.{name} IS DISTINCT FROM {value}" for name, value in said.items())
        found = self.connection.execute(
            f"SELECT s.id FROM {staging} s JOIN {table} t ON t.source = {source} AND t.id = s.id WHERE {differs}"
        )
        return Added(new, frozenset(record_id for (record_id,) in found))

    def _inserted(self, insert: str) -> bool:
        """Insert rows that are probably all new, without a look for each whether it is there, which costs a third more;
        False, and nothing done, when one of them is there."""
        self._savepoints += 1
        self.connection.execute("SAVEPOINT optimist")
        try:
            self.connection.execute(insert)
        except psycopg.errors.UniqueViolation:
            self.connection.execute("ROLLBACK TO optimist")
            return False
        self.connection.execute("RELEASE optimist")
        return True

    def unmentioned(self, table: str, source: str, keys: set[Any]) -> set[Any]:
        if not self._asked:  # numbers are given under the write lock: with none between, nobody wrote
            (number,) = self.connection.execute("SELECT txid_current()").fetchone() or (0,)
            if number != self._due:
                self._mentioned.forget()
            self._number, self._asked = number, True
        return self._mentioned.fresh(table, source, keys)

    def forget_mentioned(self) -> None:
        self._mentioned.forget()

    def stream(self, sql: str, parameters: Sequence[Any] = (), *, size: int = 2000) -> Generator[list[Any]]:
        with self.connection.cursor(name=f"hubbub_{next(_streams)}") as cursor:
            cursor.execute(_placeholders(sql) if parameters else sql, parameters or None)
            while rows := cursor.fetchmany(size):
                yield rows


def partitions_ddl(source: str, *, count: int) -> Iterator[str]:
    """Statements that make a place for the posts and comments of a source, unless it has one."""
    plain = source.isascii() and source.isidentifier() and source == source.lower() and len(source) <= 30
    slug = source if plain else hashlib.blake2b(source.encode("utf-8", "replace"), digest_size=8).hexdigest()
    for table in ("posts", "comments"):
        place = f"{table}_of_{slug}"
        yield (
            f"CREATE TABLE IF NOT EXISTS {place} PARTITION OF {table} FOR VALUES IN ({literal(source)})"
            " PARTITION BY HASH (id)"
        )
        for rest in range(count):
            yield (
                f"CREATE TABLE IF NOT EXISTS {place}_{rest} PARTITION OF {place}"
                f" FOR VALUES WITH (MODULUS {count}, REMAINDER {rest})"
            )


def identifier(name: str) -> str:
    """A name quoted for SQL."""
    return pgsql.Identifier(name).as_string(None)
