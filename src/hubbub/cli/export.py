"""`hubbub export`: write a dataset."""

from __future__ import annotations

from pathlib import Path

import msgspec
import rich_click as click

from hubbub import clock
from hubbub.cli import render
from hubbub.cli.lazy import HubbubCommand
from hubbub.cli.parameters import TIME, listed
from hubbub.cli.session import Session
from hubbub.datasets import register
from hubbub.datasets.export import ExportResult, export
from hubbub.datasets.select import FILE_STEM, Selection
from hubbub.errors import UsageError


@click.command("export", cls=HubbubCommand, epilog="Example: `hubbub export parquet bugs --community whatisthisbug`")
@click.argument("format_", metavar="FORMAT")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--community", multiple=True, metavar="NAME", help="Only these communities.")
@click.option("--kind", multiple=True, metavar="KIND", help=f"Only these kinds: {', '.join(FILE_STEM)}.")
@click.option("--since", type=TIME, help="Only what was created at or after this time.")
@click.option("--until", type=TIME, help="Only what was created before this time.")
@click.option("--columns", multiple=True, metavar="NAMES", help="Only these columns, comma-separated.")
@click.option(
    "--dehydrated", is_flag=True, help="Only ids of posts and comments, to share; `hubbub hydrate` fetches them again."
)
@click.option("--raw", is_flag=True, help="csv: leave cells that look like formulas as they are.")
@click.option("--force", is_flag=True, help="Replace an earlier export at OUT.")
@click.pass_context
def export_dataset(
    ctx: click.Context,
    *,
    format_: str,
    out: Path,
    community: tuple[str, ...],
    kind: tuple[str, ...],
    since: int | None,
    until: int | None,
    columns: tuple[str, ...],
    dehydrated: bool,
    raw: bool,
    force: bool,
) -> int:
    """Write a dataset: CSV, NDJSON or Parquet.

    OUT becomes a folder with posts, comments, users, communities and a manifest. Withdrawn and hidden records are never
    in it. FORMAT is csv, ndjson or parquet. Some kinds leave only when they are named: observation and revision, time
    series of how numbers and texts of the records changed, and topic and collection.
    """
    if str(out) == "-":
        raise UsageError("an export is a folder of several files, stdout cannot hold it", advice="name a folder as OUT")
    session = Session(ctx)
    selection = Selection(
        kinds=tuple(word.removesuffix("s") if word != "communities" else "community" for word in listed(kind)),
        communities=tuple(name.removeprefix("r/").casefold() for name in listed(community)),
        since=since,
        until=until,
        columns=listed(columns),
        dehydrated=dehydrated,
    )
    started_at = clock.now()
    with session.open_store(read_only=True) as store:
        made = export(store, form=format_, out=out, selection=selection, force=force, raw=raw)
    register.note(session.home, out=made.out, selection=selection, at=started_at)
    render.result(msgspec.to_builtins(made), lines(made), as_json=session.as_json)
    return 0


def lines(made: ExportResult) -> list[str]:
    """A finished export in words: its folder and what each file holds."""
    files = [[file.name, file.rows, render.size(file.size_bytes), file.sha256[:12]] for file in made.files]
    return [f"{made.rows:,} rows in {made.out}", *render.table(["file", "rows", "size", "sha256"], files)]
