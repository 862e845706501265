"""`hubbub runs`: what ran."""

from __future__ import annotations

import msgspec
import rich_click as click

from hubbub.cli import render
from hubbub.cli.lazy import HubbubCommand
from hubbub.cli.session import Session
from hubbub.store import reads


@click.command("runs", cls=HubbubCommand)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most this many.")
@click.pass_context
def runs(ctx: click.Context, *, limit: int) -> int:
    """List what ran, newest first."""
    session = Session(ctx)
    with session.open_store(read_only=True) as store:
        rows = reads.runs(store, limit)
    header = ["run", "began", "command", "ended", "offered", "new", "updated", "set aside", "target"]
    cells = [
        [
            str(row.id),
            render.when(row.started_at),
            row.command,
            ending(row),
            row.tally.offered,
            row.tally.new,
            row.tally.updated,
            row.tally.set_aside,
            row.target,
        ]
        for row in rows
    ]
    render.result({"runs": msgspec.to_builtins(rows)}, render.table(header, cells), as_json=session.as_json)
    return 0


def ending(row: reads.RunRow) -> str:
    """How a run ended, in a word."""
    if row.exit_code is None:
        return "unfinished"
    word = "ok" if row.exit_code == 0 else f"exit {row.exit_code}"
    return f"{word}, untrusted" if row.untrusted else word
