"""Takes the files of pictures that no stored record shows any more: a withdrawn post takes its pictures along."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from hubbub import clock
from hubbub.errors import HubbubError
from hubbub.media.blobs import Blobs
from hubbub.store.engine import Store
from hubbub.store.reads import known_blobs, orphan_blobs
from hubbub.store.writes import forget_orphan_blobs

LEFTOVER_AGE_S = 86_400
"""A file without a row is left to the download that may be about to name it, for so long."""


def sweep_orphans(store: Store, blobs: Path) -> int:
    """Remove the blobs, row and file, that no media row refers to; returns how many.

    Killed halfway, the next sweep removes the rest."""
    names = orphan_blobs(store)
    if not names:
        return 0
    return len(forget_orphan_blobs(store, names, remove=Blobs(blobs).remove))


def sweep_after(store: Store, blobs: Path) -> None:
    """`sweep_orphans` at the end of a run that is reported whatever happens here: the next one tries again."""
    with suppress(HubbubError, OSError):
        sweep_orphans(store, blobs)


def sweep_strays(store: Store, blobs: Path) -> int:
    """Remove files that no row ever named (a download killed before its row), a day old at least; returns how many."""
    folder = Blobs(blobs)
    removed = 0
    for names in folder.old_names(older_than=clock.now() - LEFTOVER_AGE_S):
        strays = set(names) - known_blobs(store, names)
        for name in strays:
            folder.remove(name)
        removed += len(strays)
    return removed
