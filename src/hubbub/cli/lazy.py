"""Commands that are imported only when they run, and that take the global options wherever they stand."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import rich_click as click
from click.core import Command, Group
from click.formatting import HelpFormatter

from hubbub.cli.typed import global_options

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class Entry(NamedTuple):
    """A command that is not loaded yet."""

    place: str
    """"hubbub.cli.sync:sync"."""
    help: str
    """The first sentence of its help, for the list."""


def _plain_help(command: Command, ctx: click.Context) -> str:
    """Help without colour or frames: for pipes, files and programs, and quicker by the time it takes to load Rich."""
    formatter = HelpFormatter(width=100)
    Command.format_usage(command, ctx, formatter)
    Command.format_help_text(command, ctx, formatter)
    Command.format_options(command, ctx, formatter)
    if isinstance(command, Group):
        Group.format_commands(command, ctx, formatter)
    Command.format_epilog(command, ctx, formatter)
    return formatter.getvalue().rstrip("\n")


def _is_watched() -> bool:
    return sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")


class HubbubCommand(click.RichCommand):
    """A command that also takes the global options."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        settings["context_settings"] = {**CONTEXT, **settings.get("context_settings", {})}
        super().__init__(*args, **settings)
        self.params.extend(global_options(hidden=True))

    def get_help(self, ctx: click.Context) -> str:
        """Styled for a terminal, plain for everything else."""
        return super().get_help(ctx) if _is_watched() else _plain_help(self, ctx)


class HubbubGroup(click.RichGroup):
    """A group of commands that names the nearest one when a word is unknown; bare, it prints its help."""

    command_class = HubbubCommand
    is_root = False

    def __init__(self, *args: Any, bare_help: bool = True, **settings: Any) -> None:
        self.bare_help = bare_help
        settings["context_settings"] = {**CONTEXT, **settings.get("context_settings", {})}
        settings.setdefault("no_args_is_help", False)
        settings.setdefault("invoke_without_command", True)
        super().__init__(*args, **settings)
        self.params.extend(global_options(hidden=not self.is_root))

    def get_help(self, ctx: click.Context) -> str:
        """Styled for a terminal, plain for everything else."""
        return super().get_help(ctx) if _is_watched() else _plain_help(self, ctx)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; without one, print the help or, for a group that is a command itself, do its work."""
        if self.bare_help and not ctx._protected_args and not ctx.args:  # noqa: SLF001 - click offers no other way
            click.echo(ctx.get_help())
            return 0
        return super().invoke(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0]
        if not word.startswith("-") and word not in self.list_commands(ctx):
            close = difflib.get_close_matches(word, self.list_commands(ctx), n=1, cutoff=0.4)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise click.UsageError(f"there is no command {word!r}{hint}", ctx)
        return super().resolve_command(ctx, args)


class LazyGroup(HubbubGroup):
    """The root: lists its commands without importing them."""

    is_root = True
    entries: Mapping[str, Entry] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A placeholder that only knows its help line; `resolve_command` loads the real one."""
        del ctx
        entry = self.entries.get(cmd_name)
        return None if entry is None else click.RichCommand(name=cmd_name, help=entry.help)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, found, rest = super().resolve_command(ctx, args)
        return (name, self.load(name), rest) if found is not None and name is not None else (name, found, rest)

    def load(self, name: str) -> click.Command:
        """The real command of that name; imports its module."""
        module, _, attribute = self.entries[name].place.partition(":")
        found: click.Command = getattr(importlib.import_module(module), attribute)
        return found
