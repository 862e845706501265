"""Downloads of the pictures and videos that stored posts and comments name: into blobs first, then into their rows.

A blob without a row is harmless and is found again by the next run; a row never names a blob that is not there."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from hubbub import __version__, clock
from hubbub.errors import InterruptedRunError, RateLimitedError, RecordError, TransientRemoteError
from hubbub.events import Event, Finding, MediaDone, Observer
from hubbub.http.access import Access
from hubbub.http.client import Client
from hubbub.http.limits import CoolDownRules
from hubbub.http.retry import RetryPolicy
from hubbub.media.blobs import Blobs
from hubbub.media.download import Outcome, Wanted, download
from hubbub.media.guard import Guard, Lookup
from hubbub.media.validate import MAX_PIXELS
from hubbub.pipeline.egress import MEDIA, Egress
from hubbub.pipeline.interrupt import Interrupts
from hubbub.pipeline.run import Run, RunReport
from hubbub.pipeline.sweep import LEFTOVER_AGE_S, sweep_orphans, sweep_strays
from hubbub.store.engine import Store
from hubbub.store.reads import PendingMedia, pending_media
from hubbub.store.writes import Blob, set_media_state

_PAGE = 500
_MOVING = frozenset({"video", "animated"})
_MOST_REASONS = 20
_MOST_HOST_FAILURES = 5
"""Items in a row that fail in passing before a host is left alone: dead hosts would take hours."""
_COOL_DOWN = CoolDownRules(after_failures=1000)
"""Off: leaving a host alone is decided here, by item."""


class MediaOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which items to fetch, and how."""

    source: str | None = None
    community: str | None = None
    kinds: tuple[str, ...] = ("image", "gallery", "animated", "inline", "external")
    """Videos, and previews of foreign pages, only when named."""
    min_score: int | None = None
    min_comments: int | None = None
    limit: int | None = None
    """Items to try in this run."""
    states: tuple[Literal["pending", "gone", "refused", "broken"], ...] = ("pending",)
    """Items in other states are tried again when named."""
    max_tries: int = 3
    """Runs after which a failure that might pass is taken for lasting."""
    max_bytes: int = 64 * 1024 * 1024
    max_pixels: int = MAX_PIXELS
    concurrency: int = 16
    per_host: int = 8
    allow_private: bool = False
    """Fetch from private and loopback addresses too (the demo's simulator)."""
    allowed: frozenset[str] = frozenset()
    """`host:port` pairs that are fine although they are private."""
    user_agent: str = f"python:hubbub:{__version__}"
    policy: RetryPolicy = RetryPolicy(attempt_s=300.0, total_s=600.0, silence_s=10.0, rate_attempts=3, max_wait_s=120.0)
    lookup: Lookup | None = None
    """How names become addresses; None asks the system."""


def fetch_media(
    store: Store,
    blobs: Path,
    *,
    options: MediaOptions,
    observers: Sequence[Observer] = (),
    egress: Egress | None = None,
) -> RunReport:
    """Fetch what waits, one transaction an item; the report's `details` count states, reasons and bytes.

    `egress` says which proxies carry it; without it every request goes out directly.

    Blocking; runs its own event loop. Stopped, killed or failed, the next run goes on with what still waits. The exit
    code is PARTIAL when files were refused or broken, REMOTE when nothing at all came through."""
    target = ":".join(part for part in (options.source, options.community) if part) or "all"
    ways = egress or Egress()
    with Run(store, command="media fetch", target=target, observers=observers) as run:
        try:
            asyncio.run(_Fetch(store, Blobs(blobs), run=run, options=options, egress=ways).run_all())
        finally:
            ways.settle()
    return run.report()


class _Fetch:
    """One run of downloads."""

    def __init__(self, store: Store, blobs: Blobs, *, run: Run, options: MediaOptions, egress: Egress) -> None:
        self._store = store
        self._blobs = blobs
        self._run = run
        self._options = options
        self._egress = egress
        self._queue: asyncio.Queue[PendingMedia | None] = asyncio.Queue(maxsize=2 * options.concurrency)
        self._hosts: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(options.per_host))
        self._limited: dict[str, RateLimitedError] = {}
        self._failures: Counter[str] = Counter()
        self._states: Counter[str] = Counter()
        self._reasons: dict[str, Counter[str]] = defaultdict(Counter)
        self._bytes = 0
        self._stored: set[str] = set()
        self._unwanted: set[str] = set()
        """Fresh blobs whose rows went while they were on the way; another row may have asked for the same bytes."""

    async def run_all(self) -> None:
        """Until nothing waits, or the user stops the run."""
        self._blobs.sweep(older_than=clock.now() - LEFTOVER_AGE_S)
        sweep_orphans(self._store, self._blobs.root)
        sweep_strays(self._store, self._blobs.root)
        loop = asyncio.get_running_loop()
        work = asyncio.ensure_future(self._work())

        def stop() -> None:
            loop.call_soon_threadsafe(work.cancel)

        with Interrupts(stop) as interrupts:
            try:
                await work
            except asyncio.CancelledError:
                if not interrupts.requested:
                    raise
                raise InterruptedRunError("stopped by the user", advice="the same command goes on from here") from None
            finally:
                for sha256 in self._unwanted - self._stored:
                    self._blobs.remove(sha256)
                self._run.details.update(self._details())
        self._conclude()

    async def _work(self) -> None:
        options = self._options
        guard = Guard(allow_private=options.allow_private, allowed=options.allowed, lookup=options.lookup)
        access = Access(
            base_url="https://media.invalid", user_agent=options.user_agent, read_budget=lambda _response: None
        )
        # Which hosts will be asked is not known yet: a proxy is tried as far as itself.
        way = await self._egress.route(MEDIA, to=None, tell=self._tell)
        async with Client(
            access,
            source=MEDIA,
            observers=(self._run.emit,),
            concurrency=options.concurrency,
            policy=options.policy,
            cool_down=_COOL_DOWN,
            resolve=guard.resolve,
            check_url=guard.check_url,
            api=False,
            tunnels=way,
        ) as client:
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(options.concurrency):
                        group.create_task(self._worker(client))
                    await self._feed()
            except BaseExceptionGroup as errors:
                # One reason is enough to stop, and callers know single errors.
                raise errors.exceptions[0] from None

    def _tell(self, event: Event) -> None:
        if isinstance(event, Finding):
            self._run.finding(event.severity, event.what)

    async def _feed(self) -> None:
        options = self._options
        above, left = 0, options.limit
        while left is None or left > 0:
            items = pending_media(
                self._store,
                source=options.source,
                community=options.community,
                kinds=options.kinds,
                min_score=options.min_score,
                min_comments=options.min_comments,
                states=options.states,
                limit=_PAGE if left is None else min(_PAGE, left),
                above=above,
            )
            if not items:
                break
            for item in items:
                await self._queue.put(item)
            above = items[-1].n
            left = None if left is None else left - len(items)
        for _ in range(options.concurrency):
            await self._queue.put(None)

    async def _worker(self, client: Client) -> None:
        while (item := await self._queue.get()) is not None:
            host = _host(item.url)
            async with self._hosts[host]:
                if host in self._limited or self._failures[host] >= _MOST_HOST_FAILURES:
                    self._states["pending"] += 1
                    self._reasons["pending"][f"{host} was left alone for the rest of the run"] += 1
                    continue
                await self._fetch(client, item, host=host)

    async def _fetch(self, client: Client, item: PendingMedia, *, host: str) -> None:
        options = self._options
        wanted = Wanted(
            url=item.url,
            fallback_url=item.fallback_url,
            video=item.kind in _MOVING,
            max_bytes=options.max_bytes,
            max_pixels=options.max_pixels,
        )
        outcome = await download(client, self._blobs, wanted)
        state, reason = outcome.verdict.state, outcome.verdict.reason
        self._failures[host] = self._failures[host] + 1 if outcome.passing else 0
        if outcome.limited is not None:
            self._limited[host] = outcome.limited
        if outcome.passing and item.tries + 1 < options.max_tries:
            waiting = "pending"
            set_media_state(self._store, item.n, state=waiting, reason=reason, tried=outcome.limited is None)
            self._count(item, waiting, reason=reason, size=0)
            return
        if outcome.blob is None:
            set_media_state(self._store, item.n, state=state, reason=reason)
        else:
            self._keep(item, outcome)
        self._count(item, state, reason=reason, size=0 if outcome.blob is None else outcome.blob.size_bytes)

    def _keep(self, item: PendingMedia, outcome: Outcome) -> None:
        """The blob lies there: now its row. A row that is gone meanwhile leaves its fresh file to nobody."""
        assert outcome.blob is not None
        verdict, kept = outcome.verdict, outcome.blob
        blob = Blob(
            sha256=kept.sha256,
            size_bytes=kept.size_bytes,
            mime=verdict.mime,
            width=verdict.width,
            height=verdict.height,
        )
        if set_media_state(self._store, item.n, state="stored", blob=blob):
            self._stored.add(kept.sha256)
        elif kept.fresh:
            self._unwanted.add(kept.sha256)

    def _count(self, item: PendingMedia, state: str, *, reason: str | None, size: int) -> None:
        self._states[state] += 1
        self._bytes += size
        if reason is not None:
            self._reasons[state][reason] += 1
        shown = item.url.partition("?")[0]
        self._run.emit(MediaDone(url=shown, state=state, reason=reason, size_bytes=size))

    def _details(self) -> dict[str, Any]:
        return {
            "states": dict(sorted(self._states.items())),
            "reasons": {state: dict(counts.most_common(_MOST_REASONS)) for state, counts in self._reasons.items()},
            "bytes": self._bytes,
        }

    def _conclude(self) -> None:
        """What the counts mean for the exit code."""
        for error in self._limited.values():
            self._run.fail(error)
        lost = self._states["refused"] + self._states["broken"]
        waiting = self._states["pending"]
        if lost:
            self._run.fail(RecordError(f"{lost} files were set aside: no whole picture, or not to be asked"))
        if waiting and not self._limited:
            came = self._states["stored"] + self._states["gone"] + lost
            words = f"{waiting} files could not be fetched now and wait for another run"
            self._run.fail(RecordError(words) if came else TransientRemoteError(words))


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""
