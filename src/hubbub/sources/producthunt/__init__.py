"""Product Hunt as a source: its GraphQL API and snapshots that others took of it."""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Sequence

from hubbub.errors import UsageError
from hubbub.http.access import Access
from hubbub.plugins.agenda import Agenda, Estimate, Watch
from hubbub.plugins.contracts import Recall, SourceSettings, StreamPlan, SyncOptions, Target
from hubbub.plugins.verifying import Verification
from hubbub.sources.producthunt import api, auth
from hubbub.sources.producthunt.agenda import STREAMS, Launches, Place
from hubbub.sources.producthunt.estimate import estimate
from hubbub.sources.producthunt.mapping import TERMS
from hubbub.sources.producthunt.prices import POINTS, WINDOW_S
from hubbub.sources.producthunt.reading import SnapshotReader
from hubbub.sources.producthunt.verifying import verify

BASE_URL = "https://api.producthunt.com"
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,120}\Z")


class ProductHuntSource(SnapshotReader):
    """The plug-in: fulfils SourcePlugin, PoolingSource, Verifies and FileReader."""

    name = "producthunt"
    terms = TERMS
    requests_a_minute = POINTS * 60 // WINDOW_S
    measure = "points"

    def access(self, settings: SourceSettings) -> Access:
        """How to reach Product Hunt with the user's own token. Raises ConfigError when a needed setting is missing."""
        values = settings.values
        return Access(
            base_url=settings.base_url or BASE_URL,
            user_agent=auth.user_agent(values),
            token=auth.token_flow(values),
            read_budget=api.read_budget,
            default_budget=self.requests_a_minute,
            burst=math.inf,
            patience_s=2.0 * WINDOW_S,
            identity=values.get("client_id") or auth.account(values),
            account=auth.account(values),
            budget=settings.budget,
            kept=settings.kept,
        )

    def plan(self, target: Target, options: SyncOptions) -> tuple[tuple[StreamPlan, ...], ...]:
        """The streams of a target, one after another. Raises UsageError for what Product Hunt cannot have."""
        place = place_of(target)
        if options.listing is not None or options.max_pages is not None:
            raise UsageError(
                f"{_typed(target)}: Product Hunt is read by days, not by listings",
                advice="leave --listing, --limit and --max-pages out; --since says how far back",
            )
        if unknown := sorted(options.only - set(STREAMS)):
            raise UsageError(f"there is no stream {', '.join(unknown)} here; known: {', '.join(STREAMS)}")
        launches = Launches([place], options=options, watch=None)
        return tuple((each,) for each in launches.streams(place, now=options.started_at))

    def pools(self, target: Target, options: SyncOptions) -> bool:
        """All targets share one agenda: prices are learned one request at a time."""
        del target, options
        return True

    def agenda(self, targets: Sequence[Target], options: SyncOptions, watch: Watch | None) -> Agenda:
        """All targets, one after another (see `agenda`)."""
        return Launches([place_of(target) for target in targets], options=options, watch=watch).steps()

    def estimate(self, targets: Sequence[Target], options: SyncOptions) -> Generator[Recall, None, list[Estimate]]:
        """What a sync will cost in points (see `estimate`)."""
        return estimate([place_of(target) for target in targets], options=options, now=options.started_at)

    def verify(self, targets: Sequence[Target], settings: SourceSettings) -> Verification:
        """Who the token belongs to, what is left, which topics and collections are there (see `verifying`)."""
        return verify([place_of(target) for target in targets if target.name], settings.values)


def place_of(target: Target) -> Place:
    """What a target names. Raises UsageError for what Product Hunt cannot have."""
    name = target.name.strip().strip("/")
    if not name:
        return Place(target=target.name)
    kind, _, slug = name.partition("/")
    if _SLUG.match(slug):
        if kind == "topic":
            return Place(target=target.name, kind="topic", slug=slug)
        if kind == "collection":
            return Place(target=target.name, kind="collection", slug=slug)
    raise UsageError(
        f"{_typed(target)} is nothing Product Hunt has",
        advice="write producthunt, producthunt:topic/SLUG or producthunt:collection/SLUG",
    )


def _typed(target: Target) -> str:
    return f"{target.source}:{target.name}" if target.name else target.source


SOURCE = ProductHuntSource()
"""What the entry point names."""
