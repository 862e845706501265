"""`hubbub quarantine`: records that could not be kept."""

from __future__ import annotations

import msgspec
import rich_click as click

from hubbub.cli import render
from hubbub.cli.lazy import HubbubCommand, HubbubGroup
from hubbub.cli.session import Session
from hubbub.store import reads


@click.group("quarantine", cls=HubbubGroup)
def quarantine() -> None:
    """Records that could not be kept, and why."""


@quarantine.command("list", cls=HubbubCommand)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most this many.")
@click.option("--run", "run_id", type=int, metavar="N", help="Only those of this run.")
@click.pass_context
def list_quarantine(ctx: click.Context, *, limit: int, run_id: int | None) -> int:
    """List the records that were set aside, newest first, with the reason and the place they came from."""
    session = Session(ctx)
    with session.open_store(read_only=True) as store:
        rows = reads.quarantined(store, limit, run_id=run_id)
    header = ["n", "run", "kind", "id", "reason", "from"]
    cells = [[str(row.n), str(row.run_id), row.kind, row.id, row.reason, row.where] for row in rows]
    documents = [{**msgspec.to_builtins(row), "raw": row.raw.decode("utf-8", "replace")} for row in rows]
    lines = render.table(header, cells) if rows else ["nothing was set aside"]
    render.result({"quarantine": documents}, lines, as_json=session.as_json)
    return 0
