"""`hubbub import --to parquet`, `--workers`, `--engine`: what is typed, what is printed, what is refused."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hubbub.store.digest import digest
from hubbub.store.engine import open_store
from tests.cli.running import hubbub
from tests.pipeline.lake.making import contents, leftovers, make_files, mixed_lines, parts
from tests.pipeline.load.cases import squeeze


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return make_files(tmp_path, count=3)


def test_a_lake_is_told_in_words_and_in_json(home: Path, files: list[Path], tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    done = hubbub("import", *files, "--to", "parquet", "--out", lake, home=home)
    assert done.code == 0
    assert "offered 930 = new 910 + updated 0 + unchanged 0 + older 0 + tombstoned 20" in done.err
    assert f"the lake is in {lake}, partitioned by kind, month" in done.err
    assert not home.exists()
    again = hubbub("import", *files, "--to", "parquet", "--out", lake, "--json", home=home)
    assert [file["state"] for file in again.document["details"]["files"]] == ["skipped"] * 3


def test_workers_bring_a_store_to_the_same_digest(home: Path, files: list[Path], tmp_path: Path) -> None:
    assert hubbub("import", *files, home=home).code == 0
    done = hubbub("import", *files, "--workers", "2", home=tmp_path / "other")
    assert done.code == 0, done.err
    assert re.search(r"offered 930 = new \d+", done.err)
    digests = set()
    for folder in (home, tmp_path / "other"):
        with open_store(f"sqlite:///{folder}/hubbub.db") as store:
            digests.add(digest(store))
    assert len(digests) == 1
    skipped = hubbub("import", *files, "--workers", "2", "--json", home=tmp_path / "other").document
    assert {file["state"] for file in skipped["details"]["files"]} == {"skipped"}


def test_ray_writes_the_lake_that_one_process_writes(files: list[Path], tmp_path: Path) -> None:
    for name, words in (("one", ()), ("ray", ("--engine", "ray", "--workers", "2", "--partition-by", "month"))):
        command = [sys.executable, "-m", "hubbub", "--home", str(tmp_path / "home"), "import", *map(str, files)]
        command += ["--to", "parquet", "--out", str(tmp_path / name), *words, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["offered"] == 930
    assert parts(tmp_path / "ray") == parts(tmp_path / "one")


def test_ctrl_c_ends_all_workers_and_the_same_command_completes_the_lake(home: Path, tmp_path: Path) -> None:
    big = tmp_path / "big.zst"
    big.write_bytes(squeeze(b"".join(mixed_lines(0, count=60_000))))
    words = ["import", str(big), str(big.with_name("none.zst")), "--to", "parquet", "--out", str(tmp_path / "lake")]
    command = [sys.executable, "-m", "hubbub", "--home", str(home), *words, "--workers", "2"]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)

    def interrupt_once_begun() -> None:
        while not list(tmp_path.glob("lake/_hubbub/units/*/about.json")) and running.poll() is None:
            pass
        os.killpg(running.pid, signal.SIGINT)

    other = threading.Thread(target=interrupt_once_begun)
    other.start()
    _, said = running.communicate(timeout=300)
    other.join()
    assert running.returncode == 130
    assert "the same command goes on from here" in said
    assert leftovers(tmp_path / "lake") == []
    assert hubbub(*words, home=home).code == 7  # the file that is not there
    assert sum(map(len, contents(tmp_path / "lake").values())) == 60_000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "parquet"], "needs a folder"),
        (["--out", "lake"], "are for --to parquet"),
        (["--partition-by", "month"], "are for --to parquet"),
        (["--to", "parquet", "--out", "lake", "--partition-by", "day"], "not partitioned by 'day'"),
        (["--engine", "dask"], "there is no engine named 'dask'; known: local, ray"),
        (["--address", "ray://head:10001"], "the engine local has none"),
        (["--engine", "ray", "--address", "ray://head:10001"], "cannot write to a SQLite file of this machine"),
        (["--workers", "0"], "0 is not in the range"),
        (["--to", "parquet", "--out", "."], "holds other things and is no lake"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_read(words: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "work" / "RC.ndjson").write_bytes(b"".join(mixed_lines(0, count=3)))
    done = hubbub("import", "RC.ndjson", *words, home=tmp_path / "home")
    assert (done.code, said in done.err) == (2, True), done.err
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["RC.ndjson"]


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "sys.modules['ray'] = None\n"
        "from hubbub.engines.ray import ENGINE\n"
        "from hubbub.errors import ConfigError\n"
        "try:\n    ENGINE.open(workers=1, address=None).__enter__()\n"
        "except ConfigError as error:\n    print(error, error.advice)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "the engine ray needs the extra 'ray' pip install 'hubbub[ray]'\n"
