"""Which figures of the import benchmark are held against which, and what comes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from bench import importing as named
from bench.trials import Figures

CPU, USER, RATE = "cpu us/row", "user us/row", "rows/s"
SAID: dict[str, str] = {CPU: "CPU a row", USER: "user CPU a row", RATE: "rows a second"}
_EACH: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (named.BARE, named.SCRIPT, (USER, CPU, RATE)),
    (named.BARE, named.DUCK_UPSERT, (USER, CPU, RATE)),
    (named.BARE, named.CSV_SCRIPT, (USER, CPU, RATE)),
    (named.BARE, named.FLOOR, (USER, CPU, RATE)),
    (named.NO_SEARCH, named.SCRIPT, (USER, CPU, RATE)),
    (named.WHOLE, named.FLOOR, (USER, CPU, RATE)),
    (named.WHOLE, named.SCRIPT, (USER, CPU, RATE)),
    (named.AGAIN, named.WHOLE, (USER, CPU, RATE)),
    (named.FILTER, named.JSON_FILTER, (USER, CPU, RATE)),
    (named.FILTER, named.ORJSON_FILTER, (USER, CPU, RATE)),
    (named.FILTER, named.ARCTIC_FILTER, (USER, CPU, RATE)),
    (named.FILTER, named.SIEVE, (USER, CPU, RATE)),
    (named.PARQUET, named.DUCK_PARQUET, (USER, CPU, RATE)),
    (named.POSTGRES, named.BARE, (USER, CPU, RATE)),
)


class Pair(msgspec.Struct, frozen=True):
    """One case held against another."""

    ours: str
    theirs: str
    ratios: dict[str, float]
    """By figure: ours divided by theirs."""


def pairs(groups: Mapping[str, Mapping[str, Figures]]) -> Iterator[Pair]:
    """Every pair of which both sides were measured."""
    measured = {label: figures for some in groups.values() for label, figures in some.items()}
    for ours, theirs, keys in _EACH:
        if ours in measured and theirs in measured:
            ratios = {key: measured[ours][key] / measured[theirs][key] for key in keys if measured[theirs][key]}
            yield Pair(ours, theirs, ratios)


def pair_table(groups: Mapping[str, Mapping[str, Figures]]) -> str:
    """The pairs as a Markdown table."""
    lines = [f"| hubbub | beside | {' | '.join(SAID.values())} |", f"| --- | --- |{' --- |' * len(SAID)}"]
    for pair in pairs(groups):
        cells = [f"{pair.ratios[key]:.2f} x" if key in pair.ratios else "" for key in SAID]
        lines.append(f"| {pair.ours} | {pair.theirs} | {' | '.join(cells)} |")
    return "\n".join(lines)
