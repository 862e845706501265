"""How a finished run is told: a few lines on stderr, or one document on stdout."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from hubbub.cli import render
from hubbub.cli.diagnostics import say
from hubbub.cli.session import Session
from hubbub.datasets.times import iso
from hubbub.errors import ExitCode
from hubbub.pipeline.run import RunReport

MOST_FINDINGS = 10
SHOWN_BY = "`hubbub quarantine list` shows them and the reasons"


def tell(report: RunReport, session: Session, *, facts: Iterable[str] = (), aside: str = SHOWN_BY) -> int:
    """Say what the run did; `facts` are lines only this command has to say, `aside` where to look for what was set
    aside. Returns the exit code."""
    if session.as_json:
        document = msgspec.to_builtins(report)
        document["conservation"] = report.conservation
        document["offered"] = report.tally.offered
        render.result(document, (), as_json=True)
        return int(report.exit_code)
    for error in report.errors:
        say(f"hubbub: {error}")
    if not session.typed.quiet:
        for line in summary(report, facts=facts, aside=aside):
            say(line)
    return int(report.exit_code)


def summary(report: RunReport, *, facts: Iterable[str] = (), aside: str = SHOWN_BY) -> list[str]:
    """The lines of a run's summary, the conservation line among them."""
    asked = f", {report.requests:,} requests" if report.requests else ""
    memory = f", at most {render.size(report.peak_rss_bytes)} of memory" if report.peak_rss_bytes else ""
    lines = [
        f"{report.command} {report.target}: {_ending(report)} in {report.elapsed_s:.1f} s{asked}{memory}",
        report.conservation,
        *kinds_of(report),
        *facts,
    ]
    if report.missing:
        lines.append(f"{report.missing:,} records exist on the platform but were not handed out")
    if report.tally.repaired:
        lines.append(f"{report.tally.repaired:,} values repaired while reading")
    if report.tally.set_aside:
        lines.append(f"records were set aside: {aside}")
    lines += [f"{severity}: {what}" for severity, what in report.findings[:MOST_FINDINGS]]
    if len(report.findings) > MOST_FINDINGS:
        lines.append(f"and {len(report.findings) - MOST_FINDINGS:,} more findings")
    if report.resume_at is not None:
        lines.append(f"worth coming back at {iso(report.resume_at)}")
    return lines


TERMS = {"new": "new", "updated": "merged", "unchanged": "unchanged", "older": "older", "tombstoned": "tombstoned"}
"""What the table of an import calls the terms of the conservation line."""


def kinds_of(report: RunReport) -> list[str]:
    """The table of an import: what became of the records of each kind."""
    if report.command != "import" or not report.tally.kinds:
        return []
    heads = ["kind", "read", *TERMS.values(), "set aside"]
    rows = []
    for kind, terms in sorted(report.tally.kinds.items()):
        counts = [terms.get(term, 0) for term in (*TERMS, "set_aside")]
        rows.append([kind, *(f"{count:,}" for count in (sum(counts), *counts))])
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in (heads, *rows)]
    if any(terms.get("tombstoned") for terms in report.tally.kinds.values()):
        lines.append("tombstoned: withdrawn by their authors or by moderators; they are kept without their text")
    return lines


def _ending(report: RunReport) -> str:
    match report.exit_code:
        case ExitCode.OK:
            return "done"
        case ExitCode.PARTIAL:
            return "done, with records set aside" if report.tally.set_aside else "done in part"
        case ExitCode.INTERRUPTED:
            return "interrupted"
        case _:
            return "ended with errors"
