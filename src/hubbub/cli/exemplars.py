"""`hubbub exemplars`: the best comments of a community."""

from __future__ import annotations

import os
from collections.abc import Iterator

import msgspec
import rich_click as click

from hubbub import clock
from hubbub.cli import diagnostics, render
from hubbub.cli.lazy import HubbubCommand
from hubbub.cli.parameters import AGE
from hubbub.cli.session import Session
from hubbub.datasets.times import iso
from hubbub.store.exemplars import Exemplars, Wanted
from hubbub.store.exemplars import exemplars as best_comments
from hubbub.store.targets import named
from hubbub.store.ttl_cache import Cache, open_cache

_SHOWN_CHARS = 400


@click.command("exemplars", cls=HubbubCommand, epilog="Example: `hubbub exemplars whatisthisbug --max-age 365d`")
@click.argument("community")
@click.option(
    "--limit", type=click.IntRange(min=1, max=1_000), default=10, show_default=True, help="At most this many."
)
@click.option("--min-score", type=int, metavar="N", help="Only with at least this score.")
@click.option(
    "--min-chars",
    type=click.IntRange(min=0),
    default=80,
    show_default=True,
    metavar="N",
    help="Only with at least so many characters.",
)
@click.option("--max-age", type=AGE, help="Only what was written within this time, such as 365d.")
@click.pass_context
def exemplars(
    ctx: click.Context, *, community: str, limit: int, min_score: int | None, min_chars: int, max_age: int | None
) -> int:
    """Show the best comments of a community.

    COMMUNITY is a name, with its source in front where several have it: reddit/whatisthisbug. Comments come by score,
    among equals the newest first; hidden and withdrawn ones never do.
    """
    session = Session(ctx)
    target = named("community", os.fsencode(community).decode("utf-8", "replace"))
    wanted = Wanted(limit=limit, min_score=min_score, min_chars=min_chars, max_age_s=max_age)
    cache = _cache(session)
    with session.open_store(read_only=True) as store:
        found = best_comments(store, target, wanted, cache=cache, now=clock.now())
    render.result(msgspec.to_builtins(found), lines(found), as_json=session.as_json)
    return 0


def _cache(session: Session) -> Cache:
    settings = session.loaded.settings.cache

    def warn(text: str) -> None:
        if not session.typed.quiet:
            diagnostics.say(f"hubbub: warning: {text}")

    return open_cache(settings.url.get_secret_value() if settings.url else None, ttl_s=settings.ttl_s, warn=warn)


def lines(found: Exemplars) -> Iterator[str]:
    """The comments for people, two lines each: whose and when, then how it begins."""
    if not found.comments:
        looked_at = "1 comment was" if found.examined == 1 else f"{found.examined:,} comments were"
        yield f"nothing found; {looked_at} looked at"
    for each in found.comments:
        day = "-" if each.created_at is None else iso(each.created_at)[:10]
        yield f"score {each.score:,}  ({each.id}, {each.author_name or '-'}, {day})"
        text = " ".join(each.body.split())
        yield f"    {text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + '…'}"
    if not found.whole:
        yield f"looked at the {found.examined:,} comments of the highest scores only"
