from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.running import hubbub
from tests.docs.pages import DOCS, ROOT, commands
from tests.shared import DATA, needs_shared

TUTORIAL = (DOCS / "tutorial/first-dataset.md").read_text()
README = (ROOT / "README.md").read_text()
FILES = ["RC_2005-12.zst", "RS_2019-10_one_subreddit.zst", "RC_mixed_years.ndjson", "RS_mixed_years.ndjson"]
SEARCH = ["search", "emacs author:spez", "--limit", "1"]


def shown(printed: str, *, page: str) -> list[str]:
    """Printed lines that the page does not show."""
    told = {line.strip() for line in page.splitlines()}
    return [line for line in printed.splitlines() if line.strip() not in told]


@needs_shared
def test_the_session_of_readme_and_tutorial_is_what_the_commands_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(DATA / "archive")
    for page in (TUTORIAL, README):
        typed = list(commands(page))
        assert ["import", *FILES] in typed
        assert SEARCH in typed
        assert ["export", "parquet", "out"] in typed
    home = tmp_path / "archive"
    told = hubbub("import", *FILES, home=home)
    assert told.code == 0
    unlike = shown(told.err, page=TUTORIAL)
    assert len(unlike) <= 1, unlike
    assert all(line.startswith("import ") for line in unlike), "only the time and the memory may differ"
    assert told.err.splitlines()[1].strip() in README
    again = hubbub("import", FILES[0], home=home)
    assert all(line.startswith("import ") for line in shown(again.err, page=TUTORIAL))
    found = hubbub(*SEARCH, home=home)
    assert shown(found.out, page=TUTORIAL) == shown(found.out, page=README) == []
    table = hubbub("status", home=home).out.splitlines()
    assert all(line.split("  ")[0] in TUTORIAL for line in table[2:12])
    made = hubbub("export", "parquet", tmp_path / "out", home=home)
    words = " ".join(TUTORIAL.split())
    for line in made.out.splitlines()[2:]:
        assert " ".join(line.split()[:2]) in words, line
    digest = hubbub("db", "digest", home=home).out.strip()
    assert [len(line) for line in re.findall(r"^ {4}([0-9a-f]{64})$", TUTORIAL, re.MULTILINE)] == [len(digest)] * 2
    backwards = tmp_path / "backwards"
    assert hubbub("import", *FILES[::-1], "-q", home=backwards).code == 0
    assert hubbub("db", "digest", home=backwards).out.strip() == digest
