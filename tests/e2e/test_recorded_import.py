"""Every recorded answer of the real Reddit, of whatever kind, is stored or refused in words; nothing crashes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hubbub.errors import ExitCode, InputError
from hubbub.pipeline.load import LoadOptions, load_files
from hubbub.sources.reddit import SOURCE
from hubbub.store.engine import open_store
from tests.e2e.road import store_url
from tests.shared import DATA, needs_shared
from tests.sources.drive import NOW
from tests.store.making import one, rows

pytestmark = needs_shared
REDDIT = DATA / "reddit"
INDEXES = {"index.jsonl", "status_only.jsonl", "quoted_in_issues.json"}
"""About recordings, none themselves."""
BODIES = sorted(path for path in REDDIT.rglob("*") if path.is_file() and path.name not in INDEXES)
KINDS = {
    entry["file"]: (entry["kind"], entry["status"])
    for entry in (map(json.loads, (REDDIT / "index.jsonl").read_bytes().splitlines()) if REDDIT.is_dir() else ())
}
WORDS = {
    "wiki": "wiki",
    "widgets": "widgets of a community",
    "moderators": "moderators or members",
    "post_requirements": "requires of new posts",
    "token": "access token",
}
"""What is said of answers that hold no records."""


@pytest.mark.parametrize("kind", WORDS)
def test_answers_without_records_are_named_for_what_they_are(kind: str) -> None:
    files = [file for file, (its, status) in KINDS.items() if its == kind and status == 200]
    assert files
    for file in files:
        with pytest.raises(InputError, match=WORDS[kind]) as refused:
            SOURCE.decode_saved((REDDIT / file).read_bytes(), where="saved.json", observed_at=None, now=NOW)
        assert "ACCESS_TOKEN" not in str(refused.value)


def test_a_list_of_collections_is_named_for_what_it_is() -> None:
    body = (REDDIT / "collections/2020_001_api-v1-collections-subreddit-collections.json").read_bytes()
    with pytest.raises(InputError, match="collections by name"):
        SOURCE.decode_saved(body, where="saved.json", observed_at=None, now=NOW)


def test_all_recorded_answers_can_be_imported_together(tmp_path: Path) -> None:
    with open_store(store_url(tmp_path)) as store:
        report = load_files(store, BODIES, options=LoadOptions())
        assert report.exit_code is ExitCode.INPUT, "refusals of the platform are among them"
        assert not any("bug" in line for line in report.errors)
        told: Any = report.details["files"]
        kinds: dict[str, Counter[bool]] = {}
        for file in told:
            name = str(Path(file.path).resolve().relative_to(REDDIT.resolve()))
            kind, status = KINDS.get(name, ("other_clients", 200))
            kinds.setdefault(kind if status == 200 else "error", Counter())[file.state in {"done", "skipped"}] += 1
        assert len(told) == len(BODIES)
        refused = {kind for kind, counts in kinds.items() if not counts[True]}
        assert refused == {"error", "nonjson", *WORDS}
        assert {kind for kind, counts in kinds.items() if counts[True] and counts[False]} == {"other_clients"}
        assert report.tally.new > 2_000
        assert rows(store, "SELECT reason, count(*) FROM quarantine GROUP BY 1 ORDER BY 1") == [
            ("neither a post nor a comment", 3),  # collections by name, in an array as records stand in one
            ("the answer does not say whose rules these are", 6),
        ]
        assert report.tally.filtered == 8, "advertisements of 2015"
        assert one(store, "SELECT count(*) FROM posts WHERE observed_at IS NOT NULL") > 500
