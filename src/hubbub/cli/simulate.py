"""`hubbub simulate`: serve a pretend platform on this machine, or write the dump files of its world."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import rich_click as click

from hubbub.cli import render
from hubbub.cli.lazy import HubbubCommand, HubbubGroup
from hubbub.cli.parameters import listed
from hubbub.cli.session import Session
from hubbub.errors import StorageError
from hubbub.plugins import registry
from hubbub.simulator.faults import load_scenario
from hubbub.simulator.server import Options, serve
from hubbub.simulator.things import Size, community_names
from hubbub.simulator.world import World

PLATFORM = "reddit"
"""Whose dump files `simulate dump` writes: the only platform that has any."""


def _world_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that decide what is in the world."""
    for option in (
        click.option(
            "--span-days",
            type=click.IntRange(1, 3650),
            default=120,
            show_default=True,
            help="Days over which posts and comments are spread.",
        ),
        click.option(
            "--communities-count",
            type=click.IntRange(1, 100_000),
            metavar="N",
            help="So many communities: the named ones first, the others with made-up names.",
        ),
        click.option("--community", multiple=True, metavar="NAME", help="Communities of the world."),
        click.option(
            "--comments", type=click.IntRange(min=0), default=3000, show_default=True, help="In each community."
        ),
        click.option("--posts", type=click.IntRange(min=0), default=200, show_default=True, help="In each community."),
        click.option("--seed", type=int, default=7, show_default=True, help="The same seed gives the same world."),
    ):
        command = option(command)
    return command


@click.group(
    "simulate",
    cls=HubbubGroup,
    bare_help=False,
    epilog="Prints one JSON line with addresses and credentials when it is ready; Ctrl-C ends it.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on loopback [any free one].")
@_world_options
@click.option("--latency", type=click.FloatRange(min=0), metavar="MS", help="Milliseconds before each answer.")
@click.option("--scenario", type=click.Path(path_type=Path), metavar="FILE", help="Faults, limits and clock (TOML).")
@click.option("--replay", type=click.Path(path_type=Path), metavar="DIR", help="Serve recorded exchanges instead.")
@click.pass_context
def simulate(
    ctx: click.Context,
    *,
    port: int,
    seed: int,
    posts: int,
    comments: int,
    community: tuple[str, ...],
    communities_count: int | None,
    span_days: int,
    latency: float | None,
    scenario: Path | None,
    replay: Path | None,
) -> int:
    """Serve a pretend Reddit and Product Hunt on this machine, or write a dump of Reddit's."""
    if ctx.invoked_subcommand is not None:
        return 0
    Session(ctx)
    serve(
        Options(
            routes=[registry.load("simulators", name) for name in registry.names("simulators")],
            port=port,
            seed=seed,
            posts=posts,
            comments=comments,
            communities=community_names(communities_count, named=listed(community)),
            span_days=span_days,
            latency_ms=latency,
            scenario=scenario,
            replay=replay,
        )
    )
    return 0


@simulate.command("dump", cls=HubbubCommand)
@click.argument("out", type=click.Path(path_type=Path))
@_world_options
@click.option("--monthly", is_flag=True, help="One pair of files a month instead of one pair.")
@click.option("--frames", type=click.IntRange(min=1), default=1, show_default=True, help="Zstandard frames a file.")
@click.option(
    "--scenario", type=click.Path(path_type=Path), metavar="FILE", help="Its clock says when the dump is made."
)
@click.pass_context
def dump(
    ctx: click.Context,
    *,
    out: Path,
    seed: int,
    posts: int,
    comments: int,
    community: tuple[str, ...],
    communities_count: int | None,
    span_days: int,
    monthly: bool,
    frames: int,
    scenario: Path | None,
) -> int:
    """Write the world as dump files (RS_, RC_) into the folder OUT.

    The same seed and size as the served world give the same content, so that a sync and an import can be compared.
    """
    session = Session(ctx)
    world = World(
        seed,
        size=Size(posts=posts, comments=comments, span_days=span_days),
        communities=community_names(communities_count, named=listed(community)),
    )
    at = load_scenario(scenario).clock.begins_at(world.horizon) if scenario else world.horizon
    files = write_dump(world, out, at=int(at), monthly=monthly, frames=frames)
    render.result({"files": files}, (str(path) for path in files), as_json=session.as_json)
    return 0


def write_dump(world: World, out: Path, **options: Any) -> list[Path]:
    """Write the dump files of a world into a folder; returns their paths. Raises StorageError when it cannot."""
    routes = registry.load("simulators", PLATFORM)
    try:
        written: list[Path] = list(routes.dump(world=world, out=out, **options))
    except OSError as error:
        raise StorageError(f"{out}: the dump cannot be written: {error.strerror or error}") from error
    return written
