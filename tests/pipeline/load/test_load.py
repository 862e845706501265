"""Importing: what is stored, skipped, filtered, set aside and said, and how an import goes on."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from hubbub.errors import ExitCode, UsageError
from hubbub.events import Event, FileProgress
from hubbub.store import reads
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from hubbub.store.maintenance import maintain_search
from hubbub.store.search.find import search
from tests.pipeline.load.cases import line, posts, record, squeeze, unsqueeze
from tests.pipeline.load.conftest import Load
from tests.pipeline.load.test_acceptance import bad_lines, column, counts
from tests.shared import DATA, needs_shared

REAL = {
    "RC_2005-12.zst": 1075,
    "RS_2019-10_one_subreddit.zst": 8271,
    "RS_mixed_years.ndjson": 24,
    "RC_mixed_years.ndjson": 21,
}
"""Dump samples and how many lines they have."""


def ids(store: Store) -> set[str]:
    return set(column(store, "SELECT id FROM posts WHERE observed_at IS NOT NULL"))


def distinct(paths: Sequence[Path]) -> set[tuple[bool, str]]:
    """What the lines of dumps are about: (is it a comment, its id), by another reader than ours."""
    found = set()
    for path in paths:
        data = path.read_bytes()
        if path.suffix == ".zst":
            data = unsqueeze(data)
        found |= {("body" in item, item["id"]) for item in map(json.loads, data.splitlines())}
    return found


@needs_shared
def test_real_dumps_import_with_a_row_for_every_valid_line_and_a_second_time_changes_nothing(
    store: Store, load: Load
) -> None:
    paths = [DATA / "archive" / name for name in REAL]
    report = load(*paths)
    files = report.details["files"]
    assert [file.lines for file in files] == list(REAL.values())
    assert report.tally.offered == sum(REAL.values())
    assert report.tally.set_aside == 0
    assert report.exit_code is ExitCode.OK
    assert sum(counts(store).values()) + report.tally.filtered == len(distinct(paths))
    before = digest(store)

    with store.transaction() as connection:
        connection.execute("DELETE FROM imports")
    again = load(*paths)
    assert (again.tally.new, again.tally.updated) == (0, 0)
    assert again.tally.offered == report.tally.offered
    assert digest(store) == before


@needs_shared
def test_dumps_give_the_same_store_in_any_order(tmp_path: Path, load: Load) -> None:
    small = [DATA / "archive" / name for name in ("RC_2005-12.zst", "RS_mixed_years.ndjson", "RC_mixed_years.ndjson")]
    digests = set()
    for number, order in enumerate(itertools.permutations(small)):
        with open_store(f"sqlite:///{tmp_path}/{number}.db") as other:
            load(*order, into=other)
            digests.add(digest(other))
    assert len(digests) == 1


def test_a_file_imported_before_is_skipped_at_once_and_said_so(tmp_path: Path, store: Store, load: Load) -> None:
    first, copy = tmp_path / "a.zst", tmp_path / "b.zst"
    first.write_bytes(squeeze(b"".join(posts(20))))
    copy.write_bytes(first.read_bytes())
    load(first)
    report = load(copy)
    assert report.tally.offered == 0
    assert report.exit_code is ExitCode.OK
    assert [(file.state, file.lines) for file in report.details["files"]] == [("skipped", 20)]
    assert any("already imported" in what for _, what in report.findings)


def test_other_filters_make_another_import(tmp_path: Path, store: Store, load: Load) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"".join(posts(5)) + b"".join(posts(5, first=5, subreddit="Spiders")))
    assert load(path, communities=["r/spiders"]).tally.new == 5
    assert len(ids(store)) == 5
    assert load(path).tally.new == 5
    assert len(ids(store)) == 10


def test_filters_judge_each_record(tmp_path: Path, load: Load) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(
        line(record("a1", subreddit="Bugs", author="Ann", score=5, created_utc=1_500_000_000))
        + line(record("a2", subreddit="bugs", author="Bob", score=-5, created_utc=1_600_000_000))
        + line(record("a3", subreddit="spiders", author="ann", score=50, created_utc=1_700_000_000))
        + line(record("a4", subreddit="bugs", author="Cid", score=None, created_utc=1_700_000_000))
    )
    wanted: list[tuple[dict[str, object], set[str]]] = [
        ({"communities": ["BUGS"]}, {"t3_a1", "t3_a2", "t3_a4"}),
        ({"authors": ["ANN"]}, {"t3_a1", "t3_a3"}),
        ({"since": 1_600_000_000}, {"t3_a2", "t3_a3", "t3_a4"}),
        ({"until": 1_600_000_000}, {"t3_a1"}),
        ({"min_score": 5}, {"t3_a1", "t3_a3"}),
        ({"communities": ["bugs"], "authors": ["bob"]}, {"t3_a2"}),
    ]
    for number, (options, expected) in enumerate(wanted):
        with open_store(f"sqlite:///{tmp_path}/{number}.db") as other:
            report = load(path, into=other, **options)
            assert ids(other) == expected, options
            assert report.tally.filtered == 4 - len(expected)
            assert report.tally.offered == 4


def test_a_crosspost_and_odd_spellings_are_found_by_their_community(tmp_path: Path, store: Store, load: Load) -> None:
    path = tmp_path / "a.ndjson"
    spaced = json.dumps(record("a2", subreddit="BUGS")).encode() + b"\n"
    crosspost = {"crosspost_parent_list": [{"id": "zz", "subreddit": "spiders"}], **record("a3", subreddit="bugs")}
    other = {"crosspost_parent_list": [{"id": "zz", "subreddit": "bugs"}], **record("a4", subreddit="spiders")}
    bad = b'{"broken\n'
    path.write_bytes(line(record("a1", subreddit="spiders")) + bad + spaced + line(crosspost) + line(other))
    report = load(path, communities=["bugs"])
    assert ids(store) == {"t3_a2", "t3_a3"}
    assert (report.tally.offered, report.tally.filtered) == (5, 2)
    assert bad_lines(store, path) == [2]


def test_a_withdrawal_passes_score_and_time_but_not_the_community(tmp_path: Path, store: Store, load: Load) -> None:
    path = tmp_path / "a.ndjson"
    gone = {"selftext": "[deleted]", "author": "[deleted]", "title": "[deleted by user]"}
    path.write_bytes(line(record("a1", **gone)) + line(record("a2", subreddit="spiders", **gone)))
    report = load(path, communities=["whatisthisbug"], min_score=1000, since=1_900_000_000, authors=["ann"])
    assert column(store, "SELECT id FROM tombstones") == ["t3_a1"]
    assert (report.tally.tombstoned, report.tally.filtered) == (1, 1)


def test_bad_files_do_not_hold_up_the_others(tmp_path: Path, store: Store, load: Load) -> None:
    good, cut, html = tmp_path / "good.zst", tmp_path / "cut.zst", tmp_path / "page.zst"
    good.write_bytes(squeeze(b"".join(posts(10))))
    cut.write_bytes(squeeze(b"".join(posts(10, first=10))) + squeeze(b"".join(posts(10, first=20)))[:-9])
    html.write_bytes(b"<!doctype html><h1>404</h1>")
    report = load(html, tmp_path / "none.zst", tmp_path, cut, good)
    assert [file.state for file in report.details["files"]] == ["refused", "refused", "refused", "damaged", "done"]
    assert report.exit_code is ExitCode.INPUT
    assert len(report.errors) == 4
    assert len(ids(store)) == 20
    offset = cut.stat().st_size
    assert f"{offset:,}" in report.errors[3]
    assert "10 lines" in report.errors[3]


def test_a_damaged_file_says_the_same_again_without_reading_it(tmp_path: Path, store: Store, load: Load) -> None:
    path = tmp_path / "cut.zst"
    path.write_bytes(squeeze(b"".join(posts(10)))[:-9])
    first = load(path)
    again = load(path)
    assert again.exit_code is ExitCode.INPUT
    assert again.tally.offered == 0
    assert first.details["files"][0].damaged == again.details["files"][0].damaged


def test_a_file_with_a_wrong_checksum_marks_the_run_as_untrusted(tmp_path: Path, store: Store, load: Load) -> None:
    packed = squeeze(b"".join(posts(5000)))
    path = tmp_path / "dump.zst"
    path.write_bytes(squeeze(b"".join(posts(10, first=9000))) + packed[:-4] + bytes(4))
    report = load(path)
    assert report.exit_code is ExitCode.INPUT
    assert any(severity == "error" and "fails its check" in what for severity, what in report.findings)
    (run,) = reads.runs(store)
    assert run.untrusted
    assert "t3_p009009" in ids(store)


def test_a_file_of_bad_lines_is_given_up_early_and_says_what_was_expected(
    tmp_path: Path, store: Store, load: Load
) -> None:
    path = tmp_path / "bad.ndjson"
    path.write_bytes(b'{"id": broken\n' * 5000 + b"".join(posts(5)))
    report = load(path)
    assert report.exit_code is ExitCode.INPUT
    assert "expected a dump" in report.errors[0]
    assert "1)" in report.errors[0]
    assert reads.quarantined(store) == []


def test_bad_lines_after_a_good_one_are_set_aside_with_their_numbers(tmp_path: Path, store: Store, load: Load) -> None:
    path = tmp_path / "mixed.ndjson"
    path.write_bytes(posts(1)[0] + b'{"id": broken\n' * 1500 + posts(1, first=1)[0] + b"x" * (17 << 20) + b"\n")
    report = load(path)
    assert report.exit_code is ExitCode.PARTIAL
    assert (report.tally.new, report.tally.set_aside) == (2, 1501)
    assert bad_lines(store, path) == [*range(2, 1502), 1503]


def test_saved_answers_and_arrays_of_records_are_imported(tmp_path: Path, store: Store, load: Load) -> None:
    children = [{"kind": "t3", "data": record(f"s{number}")} for number in range(3)]
    listing = {"kind": "Listing", "data": {"after": None, "children": children}}
    saved, pretty, array = tmp_path / "saved.json", tmp_path / "pretty.json", tmp_path / "array.json"
    saved.write_text(json.dumps(listing))
    pretty.write_text(json.dumps(listing, indent=2))
    array.write_text(json.dumps([record(f"r{number}") for number in range(4)], indent=1))
    report = load(saved, pretty, array)
    assert report.exit_code is ExitCode.OK, report.errors
    assert ids(store) == {"t3_s0", "t3_s1", "t3_s2", "t3_r0", "t3_r1", "t3_r2", "t3_r3"}
    assert load(saved, pretty, array).tally.offered == 0


def test_a_saved_answer_takes_the_time_it_is_given(tmp_path: Path, store: Store, load: Load) -> None:
    path = tmp_path / "saved.json"
    path.write_text(json.dumps({"kind": "Listing", "data": {"children": [{"kind": "t3", "data": record("s1")}]}}))
    load(path, observed_at=1_710_000_000)
    assert column(store, "SELECT last_seen_at FROM posts WHERE id = 't3_s1'") == [1_710_000_000]


def test_a_document_that_is_cut_or_no_answer_is_refused_whole(tmp_path: Path, store: Store, load: Load) -> None:
    whole = json.dumps([record(f"r{number}") for number in range(4)])
    for text in (whole[:-5], '{"kind": "Listing", "data"', "[]]", '{"data": 1}'):
        path = tmp_path / "file.json"
        path.write_text(text)
        report = load(path)
        assert report.exit_code is ExitCode.INPUT, text
        assert str(path) in report.errors[0]
    assert ids(store) == set()


def test_progress_counts_the_bytes_of_the_file_as_stored(tmp_path: Path, load: Load) -> None:
    path = tmp_path / "dump.zst"
    path.write_bytes(squeeze(b"".join(posts(12_000))))
    seen: list[Event] = []
    load(path, seen=seen)
    steps = [event for event in seen if isinstance(event, FileProgress)]
    size = path.stat().st_size
    assert [step.done_bytes for step in steps] == sorted(step.done_bytes for step in steps)
    assert all(step.done_bytes <= size and step.total_bytes == size for step in steps)
    assert (steps[-1].done_bytes, steps[-1].rows) == (size, 12_000)
    assert len(steps) > 1


def test_a_file_name_that_is_no_text_is_shown_and_imported(tmp_path: Path, store: Store, load: Load) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.ndjson"))
    path.write_bytes(b"broken\n" + posts(1)[0])
    report = load(path)
    assert report.tally.new == 1
    assert report.details["files"][0].path.endswith("/caf\\xe9.ndjson")
    assert reads.quarantined(store)[0].where.startswith(report.target)
    path.unlink()
    assert "caf\\xe9.ndjson does not exist" in load(path).errors[0]


def test_the_search_index_can_be_left_for_later(tmp_path: Path, store: Store, load: Load) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"".join(posts(3)))
    load(path, no_search=True)
    assert search(store, "garden") == []
    maintain_search(store)
    assert len(search(store, "garden")) == 3
    assert store.search_later is False


def test_a_saved_answer_of_another_kind_is_refused_and_nothing_of_it_kept(
    tmp_path: Path, store: Store, load: Load
) -> None:
    path = tmp_path / "token.json"
    path.write_text('{"access_token": "secret", "expires_in": 3600}')
    report = load(path)
    assert report.exit_code is ExitCode.INPUT
    assert "secret" not in report.errors[0]
    assert reads.quarantined(store) == []


def test_a_source_that_nobody_registered_is_a_usage_error(tmp_path: Path, load: Load) -> None:
    with pytest.raises(UsageError):
        load(tmp_path / "any", source="nowhere")


def test_a_file_that_may_not_be_read_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "secret.zst"
    path.write_bytes(squeeze(posts(1)[0]))
    path.chmod(0)
    script = (
        "import os, pathlib, sys\n"
        "from hubbub.errors import InputError\n"
        "from hubbub.pipeline.archive import open_archive\n"
        "if os.geteuid() == 0: os.seteuid(65534)\n"
        "try:\n"
        "    with open_archive(pathlib.Path(sys.argv[1])): pass\n"
        "except InputError as error:\n"
        "    print(error)\n"
    )
    tmp_path.chmod(0o755)
    child = subprocess.run(
        [sys.executable, "-c", script, path.name], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "may not be read" in child.stdout, child.stderr
