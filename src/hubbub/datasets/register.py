"""Which exports were made, from what selection, and which of them may hold what was forgotten since.

A line of JSON in `exports.ndjson` of the home for every export, wherever it lies, and for every export that became
stale. Exports in the home's own folder count even without a line.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from hubbub.datasets.export import MANIFEST
from hubbub.datasets.select import HISTORIES, Selection
from hubbub.errors import StorageError

NAME = "exports.ndjson"


class Made(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line: an export was made, or became stale."""

    out: str
    at: int
    """Epoch seconds."""
    selection: Selection = Selection()
    stale: bool = False


class StaleExport(msgspec.Struct, frozen=True, kw_only=True):
    """An export that may hold what was forgotten after it was made."""

    out: str
    made_at: int | None
    """None where no line tells."""
    stale_at: int | None
    """Since when; None while it would only become stale."""


class Traced(Protocol):
    """Records of one kind and community that are forgotten."""

    @property
    def kind(self) -> str:
        """post, comment, user or community."""

    @property
    def community(self) -> str | None:
        """Case-folded key."""

    @property
    def oldest_at(self) -> int | None:
        """Least time of creation."""

    @property
    def newest_at(self) -> int | None:
        """Greatest time of creation."""


class _Manifest(msgspec.Struct):
    selection: Selection


def note(home: Path, *, out: str, selection: Selection, at: int) -> None:
    """Remember that an export was made. Raises StorageError when the home cannot be written."""
    _append(home, [Made(out=str(Path(out).absolute()), at=at, selection=selection)])


def may_hold(selection: Selection, trace: Traced) -> bool:
    """Whether rows of an export with this selection may be among what is traced."""
    kinds = selection.chosen_kinds
    if trace.kind not in kinds and not any(kind in kinds for kind in HISTORIES):
        return False
    if selection.communities and trace.community not in selection.communities:
        return False
    if trace.newest_at is not None and selection.since is not None and trace.newest_at < selection.since:
        return False
    return not (trace.oldest_at is not None and selection.until is not None and trace.oldest_at >= selection.until)


def concerned(home: Path, traces: Iterable[Traced]) -> list[StaleExport]:
    """The exports that are still there and may hold what is traced."""
    traced = list(traces)
    return [
        StaleExport(out=out, made_at=made.at or None, stale_at=None)
        for out, made in _exports(home).items()
        if any(may_hold(made.selection, trace) for trace in traced)
    ]


def mark_stale(home: Path, exports: Iterable[StaleExport], *, at: int) -> None:
    """Remember that exports are stale, before anything is erased: a rerun could not find out any more."""
    _append(home, [Made(out=each.out, at=at, stale=True) for each in exports])


def listed(home: Path) -> list[Made]:
    """The exports that are still there, by their places; `at` is 0 for one of which no line tells."""
    return [found for _, found in sorted(_exports(home).items())]


def stale(home: Path) -> list[StaleExport]:
    """The exports that are stale, still there and not made again since."""
    there = _exports(home)
    since: dict[str, int] = {}
    for line in _lines(home):
        if line.stale:
            since.setdefault(line.out, line.at)
        else:
            since.pop(line.out, None)
    return [
        StaleExport(out=out, made_at=there[out].at or None, stale_at=at) for out, at in since.items() if out in there
    ]


def _exports(home: Path) -> dict[str, Made]:
    found = {str(folder): Made(out=str(folder), at=0) for folder in sorted((home / "exports").glob("*"))}
    found |= {line.out: line for line in _lines(home) if not line.stale}
    there = {}
    for out, made in found.items():
        try:
            manifest = msgspec.json.decode((Path(out) / MANIFEST).read_bytes(), type=_Manifest)
        except (OSError, msgspec.DecodeError):
            continue
        there[out] = msgspec.structs.replace(made, selection=manifest.selection)
    return there


def _lines(home: Path) -> Iterator[Made]:
    try:
        data = (home / NAME).read_bytes()
    except FileNotFoundError:
        return
    for line in data.splitlines():
        try:
            yield msgspec.json.decode(line, type=Made)
        except msgspec.DecodeError:  # the last line of a process that was killed while it wrote
            continue


def _append(home: Path, lines: Iterable[Made]) -> None:
    data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    if not data:
        return
    try:
        home.mkdir(parents=True, exist_ok=True)
        with (home / NAME).open("ab") as file:
            if file.tell():
                data = b"\n" + data  # whatever a killed process left of its line ends here
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageError(
            f"{home / NAME} cannot be written: {error.strerror or error}",
            advice="it tells `hubbub forget` which exports hold what must go",
        ) from error
