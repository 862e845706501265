"""What becomes of a damaged dump: how much is read, what is said, and with which exit status a program ends."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bench.inputs import damaged, dump_of
from bench.measure import save
from bench.programs import Command, Cost, run
from bench.trials import PYTHON, hubbub

MOST_ROWS = 50_000
PEERS: dict[str, str] = {
    "PushshiftDumps' loop, re-stated (python-zstandard, stream_reader)": "csv_script",
    "Arctic Shift's loop, re-stated (python-zstandard, stream_reader)": "arctic_loop",
    "a script over `zstandard.open`": "text_script",
}
SHOWN = 200
"""Characters of what was said that the table shows."""


def damage(folder: Path, *, rows: int, rounds: int) -> None:
    """Give a cut-off and a corrupt dump to everybody, and set down what they make of it."""
    del rounds  # nothing is timed
    dump = dump_of(min(rows, MOST_ROWS))
    found: dict[str, dict[str, dict[str, object]]] = {}
    for number, (what, path) in enumerate({"whole": dump.path, **damaged(dump, folder)}.items()):
        found[what] = {}
        for name, module in PEERS.items():
            out = [str(folder / "peer.csv")] if module == "csv_script" else []
            found[what][name] = _answer(run([*PYTHON, f"bench.peers.{module}", str(path), *out], check=False))
        home = folder / f"damage-{number}"
        found[what]["hubbub import"] = _answer(run(_import(path, home), check=False))
        found[what]["hubbub import, the same file again"] = _answer(run(_import(path, home), check=False))
    for what, answers in found.items():
        print(f"\nA dump of {dump.rows:,} comments, {what}\n\n{table(answers)}")
    save("damage", found, rows=dump.rows)


def _import(path: Path, home: Path) -> Command:
    return hubbub("import", str(path), "--no-search", home=home)


def _answer(cost: Cost) -> dict[str, object]:
    """The rows a program says it read, its exit status, and its last words."""
    if cost.said.startswith("{"):
        report = json.loads(cost.said)
        (file,) = report["details"]["files"]
        errors = [each["message"] if isinstance(each, dict) else str(each) for each in report["errors"]]
        words = errors[0] if errors else file["state"]
        return {"rows": file["rows"], "exit status": cost.codes[0], "said": _short(words)}
    counted = re.search(r"^(\d+) rows$", cost.said, re.MULTILINE)
    lines = cost.complained.splitlines()
    return {
        "rows": int(counted[1]) if counted else None,
        "exit status": cost.codes[0],
        "said": _short(" / ".join(lines[-2:]) if counted else lines[-1]) if lines else "",
    }


def _short(text: str) -> str:
    clean = re.sub(r"\S*/(RC_\S+?\.zst)", r"\1", " ".join(text.split()))
    return clean if len(clean) <= SHOWN else clean[: SHOWN - 1] + "…"


def table(answers: dict[str, dict[str, object]]) -> str:
    """The answers as a Markdown table."""
    lines = ["| program | rows read | exit status | what it said |", "| --- | --- | --- | --- |"]
    for name, answer in answers.items():
        rows = f"{answer['rows']:,}" if answer["rows"] is not None else "not told"
        lines.append(f"| {name} | {rows} | {answer['exit status']} | {answer['said'] or 'nothing'} |")
    return "\n".join(lines)
