from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from hubbub.datasets.sinks import ndjson, parquet
from hubbub.plugins.contracts import Column
from tests.shared import FAULTS, needs_shared

COLUMNS = tuple(
    Column(name=name, type=kind)
    for name, kind in (
        ("id", "text"),
        ("at", "time"),
        ("score", "integer"),
        ("ratio", "real"),
        ("flag", "boolean"),
        ("extra", "json"),
    )
)
ROWS: list[tuple[Any, ...]] = [
    ("t3_a", 1_780_272_000, -5, 0.5, True, '{"b":[1]}'),
    ("t3_b", None, None, None, None, None),
    ("=1+1\r\n\x1b[2J", -1, 2**40, 1.0, False, "{}"),
]


def test_ndjson_reads_back_as_it_went_in(tmp_path: Path) -> None:
    path = tmp_path / "x.ndjson"
    assert ndjson.SINK.write(path, COLUMNS, ROWS) == 3
    lines = [json.loads(line) for line in path.read_bytes().split(b"\n") if line]
    assert lines[0] == {
        "id": "t3_a",
        "at": "2026-06-01T00:00:00Z",
        "score": -5,
        "ratio": 0.5,
        "flag": True,
        "extra": {"b": [1]},
    }
    assert lines[1] == {**dict.fromkeys(lines[0]), "id": "t3_b"}
    assert (lines[2]["id"], lines[2]["at"]) == ("=1+1\r\n\x1b[2J", "1969-12-31T23:59:59Z")


def test_parquet_reads_back_with_types(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    assert parquet.SINK.write(path, COLUMNS, ROWS) == 3
    table = pq.read_table(path)
    assert [str(field.type) for field in table.schema] == [
        "string",
        "timestamp[ms, tz=UTC]",
        "int64",
        "double",
        "bool",
        "string",
    ]
    rows = table.to_pylist()
    assert rows[0]["at"] == datetime(2026, 6, 1, tzinfo=UTC)
    assert (rows[0]["score"], rows[0]["flag"], rows[0]["extra"]) == (-5, True, '{"b":[1]}')
    assert set(rows[1].values()) == {"t3_b", None}
    assert rows[2]["id"] == "=1+1\r\n\x1b[2J"


def test_parquet_is_the_same_bytes_for_the_same_rows_and_splits_into_row_groups(tmp_path: Path) -> None:
    def many() -> Any:
        return ((f"t3_{n}", n, n, None, None, None) for n in range(parquet.ROW_GROUP + 1))

    for name in ("a", "b"):
        parquet.SINK.write(tmp_path / name, COLUMNS, many())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert pq.ParquetFile(tmp_path / "a").metadata.num_row_groups == 2


def test_long_texts_end_a_row_group_early(tmp_path: Path) -> None:
    column = (Column(name="body", type="text"),)
    parquet.SINK.write(tmp_path / "x", column, [("x" * (parquet.GROUP_CHARACTERS // 2 + 1),)] * 4)
    assert pq.ParquetFile(tmp_path / "x").metadata.num_row_groups == 2


def test_a_file_without_rows_still_has_its_columns(tmp_path: Path) -> None:
    parquet.SINK.write(tmp_path / "x", COLUMNS, [])
    assert pq.read_table(tmp_path / "x").column_names == [column.name for column in COLUMNS]


def texts() -> list[str]:
    path = FAULTS / "text" / "strings.json"
    return [row["text"] for row in json.loads(path.read_text())["rows"]] if path.is_file() else []


@needs_shared
def test_every_hostile_text_is_kept_byte_for_byte(tmp_path: Path) -> None:
    kept = [text for text in texts() if not any("\ud800" <= c <= "\udfff" for c in text)]
    assert len(kept) > 100
    column = (Column(name="body", type="text"),)
    ndjson.SINK.write(tmp_path / "n", column, [(text,) for text in kept])
    parquet.SINK.write(tmp_path / "p", column, [(text,) for text in kept])
    assert [json.loads(line)["body"] for line in (tmp_path / "n").read_bytes().split(b"\n") if line] == kept
    assert pq.read_table(tmp_path / "p")["body"].to_pylist() == kept


@pytest.mark.parametrize("sink", [ndjson.SINK, parquet.SINK])
def test_an_existing_file_is_never_overwritten(tmp_path: Path, sink: Any) -> None:
    (tmp_path / "x").write_text("mine")
    with pytest.raises(FileExistsError):
        sink.write(tmp_path / "x", COLUMNS, ROWS)
