"""The documentation as tests see it: its pages, their links, code blocks and `hubbub …` lines."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def fenced(text: str, language: str) -> list[str]:
    return [body for found, body in _FENCE.findall(text) if found == language]


def prose(text: str) -> str:
    """The text without its code blocks."""
    lines = _FENCE.sub("", text).splitlines()
    return "\n".join(line for line in lines if not line.startswith("    "))


def links(text: str) -> list[str]:
    return _LINK.findall(prose(text))


def words_in_code(text: str) -> set[str]:
    """Everything that stands between backticks."""
    return set(_INLINE.findall(text))


def section(text: str, title: str) -> str:
    """What stands under a heading, up to the next heading."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"there is no section {title!r}"
    return found[1]


def anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def anchors(text: str) -> set[str]:
    return {anchor(title) for title in re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)}


def commands(text: str) -> Iterator[list[str]]:
    """The words behind `hubbub` of every command line in a code block."""
    for line in text.splitlines():
        found = re.match(r" {4}(?:\$ )?(?:\w+=\S+ )*hubbub( .*|$)", line)
        if found is not None:
            yield shlex.split(found[1], comments=True)


def mentions(text: str) -> Iterator[list[str]]:
    """The words behind `hubbub` of every command that a sentence names."""
    for code in _INLINE.findall(prose(text)):
        if code.startswith("hubbub "):
            yield shlex.split(code)[1:]
