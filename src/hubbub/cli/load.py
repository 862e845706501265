"""`hubbub import`: read dump files, saved API answers and data requests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import rich_click as click

from hubbub.cli import report
from hubbub.cli.lazy import HubbubCommand
from hubbub.cli.parameters import TIME, listed
from hubbub.cli.session import Session
from hubbub.cli.watching import watched
from hubbub.errors import UsageError
from hubbub.pipeline.bulk import bulk
from hubbub.pipeline.fanout import Spread, StoreUnit, import_into_store, run_units
from hubbub.pipeline.load import LoadOptions, load_files
from hubbub.pipeline.run import RunReport
from hubbub.pipeline.sweep import sweep_after
from hubbub.store import blocklist

MOST_FILES = 20


@click.command("import", cls=HubbubCommand, epilog="Example: `hubbub import RS_2024-01.zst RC_2024-01.zst`")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--community", multiple=True, metavar="NAME", help="Only these communities.")
@click.option("--author", multiple=True, metavar="NAME", help="Only these people.")
@click.option("--since", type=TIME, help="Only what was created at or after this time.")
@click.option("--until", type=TIME, help="Only what was created before this time.")
@click.option("--min-score", type=int, help="Only what has at least this score.")
@click.option("--observed-at", type=TIME, help="When the platform gave an answer, snapshot or data request.")
@click.option("--as", "--source", "named", multiple=True, metavar="SOURCE", help="Where files come from [reddit].")
@click.option("--no-search", is_flag=True, help="Leave the search index for later.")
@click.option("--no-indexes", is_flag=True, help="Leave the indexes of a large import for later.")
@click.option("--to", type=click.Choice(["store", "parquet"]), default="store", show_default=True, help="Where to.")
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="parquet: the folder of the lake.")
@click.option("--partition-by", multiple=True, metavar="NAMES", help="parquet: kind, community, month [kind,month].")
@click.option("--workers", metavar="N", type=click.IntRange(min=1), help="Work on so many at once [1; ray: all CPUs].")
@click.option("--engine", metavar="NAME", default="local", show_default=True, help="Who works: local or ray.")
@click.option("--address", metavar="ADDRESS", help="ray: the cluster, for example ray://HOST:10001.")
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
    named: tuple[str, ...],
    no_search: bool,
    no_indexes: bool,
    to: str,
    out: Path | None,
    partition_by: tuple[str, ...],
    workers: int | None,
    engine: str,
    address: str | None,
) -> int:
    """Read dump files and saved API answers.

    Takes the monthly dumps (RS_, RC_; .zst, .xz, .bz2, .gz or plain NDJSON), Parquet mirrors of them, saved API answers
    (.json) and the zip of your own data request; with --as producthunt snapshots of Product Hunt. A file that was read
    before is skipped; a file that was read halfway goes on where it stopped. With --to parquet nothing goes to the
    store: the records become a lake of Parquet files in --out.
    """
    session = Session(ctx)
    options = LoadOptions(
        communities=listed(community),
        authors=listed(author),
        since=since,
        until=until,
        min_score=min_score,
        observed_at=observed_at,
        source=_source(named),
        no_search=no_search,
        no_indexes=no_indexes,
    )
    spread = Spread(engine=engine, workers=workers or (1 if engine == "local" else None), address=address)
    spread.load()
    if to == "parquet":
        return _to_lake(session, files, options=options, spread=spread, out=out, partition_by=partition_by)
    if out is not None or partition_by:
        raise UsageError("--out and --partition-by are for --to parquet")
    return _to_store(session, files, options=options, spread=spread)


def _source(names: Sequence[str]) -> str:
    """The one source that was named, however often; raises UsageError when several were."""
    different = list(dict.fromkeys(names))
    if len(different) > 1:
        raise UsageError(
            f"the files cannot come from {' and from '.join(different)}", advice="name one with --as, or import twice"
        )
    return different[0] if different else "reddit"


def _to_store(session: Session, files: Sequence[Path], *, options: LoadOptions, spread: Spread) -> int:
    if spread.address is not None and session.store_file is not None:
        raise UsageError(
            "the workers of a cluster cannot write to a SQLite file of this machine",
            advice="give them a PostgreSQL (--store postgresql://…), or make a lake on a shared disk (--to parquet)",
        )
    with session.open_store(create=True) as store, watched(session) as observers:
        if spread.here:
            outcome = load_files(store, files, options=options, observers=observers)
        else:
            # What a large import leaves to its end is left to the end of all: no worker holds the others up with it.
            later = msgspec.structs.replace(options, no_search=True, no_indexes=True, beside=False)
            rows, search, index = options.rows_of(files), not options.no_search, not options.no_indexes
            with bulk(store, rows=rows, search=search, index=index):
                outcome = run_units(
                    import_into_store,
                    _units(session, files, options=later, absolute=spread.engine != "local"),
                    spread=spread,
                    target=", ".join(map(str, files)),
                    observers=observers,
                )
        sweep_after(store, session.blobs)
    return report.tell(outcome, session, facts=facts(outcome))


def _units(session: Session, files: Sequence[Path], *, options: LoadOptions, absolute: bool) -> list[StoreUnit]:
    # Batches that wait on disk are one file a store: several processes let a lost database end the run instead.
    opened = msgspec.structs.replace(session.store_options, spill=None, read_url=None)
    return [
        StoreUnit(path=str(path.absolute() if absolute else path), url=session.store_url, store=opened, options=options)
        for path in dict.fromkeys(files)
    ]


def _to_lake(
    session: Session,
    files: Sequence[Path],
    *,
    options: LoadOptions,
    spread: Spread,
    out: Path | None,
    partition_by: Sequence[str],
) -> int:
    from hubbub.pipeline import lake, lake_layout, lake_run  # noqa: PLC0415 - they load Arrow, an extra that takes its time

    if out is None:
        raise UsageError("--to parquet needs a folder", advice="name it with --out DIR")
    names = listed(tuple(partition_by))
    blocked = {}
    if session.has_store:
        with session.open_store(read_only=True) as store:
            blocked = blocklist.listed(store)
    columns = lake_layout.partitions(names) if names else None
    made = lake.open_lake(out, partition_by=columns, default=lake_layout.DEFAULT)
    with watched(session) as observers:
        outcome = lake_run.import_files(
            made, files, options=options, spread=spread, observers=observers, blocked=blocked
        )
    told = [*facts(outcome), f"the lake is in {out}, partitioned by {', '.join(made.partition_by)}"]
    aside = f"{out / '_hubbub' / 'quarantine'} holds them and the reasons"
    return report.tell(outcome, session, facts=told, aside=aside)


def facts(outcome: RunReport) -> list[str]:
    """One line a file: its state, what was read and where it stopped."""
    lines = []
    for file in outcome.details.get("files", ()):
        damaged = f", damaged: {file.damaged}" if file.damaged else ""
        resumed = f", resumed at byte {file.resumed_at_byte:,}" if file.resumed_at_byte else ""
        lines.append(f"{file.path}: {file.state}, {file.rows:,} records from {file.lines:,} lines{resumed}{damaged}")
    return lines[:MOST_FILES] + ([f"and {len(lines) - MOST_FILES:,} more files"] if len(lines) > MOST_FILES else [])
