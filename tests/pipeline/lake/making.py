"""Dump files to make lakes of, and lakes as tests see them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds

from hubbub.pipeline.lake_columns import KINDS
from tests.pipeline.load.cases import line, record, squeeze

BLOCK_LINES = 100
LINES = 350
MONTHS = (1_704_067_200, 1_706_745_600, 1_709_251_200)
"""The first seconds of January, February and March 2024."""


def comment(name: str, **fields: Any) -> dict[str, Any]:
    """A comment as a dump holds it."""
    return {
        "id": name,
        "link_id": "t3_p000001",
        "parent_id": "t3_p000001",
        "subreddit": "whatisthisbug",
        "author": f"user_{name[-2:]}",
        "author_fullname": f"t2_{name[-2:]}",
        "body": f"{name} looks like a beetle",
        "score": 3,
        "created_utc": MONTHS[0],
        "retrieved_on": MONTHS[2],
        "edited": False,
        "permalink": f"/r/whatisthisbug/comments/p000001/x/{name}/",
        **fields,
    }


def mixed_lines(first: int, *, count: int = LINES, bad: int = 0) -> list[bytes]:
    """Posts and comments of three months and four communities; every 50th was withdrawn by its author."""
    lines = []
    for number in range(first, first + count):
        fields: dict[str, Any] = {
            "created_utc": MONTHS[number % 3] + number,
            "retrieved_on": MONTHS[number % 3] + number + 86_400,
            "subreddit": ("whatisthisbug", "Spiders", "moths", "u_somebody")[number % 4],
        }
        if number % 50 == 0:
            fields |= {"author": "[deleted]", "body" if number % 2 else "selftext": "[deleted]"}
        make = comment if number % 2 else record
        lines.append(line(make(f"m{number:06d}", **fields)))
    for number in range(bad):
        lines.insert(number * 7 + 3, b'{"id": "broken", "title": \n')
    return lines


def make_files(folder: Path, *, count: int = 4) -> list[Path]:
    """So many dump files."""
    paths = [folder / f"RX_{number}.zst" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(squeeze(b"".join(mixed_lines(number * 10_000, count=LINES - 40 * number))))
    return paths


def rows(lake: Path, kind: str) -> list[dict[str, Any]]:
    """All rows of a kind, partitions included, in an order of their own."""
    folder = lake / f"kind={kind}"
    if not folder.is_dir():
        return []
    found = ds.dataset(folder, format="parquet", partitioning="hive").to_table().to_pylist()
    return sorted(found, key=lambda row: json.dumps(row, sort_keys=True))


def contents(lake: Path) -> dict[str, list[dict[str, Any]]]:
    """All rows of all kinds."""
    return {kind: rows(lake, kind) for kind in KINDS}


def parts(lake: Path) -> dict[str, str]:
    """Every data file below the lake and the sha256 of its bytes."""
    return {
        str(path.relative_to(lake)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(lake.glob("kind=*/**/*"))
        if path.is_file()
    }


def leftovers(lake: Path) -> list[str]:
    """What should not be there once nobody writes."""
    ours = lake / "_hubbub"
    return [str(path) for path in (*ours.glob("temp/*"), *ours.glob("units/*/*.intent"), *ours.glob("lock"))]
