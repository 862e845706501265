"""Runs cases one after the other in fresh interpreters, round by round, and boils the rounds down."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results"


def run_case(case: str, /, **given: Any) -> dict[str, Any]:
    """What one case measured of itself, in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.cases", case, json.dumps(given)], check=True, capture_output=True, text=True
    )
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def interleaved(
    cases: Mapping[str, tuple[str, Mapping[str, Any]]], *, rounds: int, fresh: Path | None = None
) -> dict[str, dict[str, float]]:
    """Median figures of each case: every round runs all of them, so that a busy minute hits all alike.

    The databases in the folder `fresh` are deleted after each case."""
    seen: dict[str, list[dict[str, float]]] = {label: [] for label in cases}
    for number in range(rounds):
        for label, (name, given) in cases.items():
            print(f"  round {number + 1}/{rounds}: {label}", file=sys.stderr)
            seen[label].append(run_case(name, **given))
            for leftover in fresh.glob("*.db*") if fresh is not None else ():
                leftover.unlink()
    return {label: {key: median(run[key] for run in runs) for key in runs[0]} for label, runs in seen.items()}


def machine() -> dict[str, str]:
    """What the figures depend on, without names or places."""
    return {
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.machine()}",
        "cores": str(os.cpu_count()),
    }


def show(title: str, figures: Mapping[str, Mapping[str, float]], *, base: str, by: str) -> None:
    """Print a table whose last column is the ratio of `by` to that of the case named `base`."""
    columns: Sequence[str] = list(dict.fromkeys(key for row in figures.values() for key in row))
    print(f"\n{title}\n\n| case | {' | '.join(columns)} | ratio of {by} |\n|{' --- |' * (len(columns) + 2)}")
    for label, row in figures.items():
        cells = [f"{row[key]:,.1f}" if key in row else "" for key in columns]
        ratio = f"{row[by] / figures[base][by]:.2f}" if by in row and figures[base].get(by) else ""
        print(f"| {label} | {' | '.join(cells)} | {ratio} |")


def save(name: str, figures: Mapping[str, Any], **more: Any) -> None:
    """Write the figures for machines to compare, in the order they were taken."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"name": name, "machine": machine(), **more, "figures": figures}, indent=2)
    (RESULTS / f"{name}.json").write_text(text + "\n")
