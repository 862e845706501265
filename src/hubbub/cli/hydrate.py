"""`hubbub hydrate`: fetch what lists of ids name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import rich_click as click

from hubbub.cli import report
from hubbub.cli.egress import egress_of
from hubbub.cli.lazy import HubbubCommand
from hubbub.cli.session import Session
from hubbub.cli.watching import watched
from hubbub.pipeline import hydrate as pipeline
from hubbub.pipeline.sweep import sweep_after

SOURCE = "reddit"
"""The platform whose ids are fetched; the lists say so too."""


@click.command("hydrate", cls=HubbubCommand, epilog="Example: `hubbub hydrate bug-ids/posts.csv bug-ids/comments.csv`")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--refresh", is_flag=True, help="Fetch what is stored already, too.")
@click.option("--base-url", metavar="URL", help="Ask this address instead of the platform: a simulator.")
@click.pass_context
def hydrate(ctx: click.Context, *, files: tuple[Path, ...], refresh: bool, base_url: str | None) -> int:
    """Fetch what lists of ids name.

    FILE is a folder or a file of `hubbub export --dehydrated` (CSV, NDJSON, Parquet), or a text with one id a line
    (t3_1abc, t1_xyz, or the address of a post or comment). Everything is fetched from Reddit as it is there now, a
    hundred a request; what is stored already or on the blocklist is not asked for. What Reddit no longer has is
    counted. Interrupted, the same command goes on from there.
    """
    session = Session(ctx)
    with session.open_store(create=True) as store, watched(session) as observers:
        outcome = pipeline.hydrate(
            store,
            files,
            source=SOURCE,
            settings=session.source_settings([SOURCE], base_url=base_url),
            refresh=refresh,
            observers=observers,
            egress=egress_of(session),
        )
        sweep_after(store, session.blobs)
    return report.tell(outcome, session, facts=facts(outcome.details.get("hydrate", {})))


def facts(found: Mapping[str, Any]) -> Iterator[str]:
    """What became of the ids, in words."""
    if not found:
        return
    yield (
        f"of {found['read']:,} ids {found['stored_already']:,} were stored already, {found['asked']:,} asked for: "
        f"{found['shown']:,} are there, {found['withdrawn']:,} deleted or removed, {found['absent']:,} do not exist"
    )
    if found["blocked"]:
        yield f"{found['blocked']:,} are on the blocklist and were not asked for"
    if found["other_sources"]:
        yield f"{found['other_sources']:,} are of other platforms and were left out"
