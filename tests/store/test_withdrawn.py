"""What was withdrawn after a copy was made, on both engines."""

from __future__ import annotations

from typing import Any

import pytest

from hubbub import clock
from hubbub.records.models import Door, Reason, Tombstone
from hubbub.store.engine import Store
from hubbub.store.withdrawn import withdrawn_since
from tests.store.making import HOUR, T0, comment, gone, post, write

COPIED = T0 + HOUR
KINDS = ("post", "comment", "user", "community")


def test_only_what_was_there_before_and_went_afterwards_counts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: COPIED - 10)
    write(store, *(post(f"t3_{when}") for when in ("stays", "before", "after")), comment("t1_after"))
    write(store, gone("post", "t3_before", at=COPIED - 10))
    monkeypatch.setattr(clock, "now", lambda: COPIED + 10)
    write(store, gone("post", "t3_after", at=COPIED + 10), post("t3_new", at=COPIED + 5))
    write(store, gone("comment", "t1_after", at=COPIED, reason=Reason.MODERATOR), gone("post", "t3_new", at=COPIED + 9))
    assert withdrawn_since(store, COPIED, kinds=KINDS) == {"post": 1, "comment": 1}
    assert withdrawn_since(store, COPIED + HOUR, kinds=KINDS) == {}
    assert withdrawn_since(store, COPIED, kinds=("comment",)) == {"comment": 1}


@pytest.mark.parametrize(
    ("narrowed", "found"),
    [
        ({"communities": ("bugs",)}, {"post": 1}),
        ({"communities": ("ants", "bugs")}, {"post": 2}),
        ({"communities": ("moths",)}, {}),
        ({"since": T0 - HOUR}, {"post": 2}),
        ({"since": T0}, {}),
        ({"until": T0 - HOUR}, {}),
        ({"until": T0}, {"post": 2}),
    ],
)
def test_a_copy_of_a_part_is_held_against_that_part(
    store: Store, narrowed: dict[str, Any], found: dict[str, int]
) -> None:
    write(store, post("t3_a"), post("t3_b", community="ants", community_name="Ants"))
    write(store, gone("post", "t3_a", at=COPIED + 1), gone("post", "t3_b", at=COPIED + 1))
    assert withdrawn_since(store, COPIED, kinds=KINDS, **narrowed) == found


def test_what_an_archive_says_went_long_ago_counts_from_when_it_was_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, Any] = {"source": "reddit", "kind": "post", "door": Door.DUMP, "reason": Reason.GONE, "at": T0 + 10}
    write(store, post("t3_early"), post("t3_late"))
    for key, read_at in (("t3_early", COPIED - 100), ("t3_late", COPIED + 100)):
        monkeypatch.setattr(clock, "now", lambda at=read_at: at)
        write(store, Tombstone(id=key, **told))
    assert withdrawn_since(store, COPIED, kinds=KINDS) == {"post": 1}
    assert withdrawn_since(store, COPIED + HOUR, kinds=KINDS) == {}
