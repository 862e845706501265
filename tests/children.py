"""Programs of the tests that run in processes of their own: told what to do in JSON, and telling what came of it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def begun(module: str, order: dict[str, Any]) -> subprocess.Popen[str]:
    """A child that runs `python -m module` and has been told its order on stdin."""
    argv = [sys.executable, "-m", module]
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    child.stdin.write(json.dumps(order))
    child.stdin.close()
    child.stdin = None
    return child


def ended(child: subprocess.Popen[str]) -> dict[str, Any]:
    """What a child said at its end, which must have been a good one."""
    with child:
        out, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    found: dict[str, Any] = json.loads(out)
    return found
