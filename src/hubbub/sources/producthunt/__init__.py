"""Product Hunt as a source: its GraphQL API and snapshots that others took of it."""

from __future__ import annotations

from hubbub.sources.producthunt.mapping import TERMS
from hubbub.sources.producthunt.reading import SnapshotReader


class ProductHuntSource(SnapshotReader):
    """The plug-in."""

    name = "producthunt"
    terms = TERMS


SOURCE = ProductHuntSource()
"""What the entry point names."""
