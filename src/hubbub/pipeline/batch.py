"""PURE. What goes into one transaction: a page whole, or a dump's rows up to a limit."""

from __future__ import annotations

import msgspec

from hubbub.plugins.contracts import Page
from hubbub.store.batch import Batch


class BatchLimits(msgspec.Struct, frozen=True, kw_only=True):
    """When rows that belong to no page are enough for one transaction."""

    rows: int = 5_000
    size_bytes: int = 16 * 1024 * 1024
    """Of the raw input the rows came from."""


def is_full(*, rows: int, size_bytes: int, limits: BatchLimits) -> bool:
    """True when the rows gathered so far should be written before more are taken."""
    return rows >= limits.rows or size_bytes >= limits.size_bytes


def batch_of(page: Page, *, run_id: int, source: str, stream: str) -> Batch:
    """The batch that stores a page: its records and the checkpoints that claim them, never parted."""
    return Batch(
        run_id=run_id,
        source=source,
        stream=stream,
        records=page.records,
        rejected=page.rejected,
        checkpoints=page.checkpoints,
        repaired=page.repaired,
        unknown_fields=page.unknown_fields,
    )
