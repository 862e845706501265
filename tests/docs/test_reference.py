from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from hubbub.cli.lazy import LazyGroup
from hubbub.cli.main import cli
from hubbub.cli.typed import Typed
from hubbub.config.schema import SECTIONS, Section, Settings
from hubbub.datasets.select import DEFAULT_COLUMNS, EXTRA_COLUMNS, FILE_STEM
from hubbub.errors import PRECEDENCE, ExitCode
from hubbub.store import tables_of_runs
from hubbub.store.engine import open_store
from hubbub.store.search import query
from hubbub.store.tables import CONTENT, metadata
from hubbub.store.views import RULES_VIEW
from tests.docs.pages import DOCS, PAGES, commands, fenced, mentions, name, section, words_in_code

REFERENCE = DOCS / "reference"
CLI = (REFERENCE / "cli.md").read_text()
SCHEMA = (REFERENCE / "schema.md").read_text()


def all_commands() -> Iterator[tuple[str, click.Command]]:
    """Every command by what one types, groups that do something by themselves included."""
    assert isinstance(cli, LazyGroup)
    for word in cli.entries:
        command = cli.load(word)
        if not isinstance(command, click.Group) or not getattr(command, "bare_help", True):
            yield word, command
        if isinstance(command, click.Group):
            yield from ((f"{word} {below}", each) for below, each in command.commands.items())


def flags(command: click.Command, *, hidden: bool = False) -> set[str]:
    options = [param for param in command.params if isinstance(param, click.Option) and param.hidden is hidden]
    return {flag for option in options for flag in (*option.opts, *option.secondary_opts)}


COMMANDS = dict(all_commands())


@pytest.mark.parametrize("typed", COMMANDS)
def test_the_reference_tells_every_option_of_every_command_and_an_example(typed: str) -> None:
    text = section(CLI, f"hubbub {typed}")
    told = {word for code in words_in_code(text) if not code.startswith("hubbub") for word in code.split()}
    wanted = flags(COMMANDS[typed])
    assert wanted <= told, f"missing: {sorted(wanted - told)}"
    dashed = {word for word in told if word.startswith("--") and word != "--"}
    assert dashed <= {*wanted, "--json", "--no-search"}, f"no such option: {sorted(dashed - wanted)}"
    assert any(words[: len(typed.split())] == typed.split() for words in commands(text)), "an example is missing"
    assert f"(#hubbub-{typed.replace(' ', '-')})" in section(CLI, "Command line")


def test_the_reference_tells_every_global_option() -> None:
    told = {word for code in words_in_code(section(CLI, "Global options")) for word in code.split()}
    assert flags(cli) | {"-h", "--help"} <= told


EXAMPLES = [(name(page), words) for page in PAGES for words in commands(page.read_text())]
PLACEHOLDERS = {"…", "COMMAND", "[GLOBAL", "OPTIONS]", "[OPTIONS]", "[ARGUMENTS]"}


def parse(words: list[str]) -> None:
    """Understand a command line as the program would; raises click's errors for what cannot be typed."""
    command: click.Command = cli
    context = click.Context(cli, info_name="hubbub", obj=Typed())
    while isinstance(command, click.Group):
        command.parse_args(context, words)
        words = [*context._protected_args, *context.args]
        if not words:
            return
        _, below, words = command.resolve_command(context, words)
        assert below is not None
        command, context = below, click.Context(below, info_name=below.name, parent=context)
    command.parse_args(context, words)


@pytest.mark.parametrize(("page", "words"), EXAMPLES, ids=[f"{page}: {' '.join(words)}" for page, words in EXAMPLES])
def test_every_command_line_in_the_docs_can_be_typed(page: str, words: list[str]) -> None:
    parse([word for word in words if word not in PLACEHOLDERS])


MENTIONS = [(name(page), words) for page in PAGES for words in mentions(page.read_text())]


@pytest.mark.parametrize(("page", "words"), MENTIONS, ids=[f"{page}: {' '.join(words)}" for page, words in MENTIONS])
def test_every_command_and_option_the_text_names_exists(page: str, words: list[str]) -> None:
    if words == ["--help"]:
        return
    with contextlib.suppress(click.MissingParameter, click.BadOptionUsage):  # a mention may leave out what it is about
        parse([word for word in words if word not in PLACEHOLDERS])


@pytest.mark.parametrize(
    "line", ["snyc reddit:x", "sync", "sync reddit:x --fulll", "db digest --whole", "runs --limit x"]
)
def test_a_line_that_cannot_be_typed_is_noticed(line: str) -> None:
    with pytest.raises(click.UsageError):
        parse(line.split())


def test_there_are_examples_to_check() -> None:
    assert len(EXAMPLES) > 40
    assert len(MENTIONS) > 20


def leaves(model: type[BaseModel]) -> Iterator[tuple[str, object]]:
    for field, info in model.model_fields.items():
        if field in SECTIONS:
            yield from ((f"{field}.{below}", each.default) for below, each in SECTIONS[field].model_fields.items())
        else:
            yield field, info.default


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_the_settings_page_tells_every_key_its_variable_and_its_default() -> None:
    told = {row[0].strip("`"): row for row in rows(section((REFERENCE / "settings.md").read_text(), "Keys"))[2:]}
    keys = dict(leaves(Settings))
    assert set(told) == set(keys)
    for key, default in keys.items():
        variable = "HUBBUB_HOME" if key == "home" else "HUBBUB_" + key.upper().replace(".", "__")
        assert f"`{variable}`" in told[key][1], key
        if default is not None:
            assert told[key][2] == f"`{str(default).lower() if isinstance(default, bool) else default}`", key


def test_every_section_of_the_settings_is_one_of_the_kind_that_refuses_unknown_keys() -> None:
    assert all(issubclass(each, Section) for each in SECTIONS.values())


def test_the_exit_code_page_holds_the_codes_and_their_precedence() -> None:
    text = (REFERENCE / "exit-codes.md").read_text()
    assert [int(row[0]) for row in rows(text)[2:]] == [int(code) for code in ExitCode]
    stated = re.search(r"([\d >\n]+)\.\s*\Z", text)
    assert stated is not None
    order = [int(code) for code in stated[1].split(">")]
    assert order == [int(code) for code in PRECEDENCE if int(code) in order]
    assert set(ExitCode) - set(order) == {ExitCode.OK, ExitCode.USAGE, ExitCode.CONFIG}


@pytest.mark.parametrize("table", [table.name for table in metadata.sorted_tables])
def test_the_schema_page_tells_every_column(table: str) -> None:
    assert tables_of_runs.runs.metadata is metadata
    columns = set(metadata.tables[table].columns.keys())
    if f"\n### {table}\n" in SCHEMA:
        text = section(SCHEMA, table)
        if table in {each.name for each in CONTENT.values()}:
            text += section(SCHEMA, "Every content table")
        told = words_in_code(text)
    else:
        row = next(row for row in rows(section(SCHEMA, "Tables that later releases fill")) if f"`{table}`" in row[0])
        told = words_in_code(row[1])
        assert told == columns
    assert columns <= told, f"missing: {sorted(columns - told)}"


def test_the_schema_page_tells_the_view() -> None:
    assert set(re.findall(r" AS ([a-z_]+)[, ]", RULES_VIEW)) <= words_in_code(section(SCHEMA, "View"))


SQL = fenced(SCHEMA, "sql")


@pytest.mark.parametrize("sql", SQL, ids=range(len(SQL)))
def test_every_query_in_the_schema_page_runs(sql: str, tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path / 'hubbub.db'}").close()
    connection = sqlite3.connect(tmp_path / "hubbub.db")
    try:
        connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_the_export_page_tells_the_columns_in_their_order() -> None:
    table = {row[0]: row for row in rows(section((REFERENCE / "exports.md").read_text(), "Columns"))}
    for kind, stem in FILE_STEM.items():
        assert re.findall(r"`(\w+)`", table[stem][1]) == [column.name for column in DEFAULT_COLUMNS[kind]]
        assert re.findall(r"`(\w+)`", table[stem][2]) == [column.name for column in EXTRA_COLUMNS[kind]]


def test_the_query_language_page_tells_every_filter_and_limit() -> None:
    text = (REFERENCE / "search.md").read_text()
    for word in query._FILTERS:
        assert f"`{word}:" in section(text, "Filters")
    for code in words_in_code(section(text, "Filters")):
        if re.match(r"[a-z]+:[^/]", code):
            assert query.parse(code).conditions
    assert f"{query.MAX_CHARS:,} characters and {query.MAX_TERMS} words" in section(text, "Limits")
