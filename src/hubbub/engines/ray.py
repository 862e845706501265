"""Ray: tasks on a cluster, or on a Ray that is started on this machine for one command. The only importer of ray."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from types import ModuleType
from typing import Any

from hubbub.engines.contracts import RETRIES, Finished, R, U
from hubbub.errors import ConfigError

LOOK_EVERY_S = 0.5
"""How soon a wish to stop is seen: a signal handler must not call into Ray."""
OBJECT_STORE_BYTES = 100 << 20
"""Of a Ray started here: what goes through it are paths and reports."""


class RayPool:
    """The workers of a cluster, so many at a time."""

    def __init__(self, ray: ModuleType, workers: int) -> None:
        self.workers = workers
        self._ray = ray
        self._stopping = False

    def map_unordered(
        self, fn: Callable[[U], R], units: Sequence[U], *, memory_bytes: int = 0, retries: int = RETRIES
    ) -> Iterator[Finished[R]]:
        """See `Pool`."""
        ray = self._ray
        wanted = min(memory_bytes, _largest_node(ray)) or None  # a task that fits nowhere would wait for ever
        task = ray.remote(_attentively).options(num_cpus=1, memory=wanted, max_retries=retries)
        waiting = list(range(len(units)))[::-1]
        running: dict[Any, int] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self.workers and not self._stopping:
                    at = waiting.pop()
                    running[task.remote(fn, units[at])] = at
                if not running:
                    break
                ended, _ = ray.wait(list(running), timeout=LOOK_EVERY_S)
                for ref in ended:
                    at = running.pop(ref)
                    if (finished := _outcome(ray, ref, at)) is not None:
                        yield finished
                if self._stopping:
                    for ref in running:
                        ray.cancel(ref)
        finally:
            for ref in running:
                ray.cancel(ref, force=True)

    def stop(self) -> None:
        """See `Pool`."""
        self._stopping = True


def _attentively(fn: Callable[[U], R], unit: U) -> R:
    """What the function returns, run where it hears that it is cancelled.

    Ray says so by SIGINT, which workers ignore when the command does (begun by nohup, or in a script's background)."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return fn(unit)


def _outcome(ray: ModuleType, ref: Any, at: int) -> Finished[Any] | None:
    """What came of a task; None when it was stopped. What its function raised is raised here."""
    exceptions = ray.exceptions
    given_up = (
        exceptions.WorkerCrashedError,
        exceptions.LocalRayletDiedError,
        exceptions.NodeDiedError,
        exceptions.OutOfMemoryError,
        exceptions.ObjectLostError,
    )
    try:
        return Finished(at=at, value=ray.get(ref))
    except exceptions.TaskCancelledError:
        return None
    except given_up as error:
        return Finished(at=at, lost=str(error).partition("\n")[0])


def _largest_node(ray: ModuleType) -> int:
    """The memory that Ray gives away on its largest machine, in bytes."""
    return int(max((node["Resources"].get("memory", 0) for node in ray.nodes() if node["Alive"]), default=0))


class RayEngine:
    """The built-in engine `ray`."""

    name = "ray"
    elsewhere = True

    @contextmanager
    def open(self, *, workers: int | None, address: str | None) -> Iterator[RayPool]:
        """The cluster at `address` ("auto", "HOST:PORT", "ray://HOST:PORT"), else a Ray of this machine's own, on
        loopback, that ends with the command. Raises ConfigError when it cannot be reached or started.

        Ray's token authentication is left as it is: on."""
        ray = _load(alone=address is None)
        common = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
        with redirect_stdout(sys.stderr):  # Ray tells of lost workers on stdout, which is for results
            try:
                if address is not None:
                    ray.init(address=address, **common)
                else:
                    ray.init(
                        address="local",
                        num_cpus=workers or os.cpu_count() or 1,
                        include_dashboard=False,
                        object_store_memory=OBJECT_STORE_BYTES,
                        **common,
                    )
            except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
                where = "on this machine" if address is None else f"at {address}"
                raise ConfigError(
                    f"Ray cannot be reached or started {where}: {str(error).strip().partition(chr(10))[0]}",
                    advice="`ray status` tells whether a cluster runs; docs/how-to/lake.md tells how to begin one",
                ) from error
            try:
                yield RayPool(ray, workers or max(1, int(ray.cluster_resources().get("CPU", 1))))
            finally:
                ray.shutdown()


def _load(*, alone: bool) -> ModuleType:
    """Import ray, which reads its settings from the environment as it is imported."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing is sent to anybody
    if alone:
        # Keeps every port on loopback. `_node_ip_address` does not: Ray turns 127.0.0.1 into the machine's address.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    try:
        import ray  # noqa: PLC0415 - an extra, and after its settings
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "ray":
            raise
        raise ConfigError("the engine ray needs the extra 'ray'", advice="pip install 'hubbub[ray]'") from error
    loaded: ModuleType = ray
    return loaded


ENGINE = RayEngine()
"""What the entry point names."""
