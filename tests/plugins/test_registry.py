from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubbub.errors import ConfigError, UsageError
from hubbub.plugins import registry


@pytest.fixture
def plugged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path with a package of three plug-ins: one good, one that lacks a package, one with a bug."""
    info = tmp_path / "outside-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[hubbub.sinks]\ngood = outside.good:SINK\nbare = outside.bare:SINK\nbroken = outside.broken:SINK\n"
    )
    package = tmp_path / "outside"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "good.py").write_text("SINK = 'a sink'\n")
    (package / "bare.py").write_text("import nobody_has_this\n")
    (package / "broken.py").write_text("import outside.missing_part\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "outside"]:
        del sys.modules[name]


def test_an_outside_package_is_found_like_ours(plugged: Path) -> None:
    assert {"csv", "ndjson", "parquet", "good"} <= set(registry.names("sinks"))
    assert registry.load("sinks", "good") == "a sink"


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="csv, ndjson, parquet"):
        registry.load("sinks", "xlsx")


def test_a_missing_package_is_named(plugged: Path) -> None:
    with pytest.raises(ConfigError, match="'nobody_has_this' is not installed"):
        registry.load("sinks", "bare")


def test_a_bug_of_the_plug_in_is_not_called_a_missing_package(plugged: Path) -> None:
    with pytest.raises(ModuleNotFoundError):
        registry.load("sinks", "broken")


def test_listing_names_imports_no_plug_in() -> None:
    asked = "import sys; from hubbub.plugins import registry; registry.names('sources'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in loaded if name.startswith("hubbub.sources")]
