"""The `hubbub` command: its list of commands and the one place where it starts and ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import rich_click as click

from hubbub import __version__
from hubbub.cli import diagnostics
from hubbub.cli.lazy import Entry, LazyGroup
from hubbub.cli.typed import PANEL

COMMANDS: dict[str, Entry] = {
    "demo": Entry("hubbub.cli.demo:demo", "Walk the whole road with a pretend platform, in under a minute."),
    "sync": Entry("hubbub.cli.sync:sync", "Collect what is new in communities, over the platform's API."),
    "import": Entry("hubbub.cli.load:load", "Read dump files and saved API answers."),
    "status": Entry("hubbub.cli.status:status", "Show what is stored, how fresh it is and what needs attention."),
    "recheck": Entry(
        "hubbub.cli.recheck:recheck", "Ask a platform again for what is stored, and follow its deletions."
    ),
    "hydrate": Entry("hubbub.cli.hydrate:hydrate", "Fetch what lists of ids name."),
    "search": Entry("hubbub.cli.search:search_stored", "Find posts and comments by their words."),
    "export": Entry("hubbub.cli.export:export_dataset", "Write a dataset: CSV, NDJSON or Parquet."),
    "exports": Entry(
        "hubbub.cli.exports:exports",
        "List the exports that are still there, and what each may hold that was withdrawn after it was made.",
    ),
    "exemplars": Entry("hubbub.cli.exemplars:exemplars", "Show the best comments of a community."),
    "hide": Entry("hubbub.cli.hide:hide", "Take records out of search, exports and downloads; nothing is deleted."),
    "restore": Entry("hubbub.cli.hide:restore", "Make hidden records visible again, with what was hidden with them."),
    "forget": Entry(
        "hubbub.cli.forget:forget", "Erase records for good, and let nothing of them in again through any door."
    ),
    "media": Entry("hubbub.cli.media:media", "Pictures and videos of stored posts."),
    "runs": Entry("hubbub.cli.runs:runs", "List what ran, newest first."),
    "quarantine": Entry("hubbub.cli.quarantine:quarantine", "Records that could not be kept, and why."),
    "cache": Entry("hubbub.cli.cache:cache", "Answers of platforms that are kept while somebody develops."),
    "check": Entry("hubbub.cli.check:check", "Tell what is missing or old in each community, and how to fill it."),
    "simulate": Entry(
        "hubbub.cli.simulate:simulate",
        "Serve a pretend Reddit and Product Hunt on this machine, or write a dump of Reddit's.",
    ),
    "doctor": Entry(
        "hubbub.cli.doctor:doctor", "Ask the store how it is: reachable, quick, whole, up to date, and who holds it."
    ),
    "verify": Entry(
        "hubbub.cli.verify:verify", "Ask a platform who you are, what you may do and which communities are open."
    ),
    "proxies": Entry("hubbub.cli.proxies:proxies", "Ways out of this machine, and how they fare."),
    "db": Entry("hubbub.cli.db:db", "Look after the database."),
}


@click.group(
    "hubbub",
    cls=LazyGroup,
    panels=[click.RichCommandPanel("Commands"), click.RichOptionPanel("Options"), click.RichOptionPanel(PANEL)],
    epilog="Start with `hubbub demo`; then `hubbub sync reddit:NAME` or `hubbub import FILE`.",
)
@click.version_option(__version__, "-V", "--version", message="hubbub %(version)s")
def cli() -> None:
    """Turn the talk of online communities into clean, searchable datasets on your own machine."""


assert isinstance(cli, LazyGroup)
cli.entries = COMMANDS


def main(args: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    sys.exit(diagnostics.guarded(cli, list(sys.argv[1:] if args is None else args)))
