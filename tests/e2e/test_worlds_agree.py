"""A sync and an import of one world store the same content, in any order and mixed."""

from __future__ import annotations

from pathlib import Path

from hubbub.errors import ExitCode
from hubbub.pipeline.load import LoadOptions, load_files
from hubbub.plugins import registry
from hubbub.simulator.server import Running
from hubbub.simulator.things import Size
from hubbub.simulator.world import World
from hubbub.store import reads
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from tests.e2e.road import get_json, simulated, store_url, sync_all

NAMES = ("whatisthisbug", "bugs")


def dumped(running: Running, folder: Path) -> list[Path]:
    """The simulator's world as dump files."""
    options = running.options
    size = Size(posts=options.posts, comments=options.comments)
    world = World(options.seed, size=size, communities=options.communities)
    return sorted(Path(path) for path in registry.load("simulators", "reddit").dump(world=world, out=folder))


def imported(store: Store, files: list[Path]) -> None:
    report = load_files(store, files, options=LoadOptions(communities=NAMES))
    assert report.exit_code is ExitCode.OK, report.errors


def synced(store: Store, running: Running) -> None:
    report = sync_all(store, running, names=NAMES)
    assert report.exit_code is ExitCode.OK, report.errors


def test_a_sync_and_an_import_of_one_world_agree_in_what_every_door_carries(tmp_path: Path) -> None:
    with simulated(posts=60, comments=700, communities=NAMES) as running:
        files = dumped(running, tmp_path)
        shared: dict[str, str] = {}
        for name in ("synced", "imported", "import first", "sync first"):
            with open_store(store_url(tmp_path / name)) as store:
                if name in ("synced", "sync first"):
                    synced(store, running)
                if name != "synced":
                    imported(store, files)
                if name == "import first":
                    synced(store, running)
                shared[name] = digest(store, shared=True)
        assert len(set(shared.values())) == 1, shared


def test_a_sync_stores_all_that_a_perfect_client_could_see(tmp_path: Path) -> None:
    with simulated(posts=80, comments=1500, communities=NAMES) as running, open_store(store_url(tmp_path)) as store:
        synced(store, running)
        truth = get_json(running, "/__truth")
        for name in NAMES:
            for kind in ("post", "comment"):
                visible = truth[name][f"{kind}s"]
                assert visible
                missing = set(visible) - reads.known_ids(store, "reddit", kind, visible)
                assert not missing
