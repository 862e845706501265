"""What a plug-in fulfils. Ours use the same door as anybody's: an entry point and these contracts.

How a source is reached is told in `http.access`; what a pretend platform fulfils is in `simulator.exchange`.

A stream is a generator without I/O and without a clock. It yields

- a `Request`, and is sent its `Response`; or, when the client gave up, the error is thrown into it;
- a tuple of `Request`s (fetched side by side within the budget), and is sent a tuple, in order, of
  `Response | HubbubError`;
- a `Recall`, and is sent what the store knows (after everything the stream yielded before is stored);
- a `Page`, and is sent None. Its records and its checkpoint are committed in one transaction.

It returns when there is nothing more to ask. A stream that raises ends with that error; its last checkpoint stands.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import msgspec

from hubbub.errors import HubbubError
from hubbub.http.access import Access
from hubbub.http.messages import Request, Response
from hubbub.records.models import Record, Rejected, Source
from hubbub.records.rows import Rows, records_of


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """How far a stream has come, in its own words. It may only claim what this or an earlier page stored."""

    key: str
    """Which stream: "whatisthisbug/new", "whatisthisbug/tree/t3_1abc"; unique within the source."""
    state: str
    """JSON object; only the stream that wrote it reads it."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What one answer (or a tuple of answers) brought, and the checkpoints that hold once it is stored."""

    records: Sequence[Record] = ()
    rejected: Sequence[Rejected] = ()
    repaired: int = 0
    """Values replaced while decoding (a lone surrogate, a NUL), counted in the run's summary."""
    filtered: int = 0
    """Items that are no records of a community by the platform's own account: advertisements."""
    unknown_fields: Mapping[str, int] = {}
    """Platform fields nobody modelled, "kind.field" -> how often: the drift report."""
    checkpoints: Sequence[Checkpoint] = ()
    missing: int = 0
    """Records the platform said exist but did not hand out (counted, never an error)."""
    note: str | None = None
    """A finding for the run's summary, in words."""


class RecallCheckpoint(msgspec.Struct, frozen=True):
    """Ask the store: the checkpoint under this key. Answer: `Checkpoint | None`."""

    key: str


class RecallCheckpoints(msgspec.Struct, frozen=True):
    """Ask the store: all checkpoints whose key starts so. Answer: `dict[str, Checkpoint]`."""

    prefix: str


class RecallKnown(msgspec.Struct, frozen=True):
    """Ask the store: which of these ids are stored (stubs do not count). Answer: `frozenset[str]`."""

    kind: str
    ids: tuple[str, ...]


class StoredCount(msgspec.Struct, frozen=True):
    """A post and the number of comments the platform last gave for it."""

    post_id: str
    comment_count: int
    created_at: int
    stored: int
    """Comments of it that are in the store, tombstones included."""


class RecallCounts(msgspec.Struct, frozen=True):
    """Ask the store: live posts of this community (case-folded key), newest first. Answer: `list[StoredCount]`."""

    community: str


class RecallTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Ask the store: how many records of a community are stored by when they were created, tombstones included.

    Answer: `tuple[int, ...]`, one number for each span `bounds[i] <= created_at < bounds[i + 1]`."""

    source: Source
    """Whose records; a mirror's records carry the name of the platform it mirrors."""
    kind: str
    community: str
    """Case-folded key."""
    bounds: tuple[int, ...]
    """Epoch seconds, ascending."""


Recall = RecallCheckpoint | RecallCheckpoints | RecallKnown | RecallCounts | RecallTotals

Asked = Request | tuple[Request, ...] | Recall | Page
Stream = Generator[Asked, Any, None]
"""What is sent back depends on what was yielded (see the module's text), which a generator's type cannot say."""

Answer = Response | HubbubError


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What the user named: `reddit:whatisthisbug`, `reddit:u/NAME`, or one of several kinds a source knows."""

    source: str
    """Name of the plug-in that reads it: the platform, or a mirror of one."""
    name: str
    """What stood behind the colon, as typed."""


class SyncOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asked of one sync, the same for every source."""

    full: bool = False
    """Ignore the watermark: walk the listings to their end."""
    since: int | None = None
    """Do not go back before this time (epoch seconds)."""
    max_pages: int | None = None
    """Listing pages per stream."""
    only: frozenset[str] = frozenset()
    """Streams to run by name; empty means all."""
    listing: str | None = None
    """A one-off look at this listing ("hot", "top"), without a watermark."""
    limit: int | None = None
    """Items of a one-off look."""
    started_at: int = 0
    """Now, as the run sees it: a watermark never passes it."""


class StreamPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One stream of a target: its name and how to begin it."""

    name: str
    """"about", "posts", "comments"."""
    begin: Callable[[], Stream]


class SourceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the configuration holds for one source, as plain text values ("client_id": "…"); secrets included."""

    values: Mapping[str, str]
    base_url: str | None = None


@runtime_checkable
class SourcePlugin(Protocol):
    """A platform. One instance per package, found in the entry-point group `hubbub.sources`."""

    name: str
    terms: str
    """Class of terms its live records come under."""

    def access(self, settings: SourceSettings) -> Access:
        """How to reach it; raises ConfigError when a needed setting is missing."""
        ...

    def plan(self, target: Target, options: SyncOptions) -> tuple[tuple[StreamPlan, ...], ...]:
        """Stages of streams: those of one stage run side by side, a stage begins when the one before it is stored.

        Raises UsageError when the target's name cannot be one of this platform's."""
        ...


class Decoded(msgspec.Struct, frozen=True, kw_only=True):
    """What came of decoding one piece of input (a line, a body)."""

    records: Sequence[Record] = ()
    rows: Sequence[Rows] = ()
    """Ordinary records, which need no object of their own."""
    rejected: Sequence[Rejected] = ()
    repaired: int = 0
    filtered: int = 0
    """Lines that are no records of a community by the platform's own account: advertisements."""
    unknown_fields: Mapping[str, int] = {}

    def spread(self) -> list[Record]:
        """All records as objects."""
        return [*self.records, *(record for part in self.rows for record in records_of(part))]


def line_place(where: str, number: int) -> str:
    """`file:N`, as every message and every quarantined record names a line of a file."""
    return f"{where}:{number}"


@runtime_checkable
class FileReader(Protocol):
    """A source that also reads files: dumps line by line, and saved API answers whole."""

    def decode_lines(self, lines: Sequence[bytes], *, where: str, first_line: int, now: int) -> Decoded:
        """Records of some lines of a dump; `line_place` of `where` and the line number names them in quarantine."""
        ...

    def decode_block(self, block: bytes, *, count: int, where: str, first_line: int, now: int) -> Decoded:
        r"""The same of `count` lines as they lie in a file, with b"\n" between them."""
        ...

    def decode_saved(self, body: bytes, *, where: str, observed_at: int | None, now: int) -> Decoded:
        """Records of one saved API answer; raises InputError when it is none.

        Without `observed_at` the greatest created or edited time inside is taken (design §2)."""
        ...


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column of an export: its name and what it holds."""

    name: str
    type: str
    """text, integer, real, boolean, time (epoch seconds UTC) or json."""


@runtime_checkable
class Sink(Protocol):
    """An export format, found in the entry-point group `hubbub.sinks`."""

    name: str
    suffix: str
    """".csv"; the file name is `<kind><suffix>`."""

    def write(self, path: Path, columns: Sequence[Column], rows: Any) -> int:
        """Write an iterator of row tuples to a new file at `path`; returns the number of rows."""
        ...
