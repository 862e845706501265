"""Frozen records of what a run did. An observer is a callable that takes one of them; it never steers the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Root of all events."""


class RunStarted(Event, frozen=True):
    """A command that writes has begun."""

    run_id: int
    command: str
    target: str


class RequestDone(Event, frozen=True):
    """One attempt of one request is over."""

    source: str
    route: str
    status: int | None
    """None when no answer came."""
    elapsed_s: float
    body_bytes: int
    attempt: int


class Retrying(Event, frozen=True):
    """An attempt failed and another follows."""

    source: str
    route: str
    why: str
    wait_s: float


class Waiting(Event, frozen=True):
    """The run waits for the platform's budget or a cool-down, not for work."""

    source: str
    why: str
    wait_s: float
    until: int
    """When it goes on as things stand: epoch seconds UTC."""


class BatchStored(Event, frozen=True):
    """One transaction is committed."""

    stream: str
    tally: Mapping[str, int]
    """new, updated, unchanged, older, tombstoned, filtered, set_aside: the conservation line of this batch."""


class StoreAway(Event, frozen=True):
    """The database could not be reached, or asked to try again; the same transaction follows after the wait."""

    where: str
    why: str
    wait_s: float


class SlowQuery(Event, frozen=True):
    """A statement took longer than the threshold."""

    sql: str
    """As it was sent, values left out."""
    elapsed_s: float
    plan: str | None
    """How the database went about it, where that was asked for."""


class Rejection(Event, frozen=True):
    """A record was set aside."""

    where: str
    kind: str | None
    id: str | None
    reason: str


class Finding(Event, frozen=True):
    """Something the user should know that is no error: a gap, a damaged file, an unknown field."""

    severity: str
    """info, warning or error."""
    what: str


class FileProgress(Event, frozen=True):
    """How far an import is, by compressed bytes."""

    path: str
    done_bytes: int
    total_bytes: int
    rows: int


class CopyProgress(Event, frozen=True):
    """How far the copy of one table into another store is."""

    table: str
    """`digest` while the two stores are compared."""
    done: int
    total: int


class MediaDone(Event, frozen=True):
    """One media item reached a state."""

    url: str
    state: str
    reason: str | None
    size_bytes: int


class StreamDone(Event, frozen=True):
    """A stream has ended, well or with an error."""

    stream: str
    error: str | None


class RunFinished(Event, frozen=True):
    """The run is over; its summary is stored."""

    run_id: int
    exit_code: int
    offered: int
    tally: Mapping[str, int]
    elapsed_s: float
    peak_rss_bytes: int


Observer = Callable[[Event], None]
