"""`hubbub sync`: collect what is new, over a platform's API."""

from __future__ import annotations

import rich_click as click

from hubbub.cli import report
from hubbub.cli.egress import egress_of
from hubbub.cli.lazy import HubbubCommand
from hubbub.cli.parameters import AGE, TIME, listed
from hubbub.cli.session import Session
from hubbub.cli.sync_plan import tell_plan
from hubbub.cli.watching import watched
from hubbub.errors import UsageError
from hubbub.pipeline import sync as pipeline
from hubbub.pipeline.sweep import sweep_after
from hubbub.plugins import registry
from hubbub.plugins.agenda import Watch
from hubbub.plugins.contracts import SyncOptions, Target


def parse_target(word: str) -> Target:
    """`reddit:NAME` as a target; raises UsageError that shows how to write it."""
    source, colon, name = word.partition(":")
    known = registry.names("sources")
    if not colon and source not in known:
        forms = " or ".join(f"{each}:{word}" for each in known)
        raise UsageError(f"{word!r} names no source", advice=f"write SOURCE:NAME, for example {forms}")
    if source not in known:
        raise UsageError(f"there is no source {source!r}; known: {', '.join(known)}")
    if colon and not name:
        raise UsageError(f"{word!r}: a name is missing behind the colon")
    return Target(source=source, name=name)


@click.command("sync", cls=HubbubCommand, epilog="Example: `hubbub sync reddit:whatisthisbug`")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option("--full", is_flag=True, help="Ignore the watermark and walk the listings to their end.")
@click.option("--since", type=TIME, help="Do not go back before this time (2024-05-01, 7d).")
@click.option("--max-pages", type=click.IntRange(min=1), help="At most this many listing pages a stream.")
@click.option(
    "--only", multiple=True, metavar="STREAM", help="Only these streams: posts, comments, refresh, about, topics…"
)
@click.option("--listing", metavar="NAME", help="A one-off look at this listing (hot, top, new).")
@click.option("--limit", type=click.IntRange(min=1), help="At most this many items of a one-off look.")
@click.option("--plan", is_flag=True, help="Tell what it would ask and how long that takes; ask nothing.")
@click.option("--watch", is_flag=True, help="Go on until it is stopped, each listing at its own pace.")
@click.option(
    "--fresh", type=AGE, default="10m", show_default=True, help="With --watch: how long something new may stay unseen."
)
@click.option("--base-url", metavar="URL", help="Ask this address instead of the platform: a simulator.")
@click.pass_context
def sync(
    ctx: click.Context,
    *,
    targets: tuple[str, ...],
    full: bool,
    since: int | None,
    max_pages: int | None,
    only: tuple[str, ...],
    listing: str | None,
    limit: int | None,
    plan: bool,
    watch: bool,
    fresh: int,
    base_url: str | None,
) -> int:
    """Collect what is new in communities, over the platform's API.

    Communities of one platform are synced together, in as few requests as it takes. With --watch it keeps them in step:
    busy ones are looked at often, quiet ones together.

    Targets: reddit:NAME for a community, reddit:u/NAME for a person; arctic:NAME and arctic:u/NAME for the same from
    Arctic Shift, which asks for no account; producthunt, producthunt:topic/SLUG and producthunt:collection/SLUG, with
    your token in HUBBUB_PRODUCTHUNT__TOKEN. Credentials for Reddit come from the settings or from
    HUBBUB_REDDIT__CLIENT_ID, __CLIENT_SECRET, __USERNAME and __PASSWORD; they are never typed here.
    """
    session = Session(ctx)
    wanted = [parse_target(word) for word in targets]
    sources = sorted({target.source for target in wanted})
    if base_url is not None and len(sources) > 1:
        raise UsageError(f"--base-url is for one source at a time, the targets name {' and '.join(sources)}")
    options = SyncOptions(
        full=full,
        since=since,
        max_pages=max_pages,
        only=frozenset(listed(only)),
        listing=listing,
        limit=limit,
    )
    if watch and (plan or listing is not None or max_pages is not None):
        raise UsageError("--watch goes on for ever: it takes no --plan, --listing or --max-pages")
    if plan:
        return tell_plan(session, wanted, options=options)
    with session.open_store(create=True) as store, watched(session) as observers:
        outcome = pipeline.sync(
            store,
            wanted,
            options=options,
            settings=session.source_settings(sources, base_url=base_url),
            observers=observers,
            egress=egress_of(session),
            watch=Watch(fresh_s=fresh) if watch else None,
            blobs=session.blobs,
        )
        sweep_after(store, session.blobs)
    return report.tell(outcome, session)
