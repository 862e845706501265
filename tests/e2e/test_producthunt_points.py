"""The points of an application: hardly any is spent for nothing, and never more than there are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hubbub.errors import ExitCode
from hubbub.simulator.exchange import Ask, Reply
from hubbub.simulator.faults import Clock, Limits, Scenario
from hubbub.sources.producthunt.prices import Prices
from hubbub.sources.producthunt.simulator.platform import ProductHunt
from hubbub.sources.producthunt.simulator.points import Points, Standing
from hubbub.store.engine import Store, open_store
from hubbub.testing import simulated_producthunt
from tests.children import begun, ended
from tests.e2e.hunting import DAY_S, END, HOUR_S, hunt, hunted, url
from tests.e2e.test_producthunt_month import FAULTS
from tests.store.making import rows


class Charge(msgspec.Struct, kw_only=True):
    """Points that the platform took for an answer."""

    points: int
    left: int
    asked: dict[str, Any]
    """The question."""
    used: bool = False
    """The client has read the answer."""

    @property
    def window(self) -> str | None:
        """The window of launches it is a page of: when that begins."""
        began: str | None = self.asked["variables"].get("postedAfter")
        return began


class Account:
    """What the platform took and what the client made of it. One question is under way at a time."""

    def __init__(self) -> None:
        self.charges: list[Charge] = []
        self._asked: dict[str, Any] = {}

    @contextmanager
    def kept(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
        """Watch both sides."""
        answer, spend, learn = ProductHunt.answer, Points.spend, Prices.learn

        def answered(platform: ProductHunt, ask: Ask) -> Reply:
            self._asked = json.loads(ask.body) if ask.body else {}
            return answer(platform, ask)

        def spent(points: Points, price: int, *, at: float) -> Standing:
            standing = spend(points, price, at=at)
            if price and not standing.refused:
                self.charges.append(Charge(points=price, left=standing.remaining, asked=self._asked))
            return standing

        def learned(prices: Prices, *given: Any, **named: Any) -> None:
            learn(prices, *given, **named)
            if self.charges:
                self.charges[-1].used = True

        with monkeypatch.context() as patch:
            patch.setattr(ProductHunt, "answer", answered)
            patch.setattr(Points, "spend", spent)
            patch.setattr(Prices, "learn", learned)
            yield self


def closed(store: Store) -> dict[str, int]:
    """When the last walk of each window began that came to its end, by the day."""
    return {
        key.removeprefix("day/"): msgspec.json.decode(state)["at"]
        for key, state in rows(store, "SELECT key, state FROM checkpoints WHERE key LIKE 'day/%'")
    }


def wasted(charges: list[Charge], walked: set[str]) -> Counter[str]:
    """Points of one run that came to nothing, by why."""
    found: Counter[str] = Counter()
    met: set[str] = set()
    for charge in charges:
        question = json.dumps(charge.asked, sort_keys=True)
        if not charge.used:
            found["thrown away"] += charge.points
            continue
        if charge.window is not None and charge.window[:10] not in walked:
            found["of a walk that broke off"] += charge.points
        elif question in met:
            found["asked twice"] += charge.points
        met.add(question)
    return found


def test_of_the_points_of_a_day_hardly_any_is_spent_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer than one point in twenty is wasted on a day on which one request in twenty meets trouble.

    Wasted are the points of an answer that never came through whole, of the pages of a window whose walk broke off in
    that run, and of a question that was asked again word for word within a run. Nothing is ever refused, and what is
    left is never below zero."""
    with (
        Account().kept(monkeypatch) as account,
        hunted(days=1, span_days=4, launches=30, comments=30, faults=msgspec.to_builtins(FAULTS)) as (running, time),
        open_store(url(tmp_path), create=True) as store,
    ):
        lost: Counter[str] = Counter()
        while time.now() < END:
            began, charged = time.now(), len(account.charges)
            report = hunt(store, running, since=END - 3 * DAY_S)
            assert report.exit_code in {ExitCode.OK, ExitCode.REMOTE}, report.errors
            walked = {day for day, at in closed(store).items() if at >= began}
            lost += wasted(account.charges[charged:], walked)
            time.jump(6 * HOUR_S)
        told = running.truth()
        assert running.requests(by="status").keys() & {"500", "502", "503"}, "there was trouble"
    spent = sum(charge.points for charge in account.charges)
    assert spent == told["points"] > 6_250, "it took more than one window"
    assert told["refused"] == 0
    assert min(charge.left for charge in account.charges) >= 0
    assert sum(lost.values()) < 0.05 * spent, (lost, spent)


LIMITS = Limits(points=2_500, points_window_s=2)


@pytest.mark.parametrize("place", ["valkey", pytest.param("postgres", marks=pytest.mark.soak)])
def test_two_processes_of_one_application_overspend_nothing(
    place: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """In real time, with a window of two seconds: each alone would need most of one."""
    scenario = Scenario(
        limits=LIMITS,
        clock=Clock(speed=1.0, step=0.0),
        producthunt={"launches_a_day": 8, "most_comments": 0},
    )
    with simulated_producthunt(span_days=5, scenario=scenario) as running:
        order = {
            "base_url": running.address,
            "token": running.token,
            "share": str(request.getfixturevalue(place)),
            "window_s": LIMITS.points_window_s,
            "now": END,
            "since": END - 2 * DAY_S,
        }
        children = [
            begun("tests.e2e.hunting_child", order | {"store": url(tmp_path, name)}) for name in ("one", "other")
        ]
        found = [ended(child) for child in children]
        told = running.truth(since=str(END - 2 * DAY_S))
        statuses = running.requests(by="status")
    assert [each["errors"] for each in found] == [[], []]
    assert set(statuses) == {"200"}
    assert told["refused"] == 0
    assert told["points"] > LIMITS.points, "it took more than one window"
    for name in ("one", "other"):
        with open_store(url(tmp_path, name)) as store:
            assert {key for (key,) in rows(store, "SELECT id FROM posts")} >= told["posts"].keys()
