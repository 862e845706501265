"""Parquet files that are cut off, corrupt, packed like bombs, or no mirror of a dump."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hubbub.errors import ExitCode, InputError
from hubbub.pipeline.inputs import open_input
from hubbub.sources.reddit import SOURCE
from hubbub.store.engine import Store
from tests.pipeline.load.conftest import Load
from tests.pipeline.load.test_parquet import ROOT, ids, many, mirror


def test_a_file_that_is_cut_off_is_refused_and_says_why(tmp_path: Path, store: Store, load: Load) -> None:
    whole = mirror(tmp_path / "a.parquet", many(300)).read_bytes()
    for size in (5, 11, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.parquet").write_bytes(whole[:size])
        report = load(tmp_path / "cut.parquet")
        assert report.exit_code is ExitCode.INPUT
        assert "cut off" in report.errors[0]
        assert "footer" in report.errors[0]
    assert ids(store) == set()


def test_rows_before_a_corrupt_page_are_kept_and_the_place_is_told(tmp_path: Path, store: Store, load: Load) -> None:
    path = mirror(tmp_path / "a.parquet", many(1000), group=200)
    facts = pq.read_metadata(path).row_group(3).column(0)
    start = facts.dictionary_page_offset or facts.data_page_offset
    content = bytearray(path.read_bytes())
    middle = start + facts.total_compressed_size // 2
    content[middle : middle + 40] = bytes(40)
    path.write_bytes(content)
    report = load(path)
    assert report.exit_code is ExitCode.INPUT
    assert "row group 4" in report.errors[0]
    assert "600 rows in this run" in report.errors[0]
    assert ids(store) == {f"t3_p{number:06d}" for number in range(600)}
    assert report.details["files"][0].state == "damaged"
    again = load(path)
    assert again.exit_code is ExitCode.INPUT
    assert again.tally.offered == 0


def test_a_footer_that_is_garbage_is_refused(tmp_path: Path, load: Load) -> None:
    content = bytearray(mirror(tmp_path / "a.parquet", many(30)).read_bytes())
    content[-60:-10] = bytes(range(50))
    (tmp_path / "a.parquet").write_bytes(content)
    report = load(tmp_path / "a.parquet")
    assert report.exit_code is ExitCode.INPUT
    assert "footer cannot be read" in report.errors[0]


def test_a_footer_with_names_that_are_no_text_is_refused(tmp_path: Path, load: Load) -> None:
    whole = mirror(tmp_path / "a.parquet", many(30)).read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole.replace(b"\x08selftext", b"\x08self\xffext"))
    assert (tmp_path / "a.parquet").read_bytes() != whole
    report = load(tmp_path / "a.parquet")
    assert report.exit_code is ExitCode.INPUT
    assert "footer cannot be read" in report.errors[0]


def test_another_table_is_refused_with_its_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [1], "label": ["x"]}), tmp_path / "a.parquet")
    with (
        pytest.raises(InputError, match=r"created_utc, subreddit is missing \(columns: id, label\)"),
        open_input(tmp_path / "a.parquet", reader=SOURCE, communities=frozenset()),
    ):
        pass


def test_a_long_text_that_every_row_repeats_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.Table.from_pylist(many(20_000))
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["x" * (8 << 20)]))
    table = table.set_column(table.schema.get_field_index("selftext"), "selftext", long)
    pq.write_table(table, path, compression="zstd", dictionary_pagesize_limit=16 << 20)
    assert path.stat().st_size < 2 << 20
    script = (
        "import pathlib, sys\n"
        "from hubbub.pipeline.archive import Position\n"
        "from hubbub.pipeline.inputs import open_input\n"
        "from hubbub.sources.reddit import SOURCE\n"
        "from tests.pipeline.load.child import peak_mb\n"
        "with open_input(pathlib.Path(sys.argv[1]), reader=SOURCE, communities=frozenset()) as archive:\n"
        "    for number, chunk in enumerate(archive.chunks(Position())):\n"
        "        if number == 50: break\n"
        "print(peak_mb())\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", script, str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr
    assert int(child.stdout) < 500


def test_a_text_that_is_packed_as_no_dump_is_is_not_unpacked(tmp_path: Path, store: Store, load: Load) -> None:
    table = pa.Table.from_pylist(many(1))
    body = pa.array([b"x" * (300 << 20)])
    table = table.set_column(table.schema.get_field_index("selftext"), "selftext", body)
    pq.write_table(table, tmp_path / "a.parquet", compression="zstd", use_dictionary=False, write_statistics=False)
    report = load(tmp_path / "a.parquet")
    assert report.exit_code is ExitCode.INPUT
    assert "'selftext' unpacks" in report.errors[0]
