"""What a scenario decides about the pretend Product Hunt: its size, and what nobody knows for sure of the real one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from hubbub.errors import ConfigError


class Switches(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[producthunt]` of a scenario."""

    launches_a_day: Annotated[int, msgspec.Meta(ge=1, le=5000)] = 30
    """On average; weekends have fewer."""
    span_days: Annotated[int, msgspec.Meta(ge=1, le=5000)] | None = None
    """How many days before the horizon have launches; None = as long as the story of the world (`--span-days`)."""
    most_comments: Annotated[int, msgspec.Meta(ge=0, le=2000)] = 300
    """Under one launch."""
    comments_listed: Literal["top", "all"] = "top"
    """Whether `post.comments` lists replies too; not known of the real one."""
    dates: Literal["launch", "featured", "created"] = "launch"
    """What `postedAfter` and `postedBefore` test, and NEWEST sorts by: the launch; the featuring, or the launch while
    there is none; or `createdAt`. The real one does not test `createdAt` (issues 168, 282); which of the others is not
    known."""
    featured_only: bool = False
    """`posts` shows featured launches only, unless `featured: false` is asked for."""


def switches(told: Mapping[str, Any]) -> Switches:
    """The switches as a scenario tells them; raises ConfigError for what there is not."""
    try:
        return msgspec.convert(told, Switches)
    except msgspec.ValidationError as error:
        raise ConfigError(f"the scenario's table [producthunt] is wrong: {error}") from error
