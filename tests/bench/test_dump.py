from __future__ import annotations

import json
from pathlib import Path

from bench.dump import BLOCK, comment_lines, write_dump
from bench.packing import add_frame, lines_of

SMALL = 20
"""A window of 1 MiB: the archives' 2 GiB are for benchmarks."""


def test_the_same_seed_and_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_dump(tmp_path / name, rows=300, window_log=SMALL)
    write_dump(tmp_path / "other", rows=300, seed=2, window_log=SMALL)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert (tmp_path / "one").read_bytes() != (tmp_path / "other").read_bytes()


def test_any_number_of_processes_writes_the_same_dump(tmp_path: Path) -> None:
    rows = 2 * BLOCK + 100
    sizes = [
        write_dump(tmp_path / str(processes), rows=rows, processes=processes, window_log=SMALL) for processes in (1, 2)
    ]
    assert sizes[0] == sizes[1] == sum(map(len, lines_of(tmp_path / "1")))
    assert list(lines_of(tmp_path / "1")) == list(lines_of(tmp_path / "2"))


def test_a_longer_dump_begins_with_the_shorter_one() -> None:
    shorter = list(comment_lines(100))
    assert list(comment_lines(BLOCK + 1))[:100] == shorter


def test_ids_are_unique_and_ascend() -> None:
    ids = [json.loads(line)["id"] for line in comment_lines(BLOCK + 50)]
    assert ids == sorted(set(ids))


def test_a_frame_more_makes_another_file_of_the_same_lines(tmp_path: Path) -> None:
    path = tmp_path / "dump.zst"
    write_dump(path, rows=50, window_log=SMALL)
    before, lines = path.read_bytes(), b"".join(lines_of(path))
    add_frame(path, b"\n")
    assert path.read_bytes() != before
    assert b"".join(lines_of(path)) == lines + b"\n"
