"""Reddit as a source: its API, its archives, saved answers of it and what it hands its users on request."""

from __future__ import annotations

import re
from collections.abc import Collection, Generator, Iterable, Sequence
from functools import partial
from typing import Any

from hubbub.errors import UsageError
from hubbub.http.access import Access
from hubbub.plugins.agenda import Agenda, Estimate, Watch
from hubbub.plugins.by_id import LookedUp, Reach, Told
from hubbub.plugins.contracts import (
    Asked,
    Decoded,
    DumpColumns,
    ExportFacts,
    ExportLayout,
    ExportRow,
    Recall,
    SourceSettings,
    StreamPlan,
    SyncOptions,
    Target,
)
from hubbub.plugins.due import Scope
from hubbub.plugins.verifying import Verification
from hubbub.sources.reddit import api, auth, data_request, lookup
from hubbub.sources.reddit.about import community_about, user_about
from hubbub.sources.reddit.columns import dump_columns
from hubbub.sources.reddit.comments import SIDE_BY_SIDE, community_comments
from hubbub.sources.reddit.dump import decode_block, decode_lines
from hubbub.sources.reddit.estimate import estimate
from hubbub.sources.reddit.listings import TERMS, Course, look_at_listing, walk_listing
from hubbub.sources.reddit.mapping import MAPPING_VERSION
from hubbub.sources.reddit.saved import decode_saved
from hubbub.sources.reddit.together import Together
from hubbub.sources.reddit.verifying import verify

_COMMUNITY = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9_]{1,20}|u_[A-Za-z0-9_-]{3,20}|reddit\.com)\Z")
_PERSON = re.compile(r"[A-Za-z0-9_-]{3,20}\Z")
_LOOKS = {"new", "hot", "rising", "top", "controversial"}
_TIMED = {"top", "controversial"}
_SPANS = {"hour", "day", "week", "month", "year", "all"}

Stages = tuple[tuple[StreamPlan, ...], ...]


class RedditSource:
    """The plug-in: fulfils SourcePlugin, FileReader, TableReader, ExportReader, IdReader and Verifies."""

    name = "reddit"
    terms = TERMS
    ids_a_request = api.INFO_SIZE
    requests_a_round = SIDE_BY_SIDE
    mapping_version = MAPPING_VERSION
    requests_a_minute = 100

    def access(self, settings: SourceSettings) -> Access:
        """How to reach Reddit with the user's own app. Raises ConfigError when a needed setting is missing."""
        values = settings.values
        return Access(
            base_url=settings.base_url or "https://oauth.reddit.com",
            user_agent=auth.user_agent(values),
            token=auth.token_flow(values, base_url=settings.base_url),
            read_budget=api.read_budget,
            default_budget=self.requests_a_minute,
            identity=values.get("client_id", ""),
            account=auth.account(values),
            budget=settings.budget,
            kept=settings.kept,
        )

    def plan(self, target: Target, options: SyncOptions) -> Stages:
        """First what a community says and its posts, then the comments of posts whose count changed; for `u/NAME`
        the profile, posts and comments of a person. Raises UsageError for a name Reddit cannot have."""
        is_person, name = _named(target)
        stages = _person_stages(name, options=options) if is_person else _community_stages(name, options=options)
        return _chosen(stages, options=options)

    def look_up(self, ids: Sequence[str], *, told: Told | None = None) -> Generator[Asked, Any, LookedUp]:
        """Ask for posts and comments by fullname (see `lookup`)."""
        return lookup.look_up(ids, told=told)

    def reach(self, communities: Sequence[str]) -> Generator[Asked, Any, dict[str, Reach]]:
        """Whether communities can be read right now (see `lookup`)."""
        return lookup.reach(communities)

    def scope_of(self, targets: Sequence[Target]) -> Scope:
        """Whose rows `reddit:NAME` and `reddit:u/NAME` mean. Raises UsageError for a name Reddit cannot have."""
        named = [_named(target) for target in targets if target.name]
        return Scope(
            communities=tuple(name.casefold() for is_person, name in named if not is_person),
            authors=tuple(name.casefold() for is_person, name in named if is_person),
        )

    def identify(self, word: str, *, kind: str | None = None) -> tuple[str, str] | None:
        """(kind, fullname) of a fullname, a permalink or a bare id (see `lookup`)."""
        return lookup.identify(word, kind=kind)

    def verify(self, targets: Sequence[Target], settings: SourceSettings) -> Verification:
        """Who we are, what is left, which communities are open (see `verifying`)."""
        named = [_named(target) for target in targets if target.name]
        return verify([f"u/{name}" if is_person else name for is_person, name in named], settings.values)

    def pools(self, target: Target, options: SyncOptions) -> bool:
        """Communities go together, but for a one-off look; a person has listings of their own."""
        return options.listing is None and not _named(target)[0]

    def agenda(self, targets: Sequence[Target], options: SyncOptions, watch: Watch | None) -> Agenda:
        """Communities together (see `together`)."""
        return Together([_named(target)[1] for target in targets], options=options, watch=watch).steps()

    def estimate(self, targets: Sequence[Target], options: SyncOptions) -> Generator[Recall, Any, list[Estimate]]:
        """What a sync of communities will ask (see `estimate`)."""
        return estimate([_named(target)[1] for target in targets], options=options, now=options.started_at)

    def decode_lines(self, lines: Sequence[bytes], *, where: str, first_line: int, now: int) -> Decoded:
        """Records of some lines of a dump (see `dump`)."""
        return decode_lines(lines, where=where, first_line=first_line, now=now)

    def dump_columns(self, names: Sequence[str]) -> DumpColumns:
        """What to read of a Parquet mirror (see `columns`); raises InputError for another table."""
        return dump_columns(names)

    def decode_block(self, block: bytes, *, count: int, where: str, first_line: int, now: int) -> Decoded:
        """The same of lines as they lie in a file."""
        return decode_block(block, count=count, where=where, first_line=first_line, now=now)

    def decode_saved(self, body: bytes, *, where: str, observed_at: int | None, now: int) -> Decoded:
        """Records of one saved API answer (see `saved`); raises InputError when it is none."""
        return decode_saved(body, where=where, observed_at=observed_at, now=now)

    def export_layout(self, members: Collection[str]) -> ExportLayout | None:
        """The tables of a data request that are read (see `data_request`)."""
        return data_request.layout(members)

    def export_facts(self, rows: Iterable[ExportRow]) -> ExportFacts:
        """The name of the account and the time of the request, out of its statistics."""
        return data_request.facts_of(rows)

    def latest_in_export(self, rows: Iterable[ExportRow]) -> int | None:
        """The greatest date in rows of posts or comments."""
        return data_request.latest(rows)

    def decode_export(
        self, rows: Sequence[ExportRow], *, table: str, where: str, facts: ExportFacts, now: int
    ) -> Decoded:
        """Records of rows of posts or comments."""
        return data_request.decode(rows, table=table, where=where, facts=facts, now=now)


def _named(target: Target) -> tuple[bool, str]:
    """Whether a target is a person, and the name. Raises UsageError for a name Reddit cannot have."""
    name = target.name.strip().strip("/")
    kind, _, rest = name.partition("/")
    if kind.lower() in {"u", "user"} and rest:
        if not _PERSON.match(rest):
            raise UsageError(f"reddit:{target.name}: {rest!r} cannot be a Reddit user's name")
        return True, rest
    name = rest if kind.lower() == "r" and rest else name
    if not _COMMUNITY.match(name):
        raise UsageError(
            f"reddit:{target.name}: {name!r} cannot be a community's name",
            advice="write reddit:NAME or reddit:u/NAME, one name a target",
        )
    return False, name


def _community_stages(name: str, *, options: SyncOptions) -> Stages:
    if options.listing is not None:
        course = _look(f"/r/{name}", listing=options.listing)
        begin = partial(look_at_listing, course, limit=options.limit)
        return ((StreamPlan(name="posts", begin=begin),),)
    posts = Course(key=f"{name.casefold()}/new", path=f"/r/{name}/new", route="new")
    return (
        (
            StreamPlan(name="about", begin=partial(community_about, name)),
            StreamPlan(name="posts", begin=partial(walk_listing, posts, options=options)),
        ),
        (StreamPlan(name="comments", begin=partial(community_comments, name, options=options)),),
    )


def _person_stages(name: str, *, options: SyncOptions) -> Stages:
    if options.listing is not None:
        raise UsageError(f"reddit:u/{name}: --listing is for communities")
    newest = (("sort", "new"),)
    key = f"u/{name.casefold()}"
    posts = Course(key=f"{key}/submitted", path=f"/user/{name}/submitted", route="submitted", params=newest)
    comments = Course(key=f"{key}/comments", path=f"/user/{name}/comments", route="user_comments", params=newest)
    return (
        (
            StreamPlan(name="about", begin=partial(user_about, name)),
            StreamPlan(name="posts", begin=partial(walk_listing, posts, options=options)),
            StreamPlan(name="comments", begin=partial(walk_listing, comments, options=options)),
        ),
    )


def _look(path: str, *, listing: str) -> Course:
    sort, _, span = listing.partition("/")
    if sort not in _LOOKS or (span and (sort not in _TIMED or span not in _SPANS)):
        raise UsageError(
            f"Reddit has no listing {listing!r}; known: {', '.join(sorted(_LOOKS))}",
            advice="top and controversial take a span: top/week (hour, day, week, month, year, all)",
        )
    params = (("t", span or "all"),) if sort in _TIMED else ()
    return Course(key="", path=f"{path}/{sort}", route=sort, params=params)


def _chosen(stages: Stages, *, options: SyncOptions) -> Stages:
    """The stages without streams the user did not ask for."""
    if not options.only:
        return stages
    known = {plan.name for stage in stages for plan in stage}
    if unknown := sorted(options.only - known):
        raise UsageError(f"there is no stream {', '.join(unknown)} here; known: {', '.join(sorted(known))}")
    kept = (tuple(plan for plan in stage if plan.name in options.only) for stage in stages)
    return tuple(stage for stage in kept if stage)


SOURCE = RedditSource()
"""What the entry point names."""
