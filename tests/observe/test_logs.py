from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from hubbub import events
from hubbub.observe.logs import LogObserver, configure
from hubbub.observe.masking import MASK, Mask


@pytest.fixture(autouse=True)
def quiet_afterwards() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_one_event_is_one_line_and_foreign_text_cannot_forge_another(capsys: pytest.CaptureFixture[str]) -> None:
    configure(level="info", form="text")
    LogObserver()(events.Finding(severity="warning", what="a\n2026-01-01T00:00:00Z error forged \x1b[2J"))
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.count("\n") == 1
    assert "\x1b" not in streams.err
    assert "\\n2026" in streams.err


def test_json_lines_carry_the_run_and_the_facts(capsys: pytest.CaptureFixture[str]) -> None:
    configure(level="info", form="json")
    observer = LogObserver()
    observer(events.RunStarted(run_id=7, command="sync", target="reddit:x"))
    observer(events.BatchStored(stream="x/new", tally={"new": 3, "older": 0}))
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["event"], first["run"], first["target"]) == ("run started", 7, "reddit:x")
    assert (second["run"], second["stream"], second["new"]) == (7, "x/new", 3)
    assert "older" not in second


def test_secrets_are_masked_in_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure(level="debug", form="text", mask=Mask(["canary-4711"]))
    LogObserver()(events.Retrying(source="reddit", route="token", why="said canary-4711", wait_s=1.0))
    logging.getLogger("somebody").warning("sent %s", "canary-4711")
    said = capsys.readouterr().err
    assert "canary-4711" not in said
    assert said.count(MASK) == 2


def test_a_wait_tells_until_when(capsys: pytest.CaptureFixture[str]) -> None:
    configure(level="info", form="text")
    LogObserver()(events.Waiting(source="reddit", why="the budget", wait_s=30, until=1_780_000_000))
    assert "until=2026-05-28T20:26:40Z" in capsys.readouterr().err


def test_levels_hold_back_what_is_less(capsys: pytest.CaptureFixture[str]) -> None:
    configure(level="warning", form="text")
    observer = LogObserver()
    observer(events.RunStarted(run_id=1, command="sync", target="x"))
    observer(events.Finding(severity="info", what="minor"))
    observer(events.Finding(severity="error", what="major"))
    said = capsys.readouterr().err
    assert "major" in said
    assert "minor" not in said
    assert "run started" not in said


def test_findings_can_be_left_to_the_summary(capsys: pytest.CaptureFixture[str]) -> None:
    configure(level="info", form="text")
    LogObserver(findings=False)(events.Finding(severity="error", what="major"))
    assert capsys.readouterr().err == ""


def test_libraries_do_not_talk_at_info(capsys: pytest.CaptureFixture[str]) -> None:
    configure(level="info", form="text")
    logging.getLogger("httpx2").info("GET https://…")
    logging.getLogger("httpx2").warning("odd")
    assert capsys.readouterr().err.count("\n") == 1
