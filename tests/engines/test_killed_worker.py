"""A worker is killed in the middle of an import of four files: the outcome is that of one process that was not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hubbub.pipeline.fanout import Spread
from hubbub.pipeline.lake import open_lake
from hubbub.pipeline.lake_layout import DEFAULT
from hubbub.pipeline.lake_run import import_files
from hubbub.pipeline.load import LoadOptions, load_files
from hubbub.store.digest import digest
from hubbub.store.engine import open_store
from tests.pipeline.lake.making import BLOCK_LINES, contents, leftovers, make_files, parts

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return make_files(tmp_path)


def on_engine(engine: str, files: list[Path], *, lake: Path | None = None, url: str | None = None) -> list[Any]:
    """What the reports of imports on an engine say; in a process of its own, as engines bring threads and warnings."""
    names = [engine, str(lake or "-"), url or "-", *map(str, files)]
    command = [sys.executable, "-m", "tests.engines.child", *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def digest_of_one_process(folder: Path, files: list[Path]) -> str:
    with open_store(f"sqlite:///{folder}/alone.db") as store:
        load_files(store, files, options=LoadOptions())
        return digest(store)


def lake_of_one_process(folder: Path, files: list[Path]) -> Path:
    lake = open_lake(folder / "alone", partition_by=None, default=DEFAULT)
    report = import_files(lake, files, options=LoadOptions(), spread=Spread(), block_lines=BLOCK_LINES)
    assert report.exit_code == 0
    return lake.root


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_a_killed_worker_changes_nothing(engine: str, files: list[Path], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/hubbub.db"
    open_store(url).close()
    in_lake, in_store = on_engine(engine, files, lake=tmp_path / "lake", url=url)
    for said in (in_lake, in_store):
        assert (said["exit"], said["errors"], said["died"]) == (0, [], [files[1].name])
        assert set(said["files"].values()) == {"done"}

    alone = lake_of_one_process(tmp_path, files)
    assert parts(tmp_path / "lake") == parts(alone)
    assert contents(tmp_path / "lake") == contents(alone)
    assert leftovers(tmp_path / "lake") == []
    with open_store(url) as store:
        assert digest(store) == digest_of_one_process(tmp_path, files)


def test_a_killed_worker_changes_nothing_in_postgresql(postgres: str, files: list[Path], tmp_path: Path) -> None:
    open_store(postgres).close()
    (said,) = on_engine("local", files, url=postgres)
    assert (said["exit"], said["errors"], said["died"]) == (0, [], [files[1].name])
    with open_store(postgres) as store:
        assert digest(store) == digest_of_one_process(tmp_path, files)
