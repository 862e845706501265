"""`hubbub check`: what is missing or old, community by community, and how to fill it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import rich_click as click

from hubbub import clock
from hubbub.cli import render
from hubbub.cli.lazy import HubbubCommand
from hubbub.cli.session import Session
from hubbub.errors import ExitCode
from hubbub.pipeline import completeness
from hubbub.pipeline.completeness import Statement
from hubbub.store import completeness as counting
from hubbub.store.completeness import CommunityFacts
from hubbub.store.targets import named, resolve


@click.command("check", cls=HubbubCommand, epilog="Example: `hubbub check whatisthisbug`")
@click.argument("community", nargs=-1)
@click.pass_context
def check(ctx: click.Context, *, community: tuple[str, ...]) -> int:
    """Tell what is missing or old in each community, and how to fill it.

    COMMUNITY is a name (`whatisthisbug`, `r/whatisthisbug`, `reddit:whatisthisbug`); without one, all are looked at.
    Comments are compared with the count the platform gives of each post, which takes in those that moderators removed
    and leaves out those that their authors deleted. Ends with 3 when something is missing.
    """
    session = Session(ctx)
    with session.open_store(read_only=True) as store, store.reading_raw() as db:
        targets = [named("community", name.replace(":", "/", 1)) for name in community]
        wanted = [(each.source, each.id) for each in resolve(db, targets)]
        found = counting.facts(db, communities=wanted, now=clock.now())
        whole = counting.store_facts(db)
    said = [(each, completeness.of_community(each)) for each in found]
    of_store = completeness.of_store(whole)
    code = (
        ExitCode.PARTIAL if completeness.missing([*of_store, *(s for _, some in said for s in some)]) else ExitCode.OK
    )
    document = {
        "communities": [_document(each, statements) for each, statements in said],
        "store": {**msgspec.to_builtins(whole), "statements": msgspec.to_builtins(of_store)},
        "complete": code is ExitCode.OK,
        "exit_code": int(code),
    }
    render.result(document, _lines(said, of_store), as_json=session.as_json)
    return int(code)


def _document(facts: CommunityFacts, statements: Sequence[Statement]) -> dict[str, Any]:
    marks = [
        {"door": mark.door, "stream": mark.stream, "updated_at": mark.updated_at}
        | {f"{name}_at": completeness.state_of(mark.state).get(name) for name in ("watermark", "floor")}
        for mark in facts.marks
    ]
    return {**msgspec.to_builtins(facts), "marks": marks, "statements": msgspec.to_builtins(statements)}


def _lines(said: Sequence[tuple[CommunityFacts, Sequence[Statement]]], of_store: Sequence[Statement]) -> Iterator[str]:
    if not said:
        yield "no community is stored"
    for facts, statements in said:
        yield f"{facts.source}:{facts.community}"
        rows = [
            [name, window.stored, window.withdrawn, render.when(window.oldest_created_at),
             render.when(window.newest_created_at), render.when(window.oldest_look_at)]
            for name, window in (("posts", facts.posts), ("comments", facts.comments))
        ]  # fmt: skip
        yield from (f"  {line}" for line in render.table(
            ["", "stored", "withdrawn", "oldest", "newest", "longest not looked at"], rows))  # fmt: skip
        yield f"  comments by the platform's count: {facts.expected:,}, here: {facts.counted:,}"
        for mark in facts.marks:
            state = completeness.state_of(mark.state)
            back = "the end" if state.get("floor") is None else render.when(state["floor"])
            yield f"  {mark.door} {mark.stream}: {render.when(state.get('watermark'))} back to {back}"
        yield from (f"  {line}" for line in _told(statements))
        for post in facts.worst:
            yield f"    {post.id}: {post.stored:,} of {post.expected:,} comments"
        if not any(each.missing for each in statements):
            yield "  nothing is missing"
        yield ""
    yield from _told(of_store)


def _told(statements: Sequence[Statement]) -> Iterator[str]:
    for each in sorted(statements, key=lambda each: not each.missing):
        yield f"{'MISSING' if each.missing else 'note'}: {each.words}"
        if each.advice is not None:
            yield f"  {each.advice}"
