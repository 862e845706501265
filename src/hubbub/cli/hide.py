"""`hubbub hide` and `hubbub restore`: take records out of sight, and bring them back."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Sequence

import msgspec
import rich_click as click

from hubbub import clock
from hubbub.cli import render
from hubbub.cli.lazy import HubbubCommand
from hubbub.cli.session import Session
from hubbub.errors import UsageError
from hubbub.store.hiding import HiddenRecord, Marked, hidden
from hubbub.store.hiding import hide as hide_records
from hubbub.store.hiding import restore as restore_records
from hubbub.store.targets import FORMS, parse


@click.command("hide", cls=HubbubCommand, epilog="Example: `hubbub hide post:t3_1abc community:whatisthisbug`")
@click.argument("target", nargs=-1)
@click.option("--by", metavar="NAME", help="Who hides it [the user of this system].")
@click.option("--list", "as_list", is_flag=True, help="Show what is hidden, by whom and since when.")
@click.option(
    "--limit",
    type=click.IntRange(min=1, max=10_000),
    default=50,
    show_default=True,
    help="At most this many with --list.",
)
@click.pass_context
def hide(ctx: click.Context, *, target: tuple[str, ...], by: str | None, as_list: bool, limit: int) -> int:
    """Take records out of search, exports and downloads; nothing is deleted.

    TARGET is post:ID, comment:ID, user:NAME or community:NAME, with a source in front of the id where several have it:
    post:reddit/t3_1abc. A community takes its posts and comments with it, a user what they wrote.
    """
    session = Session(ctx)
    if as_list:
        if target:
            raise UsageError("--list shows everything that is hidden and takes no TARGET")
        with session.open_store(read_only=True) as store:
            found = hidden(store, limit=limit + 1)
        document = {"hidden": msgspec.to_builtins(found[:limit]), "more": len(found) > limit}
        render.result(document, listing(found, limit=limit), as_json=session.as_json)
        return 0
    wanted = [parse(_typed(text)) for text in _some(target, "hide")]
    who = _who(by)
    with session.open_store() as store:
        done = hide_records(store, wanted, by=who, now=clock.now())
    render.result(_document("hidden", done), map(_hidden_line, done), as_json=session.as_json)
    return 0


@click.command("restore", cls=HubbubCommand, epilog="Example: `hubbub restore community:whatisthisbug`")
@click.argument("target", nargs=-1)
@click.pass_context
def restore(ctx: click.Context, *, target: tuple[str, ...]) -> int:
    """Make hidden records visible again, with what was hidden with them.

    TARGET is written as for `hubbub hide`.
    """
    session = Session(ctx)
    wanted = [parse(_typed(text)) for text in _some(target, "restore")]
    with session.open_store() as store:
        done = restore_records(store, wanted, now=clock.now())
    render.result(_document("restored", done), map(_restored_line, done), as_json=session.as_json)
    return 0


def listing(found: Sequence[HiddenRecord], *, limit: int) -> Iterator[str]:
    """What is hidden, for people: one more than `limit` tells that there is more."""
    if not found:
        yield "nothing is hidden"
        return
    rows = [[render.when(each.hidden_at), each.hidden_by, each.typed, _members(each)] for each in found[:limit]]
    yield from render.table(["hidden", "by", "what", "with it"], rows)
    if len(found) > limit:
        yield f"and more; --limit shows more than {limit:,}"


def _some(target: tuple[str, ...], verb: str) -> tuple[str, ...]:
    if not target:
        raise UsageError(f"name what to {verb}: {FORMS}")
    return target


def _typed(text: str) -> str:
    """An argument as text: in a C locale Python hands over what it could not decode as surrogates."""
    return os.fsencode(text).decode("utf-8", "replace")


def _who(by: str | None) -> str:
    """The name to note; raises UsageError when there is none."""
    if by is not None:
        name = _typed(by).strip()
        if not name:
            raise UsageError("--by needs a name")
        return name
    try:
        return _typed(getpass.getuser())
    except (OSError, KeyError, ImportError):  # a container may know its user by number only
        raise UsageError("the user of this system has no name; say who hides it with --by NAME") from None


def _document(key: str, done: Sequence[Marked]) -> dict[str, object]:
    return {key: msgspec.to_builtins(done), "rows": sum(each.rows for each in done)}


def _hidden_line(done: Marked) -> str:
    members = _members(done)
    if not done.was_hidden:
        return f"{done.typed} is hidden{f' with {members}' if members else ''}"
    since = f"{done.typed} was hidden already ({render.when(done.hidden_at)}, by {done.hidden_by or 'nobody named'})"
    return f"{since}; {members} are hidden now too" if members else since


def _restored_line(done: Marked) -> str:
    if not done.was_hidden:
        return f"{done.typed} was not hidden"
    members = _members(done)
    line = f"{done.typed} is visible again{f' with {members}' if members else ''}"
    if done.still_hidden:
        other = "author" if done.kind == "community" else "community"
        line += f"; {done.still_hidden:,} more stay hidden with their {other}"
    return line


def _members(record: Marked | HiddenRecord) -> str:
    """`12 posts and 80 comments`; nothing for what has no members or none that are concerned."""
    counts = ((record.posts, "post"), (record.comments, "comment"))
    return " and ".join(f"{count:,} {word}{'' if count == 1 else 's'}" for count, word in counts if count)
