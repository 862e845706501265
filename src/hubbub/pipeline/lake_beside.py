"""Has the lines of one file decoded by processes beside the one that reads it: a dump is one stream, which only one
process can unpack, and each that unpacked it for itself would hold all of its window.

Whole lines go out over a pipe in turn, and Arrow tables come back in that order. What a helper has not answered yet is
kept: one that dies is replaced, and asked again."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import IO, Protocol

import msgspec

from hubbub.engines.contracts import RETRIES
from hubbub.errors import HubbubError
from hubbub.pipeline.archive import LineChunk
from hubbub.pipeline.arrow import ipc, pa
from hubbub.pipeline.lake_columns import schema
from hubbub.pipeline.lake_lines import Job, LineWork
from hubbub.pipeline.lake_taken import Sheet, Taken
from hubbub.pipeline.readahead import ahead

ASKED = 2
"""Times a helper is asked before it has answered: one it works on, one that is there when it is done."""
PIPE_BYTES = 1 << 20
"""Where a pipe can be made larger than usual (Linux); the system may grant less."""
_LENGTH_BYTES = 8


class Hands(Protocol):
    """Whoever decodes lines: asked for some, it answers in the same order."""

    depth: int
    """How many answers may be outstanding."""

    def ask(self, chunks: Sequence[LineChunk]) -> None:
        """Have some lines decoded."""
        ...

    def answer(self) -> Taken:
        """What came of the lines asked for first."""
        ...


class Alone:
    """Nobody but the process that asks."""

    depth = 0

    def __init__(self, work: LineWork) -> None:
        self._work = work
        self._asked: deque[Sequence[LineChunk]] = deque()

    def ask(self, chunks: Sequence[LineChunk]) -> None:
        """See `Hands`."""
        self._asked.append(chunks)

    def answer(self) -> Taken:
        """See `Hands`."""
        return self._work.taken(self._asked.popleft())


class Helpers:
    """Processes, asked in turn."""

    def __init__(self, helpers: Sequence[_Helper]) -> None:
        self.depth = ASKED * len(helpers)
        self._next = deque(helpers)
        self._first = deque(helpers)

    def ask(self, chunks: Sequence[LineChunk]) -> None:
        """See `Hands`."""
        self._next[0].ask(chunks)
        self._next.rotate(-1)

    def answer(self) -> Taken:
        """See `Hands`."""
        found = self._first[0].answer()
        self._first.rotate(-1)
        return found


@contextmanager
def hands_of(job: Job, *, count: int) -> Iterator[Hands]:
    """So many helpers, or this process."""
    with ExitStack() as ends:
        helpers = [ends.enter_context(closing(_Helper(job))) for _ in range(count)]
        yield Helpers(helpers) if helpers else Alone(LineWork(job))


class _Helper:
    """One process, and those that take its place."""

    def __init__(self, job: Job) -> None:
        self._job = msgspec.msgpack.encode(job)
        self._where = job.where
        self._asked: deque[Sequence[LineChunk]] = deque()
        self._deaths = 0
        self._begin()

    def ask(self, chunks: Sequence[LineChunk]) -> None:
        self._asked.append(chunks)
        self._send(chunks)

    def answer(self) -> Taken:
        while (found := _answer(self._from)) is None:
            self._deaths += 1
            if self._deaths > RETRIES:
                raise HubbubError(f"{self._where}: the process that decodes it was killed {self._deaths} times")
            self.close()
            self._begin()
            for chunks in self._asked:
                self._send(chunks)
        self._asked.popleft()
        return found

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        for pipe in (self._to, self._from):
            with suppress(OSError):  # what was not sent to one that died
                pipe.close()
        self._process.wait()

    def _begin(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "hubbub.pipeline.lake_beside"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            pipesize=PIPE_BYTES,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        with suppress(BrokenPipeError):  # it is missed when it does not answer
            _put(self._to, self._job)
            self._to.flush()

    def _send(self, chunks: Sequence[LineChunk]) -> None:
        with suppress(BrokenPipeError):
            _put(self._to, _encode([(_bare(chunk), _size(chunk)) for chunk in chunks]))
            for chunk in chunks:
                if chunk.block is not None:
                    self._to.write(chunk.block)
            self._to.flush()


class _Answer(msgspec.Struct, frozen=True, array_like=True):
    """A `Taken`, whose tables follow it."""

    sheets: list[tuple[str, int, int]]
    """Kind, size in the memory of the helper, bytes that follow."""
    aside: list[bytes]
    set_aside: int
    filtered: int
    repaired: int
    unknown_fields: dict[str, int]


_encode = msgspec.msgpack.Encoder().encode
_asked = msgspec.msgpack.Decoder(list[tuple[LineChunk, int]])
_answers = msgspec.msgpack.Decoder(_Answer)


def _bare(chunk: LineChunk) -> LineChunk:
    """A chunk without its block, which is not copied into a message."""
    return chunk if chunk.block is None else msgspec.structs.replace(chunk, block=None)


def _size(chunk: LineChunk) -> int:
    return -1 if chunk.block is None else len(chunk.block)


def _put(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(len(data).to_bytes(_LENGTH_BYTES, "little"))
    pipe.write(data)


def _get(pipe: IO[bytes]) -> bytes | None:
    """The next message; None where there is no whole one any more."""
    head = pipe.read(_LENGTH_BYTES)
    size = int.from_bytes(head, "little")
    data = pipe.read(size) if len(head) == _LENGTH_BYTES else b""
    return data if data and len(data) == size else None


def _answer(pipe: IO[bytes]) -> Taken | None:
    """What a helper answers; None when it has died."""
    if (data := _get(pipe)) is None:
        return None
    said, sheets = _answers.decode(data), []
    for kind, held, size in said.sheets:
        packed = pipe.read(size)
        if len(packed) < size:
            return None
        batch = ipc.read_record_batch(pa.py_buffer(packed), schema(kind))
        sheets.append(Sheet(kind, pa.Table.from_batches([batch]), held))
    return Taken(
        sheets=sheets,
        aside=said.aside,
        set_aside=said.set_aside,
        filtered=said.filtered,
        repaired=said.repaired,
        unknown_fields=said.unknown_fields,
    )


def _received(pipe: IO[bytes]) -> Generator[list[LineChunk]]:
    """The lines a helper is asked for, until nobody asks any more."""
    while (data := _get(pipe)) is not None:
        chunks = []
        for chunk, size in _asked.decode(data):
            block = pipe.read(size) if size >= 0 else None
            chunks.append(chunk if block is None else msgspec.structs.replace(chunk, block=block))
        yield chunks


def _reply(pipe: IO[bytes], found: Taken) -> None:
    tables = []
    for sheet in found.sheets:
        (batch,) = sheet.table.combine_chunks().to_batches()
        tables.append((sheet.kind, sheet.size_bytes, batch.serialize()))
    said = _Answer(
        [(kind, held, buffer.size) for kind, held, buffer in tables],
        found.aside,
        found.set_aside,
        found.filtered,
        found.repaired,
        found.unknown_fields,
    )
    _put(pipe, _encode(said))
    for _, _, buffer in tables:
        pipe.write(buffer)
    pipe.flush()


def main() -> None:
    """Run as a helper: what is asked comes from stdin, answers go to stdout."""
    gc.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    if (job := _get(asked)) is None:
        return
    work = LineWork(msgspec.msgpack.decode(job, type=Job))
    with suppress(BrokenPipeError), closing(ahead(_received(asked), depth=ASKED)) as batches:
        for chunks in batches:
            _reply(answers, work.taken(chunks))


if __name__ == "__main__":
    main()
