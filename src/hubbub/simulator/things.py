"""People, communities, posts and comments of a simulated world, and when something happens to them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from itertools import islice
from random import Random

import msgspec

HORIZON = 1_780_272_000
"""2026-06-01T00:00:00Z: from here on the content of every world is final."""
NEVER = 1 << 62
COMMUNITIES = ("whatisthisbug", "bugs", "spiders")
AUTOMATON = 0
"""Position of the person that is a bot of the moderators."""
MODERATORS = (1, 2, 3)
STRIDE = 64
"""Numbers of posts and comments leave their community's position when divided by this; in worlds of more communities
by the next power of two that has room for them."""
_SMALL_FRY = ("beetles", "moths", "bees", "ants", "wasps", "spiders", "mantids", "crickets", "flies", "mites", "worms")


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """An account. What is not "plain" happens to it at `fate_at`."""

    position: int
    name: str
    number: int
    created_at: int
    fate: str = "plain"
    """plain, gone (deleted its account), suspended, hidden (keeps its profile to itself)."""
    fate_at: int = NEVER


class Post(msgspec.Struct, kw_only=True, eq=False):
    """A post, and when what happens to it happens. NEVER stands for "does not"."""

    number: int
    position: int
    community: str
    author: Person
    created_at: int
    kind: str
    """image, gallery, text, link, hosted (picture on a foreign host), video, poll, crosspost."""
    taxon: int
    """Position in TAXA of the animal it truly shows."""
    question: bool
    peak: int
    """Points it gathers in the end."""
    pictures: int = 0
    picture_of: int | None = None
    """Number of the earlier post whose pictures it posts again."""
    adult: bool = False
    spoiler: bool = False
    locked: bool = False
    pinned: bool = False
    """Moderators keep it on top."""
    edited_at: int = NEVER
    deleted_at: int = NEVER
    removed_at: int = NEVER
    removal: str = ""
    """Who removed it: moderator, staff or legal."""
    gone_at: int = NEVER
    """From then on nobody gets any answer about it."""
    held_until: int = 0
    """A filter keeps it back until a moderator lets it through."""
    comments: list[Comment] = msgspec.field(default_factory=list)
    """In order of creation."""


class Comment(msgspec.Struct, kw_only=True, eq=False):
    """A comment, and when what happens to it happens."""

    number: int
    post: Post
    parent: Comment | None
    depth: int
    author: Person
    created_at: int
    peak: int
    claim: int | None
    """Position in TAXA of the animal it names; None for chat."""
    pinned: bool = False
    edited_at: int = NEVER
    deleted_at: int = NEVER
    removed_at: int = NEVER
    removal: str = ""
    replies: list[Comment] = msgspec.field(default_factory=list)


class Community(msgspec.Struct, kw_only=True, eq=False):
    """A place with all that was ever posted there, oldest first."""

    name: str
    position: int
    created_at: int
    posts: list[Post]
    comments: list[Comment]


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How many posts and comments are ever made in each community (fewer of them stay visible)."""

    posts: int = 200
    comments: int = 3000
    span_days: int = 120
    """How many days before the horizon the first post lies: the rates are the numbers divided by it."""


class Ground(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What a world grows from."""

    seed: int
    size: Size
    names: tuple[str, ...]
    """Of the communities, in their order."""
    people: tuple[Person, ...]

    @property
    def span_s(self) -> int:
        """How far back before the horizon the first post lies."""
        return self.size.span_days * 86_400

    @property
    def beginning(self) -> int:
        """Epoch seconds at which the first post may be made."""
        return HORIZON - self.span_s

    @cached_property
    def stride(self) -> int:
        """What the numbers of posts and comments are divided by to find their community's position."""
        return max(STRIDE, 1 << (len(self.names) - 1).bit_length())

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Of the communities, by their names as they are written."""
        return {name: position for position, name in enumerate(self.names)}

    def dice(self, *parts: object) -> Random:
        """Dice of their own for one purpose: the same parts give the same throws."""
        return Random("/".join(str(p) for p in (self.seed, *parts)))  # noqa: S311 - plausible talk, no secrets


def community_names(count: int | None, *, named: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The names given, or else the usual ones, filled up with made-up ones until there are so many."""
    begun = named or COMMUNITIES
    if count is None or count <= len(begun):
        return named or COMMUNITIES[:count]
    made = (f"{_SMALL_FRY[i % len(_SMALL_FRY)]}_{i}" for i in range(2 * count))
    return (*begun, *islice((name for name in made if name not in begun), count - len(begun)))
