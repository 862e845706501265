"""Drives files (dumps, saved answers, data requests) into the store: each batch with the mark of how far it got."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from hubbub import clock
from hubbub.errors import HubbubError, InputError, InterruptedRunError, TruncatedInputError
from hubbub.events import FileProgress, Observer
from hubbub.pipeline import beside, ledger, sidecars
from hubbub.pipeline.archive import Archive, Position, shown
from hubbub.pipeline.archive_kinds import EXPECTED, Shape
from hubbub.pipeline.archive_zip import ExportArchive
from hubbub.pipeline.bulk import bulk, expected_rows
from hubbub.pipeline.decoding import HOPELESS_LINES, LineDecoder, Part
from hubbub.pipeline.exported import decode_export
from hubbub.pipeline.inputs import open_input
from hubbub.pipeline.interrupt import Interrupts
from hubbub.pipeline.load_batch import Pending
from hubbub.pipeline.load_filters import Filters
from hubbub.pipeline.readers import depends_on_time, reader_of
from hubbub.pipeline.run import Run, RunReport
from hubbub.pipeline.saved import decode_document
from hubbub.plugins.contracts import Decoded, FileReader
from hubbub.store import reads
from hubbub.store.engine import Store

BATCH_BYTES = 32 << 20
"""Unpacked bytes after which a batch is stored, however few its rows."""


BESIDE_BYTES = 8 << 20
"""A file that holds more, packed, is decoded in a process beside this one."""


class LoadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asked of one import."""

    communities: Sequence[str] = ()
    authors: Sequence[str] = ()
    since: int | None = None
    """Created at this time (epoch seconds UTC) or later."""
    until: int | None = None
    """Created before this time."""
    min_score: int | None = None
    observed_at: int | None = None
    """When saved API answers, data requests and snapshots were received; without it the times inside them count."""
    source: str = "reddit"
    no_search: bool = False
    """Leave the search index for later."""
    no_indexes: bool = False
    """Leave the secondary indexes for later, where a large import leaves them out at all."""
    beside: bool = (os.cpu_count() or 1) > 1
    """Decode large files in a process beside this one."""

    def rows_of(self, paths: Sequence[Path]) -> int:
        """About how many rows these files bring at most."""
        return 0 if self.communities or self.authors else expected_rows(paths)

    def filters(self) -> Filters:
        """The part that narrows the import."""
        return Filters(
            communities=frozenset(name.strip().removeprefix("r/").casefold() for name in self.communities),
            authors=frozenset(name.strip().removeprefix("u/").casefold() for name in self.authors),
            since=self.since,
            until=self.until,
            min_score=self.min_score,
        )


class FileReport(msgspec.Struct, kw_only=True):
    """What became of one file; `details["files"]` of the run's report."""

    path: str
    state: str = "reading"
    """done, skipped (imported before), damaged, refused, interrupted, stopped (by a full disk, a package that is
    missing)."""
    rows: int = 0
    """Records found in this run, those that a filter kept out included."""
    lines: int = 0
    """Lines dealt with, in this and earlier runs."""
    kinds: dict[str, int] = {}
    """Of the records that passed the filters."""
    filtered: int = 0
    set_aside: int = 0
    offset: int = 0
    """Unpacked bytes dealt with."""
    resumed_at_byte: int = 0
    """Unpacked bytes that earlier runs had dealt with."""
    size_bytes: int | None = None
    damaged: str | None = None


def load_files(
    store: Store, paths: Sequence[Path], *, options: LoadOptions, observers: Sequence[Observer] = ()
) -> RunReport:
    """Import files one after the other and report what became of each.

    A file that is damaged or refused ends with exit code 7 and the others go on; one that was imported before under the
    same filters is skipped. Ctrl-C stores what is in hand; the same call goes on from there. Raises UsageError when the
    source reads no files."""
    reader = reader_of(options.source, observed_at=options.observed_at)
    with (
        Run(store, command="import", target=", ".join(map(shown, paths)), observers=observers) as run,
        Interrupts() as interrupts,
        bulk(store, rows=options.rows_of(paths), search=not options.no_search, index=not options.no_indexes) as stored,
    ):
        check = _check_of(interrupts)
        reports: list[FileReport] = []
        run.details["files"] = reports
        for path in paths:
            report = FileReport(path=shown(path))
            reports.append(report)
            try:
                _Import(run, store, reader=reader, options=options, report=report, check=check, stored=stored).run(path)
            except InputError as error:
                damaged = report.damaged or isinstance(error, TruncatedInputError)
                report.state = "damaged" if damaged else "refused"
                run.fail(error)
            except HubbubError as error:
                report.state = "interrupted" if isinstance(error, InterruptedRunError) else "stopped"
                raise
    return run.report()


class _Import:
    """The import of one file."""

    def __init__(
        self,
        run: Run,
        store: Store,
        *,
        reader: FileReader,
        options: LoadOptions,
        report: FileReport,
        check: Callable[[], None],
        stored: Callable[[int], None],
    ) -> None:
        self._run = run
        self._store = store
        self._reader = reader
        self._options = options
        self._filters = options.filters()
        self._report = report
        self._check = check
        self._stored = stored
        self._now = clock.now()
        self._bad_from_start: int | None = 0
        """Bad lines so far, as long as there was no good one; then None."""

    def run(self, path: Path) -> None:
        with open_input(path, reader=self._reader, communities=self._filters.communities) as archive:
            self._report.size_bytes = archive.size_bytes
            timed = depends_on_time(self._reader, lines=archive.shape is Shape.LINES)
            saved_at = self._options.observed_at if timed else None
            key = (
                ledger.content_digest(archive, check=self._check),
                ledger.filters_key(**msgspec.structs.asdict(self._filters), observed_at=saved_at),
                int(getattr(self._reader, "mapping_version", 1)),
            )
            self._doubt(archive, sidecars.digest_doubt(path, key[0]))
            mark = reads.ledger(self._store, *key)
            if mark is not None and mark.done:
                self._report.state = "skipped"
                self._report.lines, self._report.offset = mark.lines, mark.offset
                self._run.finding("info", f"{archive.name}: already imported ({mark.lines:,} lines), skipped")
                return
            if mark is not None and mark.damaged:
                self._report.damaged = mark.damaged
                self._report.lines, self._report.offset = mark.lines, mark.offset
                raise InputError(
                    f"{archive.name}: {mark.damaged} ({mark.lines:,} lines before it were imported earlier)",
                    advice="fetch the file again; this copy holds nothing more",
                )
            pending = Pending(self._run, archive, key=key, filters=self._filters, source=self._options.source)
            if archive.shape is Shape.DOCUMENT:
                self._document(archive, pending)
            else:
                start = ledger.position(mark)
                parts = (
                    self._exported(archive, start)
                    if isinstance(archive, ExportArchive)
                    else self._parts(archive, start)
                )
                self._lines(archive, pending, parts=parts, start=start)
            self._report.state = "done"
            if archive.shape is Shape.LINES:
                lines, size_bytes = self._report.lines, self._report.offset
                self._doubt(archive, sidecars.count_doubt(path, lines=lines, size_bytes=size_bytes))

    def _doubt(self, archive: Archive, words: str | None) -> None:
        if words is not None:
            self._run.finding("warning", f"{archive.name}: {words}")

    def _document(self, archive: Archive, pending: Pending) -> None:
        body = archive.document()
        at = Position()
        for decoded, lines in decode_document(
            body, self._reader, where=archive.name, observed_at=self._options.observed_at, now=self._now
        ):
            at = Position(lines=at.lines + lines)
            self._take(decoded, pending)
            self._check()
        archive.check_unchanged()
        self._flush(pending, Position(offset=len(body), lines=at.lines), done=True)

    def _lines(self, archive: Archive, pending: Pending, *, parts: Generator[Part], start: Position) -> None:
        """Store what comes of a file, a part after the other, each batch with the mark that says how far it got."""
        at = start
        self._report.resumed_at_byte = self._report.offset = start.offset
        if start.lines:
            self._bad_from_start = None
        try:
            with closing(parts):
                for part in parts:
                    at = part.end
                    for decoded in part.decoded:
                        self._take(decoded, pending)
                    if pending.full or at.offset - self._report.offset >= BATCH_BYTES:
                        self._flush(pending, at)
                        self._progress(archive, part.packed_end)
                    self._interruptible(pending, at)
        except TruncatedInputError as error:
            self._damaged(error, pending, at)
            raise
        archive.check_unchanged()
        self._flush(pending, at, done=True)
        self._progress(archive, archive.size_bytes)

    def _exported(self, archive: ExportArchive, start: Position) -> Generator[Part]:
        """What comes of a data request."""
        author = self._options.authors[0].strip().removeprefix("u/") if len(self._options.authors) == 1 else None
        for decoded, end in decode_export(
            archive, start, author=author, observed_at=self._options.observed_at, now=self._now
        ):
            yield Part(decoded=(decoded,), end=end, packed_end=end.frame_offset)

    def _parts(self, archive: Archive, start: Position) -> Generator[Part]:
        """What comes of the lines, decoded by a process beside this one where the file is worth it."""
        source, communities = self._options.source, self._filters.communities
        here = LineDecoder(self._reader, source=source, communities=communities, where=archive.name, now=self._now)
        left = archive.size_bytes - start.frame_offset
        if not (self._options.beside and archive.reopens and beside.available()) or left < BESIDE_BYTES:
            return here.parts(archive, start)
        job = beside.Job(
            file=archive.fileno(),
            path=archive.name,
            source=source,
            communities=sorted(communities),
            now=self._now,
            start=start,
            observed_at=self._options.observed_at,
        )
        return beside.parts_beside(archive, job, here=here)

    def _take(self, decoded: Decoded, pending: Pending) -> None:
        if self._bad_from_start is not None:
            self._bad_from_start += len(decoded.rejected)
            if decoded.records or decoded.rows or decoded.filtered:
                self._bad_from_start = None
            elif self._bad_from_start >= HOPELESS_LINES:
                first = (*pending.rejected, *decoded.rejected)[0]
                raise InputError(
                    f"{self._report.path}: none of the first {self._bad_from_start:,} lines is a record; "
                    f"the first ({first.where}): {first.reason}",
                    advice=EXPECTED,
                )
        pending.take(decoded)

    def _interruptible(self, pending: Pending, at: Position) -> None:
        try:
            self._check()
        except InterruptedRunError:
            self._flush(pending, at)
            raise

    def _damaged(self, error: TruncatedInputError, pending: Pending, at: Position) -> None:
        what = str(error).removeprefix(f"{self._report.path}: ")
        self._report.damaged = what
        if error.untrusted and at.frame_offset == error.offset:  # lines of this very frame were taken
            why = f"{self._report.path}: {what}; lines up to {at.lines:,} were imported from it"
            # first this, then the mark that keeps a second run from coming here
            self._store.mark_untrusted(self._run.id, why=why)
            self._run.finding("error", why)
        self._flush(pending, at, damaged=what)
        error.args = (f"{error}; {at.lines:,} lines ({self._report.rows:,} rows in this run) were read before it",)

    def _flush(self, pending: Pending, at: Position, *, done: bool = False, damaged: str | None = None) -> None:
        counts = pending.flush(at, done=done, damaged=damaged)
        self._stored(counts.rows)
        report = self._report
        report.lines, report.offset = at.lines, at.offset
        report.rows += counts.rows
        report.filtered += counts.filtered
        report.set_aside += counts.set_aside
        report.kinds = dict(Counter(report.kinds) + counts.kinds)

    def _progress(self, archive: Archive, packed_end: int) -> None:
        self._run.emit(
            FileProgress(
                path=archive.name, done_bytes=packed_end, total_bytes=archive.size_bytes, rows=self._report.rows
            )
        )


def _check_of(interrupts: Interrupts) -> Callable[[], None]:
    def check() -> None:
        if interrupts.requested:
            raise InterruptedRunError("stopped by the user", advice="the same command goes on from here")

    return check
