"""Secondary indexes of the content tables: left out during a large import and built at its end, which measured a
quarter of the cost of keeping them in step.

Without them everything is still right, only slower. A command that was killed between leaves them out; the next one
that begins a run builds them again. Indexes of the user's own are never touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex

from hubbub.errors import LockedError
from hubbub.store.session import Session
from hubbub.store.tables import CONTENT

if TYPE_CHECKING:
    from hubbub.store.engine import Store

CLAIM = "indexes"
"""Whoever left the indexes out holds this claim; others do not build them meanwhile."""

_PATIENCE_MS = 1_000

_PLAIN = re.compile(r"^CREATE INDEX (ix_(?:posts|comments|users)_\w+) ON \w+ \([^;]*;", re.MULTILINE)


@cache
def shipped(engine: str) -> dict[str, str]:
    """Per name: the statement that makes it. Search indexes are not among them."""
    if engine == "sqlite":
        dialect = sqlite.dialect()
        made = (index for table in CONTENT.values() for index in table.indexes)
        return {str(index.name): str(CreateIndex(index).compile(dialect=dialect)) for index in made}
    schema = resources.files("hubbub.store.migrations").joinpath("0002_postgresql.sql").read_text()
    return {found[1]: found[0].removesuffix(";") for found in _PLAIN.finditer(schema)}


def missing(db: Session) -> list[str]:
    """Statements for the shipped indexes that are not there."""
    names = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index'",
        "postgresql": "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()",
    }
    there = {name for (name,) in db.execute(names[db.engine])}
    return [statement for name, statement in shipped(db.engine).items() if name not in there]


def build(store: Store) -> int:
    """Make the shipped indexes that are missing, each in a transaction of its own; how many there were."""
    with store.transaction() as db:
        statements = missing(db)
    for statement in statements:
        with store.transaction() as db:
            if statement in missing(db):
                db.execute(statement)
    return len(statements)


def build_left_out(store: Store) -> int:
    """The same at the beginning of a run, unless somebody's import has left them out for now."""
    with store.transaction() as db:
        if not missing(db):
            return 0
    try:
        with store.claim(CLAIM):
            return build(store)
    except LockedError:
        return 0


@contextmanager
def left_out(store: Store, *, build_after: bool = True) -> Iterator[None]:
    """Leave the indexes out inside the block and build them after it, unless it is interrupted.

    Where another import has left them out already, or PostgreSQL would have to wait for a reader, nothing is done."""
    with ExitStack() as held:
        try:
            held.enter_context(store.claim(CLAIM))
            _drop(store)
        except LockedError:
            held.close()
            yield
            return
        yield
        if build_after:
            build(store)


def _drop(store: Store) -> None:
    """Drop the shipped indexes; raises LockedError where somebody reads for long, who would have to be waited for."""
    with store.transaction() as db:
        if db.engine == "postgresql":  # whoever waits for a table holds up everybody who comes after
            db.execute(f"SET LOCAL lock_timeout TO {_PATIENCE_MS}")
        for name in shipped(db.engine):
            db.execute(f"DROP INDEX IF EXISTS {name}")
