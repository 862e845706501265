"""Which figures of the import benchmark are held against which, and what comes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from bench import importing as named
from bench.trials import Figures

CPU, USER, RATE = "cpu us/row", "user us/row", "rows/s"
SAID: dict[str, str] = {CPU: "CPU a row", USER: "user CPU a row", RATE: "rows a second"}
_EACH: tuple[tuple[str, str], ...] = (
    (named.BARE, named.SCRIPT),
    (named.BARE, named.DUCK_UPSERT),
    (named.BARE, named.CSV_SCRIPT),
    (named.BARE, named.FLOOR),
    (named.BARE, named.LEAST),
    (named.LEAST, named.FLOOR),
    (named.LEAST, named.SCRIPT),
    (named.LEAST, named.DUCK_UPSERT),
    (named.LEAST, named.CSV_SCRIPT),
    (named.LEAST_BESIDE, named.SCRIPT),
    (named.LEAST_MENTIONED, named.SCRIPT),
    (named.BARE, named.LEAST_MENTIONED),
    (named.NO_SEARCH, named.SCRIPT),
    (named.WHOLE, named.FLOOR),
    (named.WHOLE, named.SCRIPT),
    (named.WHOLE, named.LEAST_WHOLE),
    (named.LEAST_WHOLE, named.FLOOR),
    (named.LEAST_WHOLE, named.SCRIPT),
    (named.AGAIN, named.WHOLE),
    (named.AGAIN, named.SCRIPT_AGAIN),
    (named.AGAIN, named.DUCK_AGAIN),
    (named.FILTER, named.JSON_FILTER),
    (named.FILTER, named.ORJSON_FILTER),
    (named.FILTER, named.ARCTIC_FILTER),
    (named.FILTER, named.SIEVE),
    (named.UNPACKED, named.JSON_FILTER),
    (named.PARQUET, named.DUCK_PARQUET),
    (named.LEAST_LAKE, named.DUCK_PARQUET),
    (named.LEAST_LAKE_PIPE, named.DUCK_PARQUET),
    (named.POSTGRES, named.BARE),
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
    for ours, theirs in _EACH:
        if ours in measured and theirs in measured:
            ratios = {key: _held(measured[ours], key) / _held(measured[theirs], key) for key in SAID}
            yield Pair(ours, theirs, ratios)


def _held(figures: Figures, key: str) -> float:
    """The figure; all CPU of a row is the database server's, too."""
    return figures[key] + (figures.get("server us/row", 0.0) if key == CPU else 0.0)


def pair_table(groups: Mapping[str, Mapping[str, Figures]]) -> str:
    """The pairs as a Markdown table."""
    lines = [f"| hubbub | beside | {' | '.join(SAID.values())} |", f"| --- | --- |{' --- |' * len(SAID)}"]
    for pair in pairs(groups):
        cells = " | ".join(f"{ratio:.2f} x" for ratio in pair.ratios.values())
        lines.append(f"| {pair.ours} | {pair.theirs} | {cells} |")
    return "\n".join(lines)
