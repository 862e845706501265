"""`hubbub db`: look after the database."""

from __future__ import annotations

import rich_click as click

from hubbub.cli import render
from hubbub.cli.lazy import HubbubCommand, HubbubGroup
from hubbub.cli.session import Session
from hubbub.store import migrate
from hubbub.store.digest import digest
from hubbub.store.maintenance import maintain_search


@click.group("db", cls=HubbubGroup)
def db() -> None:
    """Look after the database."""


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
    version = migrate.stored_version(session.store_url, options=session.store_options)
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
@click.option("--search", "only_search", is_flag=True, help="Only the search index.")
@click.pass_context
def maintain(ctx: click.Context, *, only_search: bool) -> int:
    """Bring the search index up to date after an import with --no-search."""
    del only_search  # there is nothing else to look after yet
    session = Session(ctx)
    with session.open_store() as store:
        maintain_search(store)
    render.result({"search": "up to date"}, ["the search index is up to date"], as_json=session.as_json)
    return 0
