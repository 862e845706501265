"""Brings back what a list of ids names: each is fetched from the platform itself, as it stands there now (design §7).

What no longer exists there is counted and left alone: an id that was never stored here gets no tombstone, since nobody
here has seen the record it names, and a stored one is `hubbub recheck`'s to judge (ADR 35)."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from hubbub.errors import RemoteError
from hubbub.events import Observer
from hubbub.http.retry import RetryPolicy
from hubbub.pipeline import id_lists
from hubbub.pipeline.egress import Egress
from hubbub.pipeline.id_lists import Listed
from hubbub.pipeline.plan import TargetPlan
from hubbub.pipeline.recheck_run import reader_of
from hubbub.pipeline.run import RunReport
from hubbub.pipeline.sync import carry_out
from hubbub.plugins.by_id import IdReader, LookedUp
from hubbub.plugins.contracts import (
    Asked,
    Checkpoint,
    Page,
    RecallCheckpoint,
    RecallKnown,
    SourceSettings,
    Stream,
    StreamPlan,
    Target,
)
from hubbub.records.models import Door, Rejected
from hubbub.store.blocklist import listed as blocklisted
from hubbub.store.engine import Store


class Hydrated(msgspec.Struct, kw_only=True):
    """What became of a list so far."""

    read: int = 0
    """Ids, those of an earlier run of the same list among them."""
    stored_already: int = 0
    blocked: int = 0
    """On the blocklist: not asked for."""
    asked: int = 0
    shown: int = 0
    withdrawn: int = 0
    """The platform says that somebody withdrew them."""
    absent: int = 0
    """The platform has them no more, or never had."""
    other_sources: int = 0
    """Ids of other platforms, left out."""
    failed: int = 0


class Hydrate:
    """One list of ids of one source on its way into the store."""

    def __init__(
        self,
        reader: IdReader,
        files: Sequence[Path],
        *,
        source: str,
        refresh: bool = False,
        blocked: Mapping[str, Mapping[str, int]] | None = None,
    ) -> None:
        self.found = Hydrated()
        self._reader = reader
        self._files = files
        self._source = source
        self._refresh = refresh
        self._blocked = blocked or {}
        self._key = f"hydrate:{id_lists.digest_of(files)}{':refresh' if refresh else ''}"
        self._round = reader.ids_a_request * reader.requests_a_round
        self._waiting: list[tuple[int, str]] = []
        """(place in the list, id) of what is to be asked for."""
        self._error: Exception | None = None

    def stream(self) -> Stream:
        """Read, ask, store. A run that was cut short goes on where its last round ended.

        Raises RemoteError at the end when some requests failed."""
        saved: Checkpoint | None = yield RecallCheckpoint(self._key)
        done = 0 if saved is None else msgspec.json.decode(saved.state, type=_Done).done
        some: list[Listed] = []
        for listed in chain.from_iterable(id_lists.read_ids(path) for path in self._files):
            self.found.read += 1
            if self.found.read <= done:
                continue
            some.append(listed)
            if len(some) == self._round:
                yield from self._take(some, last=False)
                some = []
        yield from self._take(some, last=True)
        if self._error is not None:
            raise RemoteError(
                f"{self.found.failed} of {self.found.asked} ids could not be asked for; the first: {self._error}",
                advice="the same command asks for them again",
            )
        yield Page(forgotten=(self._key,), note=self._words())

    def _take(self, some: Sequence[Listed], *, last: bool) -> Stream:
        """Sort a part of the list and ask for full rounds of what is wanted; at the end, for the rest."""
        begin = self.found.read - len(some)
        rejected: list[Rejected] = []
        named: dict[str, tuple[int, str]] = {}
        for place, listed in enumerate(some, begin):
            if listed.source not in {None, self._source}:
                self.found.other_sources += 1
            elif (told := self._reader.identify(listed.word, kind=listed.kind)) is None:
                rejected.append(self._refused(listed))
            else:
                named.setdefault(told[1], (place, told[0]))
        wanted: list[tuple[int, str]] = []
        for kind in ("post", "comment"):
            ids = [key for key, (_, its) in named.items() if its == kind]
            wanted += yield from self._unknown(ids, kind=kind, named=named)
        self._waiting += sorted(wanted)
        if rejected:
            yield Page(rejected=rejected)
        while len(self._waiting) >= self._round or (last and self._waiting):
            part, self._waiting = self._waiting[: self._round], self._waiting[self._round :]
            yield from self._ask([key for _, key in part])
        yield from self._mark()

    def _unknown(
        self, ids: Sequence[str], *, kind: str, named: Mapping[str, tuple[int, str]]
    ) -> Generator[Asked, Any, list[tuple[int, str]]]:
        """Those to be asked for, with their places: not blocked, and not stored unless all are wanted afresh."""
        blocked = self._blocked.get(f"{self._source}/{kind}", {})
        allowed = [key for key in ids if key not in blocked]
        self.found.blocked += len(ids) - len(allowed)
        known: frozenset[str] = frozenset()
        if not self._refresh and allowed:
            known = yield RecallKnown(kind=kind, ids=tuple(allowed))
        self.found.stored_already += len(known)
        return [(named[key][0], key) for key in allowed if key not in known]

    def _ask(self, ids: Sequence[str]) -> Stream:
        looked: LookedUp = yield from self._reader.look_up(ids)
        self.found.asked += len(set(ids))
        self.found.shown += len(looked.shown)
        self.found.withdrawn += len(looked.withdrawn)
        self.found.absent += len(looked.missing)
        self.found.failed += len(looked.failed)
        if looked.failed and self._error is None:
            self._error = next(iter(looked.failed.values()))

    def _mark(self) -> Stream:
        """Remember how far the list is dealt with; not past ids whose request failed."""
        if self._error is None:
            done = self._waiting[0][0] if self._waiting else self.found.read
            yield Page(checkpoints=(Checkpoint(key=self._key, state=msgspec.json.encode(_Done(done)).decode()),))

    def _refused(self, listed: Listed) -> Rejected:
        return Rejected(
            reason="no id of a post or comment",
            raw=listed.word.encode("utf-8", "backslashreplace"),
            source=self._source,
            door=Door.LIVE,
            where=listed.place,
        )

    def _words(self) -> str | None:
        gone = self.found.absent
        return f"{gone} of {self.found.read} ids name nothing the platform still has" if gone else None


class _Done(msgspec.Struct, frozen=True):
    done: int


def hydrate(
    store: Store,
    paths: Sequence[Path],
    *,
    source: str,
    settings: Mapping[str, SourceSettings],
    refresh: bool = False,
    observers: Sequence[Observer] = (),
    policy: RetryPolicy | None = None,
    egress: Egress | None = None,
) -> RunReport:
    """Fetch what lists of ids name; what is stored already is left alone unless `refresh` is set.

    Raises InputError for a list that cannot be read and otherwise as `sync` does."""
    work = Hydrate(
        reader_of(source),
        id_lists.files_of(paths),
        source=source,
        refresh=refresh,
        blocked=blocklisted(store),
    )
    stages = ((StreamPlan(name="hydrate", begin=work.stream),),)
    plan = TargetPlan(target=Target(source=source, name=""), stages=stages, stem=source)
    return carry_out(
        store,
        [plan],
        command="hydrate",
        target=" ".join(path.name for path in paths),
        settings=settings,
        observers=observers,
        policy=policy,
        egress=egress,
        details=lambda: {"hydrate": msgspec.to_builtins(work.found)},
    )
