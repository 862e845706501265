"""One import into a lake in a process of its own that dies where it is told:
`python -m tests.pipeline.lake.child LAKE N FILE…`.

N counts the files that take their place (parts, intents, marks): just before the Nth does, the process is killed; 0 lets
it live.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hubbub.pipeline.fanout import Spread
from hubbub.pipeline.lake import open_lake
from hubbub.pipeline.lake_layout import DEFAULT
from hubbub.pipeline.lake_run import import_files
from hubbub.pipeline.load import LoadOptions
from tests.engines.dying import die_at_replace
from tests.pipeline.lake.making import BLOCK_LINES


def main() -> int:
    lake, number, *files = sys.argv[1:]
    if int(number):
        die_at_replace(int(number))
    opened = open_lake(Path(lake), partition_by=None, default=DEFAULT)
    report = import_files(
        opened, [Path(file) for file in files], options=LoadOptions(), spread=Spread(), block_lines=BLOCK_LINES
    )
    return int(report.exit_code)


if __name__ == "__main__":
    sys.exit(main())
