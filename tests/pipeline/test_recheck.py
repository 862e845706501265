"""A pass that is killed between any two pages leaves nothing that the next passes do not make whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hubbub.http.messages import Request, Response
from hubbub.pipeline.batch import batch_of
from hubbub.pipeline.recalling import recall
from hubbub.pipeline.recheck import Recheck, Rechecked, RecheckOptions
from hubbub.plugins.contracts import Page
from hubbub.sources.reddit import SOURCE
from hubbub.store.engine import Store, open_store
from tests.sources.drive import answer
from tests.sources.reddit.test_lookup import asked, listing, thing
from tests.store.making import HOUR, T0, comment, one, post, rows, write

LATER = T0 + 100 * HOUR
KEYS = [f"t1_{n}" for n in range(1, 1300)] + [f"t3_{n}" for n in range(1, 30)]
ABSENT = {key for number, key in enumerate(KEYS) if number % 40 == 7}
DELETED = {key for number, key in enumerate(KEYS) if number % 50 == 9}


class Stopped(Exception):  # noqa: N818 - it stands for a kill, which is no error
    """The pass was killed here."""


def platform(request: Request, *, at: int) -> Response:
    if request.url.endswith("/about"):
        return answer(request, {"kind": "t5", "data": {"display_name": "bugs", "created_utc": 1e9}}, received_at=at)
    withdrawn: dict[str, Any] = {"author": "[deleted]", "body": "[deleted]", "selftext": "[deleted]"}
    things = [thing(key, **(withdrawn if key in DELETED else {})) for key in asked(request) if key not in ABSENT]
    return answer(request, listing(*things), received_at=at)


def one_pass(store: Store, *, by: str, at: int, pages: int | None = None) -> tuple[Rechecked, int]:
    """Drive a pass with a real store; after so many pages it is killed. Returns what it found and the pages stored."""
    work = Recheck(SOURCE, source="reddit", options=RecheckOptions(now=at, by=by))
    stream, reply, stored = work.stream(), None, 0
    while True:
        try:
            told: Any = stream.send(reply)
        except StopIteration:
            return work.found, stored
        if isinstance(told, Page):
            if stored == pages:
                stream.close()
                raise Stopped
            store.write(batch_of(told, run_id=1, source="reddit", stream="recheck"))
            stored, reply = stored + 1, None
        elif isinstance(told, tuple):
            reply = tuple(platform(request, at=at) for request in told)
        else:
            reply = recall(store, told, source="reddit")


def filled(place: Path) -> Store:
    store = open_store(f"sqlite:///{place}")
    write(store, *(comment(key) if key.startswith("t1_") else post(key) for key in KEYS))
    return store


def ends(store: Store) -> list[Any]:
    """What is left of each record; the times of tombstones differ by the pass that was told."""
    columns = "id, withdrawn, tombstone, author"
    return rows(store, f"SELECT {columns}, title FROM posts UNION ALL SELECT {columns}, body FROM comments ORDER BY 1")


def test_a_pass_killed_between_any_two_pages_is_made_whole(tmp_path: Path) -> None:
    with filled(tmp_path / "whole.db") as store:
        found, pages = one_pass(store, by="first", at=LATER)
        assert (found.asked, found.missed, found.gone) == (len(KEYS), len(ABSENT), 0)
        again, _ = one_pass(store, by="second", at=LATER + 60)
        assert (again.asked, again.gone) == (len(ABSENT), len(ABSENT))
        wanted = ends(store)
        standing = {key for (key,) in rows(store, "SELECT id FROM comments WHERE withdrawn = 0")}
        assert standing == {key for key in KEYS if key.startswith("t1_")} - ABSENT - DELETED
    assert pages > 14
    for number in range(pages):
        with filled(tmp_path / f"killed{number}.db") as store:
            with pytest.raises(Stopped):
                one_pass(store, by="killed", at=LATER, pages=number)
            assert one(store, "SELECT count(*) FROM tombstones WHERE reason = 'gone'") == 0
            one_pass(store, by="first", at=LATER)
            one_pass(store, by="second", at=LATER + 60)
            assert ends(store) == wanted
            assert rows(store, "SELECT key FROM checkpoints WHERE key LIKE 'missing:%'") == []


def test_a_pass_that_does_not_get_to_the_end_has_looked_at_the_longest_unseen(tmp_path: Path) -> None:
    oldest_first = [key for key in reversed(KEYS) if key.startswith("t1_")]
    with open_store(f"sqlite:///{tmp_path}/order.db") as store:
        write(store, *(comment(key, at=T0 + number) for number, key in enumerate(oldest_first)))
        with pytest.raises(Stopped):
            one_pass(store, by="killed", at=LATER, pages=3)
        seen = {key for (key,) in rows(store, "SELECT id FROM comments WHERE last_seen_at >= ?", LATER)}
        oldest = set(oldest_first[:300])
        assert oldest - ABSENT - DELETED <= seen <= oldest - ABSENT
