"""One trial: some programs on a whole dump, and once more on its first line; the difference is what a row costs."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any
from zlib import crc32

import msgspec

from bench.inputs import Dump, first_line
from bench.programs import Command, Cost, cpu_s, run
from bench.stores import Server, drop_schema

Figures = dict[str, float]
PYTHON = (sys.executable, "-m")
MB = 1 << 20


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """Programs to measure, and what they need."""

    label: str
    commands: Callable[[Dump, Path], Sequence[Command]]
    """Of a dump and a folder that is theirs."""
    prepare: Callable[[Path], None] | None = None
    """Done in the folder before, unmeasured."""
    after: str | None = None
    """The label of the trial whose folder this one goes on in."""
    server: Server | None = None
    """The database server that works for it."""
    shared: bool = False
    """Look at memory more closely, at some cost."""


def hubbub(*words: str, home: Path) -> list[str]:
    """The command line of a user, with its report as JSON."""
    return [*PYTHON, "hubbub", "--quiet", "--home", str(home), "--json", *words]


def schema_url(server: Server, folder: Path) -> str:
    """The address of the PostgreSQL store that belongs to a folder."""
    return f"{server.url}?schema=bench_{folder.parent.name}_{folder.name}"


def figures_of(trial: Trial, dump: Dump, folder: Path) -> Figures:
    """What a row of the dump costs in this trial."""
    start = _once(trial, first_line(), _place(trial, folder / "start"))
    whole = _once(trial, dump, _place(trial, folder / "whole"))
    rows = dump.rows - 1
    figures = {
        "user us/row": 1e6 * (whole.user_s - start.user_s) / rows,
        "cpu us/row": 1e6 * (whole.user_s + whole.system_s - start.user_s - start.system_s) / rows,
        "rows/s": rows / max(whole.wall_s - start.wall_s, 1e-6),
        "peak MB": whole.peak_bytes / MB,
        "start s": start.user_s + start.system_s,
    }
    if trial.server is not None:
        figures["server us/row"] = 1e6 * (whole.server_s - start.server_s) / rows
    if trial.shared:
        figures["window MB"] = dump.window_bytes / MB
        figures["shared peak MB"] = whole.shared_peak_bytes / MB
        figures["over window MB"] = (whole.shared_peak_bytes - dump.window_bytes) / MB
    changed = _changed(whole.said)
    return figures if changed is None else {**figures, "changed": float(changed)}


def _place(trial: Trial, folder: Path) -> Path:
    return folder / f"{crc32((trial.after or trial.label).encode()):08x}"


def _once(trial: Trial, dump: Dump, folder: Path) -> Cost:
    if trial.after is None:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    if trial.prepare is not None:
        trial.prepare(folder)
    before = 0.0 if trial.server is None else cpu_s(trial.server.pid)
    cost = run(*trial.commands(dump, folder), shared=trial.shared)
    if trial.server is not None:
        cost.server_s = cpu_s(trial.server.pid) - before
        drop_schema(schema_url(trial.server, folder))
    return cost


def _changed(said: str) -> int | None:
    """How many records hubbub says it made or changed."""
    if not said.startswith("{"):
        return None
    tally: dict[str, int] = json.loads(said).get("tally", {})
    return tally["new"] + tally["updated"] if tally else None


def rounds_of(trials: Sequence[Trial], dump: Dump, folder: Path, *, rounds: int) -> dict[str, list[Figures]]:
    """The figures of every round; each runs all trials, so that a busy minute hits all alike."""
    seen: dict[str, list[Figures]] = {trial.label: [] for trial in trials}
    gone_on_in = {trial.after for trial in trials}
    for number in range(rounds):
        for trial in trials:
            print(f"  round {number + 1}/{rounds}: {trial.label}", file=sys.stderr)
            seen[trial.label].append(figures_of(trial, dump, folder))
            if trial.label not in gone_on_in:
                shutil.rmtree(_place(trial, folder / "whole"), ignore_errors=True)
    return seen


def medians(seen: Mapping[str, Sequence[Figures]]) -> dict[str, Figures]:
    """The median of each figure of each trial."""
    return {label: {key: median(each[key] for each in runs) for key in runs[0]} for label, runs in seen.items()}


def rounded(seen: Any) -> Any:
    """The same figures with four digits after the point at most."""
    if isinstance(seen, Mapping):
        return {key: rounded(value) for key, value in seen.items()}
    if isinstance(seen, Sequence) and not isinstance(seen, str):
        return [rounded(value) for value in seen]
    return round(seen, 4) if isinstance(seen, float) else seen
