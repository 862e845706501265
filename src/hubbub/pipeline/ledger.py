"""What makes two imports the same import, and how far one got: the keys and marks of the import ledger (design §2)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from hubbub.pipeline.archive import Archive, Position
from hubbub.store.batch import LedgerMark

_READ_BYTES = 1 << 20


def content_digest(archive: Archive, *, check: Callable[[], None]) -> str:
    """The sha256 of the file's bytes as stored; `check` is called every MiB and may raise to end it."""
    digest = hashlib.sha256()
    for data in archive.read_raw(_READ_BYTES):
        digest.update(data)
        check()
    return digest.hexdigest()


def filters_key(**filters: Any) -> str:
    """Filters as canonical JSON: those that are not set are left out, sets are sorted."""
    stated = {name: sorted(value) if isinstance(value, frozenset) else value for name, value in filters.items()}
    kept = {name: value for name, value in stated.items() if value is not None and value != []}
    return msgspec.json.encode(kept, order="sorted").decode()


def position(mark: LedgerMark | None) -> Position:
    """Where to go on; the beginning when nothing was imported yet."""
    if mark is None:
        return Position()
    return Position(offset=mark.offset, lines=mark.lines, frame_offset=mark.frame_offset, frame_start=mark.frame_start)


def mark_at(
    at: Position,
    *,
    archive: Archive,
    key: tuple[str, str, int],
    done: bool = False,
    damaged: str | None = None,
) -> LedgerMark:
    """The mark that says: everything before `at` is stored. `key` is (digest, filters, mapping version)."""
    digest, filters, mapping_version = key
    return LedgerMark(
        digest=digest,
        filters=filters,
        mapping_version=mapping_version,
        path=archive.name,
        size_bytes=archive.size_bytes,
        offset=at.offset,
        lines=at.lines,
        frame_offset=at.frame_offset,
        frame_start=at.frame_start,
        done=done,
        damaged=damaged,
    )
