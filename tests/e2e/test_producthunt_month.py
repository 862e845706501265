"""A store that follows the pretend Product Hunt through its days: pages that shift, launches that are featured late or
deleted, one request in twenty in trouble. At the end it holds what the world shows, and nothing else."""

from __future__ import annotations

import html
import random
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hubbub.errors import ExitCode
from hubbub.simulator.faults import Fault
from hubbub.store.engine import Store, open_store
from hubbub.testing import SimulatedProductHunt
from tests.e2e.hunting import DAY_S, END, HOUR_S, hunt, hunted, live, url, wanted
from tests.store.making import index_faults, rows

FAULTS = (
    Fault(action="status", status=503, share=0.01),
    Fault(action="status", status=500, share=0.01),
    Fault(action="status", status=502, html=False, share=0.005),
    Fault(action="status", status=429, html=False, share=0.005),
    Fault(action="status", status=200, html=False, reason="internal", share=0.005),
    Fault(action="truncate", share=0.005),
    Fault(action="cut", share=0.005),
    Fault(action="reset", share=0.005),
    Fault(action="block", nth=150, every=700),
)
"""One request in twenty meets one of these."""
MIDNIGHT_S = 7 * HOUR_S
"""From midnight in Greenwich to that in Los Angeles, where days begin."""


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """How long, how much, how often it is looked at."""

    days: int
    launches: int
    comments: int
    seed: int
    trouble: float = 1.0
    """How much more of it than one request in twenty."""
    every_h: int = 6
    gone: int
    """Launches that were stored and then deleted, at least."""


SHORT = Life(days=4, launches=4, comments=8, seed=11, trouble=4.0, gone=1)
LONG = Life(days=30, launches=8, comments=25, seed=7, gone=5)


@pytest.mark.parametrize(
    "life", [pytest.param(SHORT, id="four-days"), pytest.param(LONG, id="a-month", marks=pytest.mark.soak)]
)
def test_what_is_stored_of_a_world_that_moves_is_in_the_end_what_it_shows(life: Life, tmp_path: Path) -> None:
    with (
        hunted(
            days=life.days,
            span_days=life.days + 3,
            launches=life.launches,
            comments=life.comments,
            seed=life.seed,
            faults=msgspec.to_builtins(more_of(FAULTS, life.trouble)),
        ) as (running, time),
        open_store(url(tmp_path), create=True) as store,
    ):
        since = END + MIDNIGHT_S - (life.days + 2) * DAY_S
        codes: Counter[ExitCode] = Counter()
        seen: dict[str, set[str]] = {"posts": set(), "comments": set()}
        hours = random.Random(life.days)
        while time.now() < END - HOUR_S:
            codes[hunt(store, running, since=since).exit_code] += 1
            for kind, ids in seen.items():
                ids.update(key for (key,) in rows(store, f"SELECT id FROM {kind} WHERE withdrawn = 0"))
            time.jump(hours.uniform(0.7, 1.3) * life.every_h * HOUR_S)
        time.jump(max(0, END + HOUR_S - time.now()))
        assert codes.keys() <= {ExitCode.OK, ExitCode.PARTIAL, ExitCode.REMOTE, ExitCode.RATE_LIMITED}, codes
        statuses = running.requests(by="status")
        assert sum(count for status, count in statuses.items() if status != "200") >= 2 * life.days, statuses
        running.recover()
        for _ in range(2):
            report = hunt(store, running, since=since, full=True)
            assert report.exit_code is ExitCode.OK, report.errors
            time.jump(HOUR_S)
        assert_same(store, running, since=since)
        assert_gone(store, running, seen=seen, life=life)
        assert running.truth()["refused"] == 0
        assert rows(store, "PRAGMA integrity_check") == [("ok",)]
        assert index_faults(store) == []


def more_of(faults: Sequence[Fault], times: float) -> list[Fault]:
    """The same trouble, so many times as often."""
    return [
        fault if fault.share is None else msgspec.structs.replace(fault, share=fault.share * times) for fault in faults
    ]


def assert_same(store: Store, running: SimulatedProductHunt, *, since: int) -> None:
    """Every launch, comment, topic and collection is as the world shows it."""
    ours, theirs = live(store), wanted(running.truth(since=str(since)))
    assert len(theirs["posts"]) > 8
    assert len(theirs["comments"]) > 20
    for kind in ("posts", "topics", "collections"):
        assert differences(ours[kind], theirs[kind]) == {}, kind
    for said in theirs["comments"].values():
        said["body"] = words(plain(said["body"]))
    originals = {key: said["html"] for key, said in ours["comments"].items() if said["html"]}
    for said in ours["comments"].values():
        said["body"] = words(said["body"])
        del said["html"]
    assert differences(ours["comments"], theirs["comments"]) == {}
    shown = {key: said["body"] for spoken in running.truth()["comments"].values() for key, said in spoken.items()}
    assert all(original == shown[key] for key, original in originals.items())
    assert originals


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """What is in one and not so in the other."""
    found = {key: (ours.get(key), theirs.get(key)) for key in ours.keys() | theirs.keys()}
    return {key: pair for key, pair in found.items() if pair[0] != pair[1]}


def plain(body: str) -> str:
    """A comment's HTML as text; where a link leads stands behind its words unless they say it."""
    told = re.sub(
        r'<a href="(https://example[^"]*)"[^>]*>(.*?)</a>',
        lambda link: link[2] if link[2] == link[1] else f"{link[2]} {link[1]}",
        body,
    )
    return html.unescape(re.sub(r"</?[a-z][^>]*>", " ", told))


def words(text: str | None) -> list[str]:
    """The words of a text, without its marks."""
    return re.findall(r"\w+", text or "")


def assert_gone(store: Store, running: SimulatedProductHunt, *, seen: dict[str, set[str]], life: Life) -> None:
    """What was stored and is deleted is marked so and has lost its words; what was never there is no tombstone."""
    deleted = running.truth(deletions="1")
    for kind, ids in seen.items():
        withdrawn = {key for (key,) in rows(store, f"SELECT id FROM {kind} WHERE withdrawn = 1")}
        assert ids & deleted[kind].keys() == withdrawn & ids, kind
        assert withdrawn <= deleted[kind].keys(), kind
        texts = rows(store, f"SELECT id FROM {kind} WHERE withdrawn = 1 AND coalesce(body, '') <> ''")
        assert texts == [], kind
    assert len(seen["posts"] & deleted["posts"].keys()) >= life.gone
