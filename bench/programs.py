"""Runs programs as a user does, one into the other, and tells what they and all their children cost."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

import msgspec

LOOK_S = 0.05
"""Between two looks at the memory of the processes."""
SAID_BYTES = 50_000

Command = Sequence[str]


class Cost(msgspec.Struct, kw_only=True):
    """What some programs took together, their children included."""

    user_s: float
    system_s: float
    wall_s: float
    peak_bytes: int
    """The most memory each process held, summed: never less than what they held at once."""
    shared_peak_bytes: int = 0
    """The most they held at once, what they share counted once (PSS); 0 where it was not looked at."""
    server_s: float = 0.0
    """CPU of a database server beside them."""
    codes: tuple[int, ...] = ()
    said: str = ""
    """The end of what the last program printed."""
    complained: str = ""
    """The end of what all of them wrote to stderr."""


class FailedError(Exception):
    """A program of a benchmark ended with a code other than 0."""


def run(*commands: Command, env: Mapping[str, str] | None = None, check: bool = True, shared: bool = False) -> Cost:
    """Run the commands, each reading what the one before prints; raises FailedError unless all end with 0."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        started: list[subprocess.Popen[bytes]] = []
        for number, command in enumerate(commands):
            before = started[-1].stdout if started else subprocess.DEVNULL
            last = number == len(commands) - 1
            program = subprocess.Popen(
                command,
                stdin=before,
                stdout=out if last else subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **(env or {})},
            )
            if started and started[-1].stdout is not None:
                started[-1].stdout.close()  # the reader has it: its end must reach the writer
            started.append(program)
        with _Memory([program.pid for program in started], shared=shared) as memory:
            used = [_wait(program) for program in started]
        wall = time.perf_counter() - began
        cost = Cost(
            user_s=sum(each.ru_utime for each in used),
            system_s=sum(each.ru_stime for each in used),
            wall_s=wall,
            peak_bytes=memory.peak or sum(_most(each.ru_maxrss) for each in used),
            shared_peak_bytes=memory.shared_peak,
            codes=tuple(program.returncode for program in started),
            said=_end(out),
            complained=_end(errors),
        )
    if check and any(cost.codes):
        raise FailedError(f"{' | '.join(' '.join(each) for each in commands)}: {cost.codes}\n{cost.complained}")
    return cost


def _wait(program: subprocess.Popen[bytes]) -> resource.struct_rusage:
    _, status, used = os.wait4(program.pid, 0)
    program.returncode = os.waitstatus_to_exitcode(status)
    return used


def _end(file: IO[bytes]) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - SAID_BYTES))
    return file.read().decode(errors="replace").strip()


def _most(maxrss: int) -> int:
    return maxrss if sys.platform == "darwin" else maxrss << 10


class _Memory:
    """Looks at the processes and their children over and over while it is entered (Linux; elsewhere not at all)."""

    def __init__(self, pids: Sequence[int], *, shared: bool) -> None:
        self._pids = pids
        self._shared = shared
        self._most: dict[int, int] = {}
        self.shared_peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    @property
    def peak(self) -> int:
        return sum(self._most.values())

    def __enter__(self) -> Self:
        if Path("/proc/self/status").exists():
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(LOOK_S):
            pids = list(family(self._pids))
            for pid in pids:
                held = _kilobytes(Path(f"/proc/{pid}/status"), "VmHWM:")
                self._most[pid] = max(self._most.get(pid, 0), held << 10)
            if self._shared:
                now = sum(_kilobytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") for pid in pids)
                self.shared_peak = max(self.shared_peak, now << 10)


def family(pids: Sequence[int]) -> Iterator[int]:
    """The processes and all that descend from them (Linux)."""
    for pid in pids:
        yield pid
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            with suppress(OSError):  # it ended between the two looks
                yield from family([int(each) for each in children.read_text().split()])


def cpu_s(pid: int) -> float:
    """CPU that a process, its living children and those it has waited for have had (Linux)."""
    ticks = 0
    for each in family([pid]):
        with suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(") ")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _kilobytes(path: Path, key: str) -> int:
    with suppress(OSError):
        for line in path.read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1])
    return 0
