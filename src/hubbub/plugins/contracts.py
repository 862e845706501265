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

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import msgspec

from hubbub.errors import HubbubError
from hubbub.http.access import Access, BudgetOptions, KeptOptions
from hubbub.http.messages import Request, Response
from hubbub.plugins.due import RecallDue, RecallDueCount, RecallThreads
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
    forgotten: Sequence[str] = ()
    """Keys of checkpoints that hold no longer: they go with this page, before its own are saved."""
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
    """Ask the store: which of these ids are stored (stubs do not count). Answer: `frozenset[str]`.

    The kind is one of content, `topic` or `collection`."""

    kind: str
    ids: tuple[str, ...]


class RecallSaved(msgspec.Struct, frozen=True):
    """Ask the store: the checkpoints under these keys. Answer: `dict[str, Checkpoint]`, without those there are not."""

    keys: tuple[str, ...]


class StoredCount(msgspec.Struct, frozen=True):
    """A post and the number of comments the platform last gave for it."""

    post_id: str
    comment_count: int
    created_at: int
    stored: int
    """Comments of it that are in the store and were made before `observed_at`, without those their authors deleted:
    a platform that lowers its count for these (Reddit) cannot mean them."""
    observed_at: int = 0
    """When the platform gave the number (epoch seconds)."""
    community: str = ""
    """Case-folded key."""


class RecallCounts(msgspec.Struct, frozen=True):
    """Ask the store: live posts of a community, newest first. Answer: `list[StoredCount]`."""

    community: str
    """Case-folded key; empty for posts of a platform that has no communities."""
    post_ids: tuple[str, ...] | None = None
    """Only these posts."""
    lacking: bool = False
    """Only posts of which fewer comments are stored than the platform gave."""
    live: bool = False
    """Count no comment that was withdrawn, whoever withdrew it: for a platform whose number leaves all of them out."""


class Ripe(msgspec.Struct, frozen=True):
    """A stored record that came over the live API, and when it was made and last seen (epoch seconds)."""

    id: str
    created_at: int
    observed_at: int


class RecallRipe(msgspec.Struct, frozen=True, kw_only=True):
    """Ask the store: live records of some communities to be looked at again by `until`. Answer: `list[Ripe]`.

    A record is due at each of some ages: it is in the answer when its last observation is older than the greatest of
    these ages that it reaches by `until`; those behind twice the last age are left out."""

    kind: str
    communities: tuple[str, ...]
    """Case-folded keys."""
    ages_s: tuple[int, ...]
    """Ascending."""
    until: int
    limit: int
    """Most records in the answer; the youngest come first."""


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


Recall = (
    RecallCheckpoint
    | RecallCheckpoints
    | RecallSaved
    | RecallKnown
    | RecallCounts
    | RecallThreads
    | RecallRipe
    | RecallTotals
    | RecallDue
    | RecallDueCount
)

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
    target: str | None = None
    """In an agenda: which of its targets the stream is for, by name; None where it is for several."""

    @property
    def key(self) -> str:
        """What the stream is called among those of its agenda: "whatisthisbug/posts"."""
        return self.name if self.target is None else f"{self.target}/{self.name}"


class SourceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the configuration holds for one source, as plain text values ("client_id": "…"); secrets included."""

    values: Mapping[str, str]
    base_url: str | None = None
    budget: BudgetOptions = BudgetOptions()
    kept: KeptOptions = KeptOptions()


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


class DumpColumns(msgspec.Struct, frozen=True, kw_only=True):
    """What a source reads of a table whose columns are the fields of its dump lines."""

    wanted: tuple[str, ...]
    """Columns that become fields of a line."""
    telling: frozenset[str]
    """Fields that tell what kind of record a line is: written as null where the table has no value."""
    community: str
    """The column that names the community."""
    times: frozenset[str]
    """Fields that are times: a date or a text such as "2024-01-31 23:59:59" becomes epoch seconds."""
    objects: frozenset[str]
    """Fields that hold objects or lists: a text that is their JSON is taken as such."""
    flags: frozenset[str]
    """Fields that may be true or false: a text that spells it is taken as such, and so are 0 and 1."""
    unknown_fields: Mapping[str, int]
    """Columns nobody has decided about, for the drift report."""


@runtime_checkable
class TableReader(FileReader, Protocol):
    """A FileReader whose dumps also come as tables, such as Parquet mirrors."""

    def dump_columns(self, names: Sequence[str]) -> DumpColumns:
        """What to read of a table with these columns; raises InputError (a predicate: "holds no …") for another."""
        ...


class ExportTable(msgspec.Struct, frozen=True, kw_only=True):
    """One CSV table of a data request, and what is read of it: columns that are not named here never leave the zip."""

    name: str
    """"posts.csv"."""
    columns: tuple[str, ...]
    """Columns that are read, lower case."""
    needed: tuple[str, ...] = ()
    """Those of them without which the table is not what it was taken for."""


class ExportLayout(msgspec.Struct, frozen=True, kw_only=True):
    """The tables of a data request that are read."""

    tables: tuple[ExportTable, ...]
    """Tables of records, in the order in which they are read."""
    about: ExportTable | None = None
    """The table that says whose request it is and of when."""


class ExportRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a CSV table."""

    number: int
    """The line of the table it begins on; the line of headings is 1."""
    fields: Mapping[str, str]
    """Its values by column, only of the columns asked for; bytes that are no UTF-8 come as lone surrogates."""
    problem: str | None = None
    """Why it has no fields, when it cannot be read; says nothing of its values."""


class ExportFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Whose data request it is and of when."""

    author: str | None = None
    exported_at: int | None = None
    """Epoch seconds UTC."""


@runtime_checkable
class ExportReader(Protocol):
    """A source that also reads what its platform hands a user on request: a zip of CSV tables."""

    def export_layout(self, members: Collection[str]) -> ExportLayout | None:
        """Which of these files are read; None when they are no data request of this platform."""
        ...

    def export_facts(self, rows: Iterable[ExportRow]) -> ExportFacts:
        """What the table `about` says; nothing else of it is kept."""
        ...

    def latest_in_export(self, rows: Iterable[ExportRow]) -> int | None:
        """The greatest time in rows of a table of records: the request is of then or later."""
        ...

    def decode_export(
        self, rows: Sequence[ExportRow], *, table: str, where: str, facts: ExportFacts, now: int
    ) -> Decoded:
        """Records of some rows; `line_place` of `where` and the row's number names them in quarantine.

        `facts.exported_at` is known."""
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
