from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.datasets.sinks.csv import FORMULA, NEUTRALISED, SINK, CsvSink
from hubbub.plugins.contracts import Column
from tests.shared import FAULTS, needs_shared

TITLE = (Column(name="title", type="text"),)


def cells(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


def written(folder: Path, text: str, *, sink: CsvSink = SINK) -> str:
    path = folder / "x.csv"
    path.unlink(missing_ok=True)
    sink.write(path, TITLE, [(text,)])
    rows = cells(path)
    assert (len(rows), rows[0]) == (2, ["title"])
    return rows[1][0]


def csv_cases() -> list[tuple[str, str]]:
    path = FAULTS / "text" / "strings.json"
    rows = json.loads(path.read_text())["rows"] if path.is_file() else []
    return [(row["id"], row["text"]) for row in rows if row["kind"] == "csv"]


@needs_shared
@pytest.mark.parametrize(("case", "text"), csv_cases())
def test_hostile_cells_are_one_cell_that_is_no_formula(tmp_path: Path, *, case: str, text: str) -> None:
    cell = written(tmp_path, text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d")), case
    assert cell in (text, "'" + text)
    assert written(tmp_path, text, sink=SINK.as_raw()) == text


@given(st.text(alphabet="'=+-@\t\r\n\",; aß\uff1d", max_size=6))
def test_the_apostrophe_can_be_taken_away_again(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    cell = written(tmp_path_factory.mktemp("csv"), text)
    assert not FORMULA.match(cell) or cell.startswith("'")
    assert (cell[1:] if NEUTRALISED.match(cell) else cell) == text


def test_unknown_is_an_empty_cell_and_empty_text_is_quoted(tmp_path: Path) -> None:
    columns = [Column(name=name, type=kind) for name, kind in (("a", "text"), ("b", "text"), ("c", "integer"))]
    SINK.write(tmp_path / "x.csv", columns, [(None, "", None), ("a", "b", -3)])
    assert (tmp_path / "x.csv").read_bytes() == b'a,b,c\r\n,"",\r\na,b,-3\r\n'


def test_times_booleans_and_numbers_are_plain(tmp_path: Path) -> None:
    columns = [Column(name=kind, type=kind) for kind in ("time", "boolean", "real", "json")]
    SINK.write(tmp_path / "x.csv", columns, [(0, False, 0.25, '{"a":1}'), (1_780_272_000, True, None, None)])
    assert cells(tmp_path / "x.csv")[1:] == [
        ["1970-01-01T00:00:00Z", "false", "0.25", '{"a":1}'],
        ["2026-06-01T00:00:00Z", "true", "", ""],
    ]


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("mine")
    with pytest.raises(FileExistsError):
        SINK.write(tmp_path / "x.csv", TITLE, [("a",)])
    assert (tmp_path / "x.csv").read_text() == "mine"
