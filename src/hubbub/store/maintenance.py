"""Looking after a store: catching up the search index."""

from __future__ import annotations

from hubbub.store import search_index as search
from hubbub.store.engine import Store


def maintain_search(store: Store) -> None:
    """Index every live row that has no search entry yet, in transactions of bounded size; safe to kill and repeat."""
    for kind in search.INDEXES:
        above: int | None = 0
        while above is not None:
            with store.transaction() as connection:
                above = search.catch_up(connection, kind, above=above)
    with store.transaction() as connection:
        search.purge_due(connection)
