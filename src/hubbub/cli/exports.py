"""`hubbub exports`: what was exported, and which exports hold what was withdrawn since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import rich_click as click

from hubbub.cli import render
from hubbub.cli.lazy import HubbubCommand
from hubbub.cli.session import Session
from hubbub.datasets.outdated import ExportState, states
from hubbub.datasets.select import FILE_STEM

AGAIN = "make them again (`hubbub export … --force`) or delete them"


@click.command("exports", cls=HubbubCommand)
@click.pass_context
def exports(ctx: click.Context) -> int:
    """List the exports that are still there, and what each may hold that was withdrawn after it was made.

    An export is a copy: deletions do not reach it. Those that hold some are to be made again or deleted.
    """
    session = Session(ctx)
    with session.open_store(read_only=True) as store:
        found = states(store, session.home)
    render.result({"exports": msgspec.to_builtins(found)}, lines(found), as_json=session.as_json)
    return 0


def lines(found: Sequence[ExportState]) -> Iterator[str]:
    """The list for people."""
    if not found:
        yield "nothing was exported yet"
        return
    yield from render.table(
        ["export", "made", "holds"], [[each.out, render.when(each.made_at), holds(each)] for each in found]
    )
    if any(each.is_outdated for each in found):
        yield ""
        yield f"exports that hold what must go: {AGAIN}"


def holds(each: ExportState) -> str:
    """What an export holds that must go, in words."""
    told = [f"{count:,} withdrawn {kind if count == 1 else FILE_STEM[kind]}" for kind, count in each.withdrawn.items()]
    if each.forgotten_at is not None:
        told.append(f"what was forgotten on {render.when(each.forgotten_at)[:10]}")
    return ", ".join(told) or "nothing that was withdrawn"
