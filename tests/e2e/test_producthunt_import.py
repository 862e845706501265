"""Snapshots of Product Hunt through a real store: nothing is lost, and neither order nor repetition matters."""

from __future__ import annotations

import csv
import io
import json
import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hubbub.errors import ExitCode
from hubbub.pipeline.load import LoadOptions, load_files
from hubbub.pipeline.run import RunReport
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from hubbub.store.reads import quarantined
from tests.cli.running import hubbub
from tests.shared import DATA, needs_shared
from tests.sources.producthunt.looking import JANE, JANES, launch, remark
from tests.store.making import one, rows

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FOLDER = DATA / "producthunt"
POLLS = FOLDER / "posts_snapshots.ndjson.zst"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/hubbub.db") as opened:
        yield opened


def load(store: Store, *paths: Path, **options: Any) -> RunReport:
    return load_files(store, paths, options=LoadOptions(source="producthunt", **options))


def write(path: Path, *values: Any) -> Path:
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return path


@pytest.fixture(scope="module")
def polls() -> list[bytes]:
    return zstd.decompress(POLLS.read_bytes()).splitlines()


@needs_shared
def test_polls_keep_the_freshest_and_the_names_there_were(store: Store, polls: list[bytes]) -> None:
    report = load(store, POLLS)
    assert report.exit_code is ExitCode.OK
    assert (len(polls), report.details["files"][0].rows, report.tally.set_aside) == (2_120, 42_400, 0)
    last: dict[str, Any] = {}
    most: dict[str, int] = defaultdict(int)
    names: dict[str, set[str]] = defaultdict(set)
    for poll in sorted(map(json.loads, polls), key=lambda poll: poll["fetchedAt"]):
        for node in poll["posts"]:
            last[node["id"]] = node
            most[node["id"]] = max(most[node["id"]], node["votesCount"])
            names[node["id"]].add(node["name"].strip())
    kept = {row[0]: row[1:] for row in rows(store, "SELECT id, title, score, permalink FROM posts")}
    assert len(kept) == len(last) == 925
    for key, node in last.items():
        path = node["url"].removeprefix("https://www.producthunt.com").partition("?")[0]
        assert path.startswith("/posts/")
        assert kept[key] == (node["name"].strip(), node["votesCount"], path)
    assert sum(most[key] > node["votesCount"] for key, node in last.items()) == 75, "votes fall"
    before = defaultdict(set)
    for key, text in rows(store, "SELECT id, text FROM revisions WHERE source = 'producthunt'"):
        before[key].add(text)
    changed = {key: seen for key, seen in names.items() if len(seen) > 1}
    assert len(changed) == 15
    for key, seen in changed.items():
        for name in seen - {kept[key][0]}:
            assert any(json.dumps(name, ensure_ascii=False)[1:-1] in text for text in before[key])
    assert one(store, "SELECT count(*) FROM observations WHERE source = 'producthunt'") > 10_000


@needs_shared
def test_neither_the_order_of_polls_nor_how_often_they_are_read_matters(
    tmp_path: Path, store: Store, polls: list[bytes]
) -> None:
    some = polls[::5]
    shuffled = [*some]
    random.Random(7).shuffle(shuffled)
    for name, lines in (("forward", some), ("shuffled", shuffled), ("reversed", some[::-1])):
        (tmp_path / f"{name}.ndjson").write_bytes(b"\n".join(lines))
    load(store, tmp_path / "forward.ndjson")
    with open_store(f"sqlite:///{tmp_path}/other.db") as other:
        load(other, tmp_path / "shuffled.ndjson", tmp_path / "reversed.ndjson")
        assert digest(other) == digest(store)
        assert load(other, tmp_path / "reversed.ndjson").details["files"][0].state == "skipped"


@needs_shared
def test_all_recorded_snapshots_are_imported_or_refused_in_words(store: Store) -> None:
    lines = [FOLDER / f"{name}.ndjson" for name in ("comments_2025-11", "posts_2025-11", "posts_2025-12_extra_columns")]
    singles = sorted((FOLDER / "snapshots").glob("*.json"))
    others = [FOLDER / name for name in ("errors_observed.json", "schema.json", "schema_delta_2025.json")]
    report = load(store, *lines, *singles, *others)
    told: Any = report.details["files"]
    assert [file.state for file in told] == ["done"] * 12 + ["refused"] * 3
    assert [file.rows for file in told[:12]] == [321, 110, 140, *[20] * 9]
    assert report.exit_code is ExitCode.INPUT
    assert report.tally.set_aside == 0
    assert one(store, "SELECT count(*) FROM comments") == 321
    distinct = {
        node["id"]
        for path in (*lines[1:], *singles)
        for value in map(json.loads, path.read_bytes().splitlines() if path in lines else [path.read_bytes()])
        for node in value.get("posts", [value])
    }
    assert one(store, "SELECT count(*) FROM posts WHERE observed_at IS NOT NULL") == len(distinct)
    assert one(store, "SELECT count(*) FROM comments c JOIN posts p ON p.id = c.post_id AND p.title IS NOT NULL") == 321
    assert one(store, "SELECT count(*) FROM users") == 0
    starts = {path.split("/")[1] for (path,) in rows(store, "SELECT permalink FROM posts WHERE permalink IS NOT NULL")}
    assert starts == {"posts", "products"}


def test_partial_snapshots_merge_alike_in_any_order(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "a.ndjson", {"fetchedAt": "2025-11-20T00:00:00Z", "posts": [launch(votesCount=9)]}),
        write(
            tmp_path / "b.ndjson", {"fetchedAt": "2025-11-21T00:00:00Z", "posts": [{"id": "1037362", "votesCount": 7}]}
        ),
        write(
            tmp_path / "c.ndjson", {"fetchedAt": "2025-11-22T00:00:00Z", "posts": [{"id": "1037362", "name": "New"}]}
        ),
        write(tmp_path / "d.ndjson", {**remark(), "post_id": "1037362"}),
    ]
    digests = set()
    for number, order in enumerate(([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1])):
        with open_store(f"sqlite:///{tmp_path}/{number}.db") as store:
            load(store, *(files[at] for at in order))
            digests.add(digest(store))
            assert rows(store, "SELECT title, score, permalink, tagline FROM posts") == [
                ("New", 7, "/products/typeless-2", None)
            ]
            assert "Speak & be understood." in one(store, "SELECT text FROM revisions"), "the text's history has it"
            assert rows(store, "SELECT owner, member FROM post_topics ORDER BY 2") == [
                ("1037362", "268"),
                ("1037362", "46"),
            ]
    assert len(digests) == 1


def test_nothing_of_a_person_reaches_the_store(tmp_path: Path, store: Store) -> None:
    people = {"user": JANE, "makers": [JANE], "hunter_name": "Jane Roe"}
    file = write(
        tmp_path / "old.ndjson",
        {**launch(), **people},
        {**launch(id="2", createdAt="never"), **people},
        {**remark(), **people, "post_id": "1037362"},
        JANE,
        {"fetchedAt": "2020-01-01T00:00:00Z", "posts": [JANE]},
    )
    with file.open("a") as more:
        more.write(json.dumps({**launch(), **people})[:-1])
    report = load(store, file)
    assert (report.tally.set_aside, report.tally.new) == (4, 2)
    assert one(store, "SELECT makers FROM (SELECT json_extract(extra, '$.makers') AS makers FROM posts)") == 1
    tables = [name for (name,) in rows(store, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    held = "".join(repr(rows(store, f'SELECT * FROM "{name}"')) for name in tables)
    held += "".join(repr(row) for row in quarantined(store))
    for word in JANES:
        assert word not in held.lower()


CSV = """\
id,name,tagline,description,votesCount,comments_count,createdAt,url,topics,category
1,Typeless,"Speak, don't type","Two
lines",551,116,2025-11-18T08:01:00Z,https://www.producthunt.com/products/typeless-2?utm_source=MyApp,"['AI', 'Audio']",x
2,Broken,only three
3,Grok,xAI,,12,0,2025-11-18 08:01:00,https://www.producthunt.com/posts/grok,AI;Audio,x
,Nameless,no id,,1,1,2025-11-18T08:01:00Z,,,x
4,Odd,bad votes,,many,1,2025-11-18T08:01:00Z,,,x
"""


@pytest.mark.parametrize("kind", [",", ";", "\t", ", packed"])
def test_rows_of_csv_are_launches(tmp_path: Path, store: Store, kind: str) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=kind[0]).writerows(csv.reader(io.StringIO(CSV)))
    body = b"\xef\xbb\xbf" + text.getvalue().encode()
    file = tmp_path / "posts.csv"
    file.write_bytes(zstd.compress(body) if "packed" in kind else body)
    report = load(store, file, observed_at=1_764_000_000)
    assert report.exit_code is ExitCode.PARTIAL
    assert rows(
        store, "SELECT id, title, body, score, comment_count, created_at, permalink, observed_at, extra FROM posts"
    ) == [
        (
            "1",
            "Typeless",
            "Two\nlines",
            551,
            116,
            1_763_452_860,
            "/products/typeless-2",
            1_764_000_000,
            '{"topics":["AI","Audio"]}',
        ),
        ("3", "Grok", None, 12, 0, 1_763_452_860, "/posts/grok", 1_764_000_000, '{"topics":["AI","Audio"]}'),
    ]
    assert sorted(
        (place.rpartition(":")[2], why) for place, why in rows(store, "SELECT place, reason FROM quarantine")
    ) == [
        ("2", "the row has 3 columns instead of 10"),
        ("4", "id is missing"),
        ("5", "votesCount is no whole number"),
    ]
    assert report.details["unknown_fields"] == {"post.category": 2}
    assert load(store, file, observed_at=1_764_000_000).details["files"][0].state == "skipped"
    assert load(store, file, observed_at=1_764_000_001).details["files"][0].state == "done"


def test_csv_that_is_cut_off_or_something_else(tmp_path: Path, store: Store) -> None:
    comments = tmp_path / "comments.csv"
    comments.write_text('id,post_id,body,createdAt\n5,1,"<p>hi</p>",2025-11-18T08:01:00Z\n6,1,"never ends\nx\n')
    assert load(store, comments).tally.new == 1
    other = tmp_path / "other.csv"
    other.write_text("name,mail\nJane,jane@example.org\n")
    report = load(store, other)
    assert report.exit_code is ExitCode.INPUT
    assert "looks like CSV" in report.errors[0]
    many = tmp_path / "many.csv"
    many.write_text("id,name,votesCount\n" + "".join(f"{n},Launch {n},{n}\n" for n in range(25_000)))
    whole = zstd.compress(many.read_bytes())
    cut = tmp_path / "cut.csv.zst"
    cut.write_bytes(whole[: len(whole) // 2])
    damaged = load(store, cut, observed_at=1_764_000_000)
    assert damaged.exit_code is ExitCode.INPUT
    assert damaged.details["files"][0].state == "damaged"
    assert load(store, many, observed_at=1_764_000_000).details["files"][0].lines == 25_000
    assert one(store, "SELECT count(*) FROM posts WHERE score IS NOT NULL") == 25_000


def test_a_process_beside_is_told_when_lines_were_observed(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hubbub.pipeline.load.BESIDE_BYTES", 0)
    file = write(tmp_path / "posts.ndjson", *(launch(id=number) for number in range(1, 4)))
    load(store, file, observed_at=1_764_000_000, beside=True)
    assert rows(store, "SELECT id, observed_at FROM posts") == [(key, 1_764_000_000) for key in "123"]
    assert one(store, "SELECT count(*) FROM post_topics") == 6


def test_the_command_names_the_platform(tmp_path: Path) -> None:
    file = write(tmp_path / "posts.ndjson", launch())
    assert hubbub("import", file, "--as", "producthunt", home=tmp_path / "h").code == 0
    assert "skipped" in hubbub("import", file, "--source", "producthunt", home=tmp_path / "h").err
    assert hubbub("import", file, "--as", "producthunt", "--source", "producthunt", home=tmp_path / "h").code == 0
    refused = hubbub("import", file, "--as", "producthunt", "--source", "reddit", home=tmp_path / "h")
    assert refused.code == 2
    assert "producthunt and from reddit" in refused.err
    answer = write(tmp_path / "error.json", {"data": None, "errors": [{"error": "rate_limit_reached"}]})
    told = hubbub("import", answer, "--as", "producthunt", home=tmp_path / "h")
    assert told.code == 7
    assert "rate_limit_reached" in told.err
