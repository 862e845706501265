"""The best comments of a community: which, in what order, at what cost, and never one that was taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import redis

from hubbub.errors import UsageError
from hubbub.records.models import Comment, Door
from hubbub.store import exemplars as module
from hubbub.store.engine import Store, open_store
from hubbub.store.exemplars import BY_SCORE, Exemplars, Wanted
from hubbub.store.exemplars import exemplars as best_comments
from hubbub.store.hiding import hide
from hubbub.store.targets import named, parse
from hubbub.store.ttl_cache import Cache, ProcessCache, SharedCache, identity
from tests.servers import ValkeyServer
from tests.store.making import HOUR, T0, comment, gone, write

LONG = "It is a stag beetle, a male: look at the mandibles. "


def best(store: Store, *, cache: Cache | None = None, place: str = "bugs", now: int = T0, **wanted: Any) -> Exemplars:
    target = named("community", place)
    return best_comments(store, target, Wanted(**wanted), cache=cache or ProcessCache(ttl_s=1), now=now)


def ids(found: Exemplars) -> list[str]:
    return [each.id for each in found.comments]


@pytest.fixture
def filled(store: Store) -> Store:
    write(
        store,
        comment("t1_best", score=90, body=LONG),
        comment("t1_old", score=40, body=LONG * 2, created_at=T0 - 1000 * HOUR),
        comment("t1_new", score=40, body=LONG, created_at=T0 - 5),
        comment("t1_undated", score=40, body=LONG, created_at=None),
        comment("t1_short", score=70, body="lol"),
        comment("t1_low", score=-4, body=LONG),
        comment("t1_unknown", score=None, body=LONG),
        comment("t1_secret", score=80, score_hidden=True, body=LONG),
        comment("t1_empty", score=85, body=None),
        comment("t1_gone", score=99, body=LONG),
        comment("t1_hidden", score=98, body=LONG),
        comment("t1_ants", community="ants", score=100, body=LONG),
        gone("comment", "t1_gone"),
    )
    hide(store, [parse("comment:t1_hidden")], by="me", now=T0)
    return store


def test_they_come_by_score_and_among_equals_the_newest_first(filled: Store) -> None:
    found = best(filled)
    assert ids(found) == ["t1_best", "t1_short", "t1_new", "t1_old", "t1_undated", "t1_low"]
    first = found.comments[0]
    assert (first.source, first.post_id, first.author_name, first.score, first.body) == (
        "reddit",
        "t3_a",
        "Bob",
        90,
        LONG,
    )
    assert (found.source, found.community, found.whole, found.cached) == ("reddit", "bugs", True, False)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"limit": 1}, ["t1_best"]),
        ({"limit": 3}, ["t1_best", "t1_short", "t1_new"]),
        ({"min_score": 41}, ["t1_best", "t1_short"]),
        ({"min_score": 91}, []),
        ({"min_score": 10**30}, []),
        ({"min_score": -(10**30), "min_chars": 100}, ["t1_old"]),
        ({"min_chars": len(LONG)}, ["t1_best", "t1_new", "t1_old", "t1_undated", "t1_low"]),
        ({"min_chars": len(LONG) + 1}, ["t1_old"]),
        ({"max_age_s": 24 * HOUR}, ["t1_best", "t1_short", "t1_new", "t1_low"]),
        ({"max_age_s": 5, "min_score": 1}, ["t1_new"]),
    ],
)
def test_score_length_and_age_narrow_them(filled: Store, wanted: dict[str, Any], expected: list[str]) -> None:
    assert ids(best(filled, **wanted)) == expected


def test_an_unknown_community_is_refused_with_the_nearest(filled: Store) -> None:
    with pytest.raises(UsageError, match="did you mean community:bugs"):
        best(filled, place="bug")
    write(
        filled,
        Comment(source="other", id="7", door=Door.LIVE, observed_at=T0, community="bugs", score=3, body=LONG),
    )
    with pytest.raises(UsageError, match="community:other/bugs or community:reddit/bugs"):
        best(filled)
    assert ids(best(filled, place="other/bugs")) == ["7"]


def test_the_search_ends_where_no_lower_score_can_count(filled: Store) -> None:
    assert best(filled, limit=1).examined == 2, "the hidden one above the best, and the best"


def test_only_so_many_are_looked_at_and_that_is_told(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXAMINED", 5)
    found = best(filled, min_chars=10_000)
    assert (ids(found), found.examined, found.whole) == ([], 5, False)


@pytest.fixture(params=["process", "shared"])
def cache(request: pytest.FixtureRequest) -> Cache:
    if request.param == "process":
        return ProcessCache(ttl_s=60)
    return SharedCache(request.getfixturevalue("valkey"), ttl_s=60, warn=pytest.fail)


def test_the_second_answer_comes_from_the_cache_and_is_the_same(filled: Store, cache: Cache) -> None:
    first, second = best(filled, cache=cache, limit=3), best(filled, cache=cache, limit=3)
    assert (first.cached, second.cached) == (False, True)
    assert first.comments == second.comments
    assert (first.examined, first.whole) == (second.examined, second.whole)
    assert not best(filled, cache=cache, limit=4).cached
    assert not best(filled, cache=cache, limit=3, min_chars=1).cached
    assert ids(best(filled, cache=cache, place="ants", limit=3)) == ["t1_ants"]


@pytest.mark.parametrize("taken_back", ["withdrawn", "hidden", "author hidden"])
def test_what_was_taken_back_is_never_served_from_the_cache(filled: Store, cache: Cache, taken_back: str) -> None:
    assert ids(best(filled, cache=cache, limit=2)) == ["t1_best", "t1_short"]
    if taken_back == "withdrawn":
        write(filled, gone("comment", "t1_best"))
    else:
        write(filled, comment("t1_new", at=T0 + 1, score=40, body=LONG, author="eve", created_at=T0 - 5))
        target = "comment:t1_best" if taken_back == "hidden" else "user:bob"
        hide(filled, [parse(target)], by="me", now=T0)
    after = best(filled, cache=cache, limit=2)
    assert not after.cached
    assert ids(after) == (["t1_new"] if taken_back == "author hidden" else ["t1_short", "t1_new"])
    assert best(filled, cache=cache, limit=2).cached


def test_a_comment_that_was_edited_is_shown_as_it_is_now(filled: Store, cache: Cache) -> None:
    best(filled, cache=cache, limit=2)
    write(filled, comment("t1_short", at=T0 + 9, score=95, body="edited: no, really"))
    found = best(filled, cache=cache, limit=2)
    assert found.cached
    assert [(each.id, each.body) for each in found.comments] == [("t1_short", "edited: no, really"), ("t1_best", LONG)]
    write(filled, comment("t1_short", at=T0 + 99, score=95, body=None))
    assert ids(best(filled, cache=cache, limit=2)) == ["t1_best", "t1_new"]


def test_a_comment_that_grew_too_old_meanwhile_is_not_served(filled: Store, cache: Cache) -> None:
    assert ids(best(filled, cache=cache, max_age_s=10)) == ["t1_new"]
    assert ids(best(filled, cache=cache, max_age_s=10, now=T0 + 30)) == []


def test_no_words_of_people_are_in_a_shared_cache(filled: Store, valkey: str) -> None:
    best(filled, cache=SharedCache(valkey, ttl_s=60, warn=pytest.fail))
    with redis.Redis.from_url(valkey) as client:
        (key,) = client.keys("*")
        value = client.get(key)
    assert isinstance(value, bytes)
    assert b"t1_best" in value
    for word in (b"beetle", b"Bob", b"bugs"):
        assert word not in key + value


def test_a_cache_that_holds_other_comments_than_it_should_shows_none_of_them(filled: Store) -> None:
    class Forged(ProcessCache):
        def get(self, key: str) -> bytes | None:
            return b'{"ids": ["t1_hidden", "t1_ants"], "examined": 1, "whole": true}'

    found = best(filled, cache=Forged(ttl_s=1), limit=2)
    assert (ids(found), found.cached) == (["t1_best", "t1_short"], False)
    assert ids(best(filled, cache=Forged(ttl_s=1), limit=1)) == ["t1_best"]


def test_a_server_that_stopped_costs_a_warning_and_nothing_else(filled: Store, own_valkey: ValkeyServer) -> None:
    warnings: list[str] = []
    cache = SharedCache(own_valkey.url(), ttl_s=60, warn=warnings.append)
    first = best(filled, cache=cache)
    own_valkey.stop()
    again = best(filled, cache=cache)
    assert not again.cached
    assert again.comments == first.comments
    assert len(warnings) == 1


def test_two_stores_that_share_a_cache_have_entries_of_their_own(filled: Store, valkey: str, tmp_path: Path) -> None:
    cache = SharedCache(valkey, ttl_s=60, warn=pytest.fail)
    best(filled, cache=cache)
    with open_store(f"sqlite:///{tmp_path}/other.db") as other:
        write(other, comment("t1_low", score=7, body=LONG))
        assert ids(best(other, cache=cache)) == ["t1_low"]
    assert best(filled, cache=cache).cached


def test_a_store_made_anew_in_the_same_place_is_another_one(store: Store, any_url: str) -> None:
    def who(opened: Store) -> list[object]:
        with opened.reading_raw() as db:
            return identity(db, opened.where)

    first = who(store)
    with open_store(any_url) as again:
        assert who(again) == first
    if store.engine == "sqlite":
        path = store.path
        store.close()
        path.rename(path.with_name("elsewhere.db"))
    else:
        with store.exclusive() as db:
            db.execute("DROP SCHEMA hubbub CASCADE")
        store.close()
    with open_store(any_url) as anew:
        assert who(anew) != first


def test_the_query_walks_the_index_of_the_scores(store: Store) -> None:
    write(store, *(comment(f"t1_{n}", score=n % 500, community=f"place{n % 3}") for n in range(6000)))
    with store.exclusive() as db:
        db.execute("ANALYZE")
    with store.reading_raw() as db:
        explain = "EXPLAIN QUERY PLAN" if store.engine == "sqlite" else "EXPLAIN"
        if store.engine == "postgresql":  # so few rows are read and sorted quicker than walked
            db.execute("SET LOCAL enable_sort TO off")
        plan = [str(row[-1]).strip() for row in db.execute(f"{explain} {BY_SCORE}", ("reddit", "place1", -(2**63)))]
    if store.engine == "sqlite":
        assert plan == [
            "SEARCH comments USING INDEX ix_comments_community_score (source=? AND community=? AND score>?)"
        ]
        return
    text = "\n".join(plan)
    assert "Merge Append" in text
    assert "Sort  (" not in text
    assert "Seq Scan" not in text
    assert text.count("Index Scan Backward using") == 8
    assert text.count("(community = 'place1'::text) AND (score >= '-9223372036854775808'::bigint))") == 8
