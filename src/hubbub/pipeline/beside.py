"""Decodes a large file in a process beside the one that stores: unpacking and decoding are half of an import.

The parent opens the file and hands it over open, so that both read the same one whatever happens to its name. What is
decoded comes back over a pipe, one message a piece, in MessagePack. A child that dies is replaced by the parent itself,
which goes on at the last border it was told."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from hubbub.errors import InputError, TruncatedInputError
from hubbub.pipeline.archive import Archive, Position, archive_of
from hubbub.pipeline.decoding import LineDecoder, Part
from hubbub.pipeline.readahead import ahead
from hubbub.pipeline.readers import reader_of
from hubbub.plugins.contracts import Decoded
from hubbub.records.models import Rejected
from hubbub.records.packing import Packed, tagged, unpacked
from hubbub.records.rows import Rows

MESSAGES_AHEAD = 24
"""Messages that may wait for the store; each is of about a mebibyte of lines and a quarter as long."""

_LENGTH_BYTES = 8


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is to do."""

    file: int
    """Descriptor of the open file."""
    path: str
    """What to call it in messages."""
    source: str
    communities: list[str]
    now: int
    start: Position
    observed_at: int | None = None
    """What the user said of when the lines were observed."""


class _Piece(msgspec.Struct, frozen=True, array_like=True):
    """One `Decoded`, with its records packed."""

    records: Packed
    rows: list[Rows]
    rejected: list[Rejected]
    repaired: int
    filtered: int
    unknown_fields: dict[str, int]


class _Part(msgspec.Struct, frozen=True, tag="part"):
    pieces: list[_Piece]
    end: Position
    packed_end: int


class _Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The file is read to its end."""


class _Damaged(msgspec.Struct, frozen=True, tag="damaged"):
    """The file is read as far as it can be."""

    message: str
    advice: str | None
    offset: int
    untrusted: bool


class _Unreadable(msgspec.Struct, frozen=True, tag="unreadable"):
    message: str
    advice: str | None


_messages: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(_Part | _Ended | _Damaged | _Unreadable)


def available() -> bool:
    """Whether a file can be handed to a child at all: not on Windows, whose descriptors are not inherited so."""
    return sys.platform != "win32"


def parts_beside(archive: Archive, job: Job, *, here: LineDecoder) -> Generator[Part]:
    """What `LineDecoder.parts` gives, decoded by a child; `here` takes over if it dies. Raises what that raises."""
    at = job.start
    command = [sys.executable, "-P", "-m", "hubbub.pipeline.beside", msgspec.json.encode(job).decode()]
    with subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, pass_fds=(job.file,), start_new_session=True
    ) as child:
        try:
            with closing(ahead(_received(child), depth=MESSAGES_AHEAD)) as messages:
                for data in messages:
                    message = _messages.decode(data)
                    if isinstance(message, _Part):
                        at = message.end
                        yield _part(message)
                        continue
                    _raise(message)
                    return
        finally:
            child.kill()
    yield from here.parts(archive, at)


def _received(child: subprocess.Popen[bytes]) -> Generator[bytes]:
    """The messages of a child, until it ends or dies."""
    assert child.stdout is not None
    while len(head := child.stdout.read(_LENGTH_BYTES)) == _LENGTH_BYTES:
        size = int.from_bytes(head, "little")
        data = child.stdout.read(size)
        if len(data) < size:
            return
        yield data


def _part(message: _Part) -> Part:
    decoded = [
        Decoded(
            records=unpacked(piece.records),
            rows=piece.rows,
            rejected=piece.rejected,
            repaired=piece.repaired,
            filtered=piece.filtered,
            unknown_fields=piece.unknown_fields,
        )
        for piece in message.pieces
    ]
    return Part(decoded=decoded, end=message.end, packed_end=message.packed_end)


def _raise(message: _Ended | _Damaged | _Unreadable) -> None:
    if isinstance(message, _Damaged):
        raise TruncatedInputError(
            message.message, offset=message.offset, untrusted=message.untrusted, advice=message.advice
        )
    if isinstance(message, _Unreadable):
        raise InputError(message.message, advice=message.advice)


def _work(job: Job, out: BinaryIO) -> None:
    """The child: decode, and send what came of it."""
    reader = reader_of(job.source, observed_at=job.observed_at)
    decoder = LineDecoder(
        reader, source=job.source, communities=frozenset(job.communities), where=job.path, now=job.now
    )
    encode = msgspec.msgpack.Encoder().encode

    def send(message: Any) -> None:
        data = encode(message)
        out.write(len(data).to_bytes(_LENGTH_BYTES, "little"))
        out.write(data)

    try:
        with archive_of(job.file, Path(job.path)) as archive:
            for part in decoder.parts(archive, job.start):
                pieces = [
                    (tagged(d.records), d.rows, d.rejected, d.repaired, d.filtered, dict(d.unknown_fields))
                    for d in part.decoded
                ]
                send({"type": "part", "pieces": pieces, "end": part.end, "packed_end": part.packed_end})
        send(_Ended())
    except TruncatedInputError as error:
        send(_Damaged(str(error), error.advice, error.offset, error.untrusted))
    except InputError as error:
        send(_Unreadable(str(error), error.advice))


def main() -> None:
    """Run as the child: the job is the only argument, messages go to stdout."""
    gc.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(BrokenPipeError):
        _work(msgspec.json.decode(sys.argv[1], type=Job), sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
