"""Owns stdout: lines for people, or one JSON document."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from hubbub.datasets.times import iso
from hubbub.observe.terminal import fitted, shown, width

__all__ = ["SCHEMA", "ago", "flush", "result", "shown", "size", "table", "when", "write"]

SCHEMA = 1
"""Version of the JSON documents; a field that changes its meaning raises it."""


def result(document: Mapping[str, Any], lines: Iterable[str], *, as_json: bool) -> None:
    """Print a command's result: the document with `--json`, else the lines.

    In the document every time (a key that ends in `_at`) is ISO 8601, UTC."""
    if as_json:
        plain = msgspec.to_builtins({"schema": SCHEMA, **document}, enc_hook=_plain)
        body = msgspec.json.encode(_dated(plain))
        text = msgspec.json.format(body, indent=2).decode()
        write(text if _takes_utf8() else json.dumps(json.loads(text), indent=2))
    else:
        for line in lines:
            write(shown(line))


def write(text: str) -> None:
    """One line on stdout, as it is; text of others must have gone through `shown`."""
    if sys.stdout is not None:
        sys.stdout.write(text + "\n")


def flush() -> None:
    """Show what was written so far, for output that takes its time."""
    if sys.stdout is not None:
        sys.stdout.flush()


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Aligned lines under a header: numbers to the right, unknown as a dash; on a terminal the last column is cut."""
    texts = [[_cell(value) for value in row] for row in rows]
    last = len(header) - 1
    sizes = [max([width(name), *(width(row[at]) for row in texts)]) for at, name in enumerate(header)]
    if sys.stdout is not None and sys.stdout.isatty():
        room = shutil.get_terminal_size().columns - sum(sizes[:last]) - 2 * last
        sizes[last] = max(width(header[last]), min(sizes[last], room))
    right = [bool(rows) and all(isinstance(row[at], int | None) for row in rows) for at in range(len(header))]
    lines = []
    for row in [list(header), *texts]:
        cells = [_padded(fitted(cell, sizes[at]), sizes[at], right=right[at]) for at, cell in enumerate(row)]
        lines.append("  ".join(cells).rstrip())
    return lines


def _takes_utf8() -> bool:
    encoding = getattr(sys.stdout, "encoding", None)
    return encoding is None or encoding.lower().replace("-", "").startswith("utf")


def _padded(text: str, columns: int, *, right: bool) -> str:
    fill = " " * (columns - width(text))
    return fill + text if right else text + fill


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else shown(str(value))


def ago(seconds: int | None, *, now: int) -> str:
    """How long ago, in words; a dash when unknown."""
    if seconds is None:
        return "-"
    age = now - seconds
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if age >= size:
            count = age // size
            return f"{count:,} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def when(seconds: int | None) -> str:
    """ISO time, or a dash."""
    return "-" if seconds is None else iso(seconds)


def size(count: int) -> str:
    """Bytes for people: 1.4 MB."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def _dated(value: Any, key: str = "") -> Any:
    """The value with the epoch seconds under `…_at` keys as people and other programs read them."""
    if isinstance(value, dict):
        return {name: _dated(each, name) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_dated(each) for each in value]
    return iso(value) if key.endswith("_at") and isinstance(value, int) else value


def _plain(value: Any) -> Any:
    return str(value)
