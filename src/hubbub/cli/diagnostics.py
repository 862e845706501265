"""Owns stderr and the exit codes: every way a command can end becomes one clear message and one number."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import rich_click as click
from click.exceptions import Exit

from hubbub.cli.typed import Typed
from hubbub.errors import ExitCode, HubbubError, StorageError
from hubbub.observe.terminal import shown

_DISK_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS}
"""Errors of the system that no code of ours is to blame for: a full, failing or read-only disk."""


def say(text: str) -> None:
    """One line on stderr; text of others in it is neutralised."""
    if sys.stderr is None:  # closed by the caller
        return
    with suppress(OSError, ValueError):
        sys.stderr.write(shown(text) + "\n")
        sys.stderr.flush()


def guarded(command: click.Command, args: list[str]) -> int:
    """Run `command` and return its exit code; nothing it raises goes further."""
    typed = Typed()
    _forgiving_streams()
    with _terminable():
        try:
            code = _run(command, args, typed=typed)
            _flush()
        except BrokenPipeError:
            _drop_stdout()
            return int(ExitCode.OK)
        except OSError as error:
            _drop_stdout()
            return fail(_disk_trouble(error), typed=Typed())
        return code


def _run(command: click.Command, args: list[str], *, typed: Typed) -> int:
    # Not `command.main`: it turns a broken pipe into exit code 1 and writes an empty line on Ctrl-C.
    try:
        with command.make_context("hubbub", args, obj=typed) as context:
            return int(command.invoke(context) or 0)
    except Exit as ended:
        return ended.exit_code
    except HubbubError as error:
        return fail(error, typed=typed)
    except (click.Abort, KeyboardInterrupt):
        return _interrupted()
    except click.ClickException as error:
        return _usage(error, typed=typed)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the top of a run: a bug of ours must still end in one clear message
        if isinstance(error, OSError) and error.errno in _DISK_TROUBLE:
            error = _disk_trouble(error)
        return fail(error, typed=typed) if isinstance(error, HubbubError) else _bug(error, typed=typed)


def fail(error: HubbubError, *, typed: Typed) -> int:
    """Say what went wrong and what to do; with `--json` also as the document on stdout."""
    say(f"hubbub: {error}")
    if error.advice:
        say(f"  {error.advice}")
    if typed.tracebacks:
        say_traceback(error, typed=typed)
    if typed.as_json:
        _document(str(error), advice=error.advice, code=error.exit_code)
    return int(error.exit_code)


def _disk_trouble(error: OSError) -> StorageError:
    place = f" to {error.filename}" if error.filename else ""
    return StorageError(
        f"writing{place} failed: {error.strerror or error}",
        advice="make room, or write to another disk; what is in the store is whole",
    )


def say_traceback(error: BaseException, *, typed: Typed) -> None:
    """The traceback on stderr without secrets, each of its lines neutralised."""
    for line in typed.mask("".join(traceback.format_exception(error))).splitlines():
        say(line)


def _usage(error: click.ClickException, *, typed: Typed) -> int:
    message = error.format_message()
    say(f"hubbub: {message[:1].lower()}{message[1:]}")
    context = getattr(error, "ctx", None)
    if context is not None:
        say(f"  see `{context.command_path} --help`")
    if typed.as_json:
        _document(message, advice=None, code=ExitCode.USAGE)
    return int(ExitCode.USAGE)


def _interrupted() -> int:
    say("hubbub: interrupted; what was stored is whole, the same command goes on from there")
    return int(ExitCode.INTERRUPTED)


def _bug(error: Exception, *, typed: Typed) -> int:
    if typed.tracebacks:
        say_traceback(error, typed=typed)
        say("hubbub: this is a bug of ours, please report it with the text above")
    else:
        place = _keep_traceback(error, typed=typed)
        say(f"hubbub: an unexpected error, a bug of ours: {type(error).__name__}")
        say(f"  its traceback is in {place}" if place else "  run again with --debug to see its traceback")
    if typed.as_json:
        _document(f"unexpected error: {type(error).__name__}", advice=None, code=ExitCode.BUG)
    return int(ExitCode.BUG)


def _keep_traceback(error: Exception, *, typed: Typed) -> str | None:
    """Write the traceback beside the store, else into the system's temporary folder; its path, or None."""
    text = typed.mask("".join(traceback.format_exception(error)))
    home = Path(typed.home or os.environ.get("HUBBUB_HOME") or "hubbub-data")
    for folder in (home / "logs", Path(tempfile.gettempdir())):
        if folder.parent.is_dir():
            with suppress(OSError):
                folder.mkdir(exist_ok=True)
                handle, name = tempfile.mkstemp(prefix="crash-", suffix=".txt", dir=folder)
                with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
                    file.write(text)
                return name
    return None


def _document(message: str, *, advice: str | None, code: ExitCode) -> None:
    if sys.stdout is None:
        return
    body = {"schema": 1, "error": {"message": message, "advice": advice, "exit_code": int(code)}}
    with suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(body) + "\n")


def _forgiving_streams() -> None:
    """A C locale or a legacy code page must not turn a title into a crash."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _drop_stdout() -> None:
    """The reader went away: point stdout at nothing, so that the interpreter's own flush at exit stays quiet."""
    with suppress(OSError, ValueError, AttributeError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM and SIGHUP end a command as Ctrl-C does."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            with suppress(ValueError):  # not in the main thread
                previous[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in previous.items():
            with suppress(ValueError):
                signal.signal(number, handler)
