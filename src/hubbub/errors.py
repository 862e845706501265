"""The one exception tree: every class says what to do now (retry, skip, stop) and with which exit code a command ends.

Exit codes are those of the command line contract (docs/reference/exit-codes.md). A message names what happened, where
(URL, file and line, byte, id) and the next step; `advice` holds the next step when it is longer than half a line.
"""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """How a command ended, as the shell sees it."""

    OK = 0
    BUG = 1
    USAGE = 2
    PARTIAL = 3
    """Finished, but some records were set aside."""
    AUTH = 4
    """Credentials: the user must act."""
    RATE_LIMITED = 5
    """Rate limited or budget spent: come back at the stated time."""
    REMOTE = 6
    """Platform or network."""
    INPUT = 7
    """Input damaged or unreadable; what was whole is kept."""
    STORAGE = 8
    """Disk, database, newer schema."""
    LOCKED = 9
    """Another process holds the store."""
    CONFIG = 10
    INTERRUPTED = 130
    """Stopped by the user; safe to rerun."""


PRECEDENCE: tuple[ExitCode, ...] = (
    ExitCode.INTERRUPTED,
    ExitCode.BUG,
    ExitCode.STORAGE,
    ExitCode.LOCKED,
    ExitCode.INPUT,
    ExitCode.AUTH,
    ExitCode.RATE_LIMITED,
    ExitCode.REMOTE,
    ExitCode.PARTIAL,
    ExitCode.CONFIG,
    ExitCode.USAGE,
    ExitCode.OK,
)
"""Which code wins when several apply to one run (design §14); USAGE and CONFIG end a command before it has others."""


def worst(*codes: ExitCode) -> ExitCode:
    """The one code to leave the shell with when all of `codes` apply; OK when there are none."""
    return min(codes, key=PRECEDENCE.index, default=ExitCode.OK)


class Remedy(enum.Enum):
    """What the caller of a failed step should do now."""

    RETRY = "retry"
    """The same request may go through later in this run."""
    SKIP = "skip"
    """Leave this thing (a post, a community), go on with the others, say so at the end."""
    STOP = "stop"
    """Nothing more can be done in this run."""


class HubbubError(Exception):
    """Root of everything hubbub raises on purpose."""

    exit_code = ExitCode.BUG
    remedy = Remedy.STOP

    def __init__(self, message: str, *, advice: str | None = None) -> None:
        super().__init__(message)
        self.advice = advice


class UsageError(HubbubError):
    """The command was typed wrongly."""

    exit_code = ExitCode.USAGE


class ConfigError(HubbubError):
    """A setting is missing, unknown or of the wrong type; also a port that is taken."""

    exit_code = ExitCode.CONFIG


class AuthError(HubbubError):
    """The platform refused the credentials."""

    exit_code = ExitCode.AUTH


class RateLimitedError(HubbubError):
    """The budget is spent; `until` says when it is worth coming back."""

    exit_code = ExitCode.RATE_LIMITED

    def __init__(self, message: str, *, until: int | None = None, advice: str | None = None) -> None:
        super().__init__(message, advice=advice)
        self.until = until
        """Epoch seconds UTC, or None when the platform did not say."""


class RemoteError(HubbubError):
    """The platform or the network failed, or answered with something that cannot be used."""

    exit_code = ExitCode.REMOTE


class TransientRemoteError(RemoteError):
    """A failure that often passes: connection lost, 5xx, an answer cut short. Raised after the retries are used up."""

    remedy = Remedy.RETRY


class BlockedError(RemoteError):
    """The platform's edge turned the client away with a block page: stop, keep the state, tell the user."""


class UnavailableError(RemoteError):
    """One community, post or person is private, banned, quarantined or not there; others go on."""

    remedy = Remedy.SKIP


class RecordError(HubbubError):
    """One record cannot be decoded or stored; it goes to quarantine, its neighbours are kept."""

    exit_code = ExitCode.PARTIAL
    remedy = Remedy.SKIP


class InputError(HubbubError):
    """A file is missing, unreadable, damaged or of the wrong kind."""

    exit_code = ExitCode.INPUT


class TruncatedInputError(InputError):
    """A file ends too soon or is damaged from `offset` on; what came before is kept."""

    def __init__(self, message: str, *, offset: int, untrusted: bool = False, advice: str | None = None) -> None:
        super().__init__(message, advice=advice)
        self.offset = offset
        """Bytes of the file as stored (compressed) that were read as whole."""
        self.untrusted = untrusted
        """True when records already handed out may be wrong (a checksum failed at the end of their frame)."""


class StorageError(HubbubError):
    """The disk or the database failed, or the store is of a newer version."""

    exit_code = ExitCode.STORAGE


class StoreAwayError(StorageError):
    """The database cannot be reached for now, or asked to try again: a restart, a fail-over, a lost connection, two
    transactions that crossed."""

    remedy = Remedy.RETRY


class LockedError(HubbubError):
    """Another process is writing to the store; the message names it."""

    exit_code = ExitCode.LOCKED


class InterruptedRunError(HubbubError):
    """The user stopped the run; everything stored is whole and the same command goes on from there."""

    exit_code = ExitCode.INTERRUPTED
