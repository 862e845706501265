"""The seeded world: people, communities, posts and comments, each with the instants at which something happens to it.

Nothing here speaks of a platform. A thing's state at a time is a pure function of (seed, time); after the horizon
nothing changes any more. Communities grow on first use, each from its own dice, so none depends on another.
"""

from __future__ import annotations

import math
from random import Random

from hubbub.simulator import growth, talk
from hubbub.simulator.taxa import TAXA, Taxon
from hubbub.simulator.things import COMMUNITIES, HORIZON, Comment, Community, Ground, Person, Post, Size

__all__ = ["COMMUNITIES", "HORIZON", "Size", "World", "points", "text_of", "title_of", "true_taxon"]


class World:
    """Everything that ever happens, from one seed."""

    def __init__(self, seed: int = 7, *, size: Size | None = None, communities: tuple[str, ...] = COMMUNITIES) -> None:
        self.seed = seed
        self.names = communities
        self.horizon = HORIZON
        size = size or Size()
        self.people = growth.people(seed, span_s=size.span_days * 86_400)
        self.ground = Ground(seed=seed, size=size, names=communities, people=self.people)
        self._names = {name.casefold(): name for name in reversed(communities)}
        self._grown: dict[str, Community] = {}
        self._people_by_name = {p.name.casefold(): p for p in self.people}
        self._people_by_number = {p.number: p for p in self.people}
        self._posts: dict[int, Post] = {}
        self._comments: dict[int, Comment] = {}
        self._written: dict[int, list[Post | Comment]] = {}
        self._titles: dict[int, str] = {}

    def community(self, name: str) -> Community | None:
        """The community of that name, whatever its case; None when there is none."""
        known = self._names.get(name.casefold())
        if known is None:
            return None
        if known not in self._grown:
            grown = growth.grow(self.ground, known)
            self._posts.update((p.number, p) for p in grown.posts)
            self._comments.update((c.number, c) for c in grown.comments)
            things: list[Post | Comment] = [*grown.posts, *grown.comments]
            for thing in things:
                self._written.setdefault(thing.author.position, []).append(thing)
            self._grown[known] = grown
        return self._grown[known]

    def knows(self, name: str) -> bool:
        """Whether there is a community of that name, whatever its case."""
        return name.casefold() in self._names

    def communities(self) -> list[Community]:
        """All of them, grown."""
        return [c for name in self.names if (c := self.community(name)) is not None]

    def position(self, name: str) -> int:
        """Where a community stands among all, by its name as it is written."""
        return self.ground.positions[name]

    def written_by(self, person: Person) -> list[Post | Comment]:
        """All that an account ever writes, in no order."""
        self.communities()
        return self._written.get(person.position, [])

    def title(self, post: Post) -> str:
        """The post's title; it never changes."""
        known = self._titles.get(post.number)
        if known is None:
            made = talk.title(self.dice("title", post.number), taxon=TAXA[post.taxon], question=post.question)
            known = self._titles[post.number] = made[:300]
        return known

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
        return self.ground.dice(*parts)

    def _grow_for(self, number: int) -> None:
        # A number's remainder says whose it is, so that looking one thing up grows one community only.
        position = number % self.ground.stride
        if position < len(self.names):
            self.community(self.names[position])


def points(peak: int, *, created_at: int, at: float) -> int:
    """A score at a time: it rises from 1 towards its peak within a day and stands still at the horizon."""
    age = max(0.0, min(at, HORIZON) - created_at)
    return 1 + int(peak * (1 - math.exp(-age / 21_600)))


def title_of(world: World, post: Post) -> str:
    """The post's title; it never changes."""
    return world.title(post)


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
