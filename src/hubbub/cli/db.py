"""`hubbub db`: look after the database."""

from __future__ import annotations

import rich_click as click

from hubbub.cli import render
from hubbub.cli.lazy import HubbubCommand, HubbubGroup
from hubbub.cli.session import Session
from hubbub.store.digest import digest
from hubbub.store.maintenance import maintain_search
from hubbub.store.migrate import upgrade


@click.group("db", cls=HubbubGroup)
def db() -> None:
    """Look after the database."""


@db.command("upgrade", cls=HubbubCommand)
@click.pass_context
def upgrade_store(ctx: click.Context) -> int:
    """Bring a store of an older hubbub up to date, after a backup; make it where there is none."""
    session = Session(ctx)
    done = upgrade(session.store_url)
    render.result({"store": session.store_url, "upgrade": done}, [str(done)], as_json=session.as_json)
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
