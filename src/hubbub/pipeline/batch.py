"""PURE. What goes into one transaction: a page, whole."""

from __future__ import annotations

from hubbub.plugins.contracts import Page
from hubbub.store.batch import Batch


def batch_of(page: Page, *, run_id: int, source: str, stream: str) -> Batch:
    """The batch that stores a page: its records and the checkpoints that claim them, never parted."""
    return Batch(
        run_id=run_id,
        source=source,
        stream=stream,
        records=page.records,
        rejected=page.rejected,
        checkpoints=page.checkpoints,
        forgotten=page.forgotten,
        filtered=page.filtered,
        repaired=page.repaired,
        unknown_fields=page.unknown_fields,
    )
