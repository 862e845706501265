"""Runs the simulator on loopback: in the foreground for the command line, or in a thread for tests and the demo."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import msgspec

from hubbub.errors import ConfigError
from hubbub.simulator.app import Application
from hubbub.simulator.clock import VirtualClock
from hubbub.simulator.exchange import Platform, SimulatorRoutes
from hubbub.simulator.faults import Scenario, load_scenario
from hubbub.simulator.things import COMMUNITIES, Size
from hubbub.simulator.world import World

_READY_KEYS = (
    "reddit", "oauth", "client_id", "client_secret", "username", "password", "communities", "arctic", "producthunt",
    "producthunt_token", "producthunt_client_id", "producthunt_client_secret",
)  # fmt: skip


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What `hubbub simulate` was asked for."""

    routes: Sequence[SimulatorRoutes]
    """The pretend platforms to serve, loaded from the entry-point group `hubbub.simulators`."""
    host: str = "127.0.0.1"
    port: int = 0
    """0 = any free port."""
    seed: int = 7
    posts: int = 200
    comments: int = 3000
    communities: tuple[str, ...] = COMMUNITIES
    span_days: int = 120
    """How many days the world's story takes."""
    latency_ms: float | None = None
    """None = what the scenario says."""
    scenario: Scenario | Path | None = None
    replay: Path | None = None
    """Serve this directory of recorded exchanges instead of a world."""


def build(options: Options) -> Application:
    """The application, not yet listening; raises ConfigError for a bad scenario or recording."""
    scenario = load_scenario(options.scenario) if isinstance(options.scenario, Path) else options.scenario or Scenario()
    if options.latency_ms is not None:
        scenario = msgspec.structs.replace(scenario, latency_ms=options.latency_ms)
    if not options.routes:
        raise ConfigError("there is no platform to simulate: no plug-in is installed in the group hubbub.simulators")
    size = Size(posts=options.posts, comments=options.comments, span_days=options.span_days)
    world = World(options.seed, size=size, communities=options.communities)
    switches = {"producthunt": scenario.producthunt}
    platforms: list[Platform] = [
        routes.build(
            world=world,
            limits=scenario.limits,
            strange=scenario.strange,
            replay=options.replay,
            switches=switches.get(routes.name, {}),
        )
        for routes in options.routes
    ]
    moving = VirtualClock(scenario.clock.begins_at(world.horizon), speed=scenario.clock.speed, step=scenario.clock.step)
    return Application(platforms, clock=moving, scenario=scenario, horizon=world.horizon, seed=options.seed)


def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT; prints the ready line on stdout. Raises ConfigError when the port is taken."""
    app, listening = build(options), _listen(options)
    app.base_url = _address(listening)
    server = _server(app)
    with listening, _stopping(server, app):
        sys.stdout.write(json.dumps(ready(app)) + "\n")
        sys.stdout.flush()
        asyncio.run(server.serve(sockets=[listening]))


class Running:
    """A simulator in a thread of this process: `with Running(options) as ready: ready["reddit"]`."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.ready: dict[str, Any] = {}
        self.app: Application | None = None

    def __enter__(self) -> Self:
        """Listen and serve; raises ConfigError when the port is taken."""
        self.app, self._listening = build(self.options), _listen(self.options)
        self.app.base_url = _address(self._listening)
        self.ready = ready(self.app)
        self._server = _server(self.app)
        self._thread = threading.Thread(target=self._run, name="hubbub-simulator", daemon=True)
        self._thread.start()
        return self

    def __getitem__(self, key: str) -> Any:
        """A member of the ready line."""
        return self.ready[key]

    @property
    def url(self) -> str:
        """The simulator's address."""
        return str(self.app.base_url) if self.app else ""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, cutting off what is still under way."""
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(timeout=10)
        self._listening.close()

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._listening]))


def ready(app: Application) -> dict[str, Any]:
    """The ready line: addresses, credentials, communities; null for what is not simulated."""
    line: dict[str, Any] = dict.fromkeys(_READY_KEYS)
    for platform in app.platforms:
        line |= platform.ready(app.base_url)
    return line


def _listen(options: Options) -> socket.socket:
    # The protocol is named so that asyncio turns Nagle's algorithm off; else each answer waits 40 ms for an ACK.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((options.host, options.port))
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        raise ConfigError(
            f"the simulator cannot listen on {options.host}:{options.port}: {error}",
            advice="another program has this port; leave --port out to take any free one",
        ) from error
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://{host}:{port}"


def _server(app: Application) -> Any:
    try:
        import uvicorn  # noqa: PLC0415 - part of the extra `demo`, and slow to load
    except ImportError as error:
        raise ConfigError(
            "the simulator needs uvicorn", advice="install hubbub with the extra `demo`: pip install 'hubbub[demo]'"
        ) from error

    class Quiet(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            # Signals are ours: uvicorn would raise them again after a clean stop, and the exit code would lie.
            yield

    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
    )
    return Quiet(config)


@contextlib.contextmanager
def _stopping(server: Any, app: Application) -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        server.should_exit = True
        app.release()

    before = {s: signal.signal(s, stop) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
