"""How memory and cost grow: the same import of a dump and of one ten times as long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bench.inputs import Dump, dump_of
from bench.measure import save, show
from bench.programs import Command
from bench.trials import Figures, Trial, hubbub, medians, rounded, rounds_of

KINDS = {"hubbub import --no-search": ["--no-search"], "hubbub import": []}


def growth(folder: Path, *, rows: int, rounds: int) -> None:
    """hubbub's memory beyond the decoder's window, and what a row costs, at a fifth of `rows` and at twice as many."""
    figures: dict[str, dict[str, Figures]] = {label: {} for label in KINDS}
    for some in (max(2, rows // 5), rows * 2):
        trials = [Trial(label=label, commands=_commands(words), shared=True) for label, words in KINDS.items()]
        for label, found in medians(rounds_of(trials, dump_of(some), folder / "trials", rounds=rounds)).items():
            figures[label][f"{some:,} comments"] = found
    for label, by_rows in figures.items():
        show(f"{label}, as a dump grows", by_rows, base=next(iter(by_rows)), by="cpu us/row")
    save("growth", rounded(figures), rows=rows, rounds=rounds)


def _commands(words: Sequence[str]) -> Callable[[Dump, Path], Sequence[Command]]:
    def commands(dump: Dump, folder: Path) -> Sequence[Command]:
        return [hubbub("import", str(dump.path), *words, home=folder)]

    return commands
