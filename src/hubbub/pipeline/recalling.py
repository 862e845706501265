"""What streams ask of the store, answered once it has everything that was put before."""

from __future__ import annotations

from typing import Any

from hubbub.plugins.contracts import (
    Recall,
    RecallCheckpoint,
    RecallCheckpoints,
    RecallCounts,
    RecallKnown,
    RecallRipe,
    RecallSaved,
    RecallTotals,
)
from hubbub.plugins.due import RecallDue, RecallDueCount, RecallThreads
from hubbub.store import due, reads
from hubbub.store.engine import Store


def recall(store: Store, asked: Recall, *, source: str) -> Any:
    """What the store knows of a stream's question (contracts.py says what each is answered)."""
    answer: Any
    match asked:
        case RecallCheckpoint(key=key):
            answer = reads.checkpoint(store, source, key)
        case RecallCheckpoints(prefix=prefix):
            answer = reads.checkpoints(store, source, prefix)
        case RecallSaved(keys=keys):
            answer = reads.saved(store, source, keys)
        case RecallKnown(kind=kind, ids=ids):
            answer = reads.known_ids(store, source, kind, ids)
        case RecallCounts():
            answer = reads.stored_counts(store, source, asked)
        case RecallThreads(post_ids=post_ids):
            answer = reads.live_comments(store, source, post_ids)
        case RecallRipe():
            answer = reads.stored_ripe(store, source, asked)
        case RecallTotals():
            answer = reads.stored_totals(store, asked)
        case RecallDue() | RecallDueCount():
            answer = due.recalled(store, asked, source=source)
    return answer
