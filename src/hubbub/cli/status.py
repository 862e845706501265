"""`hubbub status`: what is stored, how fresh it is and what needs attention."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import rich_click as click

from hubbub import clock
from hubbub.cli import render
from hubbub.cli.lazy import HubbubCommand
from hubbub.cli.session import Session
from hubbub.datasets.outdated import states
from hubbub.datasets.select import FILE_STEM
from hubbub.store.overview import StoreStatus
from hubbub.store.overview import status as look

MOST_COMMUNITIES = 30


@click.command("status", cls=HubbubCommand)
@click.pass_context
def status(ctx: click.Context) -> int:
    """Show what is stored, how fresh it is and what needs attention."""
    session = Session(ctx)
    if not session.has_store:
        empty = [f"nothing is stored in {session.store_place} yet", "try `hubbub demo`, or `hubbub sync reddit:NAME`"]
        render.result({"home": str(session.home), "store": None}, empty, as_json=session.as_json)
        return 0
    with session.open_store(read_only=True) as store:
        found = look(store)
        outdated = [each.out for each in states(store, session.home) if each.is_outdated]
    document = {"home": str(session.home), "store": msgspec.to_builtins(found), "outdated_exports": outdated}
    told = [*lines(found, now=clock.now()), *_copies(len(outdated))]
    render.result(document, told, as_json=session.as_json)
    return 0


def lines(found: StoreStatus, *, now: int) -> Iterator[str]:
    """A store at a glance, for people."""
    yield f"{found.path}  {render.size(found.size_bytes)}, schema {found.schema}"
    yield ""
    yield from render.table(
        ["what", "stored", "withdrawn", "hidden", "oldest", "newest", "last seen"],
        [
            [
                FILE_STEM[kind.kind],
                kind.live,
                kind.withdrawn,
                kind.hidden,
                render.when(kind.oldest_created_at)[:10],
                render.when(kind.newest_created_at)[:10],
                render.ago(kind.newest_seen_at, now=now),
            ]
            for kind in found.kinds
        ],
    )
    if found.communities:
        yield ""
        yield from _communities(found)
    yield ""
    media = ", ".join(f"{count:,} {state}" for state, count in sorted(found.media.items())) or "none"
    yield f"media: {media}; {found.blobs:,} files, {render.size(found.blob_bytes)}"
    yield from _attention(found, now=now)


def _copies(outdated: int) -> Iterator[str]:
    if outdated:
        many = "1 export holds" if outdated == 1 else f"{outdated:,} exports hold"
        since = "it was" if outdated == 1 else "they were"
        yield f"{many} what was withdrawn since {since} made: `hubbub exports`"


def _communities(found: StoreStatus) -> Iterator[str]:
    largest = sorted(found.communities, key=lambda each: -(each.posts + each.comments))[:MOST_COMMUNITIES]
    yield from render.table(
        ["community", "posts", "comments", "oldest", "newest"],
        [
            [
                f"{each.source}:{each.community}",
                each.posts,
                each.comments,
                render.when(each.oldest_created_at)[:10],
                render.when(each.newest_created_at)[:10],
            ]
            for each in largest
        ],
    )
    if len(found.communities) > len(largest):
        yield f"and {len(found.communities) - len(largest):,} more communities"


def _attention(found: StoreStatus, *, now: int) -> Iterator[str]:
    if found.last_run is not None:
        ended = "did not finish" if found.last_run_exit_code is None else f"exit code {found.last_run_exit_code}"
        yield f"last run: {found.last_run}, {render.ago(found.last_run_started_at, now=now)}, {ended}"
    if found.quarantined:
        yield f"{found.quarantined:,} records were set aside: `hubbub quarantine list` shows why"
    if found.search_pending:
        yield "the search index is behind: `hubbub db maintain --search`"
