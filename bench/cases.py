"""What is measured, each in an interpreter of its own: `python -m bench.cases NAME JSON` prints its figures."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.hunting import hunted
from bench.live import LIVE
from bench.merging import MERGES
from bench.meter import Meter
from bench.searching import SEARCHES
from bench.steady import watched


def hubbub_import(*, dump: str, db: str, search: bool = True) -> dict[str, float]:
    from hubbub.pipeline.load import LoadOptions, load_files
    from hubbub.plugins import registry
    from hubbub.store.engine import open_store

    registry.load("sources", "reddit")
    Path(db).unlink(missing_ok=True)
    meter = Meter()
    with open_store(f"sqlite:///{db}") as store, meter.on():
        report = load_files(store, [Path(dump)], options=LoadOptions(no_search=not search))
    return meter.per_row(report.tally.offered)


def export(*, db: str, kind: str, out: str) -> dict[str, float]:
    from hubbub.datasets.export import export as write
    from hubbub.datasets.select import Selection
    from hubbub.store.engine import open_store

    meter = Meter()
    with open_store(f"sqlite:///{db}", read_only=True) as store, meter.on():
        done = write(store, form=kind, out=Path(out), selection=Selection(kinds=("comment",)), force=True)
    return meter.per_row(done.rows)


CASES: dict[str, Callable[..., dict[str, Any]]] = (
    MERGES | SEARCHES | LIVE | {case.__name__: case for case in (hubbub_import, export, watched, hunted)}
)

if __name__ == "__main__":
    print(json.dumps(CASES[sys.argv[1]](**json.loads(sys.argv[2]))))
