from __future__ import annotations

from pathlib import Path

import pytest

from hubbub import clock
from hubbub.store.engine import open_store
from tests.cli.running import hubbub
from tests.store.making import comment, post, write


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/x.db" if request.param == "sqlite" else request.getfixturevalue("postgres")


def test_what_is_missing_is_told_with_the_command_that_fills_it(url: str, tmp_path: Path) -> None:
    now = clock.now() - 60
    with open_store(url) as store:
        write(store, post(at=now, comment_count=4), comment(at=now), post("t3_x", at=now, community="ants"))
    done = hubbub("check", "--store", url, home=tmp_path)
    assert done.code == 3, done.err
    assert "MISSING: 3 of 4 comments are not here (1 post lack" in done.out
    assert "t3_a: 1 of 4 comments" in done.out
    assert "--community bugs" in done.out
    found = hubbub("check", "r/Bugs", "--json", "--store", url, home=tmp_path)
    (bugs,) = found.document["communities"]
    assert (found.code, bugs["lacking"], bugs["statements"][0]["about"]) == (3, 3, "comments")
    complete = hubbub("check", "reddit:ants", "--store", url, home=tmp_path)
    assert complete.code == 0
    assert "nothing is missing" in complete.out
    assert hubbub("check", "nowhere", "--store", url, home=tmp_path).code == 2
