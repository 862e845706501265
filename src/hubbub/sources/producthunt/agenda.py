"""PURE. In what order Product Hunt is asked for what, once or again and again.

One stream at a time: what a query costs is told from what its answer leaves of the budget. Why the order is as it is
stands in docs/explanation/producthunt.md."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from typing import Any, Literal

import msgspec

from hubbub.errors import HubbubError, RemoteError, UnavailableError
from hubbub.http.messages import Response
from hubbub.plugins.agenda import Agenda, Outcomes, Rest, Watch
from hubbub.plugins.contracts import (
    Checkpoint,
    Page,
    Recall,
    RecallCheckpoint,
    RecallCheckpoints,
    RecallCounts,
    RecallKnown,
    StoredCount,
    Stream,
    StreamPlan,
    SyncOptions,
)
from hubbub.sources.producthunt import api
from hubbub.sources.producthunt.comments import MOST_FAILED, failure, read_threads
from hubbub.sources.producthunt.days import Closed, Due, due
from hubbub.sources.producthunt.groupings import one_collection, one_topic, walk_groupings
from hubbub.sources.producthunt.launches import Course, closed_at, read_posts, walk_window
from hubbub.sources.producthunt.prices import KEY, WINDOW_S, Prices
from hubbub.sources.producthunt.queries import VIEWER

STREAMS = ("topics", "posts", "collections", "comments")
"""What `--only` may name, in the order in which they run."""
Steps = Generator[Any, Any, None]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What a target names: all of Product Hunt, a topic or a collection."""

    target: str
    """As typed."""
    kind: Literal["all", "topic", "collection"] = "all"
    slug: str = ""

    @property
    def course(self) -> Course:
        """Whose windows are walked."""
        if self.kind == "topic":
            return Course(prefix=f"topic/{self.slug}/", topic=self.slug)
        return Course(prefix="day/")

    @property
    def span(self) -> Literal["day", "month"]:
        """How long its windows are: a topic has few launches a day."""
        return "month" if self.kind == "topic" else "day"


class Launches:
    """The agenda of some targets."""

    def __init__(self, places: Sequence[Place], *, options: SyncOptions, watch: Watch | None) -> None:
        self._places = places
        self._options = options
        self._watch = watch
        self.prices = Prices()
        self.touched: dict[str, None] = {}
        """Posts whose numbers were given in this round."""

    def steps(self) -> Agenda:
        """What to do, step by step (see `plugins.agenda`)."""
        self.prices = Prices((yield RecallCheckpoint(KEY)))
        while True:
            # Days are told by the platform's clock, and prices from what is left: both are known once it has answered.
            yield (StreamPlan(name="budget", begin=self._budget),)
            now: int = yield Rest(0)
            for place in self._places:
                for each in self.streams(place, now=now):
                    outcomes: Outcomes = yield (each,)
                    # What could not be had is told in the run, and a window that failed stays open.
                    if isinstance(outcomes.get(each.key), UnavailableError):
                        break
            if self._watch is None:
                return
            self.touched = {}
            self._options = msgspec.structs.replace(self._options, full=False)  # once is enough
            yield Rest(now + max(self._watch.fresh_s, WINDOW_S))

    def streams(self, place: Place, *, now: int) -> list[StreamPlan]:
        """The streams of a target, in their order."""
        begins: dict[str, Callable[[], Stream]] = {}
        if place.kind == "topic":
            begins["topics"] = partial(one_topic, place.slug, prices=self.prices)
        elif place.kind == "all":
            full = self._options.full
            begins["topics"] = partial(walk_groupings, "topic", prices=self.prices, full=full, now=now)
        begins["posts"] = partial(self._posts, place, now=now)
        if place.kind == "all":
            begins["collections"] = partial(walk_groupings, "collection", prices=self.prices, full=full, now=now)
        begins["comments"] = partial(self._comments, place)
        target = place.target
        return [
            StreamPlan(name=name, target=target, begin=begin) for name, begin in begins.items() if self._wants(name)
        ]

    def _wants(self, stream: str) -> bool:
        return not self._options.only or stream in self._options.only

    def _budget(self) -> Stream:
        response: Response = yield api.ask(VIEWER, {}, prices=self.prices)
        api.learn(self.prices, VIEWER, response)
        api.data_of(response)

    def _posts(self, place: Place, *, now: int) -> Stream:
        """Window after window: one that fails stays open and does not stop those behind it, but some in a row do."""
        if place.kind == "collection":
            yield from self._collected(place)
            return
        course = place.course
        failed: list[RemoteError] = []
        in_a_row = 0
        for each, closed in (yield from walks(place, options=self._options, now=now)):
            try:
                yield from walk_window(each, course=course, closed=closed, prices=self.prices, touched=self._touch)
                in_a_row = 0
            except RemoteError as error:
                failed.append(error)
                in_a_row += 1
                if in_a_row == MOST_FAILED:
                    break
        if len(failed) == 1:
            raise failed[0]
        if failed:
            raise RemoteError(
                f"{len(failed)} windows could not be read; the first: {failed[0]}",
                advice="the next sync walks them again",
            ) from failed[0]

    def _collected(self, place: Place) -> Stream:
        """A collection and the posts in it, those that are stored not again unless everything is asked for."""
        members: list[str] = []
        yield from one_collection(place.slug, prices=self.prices, found=members.extend)
        known: frozenset[str] = yield RecallKnown("post", tuple(members))
        wanted = [key for key in members if self._options.full or key not in known]
        yield from read_posts(wanted, prices=self.prices)
        self._touch(members)

    def _comments(self, place: Place) -> Stream:
        """Of windows that were walked whole, one after another; then of what was touched, and of what an earlier sync
        did not get to."""
        course = place.course
        failed: list[HubbubError] = []
        done: set[str] = set()
        known = {} if place.kind == "collection" else (yield from windows_of(course))
        for name, closed in sorted(known.items()):
            if closed.looked_at >= closed.whole_at:
                continue
            some = yield from read_threads(closed.ids, prices=self.prices, through=True, full=self._options.full)
            failed += some
            done.update(closed.ids)
            if not some:
                state = msgspec.structs.replace(closed, looked_at=closed.whole_at)
                yield Page(checkpoints=[closed_at(course, name, state)])
        ids = dict.fromkeys(self.touched)
        if place.kind == "all":
            lacking: list[StoredCount] = yield RecallCounts("", lacking=True, live=True)
            ids.update(dict.fromkeys(each.post_id for each in lacking))
        rest = tuple(key for key in ids if key not in done)
        failed += yield from read_threads(rest, prices=self.prices, full=self._options.full)
        if failed:
            raise failure(failed) from failed[0]

    def _touch(self, ids: Iterable[str]) -> None:
        self.touched.update(dict.fromkeys(ids))


def windows_of(course: Course) -> Generator[Recall, Any, dict[str, Closed]]:
    """The windows of a course that were closed, by name."""
    saved: dict[str, Checkpoint] = yield RecallCheckpoints(course.prefix)
    return {
        key.removeprefix(course.prefix): msgspec.json.decode(mark.state, type=Closed) for key, mark in saved.items()
    }


def walks(place: Place, *, options: SyncOptions, now: int) -> Generator[Recall, Any, list[tuple[Due, Closed | None]]]:
    """The windows of a target that are to be walked, with what is remembered of each."""
    known = yield from windows_of(place.course)
    found = due(known, now=now, since=options.since, full=options.full, span=place.span)
    return [(each, known.get(each.window.name)) for each in found]
