"""The query of the documentation gives what a store holds after the same files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from hubbub.pipeline.fanout import Spread
from hubbub.pipeline.lake import open_lake
from hubbub.pipeline.lake_layout import DEFAULT
from hubbub.pipeline.lake_run import import_files
from hubbub.pipeline.load import LoadOptions, load_files
from hubbub.store.engine import open_store
from tests.docs.pages import DOCS, fenced
from tests.pipeline.lake.making import MONTHS, comment
from tests.pipeline.load.cases import line, record, squeeze

(QUERY,) = fenced((DOCS / "how-to" / "lake.md").read_text(), "sql")
DAY = 86_400
FIELDS = {"post": ("title", "body"), "comment": ("body", "post_id", "controversiality")}
COMMON = ("source", "id", "community", "author", "score", "created_at", "observed_at")


def looks(kind: str) -> list[list[dict[str, Any]]]:
    """Three dumps that saw the same records at three times: edited, withdrawn, restored."""
    make, text = (record, "selftext") if kind == "post" else (comment, "body")
    at = [MONTHS[1] + number * 10 * DAY for number in range(3)]
    removed: dict[str, Any] = {text: "[removed]", "removed_by_category": "moderator"}
    deleted: dict[str, Any] = {text: "[deleted]", "author": "[deleted]"}
    changes: dict[str, list[dict[str, Any]]] = {
        "aa0001": [{}, {"score": 9}, {"score": 12}],
        "aa0002": [{"score": 5}, {text: "edited", "edited": at[1] - 5}, {}],
        "aa0003": [{}, deleted, {}],
        "aa0004": [{}, {}, deleted],
        "aa0005": [{}, removed, {}],
        "aa0006": [{}, {}, removed],
        "aa0007": [removed, {}, {}],
    }
    return [[make(name, **{"retrieved_on": at[n], **each[n]}) for name, each in changes.items()] for n in range(3)]


@pytest.mark.parametrize("case", [("post", 0, 1, 2), ("post", 2, 0, 1), ("comment", 1, 0, 2)])
def test_the_freshest_less_what_is_withdrawn_is_what_a_store_holds(
    case: tuple[str, int, int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, *order = case
    paths = [tmp_path / f"{number}.zst" for number in range(3)]
    for path, records in zip(paths, looks(kind), strict=True):
        path.write_bytes(squeeze(b"".join(map(line, records))))
    files = [paths[number] for number in order]
    lake = open_lake(tmp_path / "lake", partition_by=None, default=DEFAULT)
    assert import_files(lake, files, options=LoadOptions(), spread=Spread()).exit_code == 0
    names = ", ".join((*COMMON, *FIELDS[kind]))
    with open_store(f"sqlite:///{tmp_path}/hubbub.db") as store:
        load_files(store, files, options=LoadOptions())
        with store.reading() as connection:
            kept = connection.exec_driver_sql(
                f"SELECT {names} FROM {kind}s WHERE observed_at IS NOT NULL AND withdrawn = 0 ORDER BY id"
            ).fetchall()
    monkeypatch.chdir(tmp_path)
    query = QUERY.replace("kind=comment", f"kind={kind}").replace("'comment'", f"'{kind}'")
    found = duckdb.execute(f"SELECT {names} FROM ({query}) ORDER BY id").fetchall()
    assert found == [tuple(row) for row in kept]
    assert 3 <= len(found) < 7
