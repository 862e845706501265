from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import rich_click as click

from hubbub import __version__
from hubbub.cli import diagnostics
from hubbub.cli.lazy import HubbubCommand
from hubbub.cli.main import COMMANDS, cli
from hubbub.cli.typed import Typed, typed
from hubbub.errors import ConfigError, ExitCode, LockedError
from tests.cli.running import hubbub


def every_command() -> Iterator[tuple[list[str], click.Command]]:
    for name in COMMANDS:
        command = cli.load(name)
        yield [name], command
        if isinstance(command, click.Group):
            for below, nested in command.commands.items():
                yield [name, below], nested


def test_every_command_and_option_has_help() -> None:
    for words, command in every_command():
        assert command.help, words
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, (words, option.name)


def test_the_list_of_commands_says_what_each_command_says_of_itself() -> None:
    for name, entry in COMMANDS.items():
        text = cli.load(name).help or ""
        assert text.startswith(entry.help), name


def test_help_is_printed_on_stdout_and_is_success() -> None:
    for words, _ in every_command():
        done = hubbub(*words, "--help")
        assert (done.code, done.err) == (0, "")
        assert "Usage:" in done.out


def test_version_names_the_version() -> None:
    assert hubbub("--version").out == f"hubbub {__version__}\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["stauts"], "did you mean 'status'"),
        (["db", "diggest"], "did you mean 'digest'"),
        (["sync"], "TARGET"),
        (["sync", "reddit:x", "--sinse", "7d"], "--since"),
        (["sync", "reddit:x", "--since", "soon"], "'soon'"),
        (["sync", "whatisthisbug"], "reddit:whatisthisbug"),
        (["sync", "redit:x"], "reddit"),
        (["sync", "reddit:"], "colon"),
        (["export", "csv", "-"], "stdout"),
    ],
)
def test_a_command_typed_wrongly_ends_with_2_and_the_nearest_word(words: list[str], says: str) -> None:
    done = hubbub(*words)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert "Traceback" not in done.err


def test_global_options_hold_before_and_after_the_command(tmp_path: Path) -> None:
    before = hubbub("--json", "--home", tmp_path / "none", "db", "digest")
    after = hubbub("db", "digest", "--json", "--home", tmp_path / "none")
    between = hubbub("db", "--json", "digest", "--home", tmp_path / "none")
    assert before.code == after.code == between.code == 8
    assert before.document == after.document == between.document
    assert str(tmp_path / "none") in before.document["error"]["message"]


def test_a_bad_setting_ends_with_10_and_its_place(tmp_path: Path) -> None:
    (tmp_path / "work" / "hubbub.toml").write_text('[reddit]\nclient_di = "x"\n')
    done = hubbub("status")
    assert (done.code, done.out) == (10, "")
    assert "hubbub.toml:2" in done.err
    assert "client_id" in done.err


def command_that(error: BaseException | None, *, prints: str = "") -> click.Command:
    def body() -> None:
        if prints:
            click.echo(prints)
        if error is not None:
            raise error

    return HubbubCommand(name="x", callback=body)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LockedError("held by process 7", advice="wait"), ExitCode.LOCKED),
        (ConfigError("no"), ExitCode.CONFIG),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (RuntimeError("secret detail"), ExitCode.BUG),
    ],
)
def test_every_ending_has_its_code_and_one_clear_message(
    capsys: pytest.CaptureFixture[str], *, error: BaseException, code: int
) -> None:
    assert diagnostics.guarded(command_that(error), []) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("hubbub: ")
    assert "Traceback" not in said.err
    assert 1 <= said.err.count("\n") <= 2


def test_a_bug_keeps_its_traceback_in_a_file_only_the_user_reads(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    assert diagnostics.guarded(command_that(RuntimeError("inner words")), ["--home", str(tmp_path / "home")]) == 1
    said = capsys.readouterr().err
    kept = next((tmp_path / "home" / "logs").iterdir())
    assert str(kept) in said
    assert "inner words" in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert diagnostics.guarded(command_that(RuntimeError("inner words")), ["--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_text_of_others_in_an_error_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    diagnostics.guarded(command_that(ConfigError("bad \x1b[2J\nhubbub: forged")), [])
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert said.count("\n") == 1


def test_verbose_adds_up_over_both_places() -> None:
    seen = []

    @click.command(cls=HubbubCommand)
    @click.pass_context
    def probe(ctx: click.Context) -> None:
        seen.append(typed(ctx))

    assert diagnostics.guarded(probe, ["-v", "--json", "-v"]) == 0
    assert seen == [Typed(verbose=2, as_json=True)]


def run(*words: str, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [sys.executable, "-m", "hubbub", *words], capture_output=True, text=True, timeout=60, check=False, **settings
    )


def test_a_reader_that_goes_away_ends_the_command_quietly() -> None:
    done = run("--help", stdin=subprocess.DEVNULL)
    assert done.returncode == 0
    piped = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m hubbub --help | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (piped.stdout.strip(), piped.stderr) == ("0", "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_crash(closed: str) -> None:
    shell = f"{sys.executable} -m hubbub --version {closed}; echo $? >&3"
    done = subprocess.run(["bash", "-c", f"exec 3>&1; {shell}"], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "0"
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's disk that is always full")
@pytest.mark.parametrize("arguments", [["--help"], ["--json", "search", "x"]])
def test_a_full_disk_under_stdout_is_a_storage_error_not_a_bug(arguments: list[str], tmp_path: Path) -> None:
    hubbub("import", tmp_path / "missing.zst", home=tmp_path)
    command = [sys.executable, "-m", "hubbub", "--home", str(tmp_path), *arguments]
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == ExitCode.STORAGE
    assert "No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_c_locale_and_no_color_print_plain_text() -> None:
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "hubbub", "--help"], capture_output=True, env=plain, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\x1b" not in done.stdout
    done.stdout.decode("ascii")


def test_sigterm_ends_a_command_with_130(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom hubbub.cli import diagnostics\nfrom hubbub.cli.lazy import HubbubCommand\n"
        "def body():\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "sys.exit(diagnostics.guarded(HubbubCommand(name='x', callback=body), []))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert err.startswith("hubbub: interrupted")
