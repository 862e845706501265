"""A four-file import on an engine, one of whose workers is killed: `python -m tests.engines.child ENGINE LAKE URL FILE…`.

First into the lake, then (with the same workers gone) into the store; prints both reports as JSON lines.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import msgspec

from hubbub.pipeline.fanout import Spread, StoreUnit, run_units
from hubbub.pipeline.lake import open_lake
from hubbub.pipeline.lake_layout import DEFAULT
from hubbub.pipeline.lake_run import import_files
from hubbub.pipeline.load import LoadOptions
from hubbub.pipeline.run import RunReport
from hubbub.store.backend import StoreOptions
from tests.engines.dying import dying_lake, dying_store
from tests.pipeline.lake.making import BLOCK_LINES


def into_lake(folder: Path, files: list[Path], *, engine: str) -> RunReport:
    """Import into a new lake."""
    return import_files(
        open_lake(folder, partition_by=None, default=DEFAULT),
        files,
        options=LoadOptions(),
        spread=Spread(engine=engine, workers=2),
        block_lines=BLOCK_LINES,
        work=dying_lake,
    )


def into_store(url: str, files: list[Path], *, engine: str) -> RunReport:
    """Import into a store that exists."""
    units = [StoreUnit(path=str(file), url=url, store=StoreOptions(), options=LoadOptions()) for file in files]
    return run_units(dying_store, units, spread=Spread(engine=engine, workers=2), target="four files")


def main() -> int:
    engine, lake, url, *names = sys.argv[1:]
    files = [Path(name) for name in names]
    for name, place in (("lake", lake), ("store", url)):
        if place == "-":
            continue
        for file in files:
            file.with_suffix(".died").unlink(missing_ok=True)
        run = partial(into_lake, Path(lake)) if name == "lake" else partial(into_store, url)
        report = run(files, engine=engine)
        died = [file.name for file in files if file.with_suffix(".died").exists()]
        said = {"into": name, "exit": int(report.exit_code), "died": died, "errors": report.errors}
        said |= {"offered": report.tally.offered, "files": {f.path: f.state for f in report.details["files"]}}
        print(msgspec.json.encode(said).decode())  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
