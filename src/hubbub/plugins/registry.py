"""Finds plug-ins by entry point: listing names imports nothing, loading a name imports that one package."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from hubbub.errors import ConfigError, UsageError


def names(group: str) -> list[str]:
    """Names registered in a group ("sources", "simulators", "sinks"), sorted; imports none of them."""
    return sorted(point.name for point in _points(group))


def load(group: str, name: str) -> Any:
    """The plug-in object of that name.

    Raises UsageError for a name nobody registered, ConfigError when a package it needs is not installed. Any other
    failure to import is a bug of the plug-in and is left as it is."""
    point = next((p for p in _points(group) if p.name == name), None)
    if point is None:
        known = ", ".join(names(group)) or "none"
        raise UsageError(f"there is no {group.rstrip('s')} named {name!r}; known: {known}")
    try:
        return point.load()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in {"", point.module.partition(".")[0]}:
            raise
        raise ConfigError(
            f"{group.rstrip('s')} {name!r} cannot be loaded: the package {package!r} is not installed",
            advice="install the extra that brings it (docs/reference/extras.md)",
        ) from error


def _points(group: str) -> list[EntryPoint]:
    return list(entry_points(group=f"hubbub.{group}"))
