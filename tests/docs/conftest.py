from __future__ import annotations

from tests.cli.conftest import clean_surroundings

__all__ = ["clean_surroundings"]
