"""What the nodes of answers bring: records, what had to be set aside, and fields nobody modelled. PURE."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from hubbub.errors import RecordError
from hubbub.http.messages import Response
from hubbub.plugins.contracts import Checkpoint, Page
from hubbub.records.models import Door, Record, Rejected
from hubbub.sources.producthunt.mapping import TERMS, Look, unknown_fields

SOURCE = "producthunt"

Mapped = Callable[[Mapping[str, Any], Look], Sequence[Record]]


class Gathered:
    """The page that one answer becomes."""

    def __init__(self, response: Response) -> None:
        self.look = Look(observed_at=response.received_at, door=Door.LIVE, terms=TERMS, now=response.received_at)
        self._where = response.url
        self.records: list[Record] = []
        self._rejected: list[Rejected] = []
        self._unknown: Counter[str] = Counter()

    def take(self, kind: str, nodes: Iterable[Mapping[str, Any]], mapped: Mapped) -> None:
        """Records of some nodes; one that cannot be stored is set aside with its reason."""
        for node in nodes:
            self._unknown.update(unknown_fields(kind, node))
            try:
                self.records.extend(mapped(node, self.look))
            except RecordError as error:
                self._rejected.append(
                    Rejected(
                        reason=str(error),
                        raw=msgspec.json.encode(node),
                        source=SOURCE,
                        door=Door.LIVE,
                        where=self._where,
                        kind=kind,
                        id=id_of(node),
                    )
                )

    def page(self, *checkpoints: Checkpoint, note: str | None = None, missing: int = 0) -> Page:
        """What there is, with the checkpoints that hold once it is stored."""
        return Page(
            records=self.records,
            rejected=self._rejected,
            unknown_fields=self._unknown,
            checkpoints=checkpoints,
            note=note,
            missing=missing,
        )


def id_of(node: Mapping[str, Any]) -> str | None:
    """A node's id as it is printed."""
    key = node.get("id")
    return str(key) if isinstance(key, str | int) and not isinstance(key, bool) and str(key) else None


def ids_of(nodes: Iterable[Mapping[str, Any]]) -> list[str]:
    """The ids of some nodes, in their order."""
    return [key for node in nodes if (key := id_of(node)) is not None]
