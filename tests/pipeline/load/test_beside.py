"""A file that is decoded by a process beside ends as one that is not, even when that process is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from hubbub.pipeline import beside, load
from hubbub.pipeline.decoding import Part
from hubbub.pipeline.load import LoadOptions, load_files
from hubbub.pipeline.run import RunReport
from hubbub.store import reads
from hubbub.store.digest import digest
from hubbub.store.engine import open_store
from tests.pipeline.load.cases import ARCHIVES, posts, squeeze, stored_cases
from tests.shared import DATA, needs_shared

OPTIONS = LoadOptions()


def imported(folder: Path, path: Path, *, options: LoadOptions) -> tuple[str, RunReport, list[Any]]:
    with open_store(f"sqlite:///{folder}") as store:
        report = load_files(store, [path], options=options)
        aside = [(row.where, row.reason, row.raw) for row in reads.quarantined(store, 10_000)]
        return digest(store), report, aside


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the file is."""
    monkeypatch.setattr(load, "BESIDE_BYTES", 0)


def same(tmp_path: Path, path: Path, **options: Any) -> None:
    results = [
        imported(tmp_path / f"{number}.db", path, options=LoadOptions(beside=bool(number), **options))
        for number in (0, 1)
    ]
    (one, alone, aside), (two, beside_it, aside_too) = results
    assert one == two
    assert alone.tally == beside_it.tally
    assert alone.exit_code == beside_it.exit_code
    assert alone.errors == beside_it.errors
    assert aside == aside_too
    assert alone.details["files"][0].kinds == beside_it.details["files"][0].kinds


@needs_shared
@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("name", sorted(path.name for path in (DATA / "archive").glob("R*")))
def test_real_files_end_alike(name: str, tmp_path: Path) -> None:
    same(tmp_path, DATA / "archive" / name)


@needs_shared
@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("case", stored_cases()[::3], ids=lambda case: case["id"])
def test_hostile_files_end_alike(case: dict[str, Any], tmp_path: Path) -> None:
    same(tmp_path, ARCHIVES / case["file"])


@pytest.mark.usefixtures("always")
def test_filters_hold_beside(tmp_path: Path) -> None:
    path = tmp_path / "RS.zst"
    path.write_bytes(squeeze(b"".join(posts(500) + posts(500, first=500, subreddit="Ants"))))
    same(tmp_path, path, communities=("ants",))


@pytest.mark.usefixtures("always")
def test_a_decoder_that_is_killed_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "RS.ndjson"
    path.write_bytes(b"".join(posts(30_000)))
    wanted, _, _ = imported(tmp_path / "wanted.db", path, options=LoadOptions(beside=False))
    killed: list[int] = []
    monkeypatch.setattr(beside, "parts_beside", _killing(beside.parts_beside, killed))
    found, report, _ = imported(tmp_path / "found.db", path, options=LoadOptions(beside=True))
    assert killed
    assert found == wanted
    assert (report.tally.new, int(report.exit_code)) == (30_000, 0)


def _killing(begin: Callable[..., Generator[Part]], killed: list[int]) -> Callable[..., Generator[Part]]:
    def parts(*arguments: Any, **options: Any) -> Generator[Part]:
        for number, part in enumerate(begin(*arguments, **options)):
            if number == 3:
                killed.extend(_children())
                for process in killed:
                    os.kill(process, signal.SIGKILL)
            yield part

    return parts


def _children() -> list[int]:
    tasks = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [int(child) for child in tasks if b"hubbub.pipeline.beside" in Path(f"/proc/{child}/cmdline").read_bytes()]
