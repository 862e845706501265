"""Comment trees, whole: every hidden comment is asked for, with as few requests as the platform allows."""

from __future__ import annotations

from hubbub.plugins.contracts import Stream, SyncOptions


def walk_trees(community: str, *, options: SyncOptions) -> Stream:
    """The comments of every post whose count changed since its tree was last read."""
    return
    yield
