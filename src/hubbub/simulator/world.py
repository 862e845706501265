"""The seeded world: people, communities, posts and comments, each with the instants at which something happens to it.

Nothing here speaks of a platform. A thing's state at a time is a pure function of (seed, time); after the horizon
nothing changes any more. Communities grow on first use, each from its own dice, so none depends on another.
"""

from __future__ import annotations

import math
from random import Random

import msgspec

from hubbub.simulator import talk
from hubbub.simulator.taxa import TAXA, Taxon

HORIZON = 1_780_272_000
"""2026-06-01T00:00:00Z: from here on the content of every world is final."""
SPAN_S = 120 * 86_400
"""How far back before the horizon the first post lies."""
NEVER = 1 << 62
COMMUNITIES = ("whatisthisbug", "bugs", "spiders")
AUTOMATON = 0
"""Position of the person that is a bot of the moderators."""
MODERATORS = (1, 2, 3)


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


class World:
    """Everything that ever happens, from one seed."""

    def __init__(self, seed: int = 7, *, size: Size | None = None, communities: tuple[str, ...] = COMMUNITIES) -> None:
        self.seed = seed
        self.size = size or Size()
        self.names = communities
        self.horizon = HORIZON
        self.people = _people(seed)
        self._grown: dict[str, Community] = {}
        self._people_by_name = {p.name.casefold(): p for p in self.people}
        self._people_by_number = {p.number: p for p in self.people}
        self._posts: dict[int, Post] = {}
        self._comments: dict[int, Comment] = {}

    def community(self, name: str) -> Community | None:
        """The community of that name, whatever its case; None when there is none."""
        known = next((n for n in self.names if n.casefold() == name.casefold()), None)
        if known is None:
            return None
        if known not in self._grown:
            from hubbub.simulator.growth import grow  # noqa: PLC0415 - growth builds this module's structs

            grown = grow(self, known)
            self._posts.update((p.number, p) for p in grown.posts)
            self._comments.update((c.number, c) for c in grown.comments)
            self._grown[known] = grown
        return self._grown[known]

    def communities(self) -> list[Community]:
        """All of them, grown."""
        return [c for name in self.names if (c := self.community(name)) is not None]

    def post(self, number: int) -> Post | None:
        """The post of that number, made at any time."""
        self._grow_for(number)
        return self._posts.get(number)

    def comment(self, number: int) -> Comment | None:
        """The comment of that number, made at any time."""
        self._grow_for(number)
        return self._comments.get(number)

    def person(self, name: str) -> Person | None:
        """The account of that name, whatever its case."""
        return self._people_by_name.get(name.casefold())

    def person_numbered(self, number: int) -> Person | None:
        """The account of that number."""
        return self._people_by_number.get(number)

    def dice(self, *parts: object) -> Random:
        """Dice of their own for one purpose: the same parts give the same throws."""
        return Random("/".join(str(p) for p in (self.seed, *parts)))  # noqa: S311 - plausible talk, no secrets

    def _grow_for(self, number: int) -> None:
        # A number's remainder says whose it is, so that looking one thing up grows one community only.
        position = number % STRIDE
        if position < len(self.names):
            self.community(self.names[position])


STRIDE = 64
"""Numbers of posts and comments leave their community's position when divided by this."""


def _people(seed: int) -> tuple[Person, ...]:
    dice = Random(f"{seed}/people")  # noqa: S311 - plausible talk, no secrets
    made: list[Person] = []
    names = {"automoderator"}
    for position in range(600):
        name = "AutoModerator" if position == AUTOMATON else talk.name(dice)
        while position and name.casefold() in names:
            name = (talk.name(dice)[:16] + str(dice.randrange(1000)))[:20]
        names.add(name.casefold())
        fate, fate_at = "plain", NEVER
        if position > max(MODERATORS):
            fate = {5: "gone", 17: "suspended", 23: "hidden"}.get(position % 29, "plain")
            fate_at = HORIZON - dice.randrange(3600, SPAN_S // 2)
        created_at = HORIZON - SPAN_S - dice.randrange(86_400, 10 * 365 * 86_400)
        number = 10_000_000 + position * 7919 + seed % 1000
        made.append(
            Person(position=position, name=name, number=number, created_at=created_at, fate=fate, fate_at=fate_at)
        )
    return tuple(made)


def points(peak: int, *, created_at: int, at: float) -> int:
    """A score at a time: it rises from 1 towards its peak within a day and stands still at the horizon."""
    age = max(0.0, min(at, HORIZON) - created_at)
    return 1 + int(peak * (1 - math.exp(-age / 21_600)))


def title_of(world: World, post: Post) -> str:
    """The post's title; it never changes."""
    return talk.title(world.dice("title", post.number), taxon=TAXA[post.taxon], question=post.question)[:300]


def text_of(world: World, thing: Post | Comment, *, at: float) -> str:
    """What its author wrote, as it stands at a time; what was deleted or removed is the caller's matter."""
    dice = world.dice("text", thing.number)
    if isinstance(thing, Post):
        has_text = thing.kind in ("text", "poll") or (
            thing.kind in ("image", "gallery", "video") and dice.random() < 0.3
        )
        text = talk.question(dice, taxon=TAXA[thing.taxon]) if has_text else ""
    elif thing.pinned:
        text = "Thank you for posting! Please state **where** it was found & its size.\n\n*I am a bot.*"
    elif thing.claim is None:
        text = talk.chat(dice, taxon=TAXA[thing.post.taxon])
    else:
        text = talk.answer(dice, claim=TAXA[thing.claim], right=thing.claim == thing.post.taxon)
    return text + talk.edit_note(dice) if text and thing.edited_at <= at else text


def true_taxon(post: Post) -> Taxon | None:
    """What the post shows, for judging labels; None for posts that ask nothing."""
    return TAXA[post.taxon] if post.question else None
