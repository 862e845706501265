"""PURE. In what order the communities of one sync are asked for what, once or again and again.

New posts come first, then what is due to be looked at again, then new comments, and last the comment trees of posts of
which comments are lacking: each step tells the next what it may leave out. docs/explanation/sync.md tells why."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from functools import partial
from typing import Any, Literal

from hubbub.errors import UnavailableError
from hubbub.plugins.agenda import Agenda, Outcomes, Rest, Watch
from hubbub.plugins.contracts import Checkpoint, RecallSaved, StreamPlan, SyncOptions
from hubbub.sources.reddit.about import community_about
from hubbub.sources.reddit.comments import SIDE_BY_SIDE, due_threads, walk_trees
from hubbub.sources.reddit.listings import Course, walk_listing
from hubbub.sources.reddit.places import Place, Places
from hubbub.sources.reddit.refresh import refresh
from hubbub.sources.reddit.schedule import BUSY_PER_H, HOUR_S, grouped, next_poll
from hubbub.sources.reddit.tail import Tail, read_tail

STREAMS = ("about", "posts", "comments", "refresh")
"""What `--only` may name."""
ABOUT_EVERY_S = 7 * 86_400
DEEP_EVERY_S = 20 * HOUR_S
"""How long posts that were let through late may stay unseen: a little less than a day, for whoever syncs daily."""
REFRESH_EVERY_S = 300
"""While it watches: looking for what is due more often than this brings nothing."""
REGROUP_EVERY_S = 6 * HOUR_S

Steps = Generator[Any, Any, None]


class Together:
    """The agenda of some communities."""

    def __init__(self, names: Sequence[str], *, options: SyncOptions, watch: Watch | None) -> None:
        self.places = Places(names)
        self._options = options
        self._watch = watch
        self._tails: list[Tail] = []
        self._regrouped_at = 0
        self._walked_at = 0
        self._refreshed_at = 0
        self._silent = False
        """Nothing of the last step came to its end: what follows would only meet the same silence."""

    def steps(self) -> Agenda:
        """What to do, step by step (see `plugins.agenda`)."""
        yield from self._learn()
        yield from self._catch_up((yield Rest(0)))
        if self._watch is not None:
            yield from self._keep_up(fresh_s=self._watch.fresh_s)

    def _learn(self) -> Steps:
        places = self.places.open()
        saved: dict[str, Checkpoint] = yield RecallSaved(tuple(key for place in places for key in place.marks))
        for place in places:
            place.learn(saved)

    def _catch_up(self, now: int) -> Steps:
        """Everything once."""
        walked = [place for place in self.places.open() if self._is_walked(place)]
        settled = [place for place in self.places.open() if place not in walked]
        deep = [place for place in settled if _is_stale(place.posts.deep_at, every_s=DEEP_EVERY_S, now=now)]
        shallow = [place for place in settled if place not in deep]
        yield from self._run(
            [
                *self._abouts([place for place in self.places.open() if place.about_at is None or self._options.full]),
                *(self._walk(place) for place in walked if self._wants("posts")),
                *self._tail_plans("new", deep, deep=True),
                *self._tail_plans("new", shallow),
            ]
        )
        if self._silent:
            return
        yield from self._learn()
        now = yield Rest(0)  # by the platform's clock, now that it has answered
        yield from self._run([*self._abouts(self._stale(now)), *self._refreshes(now)])
        if self._wants("comments"):
            yield from self._run(self._tail_plans("comments", self.places.open()))
            if self.places.strays or any(place.recount for place in self.places.open()):
                yield from self._run(self._refreshes(now))
            yield from self._trees()

    def _is_walked(self, place: Place) -> bool:
        """Whether its listing of posts is walked by itself, with a place kept between pages."""
        options = self._options
        return not place.is_settled or options.full or options.since is not None or options.max_pages is not None

    def _keep_up(self, *, fresh_s: int) -> Steps:
        """Again and again, each listing at its own pace."""
        now: int = yield Rest(0)
        while self.places.open():
            if _is_stale(self._regrouped_at, every_s=REGROUP_EVERY_S, now=now):
                self._regroup(now, fresh_s=fresh_s)
            due = [tail for tail in self._tails if next_poll(tail.pace, fresh_s=fresh_s) <= now]
            walks = self._unfinished(now, fresh_s=fresh_s)
            yield from self._run([*self._abouts(self._stale(now)), *walks, *self._poll(due, now=now)])
            if walks:
                yield from self._learn()
                self._regrouped_at = 0
            now = yield Rest(0)
            if _is_stale(self._refreshed_at, every_s=REFRESH_EVERY_S, now=now):
                self._refreshed_at = now
                yield from self._run(self._refreshes(now, patient=True))
            if self._wants("comments"):
                yield from self._trees(touched=True)
            wakes = [next_poll(tail.pace, fresh_s=fresh_s) for tail in self._tails]
            now = yield Rest(math.ceil(min(wakes, default=now + fresh_s)))

    def _unfinished(self, now: int, *, fresh_s: int) -> list[StreamPlan]:
        """Walks of listings that were never read to the end: no poll may stand in for them."""
        places = [place for place in self.places.open() if not place.is_settled]
        if not (places and self._wants("posts") and _is_stale(self._walked_at, every_s=fresh_s, now=now)):
            return []
        self._walked_at = now
        return [self._walk(place) for place in places]

    def _regroup(self, now: int, *, fresh_s: int) -> None:
        """Put quiet communities together and busy ones by themselves; keep what is known of each group's pace."""
        known = {(tail.what, tail.members): tail for tail in self._tails}
        tails: list[Tail] = []
        if self._wants("posts"):
            settled = [place for place in self.places.open() if place.is_settled]
            tails += self._tails_of("new", settled, fresh_s=fresh_s)
        if self._wants("comments"):
            tails += self._tails_of("comments", self.places.open(), fresh_s=fresh_s)
        self._tails = [known.get((tail.what, tail.members), tail) for tail in tails]
        self._regrouped_at = now

    def _poll(self, due: Sequence[Tail], *, now: int) -> list[StreamPlan]:
        plans = []
        for tail in due:
            deep = tail.what == "new" and any(
                _is_stale(place.posts.deep_at, every_s=DEEP_EVERY_S, now=now) for place in tail.members
            )
            plans.append(self._tail_plan(tail, deep=deep))
        return plans

    def _run(self, plans: Sequence[StreamPlan]) -> Steps:
        """Run some streams side by side and close the communities that turn out to be closed."""
        if not plans:
            return
        described = {plan.target for plan in plans if plan.name == "about"}
        outcomes: Outcomes = yield tuple(plans)
        by_name = {place.name: place for place in self.places.open()}
        errors = [outcomes.get(plan.key) for plan in plans]
        self._silent = all(error is not None for error in errors)
        for plan, error in zip(plans, errors, strict=True):
            if isinstance(error, UnavailableError) and plan.target in by_name:
                by_name[plan.target].closed = error
        if described:
            yield from self._learn()
        if any(place.closed is not None for tail in self._tails for place in tail.members):
            self._regrouped_at = 0

    def _wants(self, stream: str) -> bool:
        return not self._options.only or stream in self._options.only

    def _stale(self, now: int) -> list[Place]:
        """Whose description is to be read again; one that failed is let alone for an hour."""
        stale = []
        for place in self.places.open():
            if place.about_asked_at is None:
                place.about_asked_at = now if place.about_at is None else place.about_at
            if _is_stale(place.about_at, every_s=ABOUT_EVERY_S, now=now) and now - place.about_asked_at >= HOUR_S:
                place.about_asked_at = now
                stale.append(place)
        return stale

    def _abouts(self, places: Sequence[Place]) -> list[StreamPlan]:
        wanted = places if self._wants("about") else []
        return [
            StreamPlan(name="about", target=each.name, begin=partial(community_about, each.name)) for each in wanted
        ]

    def _walk(self, place: Place) -> StreamPlan:
        course = Course(key=place.posts_key, path=f"/r/{place.name}/new", route="new")
        return StreamPlan(name="posts", target=place.name, begin=partial(walk_listing, course, options=self._options))

    def _tail_plans(
        self, what: Literal["new", "comments"], places: Sequence[Place], *, deep: bool = False
    ) -> list[StreamPlan]:
        if not self._wants("posts" if what == "new" else "comments"):
            return []
        return [self._tail_plan(tail, deep=deep) for tail in self._tails_of(what, places, fresh_s=None)]

    def _tails_of(
        self, what: Literal["new", "comments"], places: Sequence[Place], *, fresh_s: int | None
    ) -> list[Tail]:
        """The listings that serve these communities: one by itself for each that has none to go on from, and for each
        that fills one."""
        alone = set()
        for place in places:
            mark = place.posts if what == "new" else place.comments
            per_h = (place.pace.per_s or 0.0) * HOUR_S
            busy = what == "comments" and per_h > (BUSY_PER_H if fresh_s is None else HOUR_S / fresh_s * 50)
            if mark.heard_at is None or busy:
                alone.add(place.name)
        by_name = {place.name: place for place in places}
        groups = grouped([place.name for place in places], alone=frozenset(alone))
        return [Tail(what, [by_name[name] for name in group]) for group in groups]

    def _tail_plan(self, tail: Tail, *, deep: bool) -> StreamPlan:
        name = "posts" if tail.what == "new" else "comments"
        alone = tail.members[0].name if len(tail.members) == 1 else None
        return StreamPlan(
            name=name if alone else f"{tail.name}/{name}",
            target=alone,
            begin=partial(read_tail, tail, places=self.places, deep=deep),
        )

    def _refreshes(self, now: int, *, patient: bool = False) -> list[StreamPlan]:
        if not self._wants("refresh"):
            return []
        return [StreamPlan(name="refresh", begin=partial(refresh, self.places, now=now, patient=patient))]

    def _trees(self, *, touched: bool = False) -> Steps:
        """Two readers, so that one has requests under way while the other takes answers apart."""
        threads = yield from due_threads(self.places, options=self._options, touched=touched)
        readers = 2 if len(threads) > 2 * SIDE_BY_SIDE else 1
        parts = [threads[start::readers] for start in range(readers)]
        names = ["trees", "more trees"]
        yield from self._run(
            [
                StreamPlan(name=name, begin=partial(walk_trees, part))
                for name, part in zip(names, parts, strict=False)
                if part
            ]
        )


def _is_stale(at: int | None, *, every_s: int, now: int) -> bool:
    return at is None or now - at >= every_s
