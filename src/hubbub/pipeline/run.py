"""One command that writes: its row in the store, its counts, its errors and the exit code they add up to."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from hubbub import clock
from hubbub.errors import ExitCode, HubbubError, InterruptedRunError, RateLimitedError, StorageError, worst
from hubbub.events import BatchStored, Event, Finding, Observer, Rejection, RequestDone, RunFinished, RunStarted
from hubbub.records.models import LinkListing, Stub
from hubbub.store import indexes
from hubbub.store.batch import Batch, Tally

if TYPE_CHECKING:
    from hubbub.store.engine import Store

CONSERVED = ("new", "updated", "unchanged", "older", "tombstoned", "filtered", "set_aside")
"""The terms of the conservation line, in the order in which it prints them."""


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did, as it is printed, stored and turned into an exit code."""

    run_id: int
    command: str
    target: str
    tally: Tally
    requests: int
    """Attempts that went out, retries included."""
    missing: int
    """Records the platform said exist but did not hand out."""
    findings: tuple[tuple[str, str], ...]
    """(severity, words), in the order found."""
    errors: tuple[str, ...]
    """One line each: what, where and the next step."""
    exit_code: ExitCode
    started_at: int
    elapsed_s: float
    peak_rss_bytes: int
    """Of the whole process since it began."""
    resume_at: int | None
    """When it is worth coming back after a rate limit: epoch seconds UTC."""
    details: dict[str, Any]
    """What only this command has to say (files, streams, unknown fields)."""

    @property
    def conservation(self) -> str:
        """The conservation line, in words."""
        return conservation(self.tally)


def conservation(tally: Tally) -> str:
    """`offered N = new … + updated … + …`: where everything that came in went."""
    terms = " + ".join(f"{name.replace('_', ' ')} {getattr(tally, name):,}" for name in CONSERVED)
    return f"offered {tally.offered:,} = {terms}"


def offered(batch: Batch) -> int:
    """How many records a batch brings, by our own count; mentions (stubs, link listings) are no records."""
    records = sum(not isinstance(record, Stub | LinkListing) for record in batch.records)
    return records + sum(len(part.rows) for part in batch.rows) + len(batch.rejected) + batch.filtered


def peak_rss_bytes() -> int:
    """The most memory this process ever held, 0 where the system does not say."""
    if sys.platform == "win32":
        return 0
    import resource  # noqa: PLC0415 - the module does not exist on every system

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Run:
    """Context manager around one command that writes.

    Leaving it ends the run in the store whatever happened. A `HubbubError` and Ctrl-C that reach its end are taken into
    the report (they do not go on); anything else is a bug, is noted as one and goes on. All methods may be called from
    any thread."""

    def __init__(self, store: Store, *, command: str, target: str, observers: Sequence[Observer] = ()) -> None:
        self.command = command
        self.target = target
        self.id = 0
        self.tally = Tally()
        self.requests = 0
        self.missing = 0
        self.details: dict[str, Any] = {}
        self.unknown_fields: Counter[str] = Counter()
        self._store = store
        self._observers = list(observers)
        self._findings: list[tuple[str, str]] = []
        self._errors: list[str] = []
        self._codes: list[ExitCode] = []
        self._resume_at: int | None = None
        self._lock = threading.RLock()
        self._telling = threading.RLock()
        """Of the observers: who tells them something must not wait for a transaction."""
        self._started_at = 0
        self._began = 0.0
        self._ended: float | None = None
        self._owed = 0
        """Records that were offered and wait on disk for a database that is away."""

    def __enter__(self) -> Self:
        self._started_at = clock.now()
        self._began = clock.monotonic()
        self._store.tell(self.emit)
        self.id = self._store.begin_run(command=self.command, target=self.target, started_at=self._started_at)
        if self.command != "import" and indexes.build_left_out(self._store):
            self.finding("info", "the indexes that an import was stopped before making are there now")
        self.emit(RunStarted(run_id=self.id, command=self.command, target=self.target))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        taken = self._take(error)
        self._ended = clock.monotonic()
        self._end()
        self._store.tell(None)
        report = self.report()
        self.emit(
            RunFinished(
                run_id=self.id,
                exit_code=int(report.exit_code),
                offered=self.tally.offered,
                tally=_terms(self.tally),
                elapsed_s=report.elapsed_s,
                peak_rss_bytes=report.peak_rss_bytes,
            )
        )
        return taken

    def write(self, batch: Batch) -> Tally:
        """Store one batch in one transaction, count it and tell the observers.

        Raises StorageError or LockedError; nothing of the batch is stored or counted then."""
        with self._lock:
            tally = self._store.write(batch)
            self.tally.add(tally)
            self.unknown_fields.update(batch.unknown_fields)
            self._owed += offered(batch) - tally.offered
            if self._owed and not self._store.waiting:
                self._codes.append(ExitCode.BUG)
                self.finding("error", f"bug: {batch.stream} offered {offered(batch)} records, {conservation(tally)}")
                self._owed = 0
        for rejected in batch.rejected:
            self.emit(Rejection(where=rejected.where, kind=rejected.kind, id=rejected.id, reason=rejected.reason))
        self.emit(BatchStored(stream=batch.stream, tally=_terms(tally)))
        return tally

    def emit(self, event: Event) -> None:
        """Hand an event to every observer; one that raises is left out from then on and named in a finding."""
        with self._telling:
            if isinstance(event, RequestDone):
                self.requests += 1
            for observer in tuple(self._observers):
                try:
                    observer(event)
                except Exception as error:  # noqa: BLE001 - somebody else's code; it never steers the run
                    self._observers.remove(observer)
                    self.finding("warning", f"observer {observer!r} failed and was switched off: {error!r}")

    def finding(self, severity: str, what: str) -> None:
        """Note something the user should know: info, warning or error."""
        with self._lock:
            self._findings.append((severity, what))
            try:
                self._store.add_finding(run_id=self.id, severity=severity, what=what)
            except HubbubError as error:  # the report still holds it
                self.fail(error)
        self.emit(Finding(severity=severity, what=what))

    def miss(self, count: int) -> None:
        """Count records the platform said exist but did not hand out."""
        with self._lock:
            self.missing += count

    def fail(self, error: HubbubError, *, where: str | None = None, as_code: ExitCode | None = None) -> None:
        """Note an error; its exit code (or `as_code`, where others went on) weighs in the run's."""
        with self._lock:
            line = ": ".join(part for part in (where, str(error)) if part)
            if error.advice:
                line = f"{line}; {error.advice}"
            if line not in self._errors:
                self._errors.append(line)
            self._codes.append(error.exit_code if as_code is None else as_code)
            if isinstance(error, RateLimitedError) and error.until is not None:
                self._resume_at = max(self._resume_at or 0, error.until)

    def report(self) -> RunReport:
        """What the run did so far; after its end, what it did."""
        with self._lock:
            partial = [ExitCode.PARTIAL] if self.tally.set_aside else []
            details = dict(self.details)
            if self.unknown_fields:
                details["unknown_fields"] = dict(sorted(self.unknown_fields.items()))
            return RunReport(
                run_id=self.id,
                command=self.command,
                target=self.target,
                tally=msgspec.structs.replace(self.tally),
                requests=self.requests,
                missing=self.missing,
                findings=tuple(self._findings),
                errors=tuple(self._errors),
                exit_code=worst(*self._codes, *partial),
                started_at=self._started_at,
                elapsed_s=(clock.monotonic() if self._ended is None else self._ended) - self._began,
                peak_rss_bytes=peak_rss_bytes(),
                resume_at=self._resume_at,
                details=details,
            )

    def _take(self, error: BaseException | None) -> bool:
        """Note what ended the run; True when it need not go on."""
        if error is None:
            return False
        if isinstance(error, HubbubError):
            self.fail(error)
            return True
        if isinstance(error, KeyboardInterrupt):
            self.fail(InterruptedRunError("stopped by the user", advice="the same command goes on from here"))
            return True
        with self._lock:
            # Its own words may quote anything, a token too; the crash report has them, masked.
            self._errors.append(f"bug: {type(error).__name__}")
            self._codes.append(ExitCode.BUG)
        return False

    def catch_up(self) -> None:
        """Store and count what waits on disk for a database that was away.

        Raises StorageError when it stays away."""
        with self._lock:
            tally = self._store.catch_up()
            self.tally.add(tally)
            self._owed -= tally.offered

    def _catch_up(self) -> None:
        """The same at the end, where a database that stays away is one more thing to say."""
        try:
            self.catch_up()
        except HubbubError as error:
            advice = f"{self._store.waiting} batches wait on disk; the next command that writes stores them"
            self.fail(StorageError(str(error), advice=advice))

    def _end(self) -> None:
        self._catch_up()
        summary = msgspec.to_builtins(self.report())
        summary["conservation"] = conservation(self.tally)
        try:
            self._store.end_run(self.id, exit_code=int(summary["exit_code"]), summary=summary, ended_at=clock.now())
        except HubbubError as error:  # a store that failed cannot take its own obituary
            self.fail(error)


def _terms(tally: Tally) -> dict[str, int]:
    return {name: getattr(tally, name) for name in CONSERVED}
