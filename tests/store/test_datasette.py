"""Datasette opens a store by itself and finds search and foreign keys (design §3)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hubbub.records.models import MediaItem
from hubbub.store.engine import open_store
from tests.store.making import comment, post, write


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("datasette") / "hubbub.db"
    with open_store(f"sqlite:///{path}") as store:
        picture = MediaItem(kind="image", url="https://i.example/1.jpg")
        write(store, post(media=(picture,)), post("t3_b", title="A moth"), comment(), comment("t1_b", body="a wasp"))
    return path


def get(file: Path, path: str) -> Any:
    asked = [sys.executable, "-W", "ignore", "-m", "datasette", str(file), "--get", path]
    done = subprocess.run(asked, capture_output=True, text=True, check=True, cwd=file.parent)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("asked", "found"), [("posts.json?_search=beetle", "t3_a"), ("comments.json?_search=wasp", "t1_b")]
)
def test_its_search_box_searches_our_index(file: Path, asked: str, found: str) -> None:
    answer = get(file, f"/hubbub/{asked}&_shape=objects")
    assert [row["id"] for row in answer["rows"]] == [found]


def test_it_follows_the_foreign_keys_of_media(file: Path) -> None:
    answer = get(file, "/hubbub/media.json?_shape=objects&_labels=on&_facet=state")
    (row,) = answer["rows"]
    assert row["post_n"]["value"] == 1
    about = get(file, "/hubbub.json?_shape=objects")
    tables = {table["name"]: table for table in about["tables"]}
    assert {key["other_table"] for key in tables["media"]["foreign_keys"]["outgoing"]} == {"posts", "comments", "blobs"}
    assert (tables["posts"]["fts_table"], tables["comments"]["fts_table"]) == ("posts_fts", "comments_fts")
