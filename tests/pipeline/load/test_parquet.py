"""Parquet mirrors of dumps: the same store as the dump itself, in bounded memory, resumable, damage told."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hubbub.errors import ExitCode, InputError
from hubbub.pipeline import load as hubbub_load
from hubbub.pipeline.archive import LONGEST_LINE, Archive, LineChunk, Position
from hubbub.pipeline.inputs import open_input
from hubbub.sources.reddit import SOURCE
from hubbub.store import reads
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from tests.pipeline.load.cases import line, record, unsqueeze
from tests.pipeline.load.conftest import Load
from tests.pipeline.load.test_acceptance import bad_lines, column, counts
from tests.shared import DATA, needs_shared

ROOT = Path(__file__).resolve().parents[3]
NESTED = ("media", "secure_media", "preview", "gallery_data", "media_metadata", "crosspost_parent_list", "poll_data")


def many(count: int, *, first: int = 0, **fields: Any) -> list[dict[str, Any]]:
    return [record(f"p{number:06d}", **fields) for number in range(first, first + count)]


def mirror(path: Path, rows: Sequence[dict[str, Any]], *, group: int = 100, **types: pa.DataType) -> Path:
    """Write rows as a mirror would; `types` casts columns."""
    table = pa.Table.from_pylist(list(rows))
    for name, kind in types.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, table.column(name).cast(kind))
    pq.write_table(table, path, row_group_size=group, write_page_checksum=True)
    return path


def chunks_of(path: Path, start: Position | None = None, communities: frozenset[str] = frozenset()) -> list[LineChunk]:
    with open_input(path, reader=SOURCE, communities=communities) as archive:
        return list(archive.chunks(start or Position()))


def ids(store: Store) -> set[str]:
    return set(column(store, "SELECT id FROM posts WHERE observed_at IS NOT NULL"))


def flat(text: bytes) -> dict[str, Any]:
    """A line with its nested values as JSON text, and what has several types as text."""
    value = json.loads(text)
    for name, held in value.items():
        if isinstance(held, dict | list):
            value[name] = json.dumps(held)
        elif name in {"edited", "created_utc"} and held is not None:
            value[name] = json.dumps(held) if not isinstance(held, str) else held
    return {name: held for name, held in value.items() if held not in ({}, [])}


@needs_shared
@pytest.mark.parametrize("name", ["RS_2019-10_one_subreddit.zst", "RC_2005-12.zst"])
def test_a_mirror_gives_the_store_that_its_dump_gives(name: str, *, tmp_path: Path, store: Store, load: Load) -> None:
    source = DATA / "archive" / name
    lines = unsqueeze(source.read_bytes()).splitlines()
    rows = [flat(text) for text in lines]
    names = dict.fromkeys(key for row in rows for key in row)
    full = [{key: row.get(key) for key in names} for row in rows]
    path = mirror(tmp_path / "mirror.parquet", full, group=700)
    report = load(path)
    assert report.exit_code is ExitCode.OK, report.errors
    assert report.details["files"][0].lines == len(lines)
    with open_store(f"sqlite:///{tmp_path}/dump.db") as other:
        assert load(source, into=other).tally.new == report.tally.new
        assert digest(other) == digest(store)


def test_nested_columns_and_dictionaries_give_the_same_records_as_plain_ones(
    tmp_path: Path, store: Store, load: Load
) -> None:
    image = {"images": [{"source": {"url": "https://preview.redd.it/a.jpg", "width": 10, "height": 20}, "id": "x"}]}
    rows = [
        record("a1", preview=image, is_self=False, url="https://i.redd.it/a.jpg"),
        record("a2", preview=None, retrieved_on=None),
        record("a3", preview=image, is_self=False, url="https://i.redd.it/b.jpg", score=None),
    ]
    plain = tmp_path / "dump.ndjson"
    plain.write_bytes(b"".join(line({k: v for k, v in row.items() if v is not None}) for row in rows))
    table = pa.Table.from_pylist(rows)
    for name in ("author", "subreddit"):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, table.column(name).dictionary_encode())
    at = table.schema.get_field_index("title")
    table = table.set_column(at, "title", table.column("title").cast(pa.large_string()))
    pq.write_table(table, tmp_path / "nested.parquet")
    texts = [{**row, "preview": json.dumps(row["preview"]) if row["preview"] else None} for row in rows]
    digests = set()
    for path in (plain, tmp_path / "nested.parquet", mirror(tmp_path / "text.parquet", texts)):
        with open_store(f"sqlite:///{tmp_path}/{path.name}.db") as other:
            report = load(path, into=other)
            assert report.tally.new == 3, report.errors
            assert column(other, "SELECT count(*) FROM media") == [2]
            digests.add(digest(other))
    assert len(digests) == 1


def test_times_of_every_type_are_the_same_second(tmp_path: Path, load: Load) -> None:
    at = 1_704_067_200
    moment = datetime.fromtimestamp(at, tz=UTC)
    columns = {
        "int64": pa.array([at]),
        "int32": pa.array([at], pa.int32()),
        "float": pa.array([float(at)]),
        "digits": pa.array([str(at)]),
        "millis": pa.array([at * 1000]),
        "s": pa.array([at], pa.timestamp("s")),
        "us-utc": pa.array([moment], pa.timestamp("us", tz="UTC")),
        "ns": pa.array([at * 10**9 + 999_999_999], pa.timestamp("ns")),
        "zone": pa.array([moment], pa.timestamp("ms", tz="Asia/Tokyo")),
        "text": pa.array(["2024-01-01 00:00:00"]),
        "text-utc": pa.array(["2024-01-01 00:00:00 UTC"]),
        "iso": pa.array(["2024-01-01T02:00:00+02:00"]),
        "day": pa.array([moment.date()], pa.date32()),
        "day64": pa.array([moment.date()], pa.date64()),
        "bytes": pa.array([str(at).encode()]),
    }
    for name, values in columns.items():
        table = pa.Table.from_pylist([record("a1")])
        table = table.set_column(table.schema.get_field_index("created_utc"), "created_utc", values)
        pq.write_table(table, tmp_path / f"{name}.parquet")
        with open_store(f"sqlite:///{tmp_path}/{name}.db") as other:
            load(tmp_path / f"{name}.parquet", into=other)
            assert column(other, "SELECT created_at FROM posts WHERE observed_at IS NOT NULL") == [at], name


def test_a_few_columns_are_enough_and_unknown_ones_are_reported(tmp_path: Path, store: Store, load: Load) -> None:
    few = ("id", "author", "subreddit", "body", "created_utc", "score", "link_id", "parent_id")
    rows = [
        dict(
            zip(
                few,
                (f"c{n}", "ann", "bugs", f"a beetle {n}", 1_704_067_200, float(n), "t3_a1", "t3_a1"),
                strict=True,
            ),
            embedding=[0.5, 0.5],
            sentiment="good",
        )
        for n in range(250)
    ]
    report = load(mirror(tmp_path / "few.parquet", rows))
    assert report.exit_code is ExitCode.OK
    assert counts(store) == {"posts": 0, "comments": 250}
    assert column(store, "SELECT score FROM comments WHERE id = 't1_c7'") == [7]
    assert report.details["unknown_fields"] == {"comment.embedding": 1, "comment.sentiment": 1}


def test_flags_of_every_type_are_true_or_false(tmp_path: Path, load: Load) -> None:
    types: dict[str, list[object]] = {
        "bool": [True, False],
        "text": ["true", "False"],
        "int": [1, 0],
        "float": [1.0, 0.0],
    }
    for name, values in types.items():
        rows = [record(f"a{at}", over_18=value, edited=value) for at, value in enumerate(values)]
        with open_store(f"sqlite:///{tmp_path}/{name}.db") as other:
            report = load(mirror(tmp_path / f"{name}.parquet", rows), into=other)
            assert report.tally.repaired == 0
            assert column(other, "SELECT over_18 FROM posts WHERE observed_at IS NOT NULL ORDER BY id") == [1, 0]
            assert column(other, "SELECT edited FROM posts WHERE observed_at IS NOT NULL ORDER BY id") == [1, 0]


def test_a_text_post_is_told_by_its_address_where_no_column_says_so(tmp_path: Path, store: Store, load: Load) -> None:
    rows = [record("a1"), record("a2", url="https://example.org/comments/")]
    load(mirror(tmp_path / "a.parquet", [{k: v for k, v in row.items() if k != "is_self"} for row in rows]))
    kinds = column(store, "SELECT post_type FROM posts WHERE observed_at IS NOT NULL ORDER BY id")
    assert kinds == ["self", "link"]


def test_posts_and_comments_may_be_mixed_in_one_table(tmp_path: Path, store: Store, load: Load) -> None:
    comment = {"id": "c1", "subreddit": "bugs", "body": "a beetle", "link_id": "t3_a1", "created_utc": 1_704_067_300}
    post = record("a1")
    names = dict.fromkeys([*post, *comment])
    load(mirror(tmp_path / "mixed.parquet", [{n: row.get(n) for n in names} for row in (post, comment)]))
    assert counts(store) == {"posts": 1, "comments": 1}


def test_a_row_that_is_no_record_is_set_aside_by_its_number(tmp_path: Path, store: Store, load: Load) -> None:
    rows = many(300)
    rows[41]["created_utc"] = None
    rows[250]["id"] = "not an id"
    path = mirror(tmp_path / "a.parquet", rows)
    report = load(path)
    assert report.exit_code is ExitCode.PARTIAL
    assert bad_lines(store, path) == [42, 251]
    assert len(ids(store)) == 298


def test_a_text_that_is_no_utf8_or_too_long_is_dealt_with_as_in_a_dump(
    tmp_path: Path, store: Store, load: Load
) -> None:
    rows = many(3)
    titles = pa.array([b"plain", b"half \xff broken", b"x" * (LONGEST_LINE + 1)])
    table = pa.Table.from_pylist(rows)
    table = table.set_column(table.schema.get_field_index("title"), "title", titles)
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)
    report = load(path)
    assert (report.tally.new, report.tally.set_aside, report.tally.repaired) == (2, 1, 1)
    assert column(store, "SELECT title FROM posts WHERE id = 't3_p000001'") == ["half \ufffd broken"]
    assert bad_lines(store, path) == [3]


def test_only_rows_of_the_communities_asked_for_become_lines(tmp_path: Path, store: Store, load: Load) -> None:
    rows = [
        *many(250, subreddit="spiders"),
        *many(3, first=300, subreddit="BUGS"),
        *many(200, first=400, subreddit="x"),
    ]
    rows[252]["created_utc"] = None
    path = mirror(tmp_path / "a.parquet", rows)
    lines = [text for chunk in chunks_of(path, communities=frozenset({"bugs"})) for text in chunk.lines]
    assert sum(bool(text) for text in lines) == 3
    report = load(path, communities=["bugs"])
    assert ids(store) == {"t3_p000300", "t3_p000301"}
    assert (report.tally.offered, report.tally.filtered, report.tally.set_aside) == (453, 450, 1)
    assert bad_lines(store, path) == [253]
    assert report.details["files"][0].lines == 453


def test_a_dictionary_of_communities_is_filtered_as_texts_are(tmp_path: Path, store: Store, load: Load) -> None:
    table = pa.Table.from_pylist(
        [record("a1", subreddit="Bugs"), record("a2", subreddit="x"), record("a3", subreddit=None)]
    )
    at = table.schema.get_field_index("subreddit")
    pq.write_table(table.set_column(at, "subreddit", table.column("subreddit").dictionary_encode()), tmp_path / "a")
    load(tmp_path / "a", communities=["bugs"])
    assert ids(store) == {"t3_a1"}


def test_going_on_from_any_border_gives_the_rest_and_nothing_twice(tmp_path: Path) -> None:
    path = mirror(tmp_path / "a.parquet", many(5000, selftext="x" * 1000), group=1300)
    chunks = chunks_of(path)
    lines = [text for chunk in chunks for text in chunk.lines]
    assert len(lines) == 5000
    assert len(chunks) > 4
    for chunk in chunks:
        rest = chunks_of(path, chunk.end)
        assert [text for later in rest for text in later.lines] == lines[chunk.end.lines :]
        assert not rest or rest[0].first_line == chunk.end.lines + 1
        assert not rest or rest[-1].end.offset == chunks[-1].end.offset


@pytest.mark.parametrize(("where", "number"), [("after", 3), ("inside", 1), ("inside", 4)])
def test_an_import_killed_anywhere_goes_on_inside_the_file(
    where: str, number: int, *, tmp_path: Path, load: Load
) -> None:
    path = mirror(tmp_path / "a.parquet", many(1000, selftext="x" * 30_000), group=300)
    database = f"sqlite:///{tmp_path}/torn.db"
    child = subprocess.run(
        [sys.executable, "-m", "tests.pipeline.load.child", database, where, str(number), str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == -9, child.stderr
    with open_store(database) as torn, open_store(f"sqlite:///{tmp_path}/whole.db") as whole:
        report = load(path, into=torn)
        assert report.exit_code is ExitCode.OK
        assert (report.details["files"][0].resumed_at_byte > 0) == (where == "after" or number > 1)
        assert report.details["files"][0].lines == 1000
        assert load(path, into=whole).tally.new == 1000
        assert digest(torn) == digest(whole)


def test_a_file_imported_before_is_skipped(tmp_path: Path, store: Store, load: Load) -> None:
    path = mirror(tmp_path / "a.parquet", many(30))
    load(path)
    again = load(path)
    assert (again.details["files"][0].state, again.tally.offered) == ("skipped", 0)


def test_without_the_extra_other_files_are_imported_and_the_message_names_it(tmp_path: Path) -> None:
    path, dump = mirror(tmp_path / "a.parquet", many(3)), tmp_path / "a.ndjson"
    dump.write_bytes(line(record("a1")))
    script = (
        "import sys\n"
        "sys.modules['pyarrow'] = None\n"
        "from hubbub.cli.main import main\n"
        "main(['--home', sys.argv[1], 'import', sys.argv[2]])\n"
    )
    ends = {}
    for file in (dump, path):
        words = [sys.executable, "-c", script, str(tmp_path / "home"), str(file)]
        child = subprocess.run(words, capture_output=True, text=True, check=False)
        ends[child.returncode] = child.stderr
    assert list(ends) == [ExitCode.OK, ExitCode.CONFIG], ends
    assert "pip install 'hubbub[parquet]'" in ends[ExitCode.CONFIG]


def test_a_file_that_changes_while_it_is_read_is_told(tmp_path: Path) -> None:
    path = mirror(tmp_path / "a.parquet", many(3))
    with open_input(path, reader=SOURCE, communities=frozenset()) as archive:
        assert isinstance(archive, Archive)
        with path.open("ab") as file:
            file.write(b"x")
        with pytest.raises(InputError, match="changed"):
            archive.check_unchanged()


def test_rows_in_the_quarantine_are_the_lines_they_became(tmp_path: Path, store: Store, load: Load) -> None:
    rows = many(2)
    rows[1]["id"] = "?"
    load(mirror(tmp_path / "a.parquet", rows))
    (kept,) = reads.quarantined(store)
    assert kept.where.endswith("a.parquet:2")


def test_a_large_file_is_decoded_where_it_is_opened(
    *, tmp_path: Path, store: Store, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubbub_load, "BESIDE_BYTES", 0)
    report = load(mirror(tmp_path / "a.parquet", many(300)), communities=["whatisthisbug"], beside=True)
    assert report.exit_code is ExitCode.OK, report.errors
    assert report.tally.new == 300
