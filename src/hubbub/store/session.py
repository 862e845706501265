"""What the store's own code may ask of a database inside a transaction, whichever engine it is.

SQL is written once, in the part that SQLite and PostgreSQL share, with `?` for values; the few things they say
differently are methods here. A value is bound, never pasted; names come from `tables.py`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

Engine = Literal["sqlite", "postgresql"]
Rows = Sequence[Sequence[Any]]


class Cursor(Protocol):
    """The answer to one statement."""

    @property
    def rowcount(self) -> int:
        """Rows changed."""

    def fetchone(self) -> Any:
        """The next row, or None."""

    def fetchall(self) -> list[Any]:
        """All rows that are left."""

    def __iter__(self) -> Iterator[Any]: ...


class Added(NamedTuple):
    """What became of rows that were to be added."""

    new: int
    differ: frozenset[str]
    """Ids that are there with other values; nothing of them was written."""
    filled: tuple[int, ...] = ()
    """Numbers of the rows that were stubs before (they count as new), where the engine has row numbers."""


class Session(Protocol):
    """One connection, as the write path and the bulk reads use it."""

    engine: Engine
    least: str
    """Name of the function that takes the smallest of its arguments."""
    greatest: str
    row_number: str
    """What to select for the number of a content row; 0 where the engine has none."""
    vectors: bool
    """Whether the search index is a column of its row."""
    index_now: bool
    """Whether this batch keeps the search index in step, or leaves it to `db maintain --search`."""

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Cursor:
        """Run one statement."""

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Any:
        """Run one statement for each row of values."""

    def among(self, column: str) -> str:
        """Condition that `column` is one of the values bound with `listed`."""

    def listed(self, values: Iterable[str] | Iterable[int]) -> Any:
        """Many values as the one that `among` binds."""

    def make_room(self, sources: Iterable[str]) -> None:
        """Make partitions for sources that have none, where the engine has partitions."""

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
        """Insert rows, each key at most once; where a key is there already, set `sets` (column -> expression over
        `excluded` and the table's own name; by default every other column to the new value) or, with `keep`, leave it
        as it is."""

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
        """Insert content rows of one source whose keys are new, fill those that are stubs; of the others, tell those
        that differ.

        A row holds the values of `bound` (the id first); `fixed` columns have one value for all; `copies` and `ours`
        take the bound value at a position; names of `bound` that are no columns are only for them. `ours` and
        `constants` (bookkeeping) do not count as differences."""

    def unmentioned(self, table: str, source: str, keys: set[Any]) -> set[Any]:
        """Those of these keys of which it is not known that the table has them; from now on it is taken for known."""

    def forget_mentioned(self) -> None:
        """Take nothing for known any more: rows were deleted, or a transaction was rolled back."""

    def stream(self, sql: str, parameters: Sequence[Any] = (), *, size: int = 2000) -> Generator[list[Any]]:
        """The rows of a query in lists of at most `size`, in flat memory, other statements may run in between."""


NO_COLUMNS = frozenset({"text_at", "early_at", "first_at"})
"""Values that rows bring for several columns (`Session.add`)."""


def insert_sql(
    table: str, columns: Sequence[str], *, key: Sequence[str], sets: Mapping[str, str] | None, keep: bool, source: str
) -> str:
    """`INSERT … ON CONFLICT`, the same on both engines; `source` is a VALUES list or a SELECT."""
    names = ", ".join(map(named, columns))
    head = f"INSERT INTO {table} ({names}) {source} ON CONFLICT ({', '.join(key)}) DO "
    if keep:
        return head + "NOTHING"
    if sets is None:
        sets = {name: f"excluded.{named(name)}" for name in columns if name not in key}
    if not sets:
        return head + "NOTHING"
    return head + "UPDATE SET " + ", ".join(f"{named(name)} = {value}" for name, value in sets.items())


def named(column: str) -> str:
    """A column's name as it stands in SQL: one of ours is a word of PostgreSQL's grammar."""
    return f'"{column}"' if column == "offset" else column


def literal(value: str | float | None) -> str:
    """A value as it stands in SQL, the same on both engines; for the few that many rows share."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("a NUL character cannot stand in SQL")
        return "'" + value.replace("'", "''") + "'"
    return repr(int(value) if isinstance(value, bool) else value)
