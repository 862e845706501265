"""Where the recorded platform data and the hostile inputs lie, when they are there: beside the project, never in it."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
DATA = SHARED / "data"
FAULTS = SHARED / "faults"

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the recorded data (../shared) is not on this machine; the tests that read it run in CI"
)
