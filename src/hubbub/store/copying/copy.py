"""Moving a whole collection into another, empty store, of the same engine or the other one.

A page of rows and the mark that says how far the copy is are one transaction of the target, so a copy that was killed
goes on where it was. The source is read in one snapshot and never written.
"""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Literal

import msgspec

from hubbub import clock
from hubbub.errors import HubbubError, LockedError, StorageError, StoreAwayError
from hubbub.events import CopyProgress, Event, Finding
from hubbub.store.backend import Tell
from hubbub.store.copying import check, layouts
from hubbub.store.copying import target as at_target
from hubbub.store.copying.layouts import MARK_SOURCE, Layout
from hubbub.store.engine import Store
from hubbub.store.patience import patiently
from hubbub.store.session import Session
from hubbub.store.sqlite_backend import SqliteBackend

_PLACE = (
    "SELECT pg_postmaster_start_time()::text, d.oid, n.oid FROM pg_database d, pg_namespace n"
    " WHERE d.datname = current_database() AND n.nspname = current_schema()"
)


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """What a copy did."""

    rows: dict[str, int]
    """Per table, those of earlier tries included."""
    replaced: int
    """NUL characters that became U+FFFD."""
    digest: str | None
    """Of both stores; None when it was not compared."""
    elapsed_s: float


class _Mark(msgspec.Struct, kw_only=True):
    """How far a copy is."""

    origin: str
    """The store that is copied, as messages call it."""
    stage: Literal["rows", "check", "clear"] = "rows"
    """What is under way; `clear`: the target is emptied before everything is copied once more."""
    table: str | None = None
    after: list[Any] = []
    """Key of the last row of that table."""
    rows: dict[str, int] = {}
    replaced: int = 0


class _Crossed(Exception):  # noqa: N818 - no error: it says that a copy must begin anew
    """The rows of an earlier try do not go together with those of now."""


def copy_store(source: Store, target: Store, *, verify: bool = True, tell: Tell | None = None) -> Copied:
    """Copy every table of `source` into `target`, which is empty or holds an unfinished copy of the same store.

    With `verify` the rows of every table are counted and the digests compared; where they differ, because the source
    was written to meanwhile, everything is copied once more. Raises StorageError when the target holds something else,
    when both are one store, or when they differ to the end; LockedError when another copy into the target is under
    way."""
    if _same_place(source, target):
        raise StorageError(
            f"{source.where} cannot be copied into itself", advice="name another file, database or schema to copy into"
        )
    began = clock.monotonic()
    with _claimed(target):
        copying = _Copying(source, target, tell=tell)
        digest = copying.run(verify=verify)
    mark = copying.mark
    rows = {layout.table: mark.rows.get(layout.table, 0) for layout in copying.layouts}
    return Copied(rows=rows, replaced=mark.replaced, digest=digest, elapsed_s=clock.monotonic() - began)


def _same_place(source: Store, target: Store) -> bool:
    one, other = source.backend, target.backend
    if isinstance(one, SqliteBackend) and isinstance(other, SqliteBackend):
        return one.path.samefile(other.path)
    if source.engine != target.engine:
        return False
    with source.reading_raw() as here, target.reading_raw() as there:
        return bool(here.execute(_PLACE).fetchall() == there.execute(_PLACE).fetchall())


@contextmanager
def _claimed(target: Store) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(target.claim("copy"))
        except LockedError as error:
            raise LockedError(
                f"another copy into {target.where} is under way", advice="wait for it to end, or stop it with Ctrl-C"
            ) from error
        yield


class _Copying:
    """One try, from wherever the last one got to."""

    def __init__(self, source: Store, target: Store, *, tell: Tell | None) -> None:
        self.source = source
        self.target = target
        self.layouts = layouts.layouts(source.engine, target.engine)
        self.mark = _Mark(origin=source.where)
        self._tell = tell
        self._patched = False
        """Whether the rows come from more than one snapshot."""

    def run(self, *, verify: bool) -> str | None:
        """Do all that is left; returns the digest of both stores."""
        self._begin()
        digest, differs = self._attempt(verify=verify)
        if differs is not None:
            self._refuse_other_writers()
            self._say(Finding(severity="warning", what=f"{differs}; everything is copied once more"))
            self._clear()
            digest, differs = self._attempt(verify=verify)
        if differs is not None:
            raise StorageError(
                f"{differs}, also after a second copy: something goes on writing to {self.source.where}",
                advice="stop what writes there, then run the same command again",
            )
        at_target.run(self.target, f"DELETE FROM checkpoints WHERE source = '{MARK_SOURCE}'")
        self.target.backend.settle(purged=False)
        return digest

    def _attempt(self, *, verify: bool) -> tuple[str | None, str | None]:
        """Copy what is left; returns the digest, or how the stores differ."""
        if self.mark.stage == "clear":
            self._clear()
        try:
            if self.mark.stage == "rows":
                self._copy_rows()
        except _Crossed as crossed:
            return None, str(crossed)
        at_target.finish(self.target, say=self._say)
        self._advance(stage="check")
        return self._compare() if verify else (None, None)

    def _say(self, event: Event) -> None:
        if self._tell is not None:
            self._tell(event)

    def _begin(self) -> None:
        with self.source.reading_raw() as db:
            theirs = _read_mark(db)
        if theirs is not None:
            raise StorageError(
                f"{self.source.where} is itself an unfinished copy of {theirs.origin}",
                advice="finish that copy first: the same `hubbub db copy` goes on where it was",
            )
        mark = at_target.in_transaction(self.target, self._first_mark)
        if mark.origin != self.source.where:
            raise StorageError(
                f"{self.target.where} holds an unfinished copy of {mark.origin}, not of {self.source.where}",
                advice="finish that copy, or copy into an empty store",
            )
        self.mark = mark

    def _first_mark(self, db: Session) -> _Mark:
        """The mark of an earlier try, or a new one in a store that is empty."""
        mark = _read_mark(db)
        if mark is None:
            self._refuse_content(db)
            mark = self.mark
            self._put_mark(db, mark)
            db.execute("UPDATE search_state SET pending = ?", (int(not db.vectors),))
        return mark

    def _refuse_content(self, db: Session) -> None:
        held = [each.table for each in self.layouts if db.execute(f"SELECT 1 FROM {each.table} LIMIT 1").fetchone()]
        if held:
            raise StorageError(
                f"{self.target.where} already holds a collection (rows in {', '.join(held[:4])}); nothing was changed",
                advice="copy into an empty store: another file, database or schema (?schema=NAME)."
                " Are these two the same already? `hubbub db digest` of each tells",
            )

    def _put_mark(self, db: Session, mark: _Mark) -> None:
        row = (MARK_SOURCE, "progress", msgspec.json.encode(mark).decode(), None, clock.now())
        db.save("checkpoints", ("source", "key", "state", "run_id", "updated_at"), [row], key=("source", "key"))

    def _advance(self, **changes: Any) -> None:
        mark = msgspec.structs.replace(self.mark, **changes)
        at_target.in_transaction(self.target, lambda db: self._put_mark(db, mark))
        self.mark = mark

    def _copy_rows(self) -> None:
        """Copy all rows behind the mark; a source that goes away is waited for, as long as the copy got on."""
        if self.mark.table is None:
            at_target.leave_indexes(self.target)
        while True:
            reached = self.mark
            try:
                patiently(self.source.backend, self._walk)
            except StoreAwayError:
                if self.mark is reached:
                    raise
            else:
                return

    def _walk(self) -> None:
        self._patched = self.mark.table is not None
        with self.source.reading_raw() as db:
            if db.engine == "postgresql":
                db.execute(check.NO_HURRY)
            names = [layout.table for layout in self.layouts]
            first = 0 if self.mark.table is None else names.index(self.mark.table)
            for layout in self.layouts[first:]:
                after = self.mark.after if layout.table == self.mark.table else []
                total = layouts.count(db, layout.table)
                for page in layouts.pages(db, layout, after=after):
                    self._store(layout, page)
                    done = self.mark.rows[layout.table]
                    self._say(CopyProgress(table=layout.table, done=done, total=max(done, total)))

    def _store(self, layout: Layout, page: Sequence[Sequence[Any]]) -> None:
        backend = self.target.backend
        try:
            self._write(layout, page, replaced=0)
        except backend.refusals as refused:
            clean, replaced = layouts.without_nuls(page)
            if not replaced or self.target.engine == "sqlite":
                raise self._refused(refused) from refused
            try:
                self._write(layout, clean, replaced=replaced)
            except backend.refusals as again:
                raise self._refused(again) from again

    def _refused(self, error: Exception) -> HubbubError | _Crossed:
        if self._patched:
            return _Crossed(f"{self.source.where} was written to since the copy began")
        return self.target.backend.explain(error)

    def _write(self, layout: Layout, page: Sequence[Sequence[Any]], *, replaced: int) -> None:
        old = self.mark
        mark = msgspec.structs.replace(
            old,
            table=layout.table,
            after=list(layouts.key_of(layout, page[-1])),
            rows={**old.rows, layout.table: old.rows.get(layout.table, 0) + len(page)},
            replaced=old.replaced + replaced,
        )

        def work(db: Session) -> None:
            layouts.write(db, layout, page)
            self._put_mark(db, mark)

        at_target.in_transaction(self.target, work)
        self.mark = mark

    def _compare(self) -> tuple[str | None, str | None]:
        """The digest of both stores; where they are not equal, how they differ."""
        self._say(CopyProgress(table="digest", done=0, total=2))
        names = [layout.table for layout in self.layouts]
        ours, theirs = check.states(self.source, self.target, names=names, clean=self.mark.replaced > 0)
        self._say(CopyProgress(table="digest", done=2, total=2))
        if ours == theirs:
            return theirs.digest, None
        differ = [name for name in names if ours.rows[name] != theirs.rows[name]]
        what = f"rows of {', '.join(differ[:4])}" if differ else "contents"
        return None, f"the {what} of {self.source.where} and {self.target.where} differ"

    def _refuse_other_writers(self) -> None:
        """Never clear what another command has collected into the target."""
        query = "SELECT id, command, started_at FROM runs"
        with self.source.reading_raw() as ours, self.target.reading_raw() as theirs:
            known = {tuple(row) for row in ours.execute(query)}
            strange = [row for row in theirs.execute(query) if tuple(row) not in known]
        if strange:
            raise StorageError(
                f"`hubbub {strange[-1][1]}` wrote into {self.target.where} before the copy was done",
                advice=f"copy {self.source.where} into an empty store, and keep other commands away until it is done",
            )

    def _clear(self) -> None:
        """Empty the target, to begin anew."""
        self._advance(stage="clear", table=None, after=[], rows={}, replaced=0)
        at_target.clear(self.target, names=[layout.table for layout in self.layouts])
        self._advance(stage="rows")


def _read_mark(db: Session) -> _Mark | None:
    row = db.execute("SELECT state FROM checkpoints WHERE source = ?", (MARK_SOURCE,)).fetchone()
    return None if row is None else msgspec.json.decode(row[0], type=_Mark)
