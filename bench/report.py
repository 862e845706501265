"""`python -m bench report`: chart and tables of docs/explanation/import-benchmark.md, from saved figures."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import importing as named
from bench.chart import Bar, chart
from bench.damage import table as damage_table
from bench.measure import RESULTS
from bench.pairs import pair_table
from bench.trials import Figures

PAGE = Path(__file__).parents[1] / "docs/explanation/import-benchmark.md"
CHART = PAGE.with_suffix(".svg")
_BLOCK = re.compile(r"(<!-- figures: ([\w-]+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)
HEADS: dict[str, str] = {
    "user us/row": "user CPU, us a row",
    "cpu us/row": "CPU, us a row",
    "server us/row": "server CPU, us a row",
    "rows/s": "rows a second",
    "peak MB": "most memory, MB",
    "start s": "start-up CPU, s",
    "window MB": "window, MB",
    "over window MB": "memory beyond the window, MB",
    "changed": "records changed",
}
SMALL = frozenset(["user us/row", "cpu us/row", "server us/row", "start s"])
"""Figures that are told with a digit after the point."""


def report() -> None:
    """Write the page's tables and the chart again; a benchmark that was not run leaves its tables as they are."""
    found = blocks()
    text = PAGE.read_text()
    PAGE.write_text(_BLOCK.sub(lambda block: _filled(block, found), text))
    print(f"{PAGE.name}: {len(found)} tables")
    if (saved := _saved("import")) is not None:
        CHART.write_text(drawing(saved))
        print(CHART.name)


def _filled(block: re.Match[str], found: Mapping[str, str]) -> str:
    if block[2] not in found:
        return block[0]
    return f"{block[1]}\n{found[block[2]]}\n\n{block[3]}"


def blocks() -> dict[str, str]:
    """The tables by the name of their place on the page."""
    made: dict[str, str] = {}
    if (saved := _saved("import")) is not None:
        made["run"] = _run(saved)
        made["pairs"] = pair_table(saved["figures"])
        made |= {name: table(some) for name, some in saved["figures"].items()}
        made["notes"] = "\n".join(f"- {what}: {note}" for what, note in saved["notes"].items())
    if (saved := _saved("growth")) is not None:
        long = {f"{kind}, {rows}": each for kind, some in saved["figures"].items() for rows, each in some.items()}
        made["growth"] = table(long, without=("peak MB", "start s", "changed"))
        made["growing"] = "\n".join(_growing(saved["figures"]))
    if (saved := _saved("damage")) is not None:
        parts = [f"**{what.capitalize()}**\n\n{damage_table(answers)}" for what, answers in saved["figures"].items()]
        made["damage"] = f"A dump of {saved['rows']:,} comments.\n\n" + "\n\n".join(parts)
    return made


def _saved(name: str) -> dict[str, Any] | None:
    path = RESULTS / f"{name}.json"
    saved: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return saved or None


def _run(saved: Mapping[str, Any]) -> str:
    machine = saved["machine"]
    rounds = "one round" if saved["rounds"] == 1 else f"medians of {saved['rounds']} interleaved rounds"
    return (
        f"{saved['rows']:,} comments of {saved['bytes_a_row']:,} bytes, {rounds}, "
        f"{machine['cores']} cores, {machine['system']}, Python {machine['python']}, "
        f"SQLite {machine['sqlite']}."
    )


def table(figures: Mapping[str, Figures], *, without: Sequence[str] = ()) -> str:
    """The figures as a Markdown table, a case a line."""
    keys = [key for key in HEADS if key not in without and any(key in each for each in figures.values())]
    lines = [f"| case | {' | '.join(HEADS[key] for key in keys)} |", f"| --- |{' --- |' * len(keys)}"]
    for label, each in figures.items():
        cells = [f"{each[key]:,.{int(key in SMALL)}f}" if key in each else "" for key in keys]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _growing(kinds: Mapping[str, Mapping[str, Figures]]) -> list[str]:
    lines = []
    for kind, some in kinds.items():
        (short, less), (long, more) = some.items()
        times = more["cpu us/row"] / less["cpu us/row"]
        lines.append(f"- {kind}: a row of {long} costs {times:.2f} x a row of {short}.")
    return lines


def drawing(saved: Mapping[str, Any]) -> str:
    """CPU a row of every case as bars."""
    return chart(
        f"Importing {saved['rows']:,} comments: CPU microseconds a row",
        {named.GROUPS[name]: [_bar(*each) for each in some.items()] for name, some in saved["figures"].items()},
        legend="Shorter is better. The parts of a bar: user CPU, system, database server. Orange: hubbub; grey: floor.",
    )


def _bar(label: str, each: Figures) -> Bar:
    server = each.get("server us/row", 0.0)
    whole = each["cpu us/row"] + server
    look = "floor" if label in {named.FLOOR, named.SIEVE} else "ours" if label.startswith("hubbub") else "theirs"
    system = each["cpu us/row"] - each["user us/row"]
    note = f"{whole:.1f} us, {each['rows/s'] / 1_000:,.0f}k rows/s"
    return Bar(label=label, parts=(each["user us/row"], system, server), note=note, look=look)
