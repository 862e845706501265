"""An import that is killed or interrupted anywhere goes on inside the file and ends with the same store."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from hubbub.errors import ExitCode
from hubbub.store import reads
from hubbub.store.digest import digest
from hubbub.store.engine import open_store
from tests.pipeline.load.cases import posts, squeeze
from tests.pipeline.load.child import LINES
from tests.pipeline.load.conftest import Load

ROOT = Path(__file__).resolve().parents[3]
TOTAL, BAD, BLANK = 1002, 501, 502


def dump() -> bytes:
    """1,000 records in several frames, some twice, one line bad, one blank, frame borders within lines."""
    newer = posts(100, first=450, score=99, retrieved_on=1_704_300_000)
    text = b"".join([*posts(500), b"broken\n", b"\n", *newer, *posts(400, first=600)])
    return b"".join(squeeze(text[at : at + 77_777]) for at in range(0, len(text), 77_777))


@dataclass(frozen=True)
class Ground:
    """A dump, a store to be, and the digest of an import that nothing disturbed."""

    dump: Path
    database: str
    wanted: str

    def until(self, where: str, number: int) -> subprocess.CompletedProcess[str]:
        """An import in a process of its own that ends there."""
        return subprocess.run(
            [sys.executable, "-m", "tests.pipeline.load.child", self.database, where, str(number), str(self.dump)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def ground(tmp_path: Path, load: Load) -> Ground:
    path = tmp_path / "RS_2024-01.zst"
    path.write_bytes(dump())
    with open_store(f"sqlite:///{tmp_path}/whole.db") as whole:
        assert load(path, into=whole).exit_code is ExitCode.PARTIAL
        return Ground(dump=path, database=f"sqlite:///{tmp_path}/torn.db", wanted=digest(whole))


@pytest.mark.parametrize(("where", "number"), [("after", 7), ("inside", 1), ("inside", 13)])
def test_an_import_killed_anywhere_goes_on_inside_the_file(
    where: str, number: int, *, ground: Ground, load: Load
) -> None:
    child = ground.until(where, number)
    assert child.returncode == -signal.SIGKILL, child.stderr
    stored = number if where == "after" else number - 1
    with open_store(ground.database) as store:
        report = load(ground.dump, into=store)
        (file,) = report.details["files"]
        assert (file.lines, file.state) == (TOTAL, "done")
        assert (file.resumed_at_byte > 0) == (stored > 0)
        assert digest(store) == ground.wanted
        assert len(reads.quarantined(store)) == 1
        assert 0 < report.tally.offered <= TOTAL - 1 - (stored - 1) * LINES


def test_an_import_that_is_interrupted_keeps_what_it_has_and_goes_on(ground: Ground, load: Load) -> None:
    child = ground.until("interrupt", 5)
    assert child.returncode == ExitCode.INTERRUPTED, child.stderr
    assert "Traceback" not in child.stderr
    with open_store(ground.database) as store:
        assert [run.exit_code for run in reads.runs(store)] == [130]
        report = load(ground.dump, into=store)
        assert report.details["files"][0].resumed_at_byte > 0
        assert digest(store) == ground.wanted


@pytest.mark.soak
@pytest.mark.parametrize("where", ["after", "inside"])
@pytest.mark.parametrize("number", range(1, 25))
def test_an_import_killed_at_any_batch_goes_on_inside_the_file(
    where: str, number: int, *, ground: Ground, load: Load
) -> None:
    assert ground.until(where, number).returncode == -signal.SIGKILL
    with open_store(ground.database) as store:
        load(ground.dump, into=store)
        assert digest(store) == ground.wanted


@pytest.mark.soak
def test_an_import_that_is_killed_again_and_again_ends_with_the_same_store(ground: Ground) -> None:
    ends = [ground.until("inside" if turn % 2 else "after", 3).returncode for turn in range(40)]
    assert ends[0] == -signal.SIGKILL
    assert ends[-1] == ExitCode.OK
    with open_store(ground.database) as store:
        assert digest(store) == ground.wanted
