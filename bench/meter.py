"""What a case costs: CPU, wall time and memory of its own process, and CPU of a server process beside it."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Meter:
    """CPU and wall seconds of a block, and the most memory the process ever held."""

    cpu_s = wall_s = server_s = 0.0
    server: int | None = None
    """A process of a database server on this machine, whose CPU counts apart."""

    @contextmanager
    def on(self) -> Iterator[None]:
        cpu, wall, server = time.process_time(), time.perf_counter(), self._server_s()
        try:
            yield
        finally:
            self.cpu_s, self.wall_s = time.process_time() - cpu, time.perf_counter() - wall
            self.server_s = self._server_s() - server

    def _server_s(self) -> float:
        if self.server is None:
            return 0.0
        fields = Path(f"/proc/{self.server}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def per_row(self, rows: int) -> dict[str, float]:
        figures = {"cpu us/row": 1e6 * self.cpu_s / rows, "rows/s": rows / self.wall_s, "peak MB": peak_mb()}
        if self.server is not None:
            figures["server us/row"] = 1e6 * self.server_s / rows
            figures["both us/row"] = figures["cpu us/row"] + figures["server us/row"]
        return figures


def peak_mb() -> float:
    """The most memory this program held; on Linux without what its parent held before it began."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
