"""Reddit through Arctic Shift's web API: no account and no key, the same records as its monthly dumps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from hubbub import __version__
from hubbub.errors import ConfigError, ExitCode, UsageError
from hubbub.http.access import Access
from hubbub.plugins.contracts import SourceSettings, StreamPlan, SyncOptions, Target
from hubbub.plugins.verifying import Standing, Verdict, Verification
from hubbub.sources.reddit import arctic_api as api
from hubbub.sources.reddit.arctic_walk import Course, walk_archive
from hubbub.sources.reddit.dump import TERMS

_COMMUNITY = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9_]{1,20}|u_[A-Za-z0-9_-]{3,20}|reddit\.com)\Z")
_PERSON = re.compile(r"[A-Za-z0-9_-]{3,20}\Z")
_KINDS = (("posts", "post"), ("comments", "comment"))
GAP_S = 0.5
"""Between two requests: the archive calls "a couple requests per second" nothing to worry about."""
_PER_MINUTE = 60
"""In the long run, while its answers say nothing of a budget."""

_ANY = ("subreddit", "announcements")
"""What is asked for when only the archive itself is in question."""

Stages = tuple[tuple[StreamPlan, ...], ...]


class ArcticSource:
    """The plug-in: fulfils SourcePlugin and Verifies.

    Its checkpoints, its budget and its claim go by its own name, its records by Reddit's."""

    name = "arctic"
    terms = TERMS

    def access(self, settings: SourceSettings) -> Access:
        """How to reach the archive: nothing is needed. A server of one's own (`base_url`) is asked without the gap.

        Raises ConfigError when `user_agent` cannot be a header."""
        agent = settings.values.get("user_agent") or f"hubbub/{__version__} (sync arctic)"
        if not agent.isprintable() or not agent.isascii():
            raise ConfigError("arctic.user_agent holds characters that a header cannot carry")
        return Access(
            base_url=settings.base_url or api.BASE_URL,
            user_agent=agent,
            read_budget=api.read_budget,
            default_budget=_PER_MINUTE,
            gap_s=GAP_S if settings.base_url is None else 0.0,
            kept=settings.kept,
        )

    def verify(self, targets: Sequence[Target], settings: SourceSettings) -> Verification:
        """Whether the archive answers, and what it holds of the targets: a request each, one when none is named."""
        del settings
        return _verify([(target.name, _place(target)[0]) for target in targets])

    def plan(self, target: Target, options: SyncOptions) -> Stages:
        """One stage: posts and comments, which take turns.

        Raises UsageError for a name Reddit cannot have, and for a one-off look."""
        if options.listing is not None:
            raise UsageError(
                f"arctic:{target.name}: an archive has no listings", advice="leave --listing and --limit out"
            )
        of, name, key = _place(target)
        plans = []
        for stream, kind in _KINDS:
            course = Course(
                key=f"{key}/{stream}",
                name=name,
                path=f"/api/{stream}/search",
                route=f"arctic_{stream}",
                kind=kind,
                of=of,
                community=None if of[0] == "author" else key,
            )
            plans.append(StreamPlan(name=stream, begin=partial(walk_archive, course, options=options)))
        return (tuple(plans),)


def _verify(places: Sequence[tuple[str, tuple[str, str]]]) -> Verification:
    standings = []
    budget = None
    for name, of in places or [("", _ANY)]:
        response = yield api.search("/api/posts/search", route="arctic_posts", of=of, limit="1", sort="desc")
        budget = api.read_budget(response) or budget
        try:
            held = bool(api.read_items(response))
        except api.TooMuchError as error:
            code = ExitCode.REMOTE
            standings.append(Standing(name=name, state="unknown", exit_code=code, said=f"the archive says: {error}"))
            continue
        said = "the archive holds posts" if held else "the archive holds no post under this name"
        code = ExitCode.OK if held else ExitCode.PARTIAL
        standings.append(Standing(name=name, state="archived" if held else "missing", exit_code=code, said=said))
    return Verdict(door="no account is needed", budget=budget, standings=tuple(standings) if places else ())


def _place(target: Target) -> tuple[tuple[str, str], str, str]:
    """What to ask for: (parameter, its value), its name for people, the key of its checkpoints."""
    name = target.name.strip().strip("/")
    kind, _, rest = name.partition("/")
    if kind.lower() in {"u", "user"} and rest:
        if not _PERSON.match(rest):
            raise UsageError(f"arctic:{target.name}: {rest!r} cannot be a Reddit user's name")
        return ("author", rest), f"u/{rest}", f"u/{rest.casefold()}"
    name = rest if kind.lower() == "r" and rest else name
    if not _COMMUNITY.match(name):
        raise UsageError(
            f"arctic:{target.name}: {name!r} cannot be a community's name",
            advice="write arctic:NAME or arctic:u/NAME, one name a target",
        )
    return ("subreddit", name), f"r/{name}", name.casefold()


SOURCE = ArcticSource()
"""What the entry point names."""
