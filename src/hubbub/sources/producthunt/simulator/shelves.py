"""Topics and collections: what launches are sorted into."""

from __future__ import annotations

from random import Random

import msgspec

from hubbub.simulator.things import NEVER
from hubbub.sources.producthunt.simulator import words
from hubbub.sources.producthunt.simulator.calendar import Calendar

_DAY_S = 86_400
_TOPICS = (
    "Productivity", "Artificial Intelligence", "Developer Tools", "Design Tools", "Marketing", "SaaS", "Open Source",
    "Education", "Health & Fitness", "Mac", "iOS", "Android", "Chrome Extensions", "Email", "Analytics", "Fintech",
    "No-Code", "Writing", "Photo & Video", "Music", "Games", "Travel", "Remote Work", "Privacy", "Hiring", "E-Commerce",
    "GitHub", "API", "Web App", "Social Media", "Customer Communication", "Calendar", "Task Management", "Notes",
    "Data", "Hardware", "Food & Drink", "Home", "Green Tech", "Crypto",
)  # fmt: skip
_KINDS = ("Tools for", "Everything for", "Best of", "Quiet helpers for", "My stack for")
_COLLECTIONS = 30


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic; its counts grow for ever."""

    position: int
    number: int
    name: str
    slug: str
    description: str
    created_at: int
    followers: int
    posts: int
    a_day: float
    """Followers it wins in a day."""

    def followers_at(self, at: float) -> int:
        """Its followers at that time."""
        return self.followers + int(self.a_day * max(0.0, at - self.created_at) / _DAY_S)

    def posts_at(self, at: float) -> int:
        """How many launches it is said to have: those of years before the story began included."""
        return self.posts + int(2 * max(0.0, at - self.created_at) / _DAY_S)


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """A collection; which launches it has, these tell."""

    position: int
    number: int
    name: str
    slug: str
    tagline: str
    description: str | None
    created_at: int
    featured_at: int
    followers: int
    topics: tuple[int, ...]

    def followers_at(self, at: float) -> int:
        """Its followers at that time."""
        return self.followers + int(max(0.0, at - self.created_at) / (3 * _DAY_S))

    def featured(self, at: float) -> int | None:
        """Its `featuredAt` at that time."""
        return self.featured_at if self.featured_at <= at else None


def topics(seed: int, *, calendar: Calendar) -> tuple[Topic, ...]:
    """All of them, in the order they were made; the last two come about within the story."""
    dice = Random(f"{seed}/producthunt/topics")  # noqa: S311 - a pretend world
    made: list[Topic] = []
    for position, name in enumerate(_TOPICS):
        left = len(_TOPICS) - position
        before = calendar.beginning - left * 30 * _DAY_S
        made.append(
            Topic(
                position=position,
                number=40 + position * 7,
                name=name,
                slug=words.slug(name),
                description=f"Products about {name.lower()}.",
                created_at=before if left > 2 else _within(dice, calendar=calendar, share=1 - left / 3),
                followers=dice.randrange(200, 400_000),
                posts=dice.randrange(50, 20_000),
                a_day=dice.uniform(0.5, 60),
            )
        )
    return tuple(made)


def collections(seed: int, *, calendar: Calendar) -> tuple[Collection, ...]:
    """All of them, in the order they were made; a third comes about within the story."""
    dice = Random(f"{seed}/producthunt/collections")  # noqa: S311 - a pretend world
    made: list[Collection] = []
    for position in range(_COLLECTIONS):
        about = sorted(dice.sample(range(len(_TOPICS) - 2), dice.randrange(1, 4)))
        name = f"{dice.choice(_KINDS)} {_TOPICS[about[0]]}"
        number = 120_000 + position * 13
        young = position - _COLLECTIONS * 2 // 3
        created_at = (
            calendar.beginning + young * 20 * _DAY_S
            if young < 0
            else _within(dice, calendar=calendar, share=young / (_COLLECTIONS / 3))
        )
        made.append(
            Collection(
                position=position,
                number=number,
                name=name,
                slug=f"{words.slug(name)}-{number}",
                tagline=words.tagline(dice),
                description=None if dice.random() < 0.4 else f"What I keep going back to: {name.lower()}.",
                created_at=created_at,
                featured_at=created_at + dice.randrange(_DAY_S, 20 * _DAY_S) if dice.random() < 0.4 else NEVER,
                followers=dice.randrange(1, 3000),
                topics=tuple(about),
            )
        )
    return tuple(made)


def _within(dice: Random, *, calendar: Calendar, share: float) -> int:
    """An instant about that far through the story; calls with rising shares give rising instants."""
    span = calendar.horizon - calendar.beginning
    return int(calendar.beginning + span * share + dice.randrange(_DAY_S // 2))
