"""`hubbub forget`: erase records, people and communities for good."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import rich_click as click

from hubbub import clock
from hubbub.cli import render
from hubbub.cli.diagnostics import say
from hubbub.cli.lazy import HubbubCommand
from hubbub.cli.session import Session
from hubbub.cli.watching import watched
from hubbub.datasets import register
from hubbub.datasets.register import StaleExport
from hubbub.errors import UsageError
from hubbub.pipeline.forget import forget as forget_subjects
from hubbub.store import forgetting
from hubbub.store.engine import Store
from hubbub.store.forgetting import Entry, Subject
from hubbub.store.targets import FORMS, parse


@click.command("forget", cls=HubbubCommand, epilog="Example: `hubbub forget user:somebody --dry-run`")
@click.argument("target", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Show what would go and which exports would be stale; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@click.option("--list", "as_list", is_flag=True, help="Show what is blocked, and the exports that are stale.")
@click.option("--lift", is_flag=True, help="Let TARGET in again from now on; what was erased stays erased.")
@click.pass_context
def forget(ctx: click.Context, *, target: tuple[str, ...], dry_run: bool, yes: bool, as_list: bool, lift: bool) -> int:
    """Erase records for good, and let nothing of them in again through any door.

    TARGET is post:ID, comment:ID, user:NAME or community:NAME, with a source in front of the id where several have it:
    post:reddit/t3_1abc. A user takes along what they wrote, a community what is in it. What was never stored is blocked
    all the same. There is no way back: `hubbub hide` is the one that can be undone.
    """
    session = Session(ctx)
    if as_list:
        if target:
            raise UsageError("--list shows everything that is blocked and takes no TARGET")
        return _show(session)
    if not target:
        raise UsageError(f"name what to forget: {FORMS}")
    wanted = [parse(os.fsencode(text).decode("utf-8", "replace")) for text in target]
    with session.open_store() as store:
        with store.reading_raw() as db:
            subjects = forgetting.look(db, wanted)
            traces = forgetting.traces(db, subjects)
        if lift:
            lifted = forgetting.lift(store, subjects)
            document = {"lifted": [each.typed for each, done in zip(subjects, lifted, strict=True) if done]}
            render.result(document, map(_lifted, subjects, lifted), as_json=session.as_json)
            return 0
        concerned = register.concerned(session.home, traces)
        if dry_run:
            _tell(session, subjects, exports=concerned, done=None)
            return 0
        _agree(subjects, yes=yes)
        register.mark_stale(session.home, concerned, at=clock.now())
        return _erase(session, store, subjects)


def _erase(session: Session, store: Store, subjects: Sequence[Subject]) -> int:
    with watched(session) as observers:
        report = forget_subjects(store, subjects, blobs=session.blobs, now=clock.now(), observers=observers)
    for error in report.errors:
        say(f"hubbub: {error}")
    done = {"erased": report.tally.tombstoned, "files": report.details.get("files", 0), "exit_code": report.exit_code}
    _tell(session, subjects, exports=register.stale(session.home), done={**done, "errors": report.errors})
    return int(report.exit_code)


def _agree(subjects: Sequence[Subject], *, yes: bool) -> None:
    """Ask on a terminal. Raises UsageError where nobody can be asked, and when the answer is no."""
    if yes:
        return
    if not sys.stdin or not sys.stdin.isatty():
        raise UsageError(
            "forgetting cannot be undone; say that you mean it", advice="add --yes, or look with --dry-run"
        )
    for line in map(_line, subjects):
        say(line)
    if not click.confirm("Erase this for good?", err=True):
        raise UsageError("nothing was erased")


def _tell(
    session: Session, subjects: Sequence[Subject], *, exports: Sequence[StaleExport], done: dict[str, Any] | None
) -> None:
    backups = _backups(session)
    document = {
        "dry_run": done is None,
        "forgotten" if done is not None else "would_forget": msgspec.to_builtins(subjects),
        **(done or {}),
        "stale_exports": msgspec.to_builtins(exports),
        "backups": backups,
    }
    render.result(document, _lines(subjects, exports=exports, backups=backups, done=done), as_json=session.as_json)


def _lines(
    subjects: Sequence[Subject], *, exports: Sequence[StaleExport], backups: Sequence[str], done: dict[str, Any] | None
) -> Iterator[str]:
    yield from map(_line, subjects)
    if done is not None:
        yield f"{done['erased']:,} records erased, {done['files']:,} files removed; nothing of it comes in again"
    else:
        yield "nothing was changed (--dry-run)"
    if exports:
        yield ""
        yield "exports that may hold some of it: make them again (`hubbub export … --force`) or delete them"
        yield from (f"  {each.out}" for each in exports)
    if backups:
        yield ""
        yield "backups made before still hold it: delete them once you have a new one"
        yield from (f"  {each}" for each in backups)


def _line(subject: Subject) -> str:
    counts = ((subject.posts, "post"), (subject.comments, "comment"))
    what = " and ".join(f"{count:,} {word}{'' if count == 1 else 's'}" for count, word in counts if count)
    if subject.kind in {"post", "comment"}:
        what = "stored" if what else ""
    state = what or ("nothing of it is left here" if subject.stored or subject.blocked_since else "never stored here")
    since = f"; blocked since {render.when(subject.blocked_since)}" if subject.blocked_since is not None else ""
    return f"{subject.typed}: {state}{since}"


def _lifted(subject: Subject, done: bool) -> str:
    return f"{subject.typed} may come in again" if done else f"{subject.typed} was not blocked"


def _backups(session: Session) -> list[str]:
    """Copies of the store that hubbub made in its home or beside the store."""
    folders: list[tuple[Path, str]] = [(session.home / "backups", "*.db")]
    if session.store_file is not None:
        folders.append((session.store_file.parent, f"{session.store_file.name}*.bak"))
    return sorted(str(path) for folder, pattern in folders for path in folder.glob(pattern))


def _show(session: Session) -> int:
    with session.open_store(read_only=True) as store, store.reading_raw() as db:
        found = forgetting.entries(db)
    exports = register.stale(session.home)
    document = {"blocked": msgspec.to_builtins(found), "stale_exports": msgspec.to_builtins(exports)}
    render.result(document, _listing(found, exports), as_json=session.as_json)
    return 0


def _listing(found: Sequence[Entry], exports: Sequence[StaleExport]) -> Iterator[str]:
    if not found:
        yield "nothing is blocked"
    else:
        rows = [
            [render.when(each.since_at), f"{each.kind}:{each.source}/{each.id or '(a name that is not kept)'}"]
            for each in found
        ]
        yield from render.table(["since", "what"], rows)
    for each in exports:
        yield f"stale: {each.out}"
