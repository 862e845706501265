"""`hubbub demo`: the whole road in under a minute, with a pretend platform on this machine."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import rich_click as click

from hubbub import clock
from hubbub.cli import render
from hubbub.cli.diagnostics import say
from hubbub.cli.lazy import HubbubCommand
from hubbub.cli.media import facts
from hubbub.cli.search import lines as hit_lines
from hubbub.cli.session import Session
from hubbub.cli.simulate import write_dump
from hubbub.cli.watching import watched
from hubbub.datasets.export import export
from hubbub.datasets.select import Selection
from hubbub.errors import ConfigError, ExitCode, UsageError, worst
from hubbub.events import Observer
from hubbub.pipeline.load import LoadOptions, load_files
from hubbub.pipeline.media import MediaOptions, fetch_media
from hubbub.pipeline.run import RunReport
from hubbub.pipeline.sync import sync
from hubbub.plugins import registry
from hubbub.plugins.contracts import SourceSettings, SyncOptions, Target
from hubbub.simulator.server import Options, Running
from hubbub.simulator.world import Size, World
from hubbub.store.engine import Store
from hubbub.store.overview import status
from hubbub.store.search.find import search

SYNCED = "whatisthisbug"
IMPORTED = "spiders"
QUERY = "wolf spider"
PORT = 18473
"""Asked for first, so that addresses of pictures are the same when the demo runs again; any other will do."""
POSTS, COMMENTS = 120, 1800
MARK = ".demo"
"""Lies in a home that the demo filled: real records and pretend ones do not belong in one store."""
_CREDENTIALS = ("client_id", "client_secret", "username", "password")


@click.command("demo", cls=HubbubCommand)
@click.pass_context
def demo(ctx: click.Context) -> int:
    """Walk the whole road with a pretend platform, in under a minute.

    Starts a simulated Reddit on this machine, syncs a community from it, imports dump files of another, downloads the
    pictures, searches and exports. Everything lies in the home afterwards; it needs no account and no network.
    """
    session = Session(ctx)
    _check_home(session)
    began = clock.monotonic()
    tell = _silent if session.as_json else _line
    exports: list[str] = []
    with session.open_store(create=True) as store, watched(session) as observers:
        _mark(session.home)
        with _simulator() as simulator:
            steps = _walk(store, simulator, session=session, observers=observers, tell=tell)
        code = _ending(steps)
        if code is ExitCode.OK:
            _search(store, tell=tell)
            exports = _export(store, session.home, tell=tell)
    if code is ExitCode.OK:
        _conclude(session, exports, elapsed_s=clock.monotonic() - began, tell=tell)
    else:
        say(f"hubbub: the demo stopped at step {len(steps)}; it may be run again")
    if session.as_json:
        document = {"home": str(session.home), "store": session.store_place, "exports": exports, "runs": steps}
        render.result({**document, "exit_code": int(code)}, (), as_json=True)
    return int(code)


Tell = Callable[[str], None]


def _line(text: str) -> None:
    render.write(render.shown(text))
    render.flush()


def _silent(_text: str) -> None:
    return


def _walk(
    store: Store, simulator: Running, *, session: Session, observers: Sequence[Observer], tell: Tell
) -> list[RunReport]:
    """The steps that collect, one after the other, up to the first that fails or is interrupted."""
    road: list[Callable[..., RunReport]] = [
        _sync,
        partial(_import, home=session.home),
        partial(_fetch, blobs=session.blobs),
    ]
    done: list[RunReport] = []
    for step in road:
        done.append(step(store, simulator, observers=observers, tell=tell))
        if _ending(done) is not ExitCode.OK:
            break
    return done


def _check_home(session: Session) -> None:
    if not session.has_store or (session.home / MARK).exists():
        return
    with session.open_store(read_only=True) as store:
        empty = not any(kind.live or kind.withdrawn for kind in status(store).kinds)
    if not empty:
        raise UsageError(
            f"{session.store_place} holds records of yours; pretend posts do not belong among them",
            advice="give the demo a home of its own: hubbub demo --home hubbub-demo",
        )


def _mark(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / MARK).touch()


@contextmanager
def _simulator() -> Iterator[Running]:
    """A simulated Reddit in a thread of this process; it is gone when the context ends."""
    wanted = Options(
        routes=[registry.load("simulators", name) for name in registry.names("simulators")],
        posts=POSTS,
        comments=COMMENTS,
        communities=(SYNCED, IMPORTED),
        port=PORT,
    )
    with ExitStack() as stack:
        try:
            running = stack.enter_context(Running(wanted))
        except ConfigError:  # somebody else has the port
            running = stack.enter_context(Running(msgspec.structs.replace(wanted, port=0)))
        yield running


def _sync(store: Store, simulator: Running, *, observers: Sequence[Observer], tell: Tell) -> RunReport:
    tell(f"1. A pretend Reddit now answers at {simulator.url}. Syncing reddit:{SYNCED} from it, with OAuth over HTTP …")
    told = SourceSettings(values={name: str(simulator[name]) for name in _CREDENTIALS}, base_url=simulator.url)
    done = sync(
        store,
        [Target(source="reddit", name=SYNCED)],
        options=SyncOptions(),
        settings={"reddit": told},
        observers=observers,
    )
    _told(done, tell, f"{done.requests:,} requests")
    return done


def _import(store: Store, simulator: Running, *, home: Path, observers: Sequence[Observer], tell: Tell) -> RunReport:
    tell(f"2. Importing dump files of another community, r/{IMPORTED}, as the archives publish them …")
    world = _world(simulator)
    files = write_dump(world, home / "dumps", communities=[IMPORTED], base_url=simulator.url)
    done = load_files(store, files, options=LoadOptions(), observers=observers)
    _told(done, tell, " and ".join(path.name for path in files))
    return done


def _world(simulator: Running) -> World:
    """The same world again: it is a function of its seed and size."""
    options = simulator.options
    return World(
        options.seed, size=Size(posts=options.posts, comments=options.comments), communities=options.communities
    )


def _fetch(store: Store, simulator: Running, *, blobs: Path, observers: Sequence[Observer], tell: Tell) -> RunReport:
    tell("3. Downloading the pictures of both, checking each and naming it by its hash …")
    place = urlsplit(simulator.url)
    options = MediaOptions(allowed=frozenset({f"{place.hostname}:{place.port}"}))
    done = fetch_media(store, blobs, options=options, observers=observers)
    for error in done.errors:
        tell(f"   {error}")
    for fact in facts(done):
        tell(f"   {fact}")
    return done


def _search(store: Store, *, tell: Tell) -> None:
    tell(f'4. Searching for "{QUERY}":')
    for line in hit_lines(search(store, QUERY, limit=3, marks=("", "")), bold=False):
        tell(f"   {line}")


def _export(store: Store, home: Path, *, tell: Tell) -> list[str]:
    tell("5. Exporting everything as Parquet and as CSV …")
    places = []
    for form in ("parquet", "csv"):
        made = export(store, form=form, out=home / "exports" / f"demo-{form}", selection=Selection(), force=True)
        files = ", ".join(f"{file.name} ({file.rows:,} rows)" for file in made.files)
        tell(f"   {made.out}: {files}")
        places.append(made.out)
    return places


def _told(done: RunReport, tell: Tell, how: str) -> None:
    for error in done.errors:
        tell(f"   {error}")
    tell(f"   {how}, {done.elapsed_s:.1f} s; {done.conservation}")


def _conclude(session: Session, exports: Sequence[str], *, elapsed_s: float, tell: Tell) -> None:
    home = session.typed.home or session.loaded.settings.home
    option = "" if Path(home) == Path("hubbub-data") else f" --home {shlex.quote(home)}"
    if session.typed.store:  # as it was typed it may hold a password
        option += " --store URL"
    tell("")
    tell(f"Done in {elapsed_s:.0f} s. The simulator has stopped; what it left is yours to look at:")
    tell(f"   database  {session.store_place}")
    tell(f"   pictures  {session.blobs}")
    tell(f"   datasets  {', '.join(exports)}")
    tell("Try next:")
    program = _program()
    tell(f"   {program} status{option}")
    tell(f'   {program} search "jumping spider"{option}')
    tell(f"   {program} export ndjson my-dataset --community {SYNCED}{option}")


def _program() -> str:
    """What to type for hubbub: its name where the shell finds it, else its place (`make demo`: in `.venv`)."""
    place = Path(sys.argv[0])
    if shutil.which("hubbub") is not None or place.name != "hubbub":
        return "hubbub"
    inside = place.is_absolute() and place.is_relative_to(Path.cwd())
    return shlex.quote(str(place.relative_to(Path.cwd()) if inside else place))


def _ending(steps: Sequence[RunReport]) -> ExitCode:
    """The pretend platform has dead pictures on purpose: records set aside are part of the show, errors are not."""
    code = worst(*(step.exit_code for step in steps))
    return ExitCode.OK if code is ExitCode.PARTIAL else code
