"""`hubbub --help` and `--version` must stay quick: they load no platform, database, Arrow, HTTP or web module."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("sqlalchemy", "alembic", "pyarrow", "httpx2", "pydantic", "starlette", "uvicorn", "structlog", "msgspec")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], [], ["stauts"]])
def test_the_front_door_loads_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import json, sys\n"
        "from hubbub.cli.main import main\n"
        "try:\n    main(json.loads(sys.argv[1]))\n"
        "except SystemExit:\n    pass\n"
        "print('\\n' + json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(arguments)], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert "hubbub.cli.main" in loaded
    assert [name for name in loaded if name.split(".")[0] in HEAVY] == []
    assert [name for name in loaded if name.startswith(("hubbub.sources.", "hubbub.store", "hubbub.config"))] == []
