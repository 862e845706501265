"""Dead rows, statistics and indexes of a store in PostgreSQL."""

# ruff: noqa: S608 - table names come from postgres_tables.py, the schema's is quoted

from __future__ import annotations

from collections.abc import Iterator

from hubbub.store.engine import Store
from hubbub.store.postgres.backend import PostgresBackend
from hubbub.store.postgres.session import PostgresSession, identifier
from hubbub.store.postgres.tables import metadata
from hubbub.store.session import Session
from hubbub.store.tables import CONTENT
from hubbub.store.vacuum import Step

TRIES = 3
"""Vacuums of a table whose dead rows somebody's open transaction still needs, or that others changed meanwhile."""

TABLES = tuple(table.name for table in metadata.sorted_tables)

_DEAD = (
    "SELECT coalesce(sum(pg_stat_get_dead_tuples(p.relid)), 0)::bigint FROM pg_partition_tree(?::regclass) p"
    " WHERE p.isleaf"
)
_LEFT = (
    "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid ="
    " c.relnamespace WHERE n.nspname = ? AND NOT i.indisvalid AND c.relkind = 'i' AND c.relname ~ '_cc(new|old)[0-9]*$'"
)
"""Indexes that a killed REINDEX CONCURRENTLY left behind."""

_REBUILDING = (
    "SELECT p.pid FROM pg_stat_progress_create_index p JOIN pg_class c ON c.oid = p.relid JOIN pg_namespace n"
    " ON n.oid = c.relnamespace WHERE n.nspname = ? AND p.datname = current_database()"
)


def vacuum(store: Store, *, full: bool) -> Iterator[Step]:
    """Vacuum and analyse our tables, which also empties the waiting lists of the search indexes; with `full` make every
    index anew, while others read and write."""
    backend = store.backend
    assert isinstance(backend, PostgresBackend)
    with backend.exclusive() as db:
        if backend.options.prepared:  # behind a pooler it would stay with a connection of everybody's
            db.execute("SET statement_timeout TO 0")
        place = _Place(db, backend.address.schema)
        due = place.withdrawn()
        for table in TABLES:
            place.vacuum(table, index=bool(due))
        held = {kind: dead for kind in due if (dead := place.dead(CONTENT[kind].name))}
    yield Step(name="tables", done=True, what=f"{len(TABLES)} tables are vacuumed and analysed")
    yield _purged(store, due=due, held=held)
    if full:
        with backend.exclusive() as db:
            yield from _reindex(_Place(db, backend.address.schema))


class _Place:
    """The tables of a store, as a connection outside any transaction names them."""

    def __init__(self, db: PostgresSession, schema: str) -> None:
        self.db = db
        self.schema = schema

    def named(self, name: str) -> str:
        return f"{identifier(self.schema)}.{identifier(name)}"

    def withdrawn(self) -> dict[str, str]:
        """The kinds of which withdrawn words may lie in dead rows, and a mark that changes when there are more."""
        query = f"SELECT kind, xmin::text FROM {self.named('search_state')} WHERE purge = 1"
        return dict(self.db.execute(query).fetchall())

    def vacuum(self, table: str, *, index: bool) -> None:
        """`index`: look into the indexes even when few rows are dead."""
        # What this connection changed counts from now on, not a second later over what the vacuum says.
        self.db.execute("SELECT pg_stat_force_next_flush()")
        options = "ANALYZE, INDEX_CLEANUP ON" if index else "ANALYZE"
        self.db.execute(f"VACUUM ({options}) {self.named(table)}")

    def dead(self, table: str) -> int:
        """Rows that are dead still, after as many vacuums as may help."""
        left = 0
        for _ in range(TRIES):
            ((left,),) = self.db.execute(_DEAD, (self.named(table),)).fetchall()
            if not left:
                break
            self.vacuum(table, index=True)
        return left


def _purged(store: Store, *, due: dict[str, str], held: dict[str, int]) -> Step:
    """Note that withdrawn words are gone, unless a dead row is left or more were withdrawn since the vacuum began."""
    name = "withdrawn words"
    if not due:
        return Step(name=name, done=True, what="no withdrawn words to remove")
    with store.transaction() as db:
        gone = [kind for kind, mark in due.items() if kind not in held and _note_gone(db, kind, mark)]
    if len(gone) == len(due):
        return Step(name=name, done=True, what="words of withdrawn records have left tables and search index")
    why = (
        f"{sum(held.values()):,} dead rows are in use by an open transaction"
        if held
        else "more were withdrawn meanwhile"
    )
    return Step(name=name, done=False, what=f"left for the next time: {why}")


def _note_gone(db: Session, kind: str, mark: str) -> bool:
    done = db.execute("UPDATE search_state SET purge = 0 WHERE kind = ? AND purge = 1 AND xmin::text = ?", (kind, mark))
    return done.rowcount == 1


def _reindex(place: _Place) -> Iterator[Step]:
    db = place.db
    if db.execute(_REBUILDING, (place.schema,)).fetchone() is not None:
        yield Step(name="indexes", done=False, what="left alone: somebody is making indexes just now")
        return
    left = [name for (name,) in db.execute(_LEFT, (place.schema,)).fetchall()]
    for name in left:
        db.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {place.named(name)}")
    for table in TABLES:
        db.execute(f"REINDEX TABLE CONCURRENTLY {place.named(table)}")
    also = f"; {len(left):,} that were left half made are gone" if left else ""
    yield Step(name="indexes", done=True, what=f"every index is made anew{also}")
