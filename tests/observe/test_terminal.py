from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from hubbub.observe.terminal import fitted, shown, width
from tests.shared import FAULTS, needs_shared


@given(st.text())
def test_nothing_that_steers_a_terminal_is_left(text: str) -> None:
    line = shown(text)
    assert all(character.isprintable() or ord(character) > 0x9F for character in line)
    assert not set(line) & set("\u202e\u2066\u2028\u200f")


def test_ordinary_text_of_any_script_is_left_alone() -> None:
    for text in ("Käfer", "甲虫", "🪲 what is this?", "[b]markup[/b]"):
        assert shown(text) == text


def test_escape_sequences_are_written_out() -> None:
    assert shown("\x1b[2Ja\tb\r\n\u202e") == "\\x1b[2Ja\\tb\\r\\n\\u202e"


@given(st.text(), st.integers(min_value=2, max_value=40))
def test_a_fitted_line_is_never_wider_than_asked(text: str, columns: int) -> None:
    assert width(fitted(text, columns)) <= columns


@needs_shared
def test_every_hostile_text_is_one_harmless_line() -> None:
    for row in json.loads((FAULTS / "text" / "strings.json").read_text())["rows"]:
        assert len(shown(row["text"]).splitlines()) <= 1, row["id"]
