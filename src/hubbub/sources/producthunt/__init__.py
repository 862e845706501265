"""Product Hunt as a source: its GraphQL API and snapshots that others took of it."""

from __future__ import annotations


class ProductHuntSource:
    """The plug-in."""

    name = "producthunt"
    terms = "producthunt-api"


SOURCE = ProductHuntSource()
"""What the entry point names."""
