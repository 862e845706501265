"""`hubbub media`: pictures and videos of stored posts."""

from __future__ import annotations

import rich_click as click

from hubbub.cli import render, report
from hubbub.cli.egress import egress_of
from hubbub.cli.lazy import HubbubCommand, HubbubGroup
from hubbub.cli.parameters import listed
from hubbub.cli.session import Session
from hubbub.cli.watching import watched
from hubbub.errors import UsageError
from hubbub.pipeline.media import MediaOptions, fetch_media
from hubbub.pipeline.run import RunReport

KINDS = ("image", "gallery", "animated", "video", "inline", "preview", "external")


@click.group("media", cls=HubbubGroup)
def media() -> None:
    """Pictures and videos of stored posts."""


@media.command("fetch", cls=HubbubCommand)
@click.option("--source", metavar="NAME", help="Only of this source.")
@click.option("--community", metavar="NAME", help="Only of this community.")
@click.option("--kind", multiple=True, metavar="KIND", help=f"Only these kinds: {', '.join(KINDS)}.")
@click.option("--min-score", type=int, help="Only of posts and comments with at least this score.")
@click.option("--min-comments", type=click.IntRange(min=0), help="Only of posts with at least so many comments.")
@click.option("--limit", type=click.IntRange(min=1), help="Try at most this many.")
@click.option("--retry-refused", is_flag=True, help="Try again what was refused or broken before.")
@click.pass_context
def fetch(
    ctx: click.Context,
    *,
    source: str | None,
    community: str | None,
    kind: tuple[str, ...],
    min_score: int | None,
    min_comments: int | None,
    limit: int | None,
    retry_refused: bool,
) -> int:
    """Download what waits, check that it is what it claims, and keep it by its hash in the home's blobs folder."""
    session = Session(ctx)
    settings = session.loaded.settings.media
    if unknown := set(listed(kind)) - set(KINDS):
        raise UsageError(f"there is no kind of media {min(unknown)!r}; known: {', '.join(KINDS)}")
    options = MediaOptions(
        source=source,
        community=community.removeprefix("r/").casefold() if community else None,
        kinds=listed(kind) or MediaOptions().kinds,
        min_score=min_score,
        min_comments=min_comments,
        limit=limit,
        states=("pending", "refused", "broken") if retry_refused else ("pending",),
        max_bytes=settings.max_bytes,
        concurrency=settings.concurrency,
        allow_private=settings.allow_private_addresses,
    )
    with session.open_store() as store, watched(session) as observers:
        outcome = fetch_media(store, session.blobs, options=options, observers=observers, egress=egress_of(session))
    return report.tell(outcome, session, facts=facts(outcome))


def facts(outcome: RunReport) -> list[str]:
    """What became of the files, in one line."""
    states = ", ".join(f"{count:,} {state}" for state, count in sorted(outcome.details.get("states", {}).items()))
    size = render.size(outcome.details.get("bytes", 0))
    return [f"files: {states or 'nothing waited'}; {size}"]
