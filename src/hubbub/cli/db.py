"""`hubbub db`: look after the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import rich_click as click

from hubbub import clock
from hubbub.cli import render
from hubbub.cli.db_copy import copy_collection
from hubbub.cli.lazy import HubbubCommand, HubbubGroup
from hubbub.cli.session import Session
from hubbub.errors import ExitCode
from hubbub.store import migrate
from hubbub.store.backup import back_up
from hubbub.store.checks import Checked
from hubbub.store.digest import digest
from hubbub.store.integrity import check
from hubbub.store.maintenance import maintain, maintain_search, rebuild_search
from hubbub.store.stats import StoreStats, stats
from hubbub.store.vacuum import Step
from hubbub.store.versions import version_of


@click.group("db", cls=HubbubGroup)
def db() -> None:
    """Look after the database."""


db.add_command(copy_collection)


@db.command("upgrade", cls=HubbubCommand)
@click.pass_context
def upgrade_store(ctx: click.Context) -> int:
    """Bring a store of an older hubbub up to date, after a backup; make it where there is none."""
    session = Session(ctx)
    done = migrate.upgrade(session.store_url, options=session.store_options)
    render.result({"store": session.store_place, "upgrade": done}, [done], as_json=session.as_json)
    return 0


@db.command("downgrade", cls=HubbubCommand)
@click.argument("to")
@click.pass_context
def downgrade_store(ctx: click.Context, *, to: str) -> int:
    """Bring a store back to schema TO for an older hubbub, after a backup."""
    session = Session(ctx)
    done = migrate.downgrade(session.store_url, to, options=session.store_options)
    render.result({"store": session.store_place, "downgrade": done}, [done], as_json=session.as_json)
    return 0


@db.command("history", cls=HubbubCommand)
@click.pass_context
def schema_history(ctx: click.Context) -> int:
    """List the schema's versions and which of them the store has."""
    session = Session(ctx)
    version = version_of(session.store_url, options=session.store_options)
    steps = migrate.history(version)
    document = [{"version": number, "what": what, "state": state} for number, what, state in steps]
    lines = render.table(["version", "state", "what"], [[number, state, what] for number, what, state in steps])
    render.result({"store": session.store_place, "at": version, "versions": document}, lines, as_json=session.as_json)
    return 0


@db.command("digest", cls=HubbubCommand)
@click.option("--shared", is_flag=True, help="Only the fields that every door carries: compares a sync and an import.")
@click.pass_context
def print_digest(ctx: click.Context, *, shared: bool) -> int:
    """Print one hex line over all live content; equal content has equal digests."""
    session = Session(ctx)
    with session.open_store(read_only=True) as store:
        line = digest(store, shared=shared)
    render.result({"digest": line, "shared": shared}, [line], as_json=session.as_json)
    return 0


@db.command("maintain", cls=HubbubCommand)
@click.option("--search", "only_search", is_flag=True, help="Only the search index, row by row.")
@click.option("--full", is_flag=True, help="Also what takes long: leftovers, and the file or the indexes made anew.")
@click.pass_context
def maintain_store(ctx: click.Context, *, only_search: bool, full: bool) -> int:
    """Bring search index, statistics and dead space in order; with --search --full make the search index anew."""
    session = Session(ctx)
    with session.open_store(primary=True) as store:
        if only_search:
            rebuild_search(store) if full else maintain_search(store)
            what = "the search index is made anew" if full else "the search index is up to date"
            steps = [Step(name="search", done=True, what=what)]
        else:
            steps = list(maintain(store, full=full))
    document = {"store": session.store_place, "steps": msgspec.to_builtins(steps)}
    render.result(document, [step.what for step in steps], as_json=session.as_json)
    return 0


@db.command("stats", cls=HubbubCommand)
@click.pass_context
def print_stats(ctx: click.Context) -> int:
    """Show rows and bytes of every table, dead space, the log and the largest partitions."""
    session = Session(ctx)
    with session.open_store(read_only=True, primary=True) as store:
        found = stats(store)
    render.result({"stats": msgspec.to_builtins(found)}, _stats_lines(found), as_json=session.as_json)
    return 0


def _stats_lines(found: StoreStats) -> Iterator[str]:
    log = "" if found.log_bytes is None else f", log {render.size(found.log_bytes)}"
    yield f"{found.store}  {render.size(found.size_bytes)}{log}, {found.dead_share:.0%} dead space"
    yield f"{found.engine} {found.engine_version}, schema {found.schema}"
    yield ""
    cells = [
        [
            table.table,
            f"about {table.rows:,}" if table.estimated else table.rows,
            "-" if table.table_bytes is None else render.size(table.table_bytes),
            "-" if table.index_bytes is None else render.size(table.index_bytes),
            table.dead_rows,
        ]
        for table in found.tables
        if table.rows
    ]
    yield from render.table(["table", "rows", "size", "indexes", "dead rows"], cells)
    yield f"and {len(found.tables) - len(cells)} empty tables"
    if found.partitions:
        yield ""
        parts = [[part.partition, f"about {part.rows:,}", render.size(part.size_bytes)] for part in found.partitions]
        yield from render.table(["largest partitions", "rows", "size"], parts)
    waiting = [state for state in found.search if state.behind or state.withdrawn_words]
    if waiting:
        yield ""
    for state in waiting:
        why = "is behind" if state.behind else "holds words of withdrawn records"
        yield f"the search index of {state.kind}s {why}: `hubbub db maintain`"


@db.command("backup", cls=HubbubCommand)
@click.argument("to", required=False, type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace an earlier backup at TO.")
@click.option("--verify", is_flag=True, help="Compare the digests of the store and the copy as well.")
@click.pass_context
def back_up_store(ctx: click.Context, *, to: Path | None, force: bool, verify: bool) -> int:
    """Copy the store to the file TO while others go on writing; by default into the home's backups folder."""
    session = Session(ctx)
    stamp = datetime.fromtimestamp(clock.now(), UTC).strftime("%Y%m%dT%H%M%S")
    folder = session.home / "backups" if to is None else to.expanduser().absolute()
    target = folder / f"hubbub-{stamp}.db" if to is None or folder.is_dir() else folder
    with session.open_store(read_only=True) as store:
        made = back_up(store, target, force=force, verify=verify)
    compared = "checked" if made.digest is None else f"checked, digest {made.digest}"
    document = {"store": session.store_place, "backup": msgspec.to_builtins(made)}
    render.result(document, [f"{made.path}  {render.size(made.size_bytes)}, {compared}"], as_json=session.as_json)
    return 0


@db.command("check", cls=HubbubCommand)
@click.option("--quick", is_flag=True, help="Only what costs little.")
@click.pass_context
def check_store(ctx: click.Context, *, quick: bool) -> int:
    """Look the store through for damage and for anything that should not be; changes nothing."""
    session = Session(ctx)
    with session.open_store(read_only=True, primary=True) as store:
        found = list(check(store, quick=quick))
    failed = [each for each in found if each.status == "failed"]
    code = ExitCode.STORAGE if failed else ExitCode.OK
    document = {
        "store": session.store_place,
        "quick": quick,
        "checks": msgspec.to_builtins(found),
        "failed": len(failed),
        "exit_code": int(code),
    }
    render.result(document, _check_lines(found), as_json=session.as_json)
    return int(code)


def _check_lines(found: Sequence[Checked]) -> Iterator[str]:
    yield from render.table(["check", "status", "found"], [[each.name, each.status, each.said] for each in found])
    for each in found:
        if each.advice is not None:
            yield ""
            yield f"{each.name}: {each.advice}"
            yield from (f"  {example}" for example in each.examples)
