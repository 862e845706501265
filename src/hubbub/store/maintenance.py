"""Looking after a store: catching up the search index."""

from __future__ import annotations

from typing import Any

from hubbub.store import search_index, search_vector
from hubbub.store.content import VECTORED
from hubbub.store.engine import Store


def maintain_search(store: Store) -> None:
    """Index every live row that has no search entry yet, in transactions of bounded size; safe to kill and repeat."""
    search: Any = search_index if store.engine == "sqlite" else search_vector
    for kind in VECTORED:
        above: Any = search.FIRST
        while above is not None:
            with store.transaction() as db:
                above = search.catch_up(db, kind, above=above)
    with store.transaction() as db:
        search.purge_due(db)
