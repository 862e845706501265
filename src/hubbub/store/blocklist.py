"""The records that must not come in, for whoever writes to another place than the store."""

from __future__ import annotations

from sqlalchemy import select

from hubbub.store.engine import Store
from hubbub.store.tables import blocklist


def listed(store: Store) -> dict[str, dict[str, int]]:
    """All of it: `source/kind` -> id -> since when (epoch seconds UTC)."""
    found: dict[str, dict[str, int]] = {}
    columns = (blocklist.c.source, blocklist.c.kind, blocklist.c.id, blocklist.c.added_at)
    with store.reading() as connection:
        for source, kind, identity, added_at in connection.execute(select(*columns)):
            found.setdefault(f"{source}/{kind}", {})[identity] = added_at
    return found
