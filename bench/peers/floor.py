"""`python -m bench.peers.floor DUMP`: unpack and decode the kept columns into typed fields; keep nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from bench.packing import lines_of
from bench.peers.columns import COLUMNS, FLAGS, META_COLUMNS, WHOLE

_KINDS: dict[str, Any] = {"removal_type": str | None, "retrieved_2nd_on": int | None, "edited": bool | int | None}
_KINDS |= dict.fromkeys(WHOLE, int | None) | dict.fromkeys(FLAGS, bool | None)


def _fields(names: list[str]) -> list[tuple[str, Any, None]]:
    return [(name, _KINDS.get(name, str | None), None) for name in names]


def line_type() -> type[Any]:
    """The struct of a line: the kept columns in their order, then `meta`."""
    meta = msgspec.defstruct("Meta", _fields(META_COLUMNS), gc=False)
    whole: list[tuple[str, Any, Any]] = [
        *_fields(COLUMNS),
        ("meta", meta | None, msgspec.field(name="_meta", default=None)),
    ]
    return msgspec.defstruct("Line", whole, gc=False)


def main() -> None:
    decoder = msgspec.json.Decoder(line_type())
    print(sum(len(decoder.decode_lines(block)) for block in lines_of(Path(sys.argv[1]))), "rows")


if __name__ == "__main__":
    main()
