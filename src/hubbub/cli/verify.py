"""`hubbub verify`: who you are at a platform, what is left of the budget, and which communities are open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import rich_click as click

from hubbub import clock
from hubbub.cli import render
from hubbub.cli.diagnostics import say
from hubbub.cli.egress import egress_of
from hubbub.cli.lazy import HubbubCommand
from hubbub.cli.session import Session
from hubbub.cli.sync import parse_target
from hubbub.cli.watching import watched
from hubbub.errors import HubbubError, RateLimitedError, RemoteError, UsageError, worst
from hubbub.pipeline import verify as pipeline
from hubbub.pipeline.plan import distinct
from hubbub.pipeline.verify import Checked
from hubbub.plugins.contracts import SourceSettings, Target


@click.command("verify", cls=HubbubCommand, epilog="Example: `hubbub verify reddit:whatisthisbug reddit:spiders`")
@click.argument("words", nargs=-1, metavar="[SOURCE|TARGET]...")
@click.option("--base-url", metavar="URL", help="Ask this address instead of the platform: a simulator.")
@click.pass_context
def verify(ctx: click.Context, *, words: tuple[str, ...], base_url: str | None) -> int:
    """Ask a platform who you are, what you may do and which communities are open.

    Without arguments, every source that is set up. Costs a login, one request, one for all named communities that are
    open and one for each that is not; stores nothing. Ends with 4 when you must act, 5 when the budget is spent, 6 when
    the platform or the network fails, 3 when a community is closed, 10 when a setting is missing.
    """
    session = Session(ctx)
    targets = distinct([parse_target(word) for word in words]) or _set_up(session)
    sources = list(dict.fromkeys(target.source for target in targets))
    if base_url is not None and len(sources) > 1:
        raise UsageError(f"--base-url is for one source at a time, this would ask {' and '.join(sources)}")
    settings = session.source_settings(sources, base_url=base_url)
    found: list[Checked] = []
    with watched(session) as observers:
        for name in sources:
            named = [target for target in targets if target.source == name and target.name]
            egress = egress_of(session)
            found.append(pipeline.verify(name, named, settings=settings[name], egress=egress, observers=observers))
    return _tell(found, session, settings=settings)


def _set_up(session: Session) -> tuple[Target, ...]:
    """All sources that can be verified and have settings; all of them when none has."""
    names = pipeline.verifiable()
    some = tuple(name for name in names if any(session.loaded.source_values(name)))
    return tuple(Target(source=name, name="") for name in some or names)


def _tell(found: Sequence[Checked], session: Session, *, settings: dict[str, SourceSettings]) -> int:
    code = worst(*(each.exit_code for each in found))
    errors = [_error(each, settings[each.source]) for each in found if each.error is not None]
    document: dict[str, Any] = {
        "exit_code": int(code),
        "sources": [_document(each, settings[each.source]) for each in found],
        **({"error": errors[0]} if errors else {}),
    }
    for each in found:
        if each.error is not None:
            told = _error(each, settings[each.source])
            say(f"hubbub: {each.source}: {told['message']}")
            if told["advice"]:
                say(f"  {told['advice']}")
    render.result(document, _lines(found), as_json=session.as_json)
    return int(code)


def _document(each: Checked, settings: SourceSettings) -> dict[str, Any]:
    verdict = each.verdict
    document: dict[str, Any] = {"source": each.source, "exit_code": int(each.exit_code), "requests": each.requests}
    if each.scopes is not None:
        document["scopes"] = list(each.scopes)
    if each.error is not None:
        document["error"] = _error(each, settings)
    if verdict is not None:
        document |= {"account": verdict.account, "door": verdict.door, "note": verdict.note}
        budget = verdict.budget
        if budget is not None:
            document["budget"] = {
                "measure": each.measure,
                "remaining": budget.remaining,
                "used": budget.used,
                "reset_s": budget.reset_s,
                "resets_at": clock.now() + int(budget.reset_s),
            }
        document["targets"] = [
            {
                "target": f"{each.source}:{standing.name}",
                "state": standing.state,
                "open": not standing.exit_code,
                "said": standing.said or None,
                "advice": standing.advice,
            }
            for standing in verdict.standings
        ]
    return document


def _error(each: Checked, settings: SourceSettings) -> dict[str, Any]:
    """The error for people and programs; an address the user chose is named where the trouble may lie with it."""
    error = each.error
    assert isinstance(error, HubbubError)
    advice = error.advice
    if isinstance(error, RemoteError) and settings.base_url is not None:
        chosen = f"this asked {settings.base_url}, from {each.source}.base_url or --base-url"
        advice = chosen if advice is None else f"{advice}; {chosen}"
    told: dict[str, Any] = {"message": str(error), "advice": advice, "exit_code": int(error.exit_code)}
    if isinstance(error, RateLimitedError) and error.until is not None:
        told["come_back_at"] = error.until
        told["advice"] = f"{advice or 'come back then'} ({render.when(error.until)})"
    return told


def _lines(found: Sequence[Checked]) -> Iterator[str]:
    for number, each in enumerate(found):
        if number:
            yield ""
        verdict = each.verdict
        if verdict is None:
            yield f"{each.source}: not verified; requests made: {each.requests}"
            continue
        nobody = "the user is not told" if verdict.note else "no user is logged in"
        yield f"{each.source}: {verdict.account or nobody}"
        yield f"  door     {verdict.door}"
        if each.scopes is not None:
            yield f"  scopes   {'all' if each.scopes == ('*',) else ', '.join(each.scopes) or 'none'}"
        budget = verdict.budget
        if budget is not None:
            used = "" if budget.used is None else f", {budget.used:,.0f} used"
            yield f"  budget   {budget.remaining:,.0f} {each.measure} left{used}, renewed in {budget.reset_s:,.0f} s"
        yield f"  asked    requests made: {each.requests}"
        if verdict.note:
            yield f"  note     {verdict.note}"
        for standing in verdict.standings:
            said = "; ".join(part for part in (standing.said, standing.advice) if part)
            yield f"  {each.source}:{standing.name}  {standing.state}{f'  {said}' if said else ''}"
