"""`hubbub quarantine`: records that could not be kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
    documents = [{**msgspec.to_builtins(row), "raw": row.raw.decode("utf-8", "replace")} for row in rows]
    render.result({"quarantine": documents}, lines(rows), as_json=session.as_json)
    return 0


def lines(rows: Sequence[reads.QuarantineRow]) -> Iterator[str]:
    """The records for people, two lines each: which and from where, then why."""
    if not rows:
        yield "nothing was set aside"
    for row in rows:
        what = " ".join(part for part in (row.kind or "record", row.id) if part)
        yield f"{row.n}  run {row.run_id}  {what}  {row.where}"
        yield f"    {row.reason} ({render.size(row.raw_bytes)})"
