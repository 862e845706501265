from __future__ import annotations

import sys

import pytest
from bench.programs import FailedError, run


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_what_one_program_prints_the_next_one_reads() -> None:
    cost = run(python("print('one')"), python("import sys; print(sys.stdin.read().strip() + ' two')"))
    assert (cost.said, cost.codes) == ("one two", (0, 0))


def test_a_program_that_fails_is_told_with_its_last_words() -> None:
    fails = python("import sys; sys.exit('no such dump')")
    with pytest.raises(FailedError, match="no such dump"):
        run(fails, python("pass"))
    cost = run(fails, check=False)
    assert (cost.codes, cost.complained) == ((1,), "no such dump")
