"""`hubbub cache`: what is kept of platforms' answers while somebody develops."""

from __future__ import annotations

import rich_click as click

from hubbub.cli import render
from hubbub.cli.diagnostics import say
from hubbub.cli.lazy import HubbubCommand, HubbubGroup
from hubbub.cli.parameters import AGE
from hubbub.cli.session import Session
from hubbub.errors import ConfigError, ExitCode
from hubbub.http.kept import Shelf, open_shelf


@click.group("cache", cls=HubbubGroup)
def cache() -> None:
    """Answers of platforms that are kept while somebody develops.

    The setting answers.keep says where; every run tells how many it was given."""


@cache.command("stats", cls=HubbubCommand, epilog="Example: `hubbub cache stats`")
@click.pass_context
def stats(ctx: click.Context) -> int:
    """Tell how many answers are kept, how large they are, and how often they were of use since all were cleared."""
    session = Session(ctx)
    shelf = _shelf(session)
    entries, size_bytes = shelf.sizes()
    hits, misses = shelf.counts()
    document = {"entries": entries, "size_bytes": size_bytes, "hits": hits, "misses": misses}
    lines = [f"{entries:,} answers, {render.size(size_bytes)}"]
    if hits + misses:
        lines.append(f"{hits / (hits + misses):.0%} of {hits + misses:,} requests were answered by them")
    render.result(document, lines, as_json=session.as_json)
    return int(ExitCode.OK)


@cache.command("clear", cls=HubbubCommand, epilog="Example: `hubbub cache clear --older-than 7d`")
@click.option("--older-than", type=AGE, default="0s", metavar="AGE", help="Only what was kept longer ago (7d, 12h).")
@click.pass_context
def clear(ctx: click.Context, *, older_than: int) -> int:
    """Drop answers that are kept."""
    session = Session(ctx)
    gone = _shelf(session).clear(older_than_s=older_than)
    render.result({"cleared": gone}, [f"{gone:,} answers dropped"], as_json=session.as_json)
    return int(ExitCode.OK)


def _shelf(session: Session) -> Shelf:
    """What is kept outside this process. Raises ConfigError when nothing is."""
    options = session.kept_options
    if options.where in {None, "memory"}:
        raise ConfigError(
            "no answers are kept between runs",
            advice="set answers.keep to file, to a folder or to redis://HOST:PORT/DATABASE",
        )
    shelf = open_shelf(options, warn=lambda what: say(f"hubbub: {what}"))
    assert shelf is not None
    return shelf
