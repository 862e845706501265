"""`hubbub forget`, as typed: it asks, names what it cannot reach, and leaves the name in no file of the home."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hubbub.store.engine import open_store
from tests.cli.running import hubbub
from tests.store.making import T0, comment, post, write

NAME, WORD = "zyzzyva", "quokka"


def line(n: int, **fields: Any) -> bytes:
    row = {"id": f"1ab{n}", "subreddit": "bugs", "author": "Zyzzyva", "title": WORD, "selftext": WORD, "score": 1,
           "created_utc": T0 + n, "retrieved_on": T0 + 99}  # fmt: skip
    return msgspec.json.encode(row | fields)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A store with what one person wrote and one line of theirs that was set aside."""
    dump = tmp_path / f"{NAME}.ndjson"
    bad = line(9, created_utc="never")
    dump.write_bytes(
        b"\n".join([*(line(n) for n in range(5)), line(7, author="ann", title="a beetle", selftext=""), bad, b""])
    )
    assert hubbub("import", dump, home=tmp_path / "home").code == 3
    return tmp_path / "home"


def everything(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file()).lower()


def test_a_forgotten_person_is_in_no_file_of_the_home(home: Path) -> None:
    assert NAME.encode() in everything(home)
    done = hubbub("forget", f"user:{NAME}", "--yes", "--json", home=home)
    assert (done.code, done.document["erased"]) == (0, 5), done.err
    assert NAME.encode() not in everything(home)
    assert WORD.encode() not in everything(home)
    again = hubbub("import", home.parent / f"{NAME}.ndjson", "--author", NAME, "--json", home=home)
    assert again.document["tally"]["new"] == 0
    assert WORD.encode() not in everything(home)
    assert hubbub("search", "beetle", "--json", home=home).document["hits"]


def test_exports_that_may_hold_it_are_named_until_they_are_made_again(home: Path, tmp_path: Path) -> None:
    everywhere, narrow = tmp_path / "out" / "all", tmp_path / "out" / "ants"
    assert hubbub("export", "ndjson", everywhere, home=home).code == 0
    assert hubbub("export", "ndjson", narrow, "--community", "ants", home=home).code == 0
    looked = hubbub("forget", "post:t3_1ab1", "--dry-run", "--json", home=home).document
    assert [each["out"] for each in looked["stale_exports"]] == [str(everywhere)]
    assert hubbub("forget", "--list", home=home).out == "nothing is blocked\n"
    done = hubbub("forget", "post:t3_1ab1", "--yes", home=home)
    assert str(everywhere) in done.out
    assert str(narrow) not in done.out
    assert f"stale: {everywhere}" in hubbub("forget", "--list", home=home).out
    assert hubbub("export", "ndjson", everywhere, "--force", home=home).code == 0
    listed = hubbub("forget", "--list", "--json", home=home).document
    assert (listed["blocked"][0]["id"], listed["stale_exports"]) == ("t3_1ab1", [])


def test_nothing_is_erased_without_a_yes(home: Path) -> None:
    before = hubbub("db", "digest", home=home).out
    done = hubbub("forget", "community:bugs", home=home)
    assert (done.code, done.out) == (2, "")
    assert "--yes" in done.err
    assert hubbub("forget", home=home).code == 2
    assert "6 posts" in hubbub("forget", "community:r/Bugs", "--dry-run", home=home).out
    assert hubbub("db", "digest", home=home).out == before


def test_a_backup_made_before_is_named(home: Path) -> None:
    assert hubbub("db", "backup", home=home).code == 0
    (backup,) = (home / "backups").glob("*.db")
    assert str(backup) in hubbub("forget", f"user:{NAME}", "--yes", home=home).out


def test_a_block_of_what_was_never_here_can_be_lifted(home: Path) -> None:
    assert "never stored here" in hubbub("forget", "user:reddit/nobody", "--yes", home=home).out
    assert hubbub("forget", "--lift", "user:nobody", home=home).out == "user:reddit/nobody may come in again\n"
    assert hubbub("forget", "--lift", "user:nobody", home=home).out == "user:reddit/nobody was not blocked\n"


FORGETTING = """
import os, sys
from hubbub.store import engine
from hubbub.store import forgetting
forgetting.PAGE_ROWS = 10
left = int(sys.argv[2])
write = engine.Store.write
def dying(self, batch):
    global left
    if not left:
        os.kill(os.getpid(), 9)
    left -= 1
    return write(self, batch)
engine.Store.write = dying
from hubbub.cli.main import main
main(["--home", sys.argv[1], "forget", "user:bob", "--yes"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a signal of Unix")
@pytest.mark.parametrize(("after", "left"), [(0, 61), (3, 40)])
def test_killed_in_the_middle_the_same_command_does_the_rest(tmp_path: Path, after: int, left: int) -> None:
    home = tmp_path / "home"
    with open_store(f"sqlite:///{home}/hubbub.db") as store:
        write(store, post(body=WORD, author="bob"), *(comment(f"t1_{n}", body=WORD) for n in range(60)))
    export = tmp_path / "out"
    assert hubbub("export", "ndjson", export, home=home).code == 0
    killed = subprocess.run([sys.executable, "-c", FORGETTING, str(home), str(after)], check=False, timeout=60)
    assert killed.returncode == -9
    with open_store(f"sqlite:///{home}/hubbub.db") as store:
        assert write(store, comment("t1_new", body=WORD)).tombstoned == 1, "it is blocked from the first moment"
    done = hubbub("forget", "user:bob", "--yes", "--json", home=home).document
    assert done["erased"] == left
    assert [each["out"] for each in done["stale_exports"]] == [str(export)]
    assert WORD.encode() not in everything(home)
