"""Named writes outside a batch: what became of a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from hubbub import clock
from hubbub.store.engine import Store


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    """A file in the store of blobs, named by its hash."""

    sha256: str
    size_bytes: int
    mime: str | None = None
    width: int | None = None
    height: int | None = None


def set_media_state(
    store: Store, n: int, *, state: str, reason: str | None = None, blob: Blob | None = None, tried: bool = True
) -> bool:
    """Record the outcome for one media row, with its blob, in one transaction.

    False when the row is gone (its record was withdrawn meanwhile): the caller then drops the file it fetched, unless
    another row refers to the same blob."""
    now = clock.now()
    with store.transaction() as connection:
        if connection.execute("SELECT 1 FROM media WHERE n = ?", (n,)).fetchone() is None:
            return False
        if blob is not None:
            connection.execute(
                "INSERT INTO blobs (sha256, size_bytes, mime, width, height, stored_at) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (sha256) DO NOTHING",
                (blob.sha256, blob.size_bytes, blob.mime, blob.width, blob.height, now),
            )
        connection.execute(
            "UPDATE media SET state = ?, reason = ?, tries = tries + ?, blob = coalesce(?, blob), changed_at = ?"
            " WHERE n = ?",
            (state, reason, int(tried), None if blob is None else blob.sha256, now, n),
        )
    return True


def forget_orphan_blobs(
    store: Store, names: Sequence[str], *, remove: Callable[[str], None] | None = None
) -> list[str]:
    """Delete these blob rows where nothing refers to them any more, and their files by `remove`; returns their names.

    The file goes before its row is committed: killed in between, the row is found again."""
    gone: list[str] = []
    for name in names:
        with store.transaction() as connection:
            done = connection.execute(
                "DELETE FROM blobs WHERE sha256 = ? AND NOT EXISTS (SELECT 1 FROM media WHERE blob = ?)", (name, name)
            )
            if done.rowcount:
                gone.append(name)
                if remove is not None:
                    remove(name)
    return gone
