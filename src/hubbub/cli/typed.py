"""The global options: accepted before and after the command, remembered in one `Typed`."""

from __future__ import annotations

import dataclasses
from typing import Any

import rich_click as click

from hubbub.observe.masking import Mask

PANEL = "Global options, before or after the command"


@dataclasses.dataclass
class Typed:
    """What the user typed besides the command's own options; None and False mean "not typed"."""

    home: str | None = None
    store: str | None = None
    read_store: str | None = None
    config: str | None = None
    profile: str | None = None
    as_json: bool = False
    verbose: int = 0
    quiet: bool = False
    debug: bool = False
    mask: Mask = dataclasses.field(default_factory=Mask, compare=False, repr=False)
    """Hides what is secret in the settings, once they are read."""

    @property
    def tracebacks(self) -> bool:
        """True when a bug should show its traceback at once: `-vv` or `--debug`."""
        return self.debug or self.verbose > 1


def typed(ctx: click.Context) -> Typed:
    """The one `Typed` of this invocation."""
    found: Typed = ctx.find_root().ensure_object(Typed)
    return found


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if not value or ctx.resilient_parsing:
        return
    holder = typed(ctx)
    assert param.name is not None
    setattr(holder, param.name, holder.verbose + value if param.name == "verbose" else value)


def global_options(*, hidden: bool) -> list[click.Option]:
    """Fresh option objects, to be appended to a command's own; only the root shows them in its help."""
    rows: tuple[tuple[list[str], dict[str, Any]], ...] = (
        (["--home"], {"metavar": "DIR", "help": "Folder of the store, pictures and exports [./hubbub-data]."}),
        (
            ["--store"],
            {"metavar": "URL", "help": "Database: sqlite:///path or postgresql://… [in the home]."},
        ),
        (["--read-store"], {"metavar": "URL", "help": "A PostgreSQL replica that answers reads."}),
        (["--config"], {"metavar": "FILE", "help": "Settings file (TOML or YAML), read instead of the usual ones."}),
        (["--profile"], {"metavar": "NAME", "help": "Settings of the file's section [profiles.NAME]."}),
        (["--json", "as_json"], {"is_flag": True, "help": "Print one JSON document on stdout."}),
        (["-v", "--verbose"], {"count": True, "help": "Tell more on stderr; -vv tells everything."}),
        (["-q", "--quiet"], {"is_flag": True, "help": "Only errors on stderr."}),
        (["--debug"], {"is_flag": True, "help": "Show the traceback of an unexpected error."}),
    )
    return [
        click.RichOption(names, expose_value=False, callback=_remember, hidden=hidden, panel=PANEL, **settings)
        for names, settings in rows
    ]
