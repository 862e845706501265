"""Imports one file, or every n-th block of it, into a lake: the function that any engine's workers run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from hubbub import clock
from hubbub.errors import ExitCode, HubbubError, InputError, InterruptedRunError, TruncatedInputError, worst
from hubbub.events import FileProgress, Observer
from hubbub.pipeline import ledger
from hubbub.pipeline.archive import Archive, LineChunk, Position, open_archive, shown
from hubbub.pipeline.archive_kinds import EXPECTED, Shape
from hubbub.pipeline.bulk import no_cyclic_garbage
from hubbub.pipeline.decoding import HOPELESS_LINES
from hubbub.pipeline.interrupt import Interrupts
from hubbub.pipeline.lake import BLOCK_LINES, EndMark, Lake, Unit, UnitKey
from hubbub.pipeline.lake_beside import hands_of
from hubbub.pipeline.lake_block import Block
from hubbub.pipeline.lake_deal import Dealer
from hubbub.pipeline.lake_lines import Job
from hubbub.pipeline.lake_sort import Blocked, sort_into
from hubbub.pipeline.lake_taken import Taken, Taking
from hubbub.pipeline.load import FileReport, LoadOptions
from hubbub.pipeline.readers import depends_on_time, reader_of
from hubbub.pipeline.run import RunReport, peak_rss_bytes
from hubbub.pipeline.saved import decode_document
from hubbub.plugins.contracts import FileReader
from hubbub.store.batch import Tally

PROGRESS_BYTES = 32 << 20
"""Unpacked bytes between two looks at how far a file is."""


class LakeUnit(msgspec.Struct, frozen=True, kw_only=True):
    """What one worker is to do."""

    path: str
    lake: str
    partition_by: tuple[str, ...]
    options: LoadOptions
    stripe: int = 0
    """Of every `stripes` blocks, this one: several workers read one file, each decodes its own part."""
    stripes: int = 1
    helpers: int = 0
    """Processes beside the worker that decode for it."""
    blocked: Mapping[str, Mapping[str, int]] = {}
    """Records that must not come in: `source/kind` -> id -> since when (the store's blocklist)."""
    block_lines: int = BLOCK_LINES


def import_into_lake(unit: LakeUnit, observers: Sequence[Observer] = ()) -> RunReport:
    """Put what is missing of one unit in place and report what became of it; nothing that can be said is raised.

    Killed at any point and run again, here or elsewhere, the lake ends up the same."""
    began, started_at = clock.monotonic(), clock.now()
    work = _LakeImport(unit, observers=observers)
    with Interrupts() as interrupts, no_cyclic_garbage():
        work.run(lambda: interrupts.requested)
    return RunReport(
        run_id=0,
        command="import",
        target=work.report.path,
        tally=work.tally,
        requests=0,
        missing=0,
        findings=tuple(work.findings),
        errors=tuple(work.errors),
        exit_code=worst(*work.codes, *([ExitCode.PARTIAL] if work.tally.set_aside else [])),
        started_at=started_at,
        elapsed_s=clock.monotonic() - began,
        peak_rss_bytes=peak_rss_bytes(),
        resume_at=None,
        details={"files": [work.report], "unknown_fields": dict(work.unknown_fields)},
    )


class _LakeImport:
    """One unit under way."""

    def __init__(self, unit: LakeUnit, *, observers: Sequence[Observer]) -> None:
        self.report = FileReport(path=shown(Path(unit.path)))
        self.tally = Tally()
        self.unknown_fields: Counter[str] = Counter()
        self.findings: list[tuple[str, str]] = []
        self.errors: list[str] = []
        self.codes: list[ExitCode] = []
        self._unit = unit
        self._lake = Lake(Path(unit.lake), partition_by=unit.partition_by)
        self._filters = unit.options.filters()
        self._observers = observers
        self._now = clock.now()
        self._stop: Callable[[], bool] = lambda: False
        self._at = Position()
        """Behind the lines that were read."""
        self._told = 0
        self._number = -1
        """Of the block the last line lay in, whoever writes it."""
        self._head: list[bytes] | None = []
        """The first lines, until there are enough to judge the file."""

    def run(self, stop: Callable[[], bool]) -> None:
        """Do it all."""
        self._stop = stop
        try:
            reader = reader_of(self._unit.options.source, observed_at=self._unit.options.observed_at)
            with open_archive(Path(self._unit.path)) as archive, ThreadPoolExecutor(1) as thread:
                self._file(archive, reader, thread=thread)
                self.report.state = "done" if self.report.state == "reading" else self.report.state
        except InputError as error:
            self.report.state = "damaged" if self.report.damaged else "refused"
            self._fail(error)
        except InterruptedRunError as error:
            self.report.state = "interrupted"
            self._fail(error)
        except HubbubError as error:
            self.report.state = "failed"
            self._fail(error)

    def _fail(self, error: HubbubError) -> None:
        self.errors.append(f"{error}; {error.advice}" if error.advice else str(error))
        self.codes.append(error.exit_code)

    def _file(self, archive: Archive, reader: FileReader, *, thread: ThreadPoolExecutor) -> None:
        self.report.size_bytes = archive.size_bytes
        document = archive.shape is Shape.DOCUMENT
        timed = depends_on_time(reader, lines=not document)
        options, unit = self._unit.options, self._unit
        key = UnitKey(
            digest=ledger.content_digest(archive, check=self._check),
            filters=ledger.filters_key(
                **msgspec.structs.asdict(self._filters), observed_at=options.observed_at if timed else None
            ),
            mapping_version=int(getattr(reader, "mapping_version", 1)),
            block_lines=unit.block_lines,
        )
        found = self._lake.unit(key)
        done, end = found.blocks(), found.end
        if end is not None and done.issuperset(range(unit.stripe, end.blocks, unit.stripes)):
            self._known(end)
            return
        found.begin(self.report.path)

        def begin(number: int) -> Block | None:
            """The block to write to; None when it is another's or in place."""
            if number in done or number % unit.stripes != unit.stripe:
                return None
            return Block(self._lake, found, number, thread=thread)

        if document:
            self._document(archive, reader, found=found, block=begin(0))
        else:
            self._lines(archive, reader, found=found, begin=begin)

    def _known(self, end: EndMark) -> None:
        self.report.lines, self.report.offset = end.lines, end.offset
        if end.damaged is None:
            self.report.state = "skipped"
            if self._unit.stripe == 0:
                what = f"{self.report.path}: already in the lake ({end.lines:,} lines), skipped"
                self.findings.append(("info", what))
            return
        self.report.damaged = end.damaged
        raise InputError(
            f"{self.report.path}: {end.damaged} ({end.lines:,} lines before it were imported earlier)",
            advice="fetch the file again; this copy holds nothing more",
        )

    def _document(self, archive: Archive, reader: FileReader, *, found: Unit, block: Block | None) -> None:
        body, lines, blocked = archive.document(), 0, Blocked(self._unit.blocked)
        try:
            for decoded, count in decode_document(
                body, reader, where=archive.name, observed_at=self._unit.options.observed_at, now=self._now
            ):
                lines += count
                if block is not None:
                    taking = Taking()
                    sort_into(taking, decoded, filters=self._filters, blocked=blocked)
                    some = taking.done()
                    self._took(some)
                    block.take(some)
                self._check()
            archive.check_unchanged()
            if block is not None:
                block.close()
                block.wait()
                self._placed(block)
                block = None
        finally:
            if block is not None:
                block.drop()
        self.report.lines, self.report.offset = lines, len(body)
        found.finish(EndMark(path=self.report.path, lines=lines, blocks=1, offset=len(body)))

    def _lines(
        self, archive: Archive, reader: FileReader, *, found: Unit, begin: Callable[[int], Block | None]
    ) -> None:
        job = Job(
            source=self._unit.options.source,
            filters=self._filters,
            blocked=self._unit.blocked,
            where=self.report.path,
            now=self._now,
            observed_at=self._unit.options.observed_at,
        )
        error: TruncatedInputError | None = None
        with hands_of(job, count=self._unit.helpers) as hands:
            dealer = Dealer(hands, took=self._took, placed=self._placed)
            try:
                try:
                    for chunk in archive.chunks(Position()):
                        self._chunk(chunk, reader, dealer=dealer, begin=begin)
                        self._tell(archive, chunk.packed_end)
                except TruncatedInputError as raised:
                    error = raised
                if error is None:
                    archive.check_unchanged()
                dealer.finish()
            finally:
                dealer.drop()
        at = self._at
        damaged = None if error is None else self._damage(error, at)
        self.report.lines, self.report.offset = at.lines, at.offset
        found.finish(
            EndMark(
                path=self.report.path,
                lines=at.lines,
                blocks=-(-at.lines // self._unit.block_lines),
                offset=at.offset,
                damaged=damaged,
                untrusted=error is not None and error.untrusted and at.frame_offset == error.offset,
            )
        )
        self._progress(archive, archive.size_bytes)
        if error is not None:
            error.args = (f"{error}; {at.lines:,} lines were read before it",)
            raise error

    def _chunk(
        self, chunk: LineChunk, reader: FileReader, *, dealer: Dealer, begin: Callable[[int], Block | None]
    ) -> None:
        self._at = chunk.end
        self._check()
        self._judge(chunk, reader)
        for number, part in cut(chunk, lines=self._unit.block_lines):
            if number != self._number:
                self._number = number
                dealer.begin(begin(number))
            dealer.add(part)

    def _damage(self, error: TruncatedInputError, at: Position) -> str:
        what = str(error).removeprefix(f"{self.report.path}: ")
        self.report.damaged = what
        if error.untrusted and at.frame_offset == error.offset:  # lines of this very frame were taken
            self.findings.append(
                ("error", f"{self.report.path}: {what}; lines up to {at.lines:,} were imported from it")
            )
        return what

    def _judge(self, chunk: LineChunk, reader: FileReader) -> None:
        """Refuse a file whose first lines are all bad; every worker of the file comes to the same end."""
        if self._head is None:
            return
        self._head += chunk.apart()[: HOPELESS_LINES - len(self._head)]
        if len(self._head) < HOPELESS_LINES:
            return
        some, self._head = self._head, None
        decoded = reader.decode_lines(some, where=self.report.path, first_line=1, now=self._now)
        if len(decoded.rejected) == len(some):
            first = decoded.rejected[0]
            raise InputError(
                f"{self.report.path}: none of the first {len(some):,} lines is a record; "
                f"the first ({first.where}): {first.reason}",
                advice=EXPECTED,
            )

    def _took(self, found: Taken) -> None:
        self.unknown_fields.update(found.unknown_fields)
        self.tally.repaired += found.repaired

    def _placed(self, block: Block) -> None:
        """Count a block: what is not in place does not count."""
        report, tally = self.report, self.tally
        tombstones = block.kinds["tombstone"]
        tally.new += block.kinds.total() - tombstones
        tally.tombstoned += tombstones
        tally.filtered += block.filtered
        tally.set_aside += block.set_aside
        report.rows += block.kinds.total() + block.filtered
        report.filtered += block.filtered
        report.set_aside += block.set_aside
        report.kinds = dict(Counter(report.kinds) + block.kinds)

    def _check(self) -> None:
        if self._stop():
            raise InterruptedRunError("stopped by the user", advice="the same command goes on from here")

    def _tell(self, archive: Archive, packed_end: int) -> None:
        """Tell how far the file is, once in a while."""
        if self._at.offset - self._told >= PROGRESS_BYTES:
            self._told = self._at.offset
            self._progress(archive, packed_end)

    def _progress(self, archive: Archive, packed_end: int) -> None:
        event = FileProgress(
            path=archive.name, done_bytes=packed_end, total_bytes=archive.size_bytes, rows=self.report.rows
        )
        for observer in self._observers:
            observer(event)


def cut(chunk: LineChunk, *, lines: int) -> Iterator[tuple[int, LineChunk]]:
    """A chunk in parts that lie each in one block of so many lines, with the number of the block.

    By the number of a line alone: however a file is read, its lines fall into the same blocks."""
    first = chunk.first_line - 1
    if chunk.count <= lines - first % lines:
        yield first // lines, chunk
        return
    apart, at = chunk.apart(), 0
    while at < len(apart):
        number, within = divmod(first + at, lines)
        some = apart[at : at + lines - within]
        yield number, msgspec.structs.replace(chunk, lines=some, block=None, first_line=first + at + 1)
        at += len(some)
