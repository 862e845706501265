"""Instants as scenarios write them: absolute, before the end of the world's story, or after the scenario's start."""

from __future__ import annotations

import re
from datetime import datetime

from hubbub.errors import ConfigError

Instant = int | str
"""Epoch seconds; negative: so many seconds before the world's horizon; ISO 8601; "+90", "+15m", "+6h", "+3d": so long
after the scenario's start."""
_AFTER = re.compile(r"\+(\d+)([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def instant(written: Instant, *, horizon: float, start: float) -> float:
    """Epoch seconds of it; raises ConfigError when it is no time."""
    if isinstance(written, int):
        return float(written if written >= 0 else horizon + written)
    if found := _AFTER.fullmatch(written):
        return start + int(found[1]) * _SECONDS[found[2]]
    try:
        return datetime.fromisoformat(written).timestamp()
    except ValueError as error:
        raise ConfigError(
            f"the scenario names an instant that is none: {written!r}",
            advice='write epoch seconds, "2026-05-01T00:00:00Z", -3600 (before the end) or "+15m" (after the start)',
        ) from error
