"""A lake holds every record of its files once, whoever wrote it and whatever was killed; every reader reads it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow.parquet as pq
import pytest

from hubbub.errors import ExitCode, LockedError, StorageError, UsageError
from hubbub.pipeline import lake_beside
from hubbub.pipeline.fanout import Spread
from hubbub.pipeline.lake import UnitKey, open_lake
from hubbub.pipeline.lake_block import Block
from hubbub.pipeline.lake_columns import KINDS, schema
from hubbub.pipeline.lake_layout import DEFAULT
from hubbub.pipeline.lake_run import import_files
from hubbub.pipeline.lake_sort import Blocked, sort_into
from hubbub.pipeline.lake_taken import Taken, Taking
from hubbub.pipeline.load import LoadOptions
from hubbub.pipeline.load_filters import Filters
from hubbub.pipeline.run import RunReport
from hubbub.plugins.contracts import Decoded
from hubbub.records.forgotten import alias
from hubbub.records.models import Collection, Door, LinkListing, Post, Record, Topic
from tests.pipeline.lake.making import (
    BLOCK_LINES,
    MONTHS,
    comment,
    contents,
    leftovers,
    make_files,
    mixed_lines,
    parts,
    rows,
)
from tests.pipeline.load.cases import line, posts, record, squeeze

ROOT = Path(__file__).resolve().parents[3]
ALIVE = Spread()


def fill(
    folder: Path,
    *files: Path,
    by: tuple[str, ...] | None = None,
    spread: Spread = ALIVE,
    block_lines: int = BLOCK_LINES,
    blocked: dict[str, dict[str, int]] | None = None,
    **options: Any,
) -> RunReport:
    lake = open_lake(folder, partition_by=by, default=DEFAULT)
    return import_files(
        lake, files, options=LoadOptions(**options), spread=spread, block_lines=block_lines, blocked=blocked
    )


def write(path: Path, *lines: bytes) -> Path:
    path.write_bytes(squeeze(b"".join(lines)))
    return path


def states(report: RunReport) -> list[str]:
    return [file.state for file in report.details["files"]]


def test_every_record_is_there_once_and_a_second_import_skips_the_file(tmp_path: Path) -> None:
    file = write(tmp_path / "a.zst", *mixed_lines(0))
    report = fill(tmp_path / "lake", file)
    held = contents(tmp_path / "lake")
    counts = {kind: len(found) for kind, found in held.items() if found}
    assert (report.exit_code, report.tally.offered) == (0, 350)
    assert counts == {"post": 168, "comment": 175, "tombstone": 7}
    assert report.tally.new == 343
    before = parts(tmp_path / "lake")
    again = fill(tmp_path / "lake", file)
    assert (states(again), again.exit_code, again.tally.offered) == (["skipped"], 0, 0)
    assert parts(tmp_path / "lake") == before
    assert leftovers(tmp_path / "lake") == []


def test_files_lie_in_the_folders_of_their_month(tmp_path: Path) -> None:
    fill(tmp_path / "lake", write(tmp_path / "a.zst", *mixed_lines(0)))
    for path in (tmp_path / "lake").glob("kind=*/month=*/*.parquet"):
        kind, month = (part.partition("=")[2] for part in path.parts[-3:-1])
        table = pq.read_table(path, partitioning=None)
        assert table.schema.equals(schema(kind))
        times = table["created_at"].to_pylist()
        assert month in {"2024-01", "2024-02", "2024-03"}
        assert len({at // 2_600_000 for at in times}) <= 2
        assert duckdb.execute(
            f"SELECT DISTINCT strftime(to_timestamp(created_at), '%Y-%m') FROM read_parquet('{path}')"
        ).fetchall() == [(month,)]


@pytest.mark.parametrize("by", [("kind",), ("kind", "month"), ("kind", "community"), ("kind", "community", "month")])
def test_duckdb_and_arrow_read_every_layout_alike(by: tuple[str, ...], tmp_path: Path) -> None:
    file = write(tmp_path / "a.zst", *mixed_lines(0), line(comment("m900000", created_utc=1_717_200_000)))
    fill(tmp_path / "lake", file, by=by)
    fill(tmp_path / "flat", file, by=("kind",))
    types = ", ".join(f"'{name}': VARCHAR" for name in by[1:] or ["kind"])
    for kind in ("post", "comment", "tombstone"):
        names = schema(kind).names
        found = duckdb.execute(
            f"SELECT {', '.join(names)} FROM read_parquet('{tmp_path}/lake/kind={kind}/**/*.parquet',"
            f" hive_partitioning = true, hive_types = {{{types}}})"
        ).fetchall()
        flat = [tuple(row[name] for name in names) for row in rows(tmp_path / "flat", kind)]
        assert sorted(found, key=repr) == sorted(flat, key=repr)
        arrow = [tuple(row[name] for name in names) for row in rows(tmp_path / "lake", kind)]
        assert sorted(arrow, key=repr) == sorted(flat, key=repr)


def test_three_workers_write_the_files_that_one_writes(tmp_path: Path) -> None:
    files = make_files(tmp_path, count=2)
    fill(tmp_path / "one", *files)
    report = fill(tmp_path / "three", *files, spread=Spread(workers=3), block_lines=BLOCK_LINES)
    assert (report.exit_code, report.tally.offered, states(report)) == (0, 660, ["done", "done"])
    assert parts(tmp_path / "three") == parts(tmp_path / "one")


@pytest.mark.parametrize("options", [{}, {"communities": ["moths"]}, {"min_score": 4}], ids=["all", "place", "score"])
def test_helpers_of_one_file_write_what_one_process_writes(options: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(b"".join([*mixed_lines(0, count=990, bad=30), b"\n", *mixed_lines(1_000, count=333)]))
    blocked = {"reddit/user": {"user_07": 1_720_000_000}}
    alone = fill(tmp_path / "one", file, blocked=blocked, **options)
    report = fill(tmp_path / "three", file, blocked=blocked, spread=Spread(workers=3), **options)
    assert report.tally == alone.tally
    assert msgspec.json.encode(report.details) == msgspec.json.encode(alone.details)
    assert parts(tmp_path / "three") == parts(tmp_path / "one")
    aside = [sorted((tmp_path / name / "_hubbub/quarantine").iterdir()) for name in ("one", "three")]
    assert [path.read_bytes() for path in aside[0]] == [path.read_bytes() for path in aside[1]]
    assert leftovers(tmp_path / "three") == []


def test_a_helper_that_is_killed_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(b"".join(mixed_lines(0, count=1_000)))
    fill(tmp_path / "one", file)
    killed: list[int] = []

    def killing(helper: Any) -> Taken:
        if len(killed) < 3:
            killed.append(helper._process.pid)
            os.kill(killed[-1], signal.SIGKILL)
        return answer(helper)

    answer = lake_beside._Helper.answer
    monkeypatch.setattr(lake_beside._Helper, "answer", killing)
    report = fill(tmp_path / "two", file, spread=Spread(workers=2))
    assert (report.exit_code, states(report), len(killed)) == (0, ["done"], 3)
    assert parts(tmp_path / "two") == parts(tmp_path / "one")


def test_a_file_that_kills_every_helper_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(b"".join(mixed_lines(0, count=1_000)))
    monkeypatch.setattr(lake_beside, "_answer", lambda _pipe: None)
    report = fill(tmp_path / "lake", file, spread=Spread(workers=2))
    assert (report.exit_code, states(report)) == (ExitCode.BUG, ["failed"])
    assert "was killed 4 times" in report.errors[0]
    assert leftovers(tmp_path / "lake") == []


@pytest.mark.parametrize("at", [1, 2, 4, 5, 7, 12, 19, 26])
def test_a_killed_command_is_completed_by_the_next(at: int, tmp_path: Path) -> None:
    files = make_files(tmp_path, count=2)
    fill(tmp_path / "whole", *files)
    command = [sys.executable, "-m", "tests.pipeline.lake.child", str(tmp_path / "lake")]
    killed = subprocess.run([*command, str(at), *map(str, files)], cwd=ROOT, check=False, timeout=300)
    assert killed.returncode == -9
    report = fill(tmp_path / "lake", *files)
    assert report.exit_code == 0
    assert parts(tmp_path / "lake") == parts(tmp_path / "whole")
    assert leftovers(tmp_path / "lake") == []


def test_bad_lines_are_set_aside_with_their_place_and_reason(tmp_path: Path) -> None:
    file = write(tmp_path / "a.zst", *mixed_lines(0, bad=5))
    report = fill(tmp_path / "lake", file)
    assert (report.exit_code, report.tally.set_aside, report.tally.offered) == (ExitCode.PARTIAL, 5, 355)
    kept = [
        json.loads(text)
        for path in sorted((tmp_path / "lake/_hubbub/quarantine").iterdir())
        for text in path.read_text().splitlines()
    ]
    assert [item["where"] for item in kept] == [f"{file}:{number}" for number in (4, 11, 18, 25, 32)]
    assert all(item["raw"].startswith('{"id": "broken"') and item["reason"] for item in kept)


def test_what_no_column_takes_is_set_aside_and_its_neighbours_are_kept(tmp_path: Path) -> None:
    lake = open_lake(tmp_path / "lake", partition_by=None, default=DEFAULT)
    unit = lake.unit(UnitKey(digest="d", filters="{}", mapping_version=1))
    unit.begin("made")
    odd: list[dict[str, Any]] = [{"comment_count": -4}, {"title": "\ud800"}, {"score": 2**70}, {"upvote_ratio": 7.0}]
    made = [
        Post(source="reddit", id=f"t3_{number}", door=Door.DUMP, observed_at=1, created_at=MONTHS[0], **fields)
        for number, fields in enumerate([{}, *odd, {}])
    ]
    with ThreadPoolExecutor(1) as thread:
        block, taking = Block(lake, unit, 0, thread=thread), Taking()
        sort_into(taking, Decoded(records=made), filters=Filters(), blocked=Blocked({}))
        block.take(taking.done())
        block.close()
        block.wait()
    assert [row["id"] for row in rows(lake.root, "post")] == ["t3_0", "t3_5"]
    (aside,) = (tmp_path / "lake/_hubbub/quarantine").iterdir()
    reasons = [json.loads(text)["reason"] for text in aside.read_text().splitlines()]
    assert [reason.split()[0] for reason in reasons] == ["comment_count", "title", "score", "upvote_ratio"]


def test_topics_and_collections_are_kinds_of_their_own_without_forgotten_owners(tmp_path: Path) -> None:
    lake = open_lake(tmp_path / "lake", partition_by=None, default=DEFAULT)
    unit = lake.unit(UnitKey(digest="d", filters="{}", mapping_version=1))
    unit.begin("made")
    seen: dict[str, Any] = {"source": "ph", "door": Door.SAVED, "observed_at": MONTHS[1]}
    made: list[Record] = [
        Topic(id="1", slug="ai", follower_count=0, created_at=MONTHS[0], **seen),
        Topic(id="2", post_count=-1, **seen),
        Collection(id="9", owner="ann", created_at=MONTHS[0], **seen),
        Collection(id="8", owner="bob", **seen),
        LinkListing(source="ph", link="post_topics", owner="1", members=("1",), observed_at=1, complete=True),
    ]
    with ThreadPoolExecutor(1) as thread:
        block, taking = Block(lake, unit, 0, thread=thread), Taking()
        blocked = Blocked({"ph/user": {"ann": 5}})
        sort_into(taking, Decoded(records=made), filters=Filters(), blocked=blocked)
        block.take(taking.done())
        block.close()
        block.wait()
    assert (dict(block.kinds), block.set_aside) == ({"topic": 1, "collection": 2}, 1)
    (topic,) = rows(lake.root, "topic")
    assert {name: topic[name] for name in ("id", "slug", "follower_count", "door", "observed_at")} == {
        "id": "1", "slug": "ai", "follower_count": 0, "door": "saved", "observed_at": MONTHS[1],
    }  # fmt: skip
    assert {(row["id"], row["owner"], row["month"]) for row in rows(lake.root, "collection")} == {
        ("9", None, "2024-01"),
        ("8", "bob", None),
    }
    with ThreadPoolExecutor(1) as thread:
        block, taking = Block(lake, unit, 1, thread=thread), Taking()
        sort_into(taking, Decoded(records=made), filters=Filters(communities=frozenset({"x"})), blocked=Blocked({}))
        block.take(taking.done())
        block.drop()
    assert (block.filtered, block.kinds.total()) == (4, 0)


def test_a_file_cut_off_keeps_what_was_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.zst"
    whole = b"".join(squeeze(b"".join(mixed_lines(number * 1000, count=120))) for number in range(3))
    file.write_bytes(whole[:-30])
    report = fill(tmp_path / "lake", file)
    assert (report.exit_code, states(report)) == (ExitCode.INPUT, ["damaged"])
    assert "lines were read before it" in report.errors[0]
    held = sum(map(len, contents(tmp_path / "lake").values()))
    assert held == report.tally.offered >= 240
    again = fill(tmp_path / "lake", file, spread=Spread(workers=2))
    assert (again.exit_code, again.tally.offered) == (ExitCode.INPUT, 0)
    assert sum(map(len, contents(tmp_path / "lake").values())) == held


def test_a_file_of_nothing_but_bad_lines_is_refused_by_every_worker(tmp_path: Path) -> None:
    file = write(tmp_path / "a.zst", *[b'{"id": "x"}\n'] * 1500)
    report = fill(tmp_path / "lake", file, spread=Spread(workers=2), block_lines=10)
    assert (report.exit_code, states(report), len(report.errors)) == (ExitCode.INPUT, ["refused"], 1)
    assert [kind for kind in KINDS if rows(tmp_path / "lake", kind)] == []


def test_what_was_withdrawn_leaves_no_text_and_no_author(tmp_path: Path) -> None:
    lines = [line(record("gone01", author="[deleted]", selftext="[deleted]", title="kept?")), *posts(2)]
    fill(tmp_path / "lake", write(tmp_path / "a.zst", *lines))
    (stone,) = rows(tmp_path / "lake", "tombstone")
    assert (stone["record_kind"], stone["id"], stone["reason"]) == ("post", "t3_gone01", "author")
    assert (stone["community"], stone["created_at"]) == ("whatisthisbug", 1_704_067_200)
    assert not {"title", "body", "author"} & stone.keys()


def test_the_blocklist_keeps_records_and_people_out(tmp_path: Path) -> None:
    lines = [line(record("aa0001")), line(record("aa0002", author="Someone")), line(record("aa0003", author="Other"))]
    key, at = "5eed", 1_720_000_000
    people = {"someone": at, alias(key, "reddit", name="other"): at}
    blocked = {"reddit/post": {"t3_aa0001": at}, "reddit/user": people, "hubbub/user": {f"key:{key}": at}}
    fill(tmp_path / "lake", write(tmp_path / "a.zst", *lines), blocked=blocked)
    stones = rows(tmp_path / "lake", "tombstone")
    assert {(stone["id"], stone["reason"], stone["withdrawn_at"]) for stone in stones} == {
        (f"t3_aa000{n}", "forget", at) for n in (1, 2, 3)
    }
    everything = b"".join(path.read_bytes() for path in (tmp_path / "lake").rglob("*") if path.is_file())
    assert b"omeone" not in everything
    assert b"Other" not in everything


def test_filters_are_part_of_what_an_import_is(tmp_path: Path) -> None:
    file = write(tmp_path / "a.zst", *mixed_lines(0))
    report = fill(tmp_path / "lake", file, communities=["moths"])
    assert {row["community"] for row in rows(tmp_path / "lake", "post")} == {"moths"}
    assert report.tally.offered == 350 == report.tally.filtered + report.tally.new + report.tally.tombstoned
    assert states(fill(tmp_path / "lake", file, communities=["moths"])) == ["skipped"]
    assert states(fill(tmp_path / "lake", file, communities=["spiders"])) == ["done"]


def test_a_saved_answer_becomes_part_of_a_lake(tmp_path: Path) -> None:
    file = tmp_path / "posts.json"
    file.write_text("[" + ",".join(text.decode() for text in posts(30)) + "]")
    assert fill(tmp_path / "lake", file).tally.new == 30
    assert states(fill(tmp_path / "lake", file)) == ["skipped"]


def test_a_folder_that_is_no_lake_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/thesis.tex").write_text("x")
    with pytest.raises(UsageError, match="holds other things"):
        open_lake(tmp_path / "other", partition_by=None, default=DEFAULT)
    with pytest.raises(UsageError, match="is a file"):
        open_lake(tmp_path / "other/thesis.tex", partition_by=None, default=DEFAULT)
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["thesis.tex"]


def test_a_lake_keeps_its_partitions_and_its_format(tmp_path: Path) -> None:
    open_lake(tmp_path / "lake", partition_by=("kind", "community"), default=DEFAULT)
    assert open_lake(tmp_path / "lake", partition_by=None, default=DEFAULT).partition_by == ("kind", "community")
    with pytest.raises(UsageError, match="partitioned by kind,community"):
        open_lake(tmp_path / "lake", partition_by=("kind", "month"), default=DEFAULT)
    (tmp_path / "lake/_hubbub/lake.json").write_text('{"format": 2, "partition_by": ["kind"]}')
    with pytest.raises(StorageError, match="another hubbub"):
        open_lake(tmp_path / "lake", partition_by=None, default=DEFAULT)


def test_two_imports_at_once_are_refused_by_name(tmp_path: Path) -> None:
    lake = open_lake(tmp_path / "lake", partition_by=None, default=DEFAULT)
    with lake.claim(), pytest.raises(LockedError, match=r"process \d+"), lake.claim():
        pass
