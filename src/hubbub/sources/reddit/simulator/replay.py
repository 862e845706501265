"""Placeholder."""
from pathlib import Path
from typing import Any
class Replay:
    def __init__(self, directory: Path, *, tokens: Any, windows: Any) -> None: ...
