"""`hubbub db copy`: move a whole collection into another store."""

from __future__ import annotations

import msgspec
import rich_click as click

from hubbub.cli import render
from hubbub.cli.diagnostics import say
from hubbub.cli.lazy import HubbubCommand
from hubbub.cli.session import Session
from hubbub.cli.watching import watched
from hubbub.errors import ExitCode
from hubbub.events import Event, Finding
from hubbub.store.copying.copy import Copied, copy_store
from hubbub.store.engine import open_store


@click.command("copy", cls=HubbubCommand)
@click.argument("origin", metavar="FROM")
@click.argument("to", metavar="TO")
@click.option("--no-verify", is_flag=True, help="Do not compare the two stores at the end.")
@click.pass_context
def copy_collection(ctx: click.Context, *, origin: str, to: str, no_verify: bool) -> int:
    """Copy the whole collection from store FROM into the empty store TO, SQLite and PostgreSQL either way.

    The same command goes on with a copy that was stopped."""
    session = Session(ctx)
    # A replica belongs to the store of the settings, and may lag: both are read where they are written.
    options = msgspec.structs.replace(session.store_options, read_url=None)
    with (
        open_store(session.address(origin), create=False, read_only=True, options=options) as source,
        open_store(session.address(to), options=options) as target,
        watched(session) as observers,
    ):
        shows_findings = session.as_json or session.typed.verbose

        def tell(event: Event) -> None:
            for observer in observers:
                observer(event)
            if isinstance(event, Finding) and not shows_findings and not session.typed.quiet:
                say(f"hubbub: {event.what}")

        source.tell(tell)
        target.tell(tell)
        done = copy_store(source, target, verify=not no_verify, tell=tell)
        return _told(done, session, places=(source.where, target.where))


def _told(done: Copied, session: Session, *, places: tuple[str, str]) -> int:
    code = ExitCode.PARTIAL if done.replaced else ExitCode.OK
    document = {"from": places[0], "to": places[1], **msgspec.to_builtins(done), "exit_code": int(code)}
    lines = render.table(["table", "rows"], [[table, rows] for table, rows in done.rows.items() if rows])
    lines.append(f"{sum(done.rows.values()):,} rows copied in {done.elapsed_s:.1f} s from {places[0]} to {places[1]}")
    if done.replaced:
        lines.append(f"{done.replaced:,} NUL characters, which PostgreSQL does not take, became U+FFFD")
    lines.append(f"digest {done.digest}" if done.digest else "not compared")
    render.result(document, lines, as_json=session.as_json)
    return int(code)
