"""`hubbub search`: find posts and comments by their words."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

import msgspec
import rich_click as click

from hubbub.cli import render
from hubbub.cli.lazy import HubbubCommand
from hubbub.cli.parameters import listed
from hubbub.cli.session import Session
from hubbub.datasets.times import iso
from hubbub.store.search.find import Hit, search

KINDS = ("post", "comment")
_MARKS = ("\ue000", "\ue001")
"""Private characters: they pass the neutraliser and become bold behind it."""


@click.command("search", cls=HubbubCommand, epilog='Example: `hubbub search "brown beetle" community:whatisthisbug`')
@click.argument("query", nargs=-1, required=True)
@click.option(
    "--limit", type=click.IntRange(min=1, max=10_000), default=10, show_default=True, help="At most this many."
)
@click.option("--kind", multiple=True, type=click.Choice(KINDS), help="Only posts, or only comments.")
@click.pass_context
def search_stored(ctx: click.Context, *, query: tuple[str, ...], limit: int, kind: tuple[str, ...]) -> int:
    """Find posts and comments by their words.

    Words must all occur; "phrases", OR, -not and prefix* narrow it, and so do community:NAME, author:NAME, score:>10,
    after:2026-01-01, before:2026-02-01. Put a query that begins with a minus behind `--`.
    """
    session = Session(ctx)
    # In a C locale Python hands over what it could not decode as surrogates: the bytes are UTF-8 all the same.
    words = os.fsencode(" ".join(query)).decode("utf-8", "replace")
    with session.open_store(read_only=True) as store:
        marks = ("[", "]") if session.as_json else _MARKS
        hits = search(store, words, limit=limit, kinds=listed(kind) or KINDS, marks=marks)
    if session.as_json:
        render.result({"query": words, "hits": msgspec.to_builtins(hits)}, (), as_json=True)
        return 0
    for line in lines(hits, bold=_bold()):
        render.write(line)
    return 0


def lines(hits: Sequence[Hit], *, bold: bool) -> Iterator[str]:
    """The hits for people, two lines each: what and where, then the words found."""
    if not hits:
        yield "nothing found"
    for hit in hits:
        place = f"r/{hit.community}" if hit.source == "reddit" and hit.community else hit.community or hit.source
        facts = [hit.id, place, hit.author_name or "-", "-" if hit.created_at is None else iso(hit.created_at)[:10]]
        if hit.score is not None:
            facts.append(f"score {hit.score:,}")
        head = f"{hit.title}  ({', '.join(facts)})" if hit.title else f"{hit.kind} ({', '.join(facts)})"
        yield render.shown(head)
        yield f"    {_marked(' '.join(hit.snippet.split()), bold=bold)}"


def _marked(text: str, *, bold: bool) -> str:
    begin, end = ("\x1b[1m", "\x1b[0m") if bold else ("", "")
    return render.shown(text).replace(_MARKS[0], begin).replace(_MARKS[1], end)


def _bold() -> bool:
    """Whether stdout is a terminal whose user wants more than plain text."""
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return sys.stdout is not None and sys.stdout.isatty() and not plain
