"""Processes of this machine: a killed worker costs its unit one more try, and nothing else."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from hubbub.engines.contracts import Engine, Finished
from hubbub.engines.local import ENGINE
from hubbub.plugins import registry
from tests.engines.units import Marked, failing, squared, waiting


def units(folder: Path, *deaths: int) -> list[Marked]:
    return [Marked(number=number, folder=str(folder), deaths=count) for number, count in enumerate(deaths)]


def test_the_engines_are_found_by_their_entry_points() -> None:
    assert registry.names("engines") == ["local", "ray"]
    assert registry.load("engines", "local") is ENGINE
    assert isinstance(ENGINE, Engine)


def test_a_unit_whose_worker_is_killed_is_run_again_and_the_others_once(tmp_path: Path) -> None:
    with ENGINE.open(workers=2, address=None) as pool:
        found = list(pool.map_unordered(squared, units(tmp_path, 0, 1, 0, 2, 0)))
    assert sorted(found, key=lambda each: each.at) == [Finished(at=at, value=at**2) for at in range(5)]


def test_a_unit_that_kills_all_its_workers_is_given_up_and_the_others_are_done(tmp_path: Path) -> None:
    with ENGINE.open(workers=2, address=None) as pool:
        found = {each.at: each for each in pool.map_unordered(squared, units(tmp_path, 0, 9, 0), retries=2)}
    assert [found[0].value, found[2].value] == [0, 4]
    assert found[1].lost == "the process that worked on it was killed 3 times"
    assert len(list(tmp_path.iterdir())) == 3


def test_a_bug_of_the_function_ends_it_all(tmp_path: Path) -> None:
    with ENGINE.open(workers=2, address=None) as pool, pytest.raises(ZeroDivisionError):
        list(pool.map_unordered(failing, units(tmp_path, 0, 0, 0)))


def test_stopping_lets_running_units_end_in_order_and_begins_no_other(tmp_path: Path) -> None:
    with ENGINE.open(workers=1, address=None) as pool:

        def stop_once_begun() -> None:
            while not list(tmp_path.iterdir()):
                pass
            pool.stop()

        other = threading.Thread(target=stop_once_begun)
        other.start()
        found = list(pool.map_unordered(waiting, units(tmp_path, 0, 0)))
        other.join()
    assert found == [Finished(at=0, value="ended in order")]
    assert [path.name for path in tmp_path.iterdir()] == ["0"]


def test_memory_bounds_how_many_run_at_once(tmp_path: Path) -> None:
    with ENGINE.open(workers=4, address=None) as pool:
        found = pool.map_unordered(squared, units(tmp_path, 0, 0, 0), memory_bytes=1 << 60)
        assert sorted(each.value or 0 for each in found) == [0, 1, 4]
