"""The world of launches: what is launched when, and what becomes of it; a pure function of (seed, time).

A day comes about when it is first asked for, from dice of its own; numbers (ids) rise with the instant at which a
launch or comment was made, and tell which day it belongs to, so that looking one up grows one day only."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from random import Random

import msgspec

from hubbub.simulator.things import HORIZON, NEVER
from hubbub.sources.producthunt.simulator import shelves, words
from hubbub.sources.producthunt.simulator.calendar import Calendar
from hubbub.sources.producthunt.simulator.comments import Comment, talk
from hubbub.sources.producthunt.simulator.switches import Switches

_HOUR_S = 3600
_DAY_S = 86_400
_CYCLE = 16
"""A number tells the day it belongs to modulo this; nothing is made further from its launch than 14 days."""
_LEAD_S = 13 * _DAY_S
"""How long before its launch a scheduled one is made, at most."""
LATEST_FEATURING_S = 3 * _DAY_S
OWNED_EVERY = 20
"""Every so many days the first launch is the token owner's."""


class Launch(msgspec.Struct, kw_only=True, eq=False):
    """A launch, and when what happens to it happens. NEVER stands for "does not"."""

    number: int
    day: int
    place: int
    """Among those of its day."""
    made_at: int
    """When its maker entered it; numbers rise with this."""
    launched_at: int
    """From here on it is shown."""
    created_at: int
    """What it says of itself: the launch for most (as recorded), for some when it was entered, days before."""
    moved_at: int = NEVER
    moved_to: int = 0
    """What it says from then on."""
    featured_at: int = NEVER
    refeatured_at: int = NEVER
    """From here on this is when it was featured."""
    deleted_at: int = NEVER
    changed_at: int = NEVER
    """From here on it has another name, slug and tagline."""
    peak: int
    """Votes it gathers in the end."""
    swept_at: int = NEVER
    swept: float = 0.0
    """Share of its votes that is then found to be false, and taken away."""
    topics: tuple[int, ...] = ()
    collections: tuple[tuple[int, int], ...] = ()
    """Positions of those that have it, and since when."""
    makers: int = 1
    talk: int = 0
    """How many comments are ever made."""
    owned: bool = False

    def shown(self, at: float) -> bool:
        """Whether it can be seen at that time."""
        return self.launched_at <= at < self.deleted_at

    def created(self, at: float) -> int:
        """Its `createdAt` at that time."""
        return self.moved_to if self.moved_at <= at else self.created_at

    def featured(self, at: float) -> int | None:
        """Its `featuredAt` at that time."""
        latest = self.refeatured_at if self.refeatured_at <= at else self.featured_at
        return latest if latest <= at else None

    def votes(self, at: float) -> int:
        """Votes at that time: most come within a day, the rest within a week; a sweep makes them fall."""
        made = self.gathered(at)
        return made - int(self.swept * self.gathered(self.swept_at)) if self.swept_at <= at else made

    def gathered(self, at: float) -> int:
        """Votes ever given by that time, false ones too."""
        age = max(0.0, at - self.launched_at)
        return 1 + int(self.peak * (0.8 * (1 - math.exp(-age / 28_800)) + 0.2 * (1 - math.exp(-age / 259_200))))


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What a launch says of itself at a time."""

    name: str
    slug: str
    tagline: str
    description: str | None


class Launches:
    """Everything that is ever launched, and what is said of it, from one seed."""

    def __init__(self, seed: int, *, switches: Switches, span_days: int) -> None:
        self.seed = seed
        self.switches = switches
        self.horizon = HORIZON
        self.calendar = Calendar(horizon=HORIZON, days=switches.span_days or span_days)
        self.topics = shelves.topics(seed, calendar=self.calendar)
        self.collections = shelves.collections(seed, calendar=self.calendar)
        self._slots = 1 << (2 * switches.launches_a_day).bit_length()
        """Room for the places of a day's launches."""
        self._origin = self.calendar.beginning - 20 * _DAY_S
        self._days: dict[int, list[Launch]] = {}
        self._talk: dict[int, list[Comment]] = {}

    @property
    def grown(self) -> int:
        """How many days have come about so far."""
        return len(self._days)

    def dice(self, *parts: object) -> Random:
        """Dice of their own for one purpose: the same parts give the same throws."""
        return Random("/".join(str(part) for part in (self.seed, "producthunt", *parts)))  # noqa: S311 - a pretend world

    def of_day(self, day: int) -> list[Launch]:
        """All that is ever launched on that day, by place; nothing outside the story."""
        if not 0 <= day < self.calendar.days:
            return []
        if day not in self._days:
            self._days[day] = self._grow(day)
        return self._days[day]

    def of_days(self, days: Iterable[int], *, at: float) -> Iterator[Launch]:
        """Those of these days that can be seen at that time; a day grows when the iteration reaches it."""
        return (launch for day in days for launch in self.of_day(day) if launch.shown(at))

    def launch(self, number: int) -> Launch | None:
        """The launch of that number, made at any time."""
        made_at, owner = divmod(number, _CYCLE * self._slots)
        cycle, place = divmod(owner, self._slots)
        first = self.calendar.of(self._origin + made_at)
        day = first + (cycle - first) % _CYCLE
        found = self._at(day, place)
        return found if found is not None and found.number == number else None

    def named(self, slug: str, *, at: float) -> Launch | None:
        """The launch that has this slug at that time."""
        ordinal = slug.rpartition("-")[2]
        if not (ordinal.isascii() and ordinal.isdigit() and len(ordinal) < 12):
            return None
        found = self._at(*divmod(int(ordinal), self._slots))
        return found if found is not None and self.words(found, at=at).slug == slug else None

    def words(self, launch: Launch, *, at: float) -> Words:
        """What it says of itself at that time."""
        dice = self.dice("words", launch.number)
        name, tagline = words.name(dice), words.tagline(dice)
        description = None if dice.random() < 0.08 else words.description(dice, called=name)
        if launch.changed_at <= at:
            name, tagline = f"{name} by {words.name(dice)}"[:60], words.tagline(dice)
        # The last part of a slug is the launch's place in the world: that makes it unique, and easy to look up.
        slug = f"{words.slug(name)}-{launch.day * self._slots + launch.place}"
        return Words(name=name, slug=slug, tagline=tagline, description=description)

    def comments(self, launch: Launch) -> list[Comment]:
        """All that is ever said under it, oldest first."""
        if launch.number not in self._talk:
            self._talk[launch.number] = talk(
                self.dice("talk", launch.number),
                launched_at=launch.launched_at,
                count=launch.talk,
                owned=launch.owned,
                number=lambda at: self._number(at, day=launch.day, place=launch.place),
            )
        return self._talk[launch.number]

    def comment(self, number: int) -> tuple[Launch, Comment] | None:
        """The comment of that number, made at any time, and what it is about."""
        made_at, owner = divmod(number, _CYCLE * self._slots)
        cycle, place = divmod(owner, self._slots)
        last = self.calendar.of(self._origin + made_at) + 1
        launch = self._at(last - (last - cycle) % _CYCLE, place)
        found = (c for c in self.comments(launch) if c.number == number) if launch is not None else iter(())
        comment = next(found, None)
        return None if launch is None or comment is None else (launch, comment)

    def _at(self, day: int, place: int) -> Launch | None:
        launches = self.of_day(day)
        return launches[place] if place < len(launches) else None

    def _number(self, at: int, *, day: int, place: int) -> int:
        return ((at - self._origin) * _CYCLE + day % _CYCLE) * self._slots + place

    def _grow(self, day: int) -> list[Launch]:
        dice = self.dice("day", day)
        weekend = self.calendar.date(day).weekday() >= 5
        count = round(self.switches.launches_a_day * dice.uniform(0.8, 1.2) * (0.6 if weekend else 1.15))
        return [self._launch(dice, day=day, place=place) for place in range(max(1, count))]

    def _launch(self, dice: Random, *, day: int, place: int) -> Launch:
        early = dice.random() < 0.75
        launched_at = self.calendar.midnight(day) + 60
        if not early:
            # A day is 23 hours long once a year.
            launched_at += dice.randrange(22 * _HOUR_S)
        lead = dice.randrange(12 * _HOUR_S, _LEAD_S) if early and dice.random() < 0.85 else dice.randrange(60, _HOUR_S)
        made_at = launched_at - lead
        created_at = made_at if dice.random() < 0.3 else launched_at
        featured = dice.random() < 0.5
        launch = Launch(
            number=self._number(made_at, day=day, place=place),
            day=day,
            place=place,
            made_at=made_at,
            launched_at=launched_at,
            created_at=created_at,
            peak=int(dice.lognormvariate(5.0 if featured else 2.8, 1.0)),
            topics=tuple(sorted(dice.sample(range(len(self.topics)), dice.randrange(1, 5)))),
            makers=dice.randrange(1, 6),
            talk=self._talkative(dice, day=day, place=place),
            owned=place == 0 and day % OWNED_EVERY == 0,
        )
        if featured:
            launch.featured_at = launched_at if dice.random() < 0.7 else launched_at + _late(dice)
            if dice.random() < 0.02:
                launch.refeatured_at = max(launch.featured_at, launched_at + _late(dice))
        self._befall(launch, dice)
        return launch

    def _talkative(self, dice: Random, *, day: int, place: int) -> int:
        """A heavy tail; and every fourth day one launch that everybody talks about."""
        most = self.switches.most_comments
        loud = dice.randrange(most * 2 // 5, most + 1)
        usual = int(dice.lognormvariate(1.9, 1.1))
        return loud if place == 1 and day % 4 == 0 else min(most, usual)

    def _befall(self, launch: Launch, dice: Random) -> None:
        def later(mean_s: float) -> int:
            return launch.launched_at + 600 + int(dice.expovariate(1 / mean_s))

        if dice.random() < 0.03:
            launch.deleted_at = later(1.5 * _DAY_S)
        if dice.random() < 0.06:
            launch.changed_at = later(_DAY_S)
        if dice.random() < 0.015:
            hours = dice.choice((-9, -3, -1, 1, 2, 5, 9))
            launch.moved_at, launch.moved_to = later(_DAY_S), launch.created_at + hours * _HOUR_S
        if dice.random() < 0.1:
            launch.swept_at, launch.swept = later(_DAY_S), dice.uniform(0.02, 0.2)
        if dice.random() < 0.15:
            chosen = sorted(dice.sample(range(len(self.collections)), dice.randrange(1, 4)))
            since = later(3 * _DAY_S)
            launch.collections = tuple((c, max(since, self.collections[c].created_at)) for c in chosen)


def _late(dice: Random) -> int:
    """Seconds from the launch to a late featuring: some hours, or days."""
    return min(_HOUR_S + int(dice.lognormvariate(math.log(6 * _HOUR_S), 1.0)), LATEST_FEATURING_S)
