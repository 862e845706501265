"""`hubbub import`: read dump files, saved API answers and data requests."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from hubbub.cli import report
from hubbub.cli.lazy import HubbubCommand
from hubbub.cli.parameters import TIME, listed
from hubbub.cli.session import Session
from hubbub.cli.watching import watched
from hubbub.pipeline.load import LoadOptions, load_files
from hubbub.pipeline.run import RunReport
from hubbub.pipeline.sweep import sweep_after

MOST_FILES = 20


@click.command("import", cls=HubbubCommand, epilog="Example: `hubbub import RS_2024-01.zst RC_2024-01.zst`")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--community", multiple=True, metavar="NAME", help="Only these communities.")
@click.option("--author", multiple=True, metavar="NAME", help="Only these people.")
@click.option("--since", type=TIME, help="Only what was created at or after this time.")
@click.option("--until", type=TIME, help="Only what was created before this time.")
@click.option("--min-score", type=int, help="Only what has at least this score.")
@click.option("--observed-at", type=TIME, help="When the platform gave a saved answer or data request.")
@click.option("--source", default="reddit", show_default=True, help="The platform the files come from.")
@click.option("--no-search", is_flag=True, help="Leave the search index for later.")
@click.option("--no-indexes", is_flag=True, help="Leave the indexes of a large import for later.")
@click.pass_context
def load(
    ctx: click.Context,
    *,
    files: tuple[Path, ...],
    community: tuple[str, ...],
    author: tuple[str, ...],
    since: int | None,
    until: int | None,
    min_score: int | None,
    observed_at: int | None,
    source: str,
    no_search: bool,
    no_indexes: bool,
) -> int:
    """Read dump files and saved API answers.

    Takes the monthly dumps (RS_, RC_; .zst, .xz, .bz2, .gz or plain NDJSON), Parquet mirrors of them, saved API answers
    (.json) and the zip of your own data request. A file that was read before is skipped; a file that was read halfway
    goes on where it stopped.
    """
    session = Session(ctx)
    options = LoadOptions(
        communities=listed(community),
        authors=listed(author),
        since=since,
        until=until,
        min_score=min_score,
        observed_at=observed_at,
        source=source,
        no_search=no_search,
        no_indexes=no_indexes,
    )
    with session.open_store(create=True) as store, watched(session) as observers:
        outcome = load_files(store, files, options=options, observers=observers)
        sweep_after(store, session.blobs)
    return report.tell(outcome, session, facts=facts(outcome))


def facts(outcome: RunReport) -> list[str]:
    """One line a file: its state, what was read and where it stopped."""
    lines = []
    for file in outcome.details.get("files", ()):
        damaged = f", damaged: {file.damaged}" if file.damaged else ""
        resumed = f", resumed at byte {file.resumed_at:,}" if file.resumed_at else ""
        lines.append(f"{file.path}: {file.state}, {file.rows:,} records from {file.lines:,} lines{resumed}{damaged}")
    return lines[:MOST_FILES] + ([f"and {len(lines) - MOST_FILES:,} more files"] if len(lines) > MOST_FILES else [])
