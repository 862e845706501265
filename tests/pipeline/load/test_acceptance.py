"""Every recorded hostile archive meets its expected outcome, and importing it again changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hubbub.store import reads
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from tests.pipeline.load.cases import ARCHIVES, EXITS, MAKERS, generated_cases, make_bad_lines, posts, stored_cases
from tests.pipeline.load.conftest import Load
from tests.shared import needs_shared

ROOT = Path(__file__).resolve().parents[3]


def wanted_ids(case: dict[str, Any]) -> set[str]:
    """Ids of the control records that must be stored."""
    if case["id"] == "dup-newer":
        return {"t3_up0001"}
    if case["id"] == "bomb-line-500mb":
        return {"t3_ar0001", "t3_ar0002"}
    good = case.get("good_ideal", case["good"])
    return {f"t3_ar{number:04d}" for number in range(good)}


def counts(store: Store) -> dict[str, int]:
    with store.reading() as connection:
        return {
            table: connection.exec_driver_sql(
                f"SELECT count(*) FROM {table} WHERE observed_at IS NOT NULL"
            ).scalar_one()
            for table in ("posts", "comments")
        }


def bad_lines(store: Store, path: Path) -> list[int]:
    """Numbers of the lines of a file that are in quarantine."""
    places = [row.where for row in reads.quarantined(store, 100_000)]
    assert all(place.startswith(str(path)) for place in places)
    return sorted(int(place.removeprefix(str(path)).strip(":, line")) for place in places)


def column(store: Store, query: str) -> list[Any]:
    with store.reading() as connection:
        return [row[0] for row in connection.exec_driver_sql(query)]


@needs_shared
@pytest.mark.parametrize("case", stored_cases(), ids=lambda case: case["id"])
def test_a_recorded_archive_meets_its_expected_outcome(case: dict[str, Any], store: Store, load: Load) -> None:
    path = ARCHIVES / case["file"]
    report = load(path)
    assert int(report.exit_code) in {EXITS[name] for name in case["exit"]}, report.errors
    assert bool(report.errors) == (report.exit_code == 7)
    assert all(str(path) in error for error in report.errors)

    if "error" not in case["outcomes"] or case.get("keeps") or report.exit_code != 7:
        ids = wanted_ids(case)
        assert reads.known_ids(store, "reddit", "post", sorted(ids)) == ids
    elif not case.get("untrusted_rows"):
        assert counts(store) == {"posts": 0, "comments": 0}
    if "rows" in case:
        assert counts(store)["posts"] == case["rows"]
    if "rows_comments" in case:
        assert counts(store) == {"posts": 0, "comments": case["rows_comments"]}
    for name, fields in case.get("check", {}).items():
        for field, value in fields.items():
            assert column(store, f"SELECT {field} FROM posts WHERE id = 't3_{name}'") == [value]
    if case.get("untrusted_rows") and counts(store)["posts"]:
        assert reads.runs(store)[0].untrusted
    repaired = report.tally.repaired if "repair" in case["outcomes"] else 0
    assert bad_lines(store, path) == ([] if repaired else case["bad_lines"])
    assert report.tally.set_aside == len(bad_lines(store, path))

    before = digest(store)
    again = load(path)
    assert digest(store) == before
    assert (again.tally.new, again.tally.updated) == (0, 0)
    assert int(again.exit_code) == (7 if report.exit_code == 7 else 0)


def import_in_bounds(case: dict[str, Any], path: Path, database: str) -> tuple[dict[str, Any], str]:
    """Import in a process of its own; the case says how it may end and what it may take."""
    began = time.monotonic()
    child = subprocess.run(
        [sys.executable, "-m", "tests.pipeline.load.child", database, "never", "0", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    elapsed = time.monotonic() - began
    assert child.returncode in {EXITS[name] for name in case["exit"]}, child.stderr
    assert "Traceback" not in child.stderr
    said: dict[str, Any] = json.loads(child.stdout)
    assert said["rss_mb"] <= case["limits"].get("rss_mb", 1000)
    assert elapsed <= case["limits"].get("seconds", 600)
    return {**said, "exit": child.returncode, "elapsed_s": round(elapsed, 1)}, child.stderr


@needs_shared
@pytest.mark.soak
@pytest.mark.parametrize("case", generated_cases(), ids=lambda case: case["id"])
def test_a_generated_archive_meets_its_expected_outcome(case: dict[str, Any], tmp_path: Path, database: str) -> None:
    path = tmp_path / "made.zst"
    MAKERS[case["id"]](path)
    said, stderr = import_in_bounds(case, path, database)
    print(case["id"], path.stat().st_size, said, stderr)  # noqa: T201
    with open_store(database) as store:
        ids = wanted_ids(case)
        assert reads.known_ids(store, "reddit", "post", sorted(ids)) == ids
        assert store.path.stat().st_size < case["limits"].get("quarantine_mb", 200) << 20
        if case["outcomes"] == ["quarantine"]:
            assert bad_lines(store, path) == [2]
    path.unlink()


@pytest.mark.soak
def test_a_million_bad_lines_after_a_good_one_end_within_bounds(tmp_path: Path, database: str) -> None:
    path = tmp_path / "made.zst"
    make_bad_lines(path, count=1_000_000, first=posts(1)[0])
    case = {"exit": ["partial"], "limits": {"rss_mb": 500, "seconds": 120}}
    said, _ = import_in_bounds(case, path, database)
    print(said)  # noqa: T201
    with open_store(database) as store:
        assert counts(store)["posts"] == 1
        assert 1000 <= len(bad_lines(store, path)) <= 100_000
        assert store.path.stat().st_size < 200 << 20
    assert "set aside 1,000,000" in said["line"]
