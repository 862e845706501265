"""Which exports hold what was withdrawn or forgotten after they were made."""

from __future__ import annotations

from pathlib import Path

import msgspec

from hubbub.datasets import register
from hubbub.datasets.export import MANIFEST
from hubbub.datasets.select import HISTORIES, KINDS
from hubbub.store.engine import Store
from hubbub.store.withdrawn import withdrawn_since


class ExportState(msgspec.Struct, frozen=True, kw_only=True):
    """An export that is still there."""

    out: str
    made_at: int
    """Epoch seconds."""
    withdrawn: dict[str, int]
    """By kind: records it may hold that were withdrawn since."""
    forgotten_at: int | None
    """Since when it may hold what was forgotten (`hubbub forget`); None when it does not."""

    @property
    def is_outdated(self) -> bool:
        """Whether it may hold anything that must go."""
        return bool(self.withdrawn) or self.forgotten_at is not None


def states(store: Store, home: Path) -> list[ExportState]:
    """Every export the home knows of, in the order of their places.

    Raises StorageError when the store cannot be read."""
    forgotten = {each.out: each.stale_at for each in register.stale(home)}
    found = []
    for made in register.listed(home):
        at = made.at or int((Path(made.out) / MANIFEST).stat().st_mtime)
        chosen = made.selection.chosen_kinds
        kinds = KINDS if any(kind in HISTORIES for kind in chosen) else [kind for kind in KINDS if kind in chosen]
        withdrawn = withdrawn_since(
            store,
            at,
            kinds=kinds,
            communities=made.selection.communities,
            since=made.selection.since,
            until=made.selection.until,
        )
        found.append(ExportState(out=made.out, made_at=at, withdrawn=withdrawn, forgotten_at=forgotten.get(made.out)))
    return found
