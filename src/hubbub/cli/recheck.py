"""`hubbub recheck`: ask again for what is stored, so that nothing outlives its deletion on the platform."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import rich_click as click

from hubbub.cli import render, report
from hubbub.cli.egress import egress_of
from hubbub.cli.lazy import HubbubCommand
from hubbub.cli.parameters import AGE
from hubbub.cli.session import Session
from hubbub.cli.sync import parse_target
from hubbub.cli.watching import watched
from hubbub.datasets.times import iso
from hubbub.pipeline import recheck_run as pipeline
from hubbub.pipeline.recheck_run import RecheckPlan
from hubbub.pipeline.sweep import sweep_after


@click.command("recheck", cls=HubbubCommand, epilog="Example: `hubbub recheck reddit:whatisthisbug --plan`")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option(
    "--within",
    type=AGE,
    default="48h",
    show_default=True,
    help="No row is to wait longer for a look; those that have waited three quarters of it are due.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Ask for at most this many ids, the longest unseen first.")
@click.option("--all", "other_doors", is_flag=True, help="Also rows that came by dumps, mirrors and files.")
@click.option("--plan", "as_plan", is_flag=True, help="Say what it would cost, and ask nobody.")
@click.option("--base-url", metavar="URL", help="Ask this address instead of the platform: a simulator.")
@click.pass_context
def recheck(
    ctx: click.Context,
    *,
    targets: tuple[str, ...],
    within: int,
    limit: int | None,
    other_doors: bool,
    as_plan: bool,
    base_url: str | None,
) -> int:
    """Ask a platform again for what is stored, and follow its deletions.

    Every live row that came by the platform's API and was not seen for a while is asked for by id, a hundred a request,
    the longest unseen first. What was deleted or removed becomes a tombstone: its text, search entry, media, history
    and quarantined bytes go. What the platform leaves out without a word counts as gone when it was missing twice, in
    different runs, while its community could be read. A community that is private or banned and a platform that fails
    prove nothing; they are findings.

    TARGET is reddit:NAME for a community or reddit:u/NAME for what a person wrote; without one, everything of Reddit.
    """
    session = Session(ctx)
    wanted = [parse_target(word) for word in targets or ("reddit",)]
    options = pipeline.options_now(within_s=within, limit=limit, other_doors=other_doors)
    if as_plan:
        with session.open_store(read_only=True) as store:
            plan = pipeline.plan_recheck(store, wanted, options=options)
        render.result(msgspec.to_builtins(plan), plan_lines(plan), as_json=session.as_json)
        return 0
    with session.open_store() as store, watched(session) as observers:
        outcome = pipeline.recheck(
            store,
            wanted,
            options=options,
            settings=session.source_settings(sorted({each.source for each in wanted}), base_url=base_url),
            observers=observers,
            egress=egress_of(session),
        )
        sweep_after(store, session.blobs)
    return report.tell(outcome, session, facts=facts(outcome.details.get("recheck", {})))


def plan_lines(plan: RecheckPlan) -> list[str]:
    """What a pass would cost, in words."""
    lines = ["nothing is due"]
    if plan.oldest_at is not None:
        lines = [
            f"{plan.rows:,} rows are due: {plan.requests:,} requests, about {plan.minutes:,} min at the full budget",
            f"the longest unseen was last seen {iso(plan.oldest_at)}",
        ]
    if plan.closed:
        lines.append(f"{plan.closed} communities could not be read last time; a look at each comes first")
    return lines


def facts(found: Mapping[str, Any]) -> Iterator[str]:
    """What became of the ids, in words."""
    if not found:
        return
    yield (
        f"asked for {found['asked']:,} ids: {found['shown']:,} are there, {found['withdrawn']:,} deleted or removed, "
        f"{found['gone']:,} gone, {found['missed']:,} missing for the first time"
    )
    if found["overdue"]:
        yield f"{found['overdue']:,} rows have waited longer than they should: run it again, or more often"
    if found["undecided"]:
        yield f"{found['undecided']:,} could not be decided: the next recheck asks again"
