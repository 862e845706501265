"""Topics and collections in a store: merged as a whole, counted, read by their links, exported; the same on both engines."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubbub import clock
from hubbub.pipeline.recalling import recall
from hubbub.plugins.contracts import RecallKnown
from hubbub.records.models import Collection, Door, LinkListing, Reason, Topic
from hubbub.store import forgetting, grouping_reads, reads
from hubbub.store.batch import Batch
from hubbub.store.copying.copy import copy_store
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from hubbub.store.integrity import check
from hubbub.store.spill import Spill, entries
from hubbub.store.tables import GROUPINGS
from hubbub.store.targets import Target
from tests.store.making import HOUR, T0, comment, gone, one, post, rows, write

DAY = 86_400


def topic(record_id: str = "1", *, at: int = T0, **fields: Any) -> Topic:
    known: dict[str, Any] = {"slug": f"topic-{record_id}", "name": f"Topic {record_id}", "post_count": 3}
    return Topic(source="reddit", id=record_id, door=Door.LIVE, observed_at=at, **{**known, **fields})


def collection(record_id: str = "1", *, at: int = T0, **fields: Any) -> Collection:
    known: dict[str, Any] = {"slug": f"list-{record_id}", "name": f"List {record_id}", "owner": "ann"}
    return Collection(source="reddit", id=record_id, door=Door.SAVED, observed_at=at, **{**known, **fields})


def listing(link: Any, owner: str, *members: str, at: int = T0, complete: bool = True) -> LinkListing:
    return LinkListing(source="reddit", link=link, owner=owner, members=members, observed_at=at, complete=complete)


def stored(store: Store, kind: str) -> list[Any]:
    names = [column.name for column in GROUPINGS[kind].columns if column.name not in {"n", "run_id", "updated_at"}]
    return [
        dict(zip(names, row, strict=True))
        for row in rows(store, f"SELECT {', '.join(names)} FROM {GROUPINGS[kind].name} ORDER BY source, id")
    ]


def test_every_field_is_stored_and_the_freshest_replaces_it_as_a_whole(store: Store) -> None:
    full = topic(description="d", created_at=5, url="u", follower_count=0, terms="ph-api")
    write(store, full, topic("2"))
    wanted = {**msgspec.structs.asdict(full), "door": "live"}
    assert stored(store, "topic")[0] == wanted
    write(store, topic(at=T0 + 1, description=None))
    assert stored(store, "topic")[0]["description"] is None
    list_ = collection(tagline="t", featured_at=9, created_at=8, follower_count=7)
    write(store, list_)
    assert stored(store, "collection") == [{**msgspec.structs.asdict(list_), "door": "saved"}]


def test_every_observation_is_counted_once_by_what_became_of_it(store: Store) -> None:
    run_id = store.begin_run(command="sync", target="x", started_at=T0)
    first = write(store, topic(), topic("2"), collection(), topic(at=T0 + 1, name="B"), run_id=run_id)
    assert first.kinds == {"topic": {"new": 2, "updated": 1}, "collection": {"new": 1}}
    assert first.offered == 4
    again = write(store, topic(at=T0 + 9, name="B"), topic("2", at=T0 - 9), topic("2"), post(), run_id=run_id)
    assert again.kinds == {"topic": {"unchanged": 2, "older": 1}, "post": {"new": 1}}
    assert (again.offered, again.unchanged, again.older, again.new) == (4, 2, 1, 1)
    (run,) = reads.runs(store)
    assert run.tally.offered == 8


def test_the_run_and_time_of_a_row_are_those_of_its_last_change(store: Store) -> None:
    runs = [store.begin_run(command="sync", target="x", started_at=T0) for _ in range(3)]
    write(store, topic(), run_id=runs[0])
    write(store, topic(at=T0 + 5), run_id=runs[1])
    assert one(store, "SELECT run_id, observed_at FROM topics") == (runs[0], T0 + 5)
    write(store, topic(at=T0 + 6, name="B"), run_id=runs[2])
    assert one(store, "SELECT run_id, observed_at FROM topics") == (runs[2], T0 + 6)
    assert abs(one(store, "SELECT updated_at FROM topics") - clock.now()) < HOUR


@pytest.mark.parametrize(
    "bad",
    [
        topic("x", at=clock.now() + 3 * DAY),
        topic("x", at=0),
        topic(""),
        topic("x", name="lone \ud800 half"),
        topic("x", post_count=-1),
        collection("x", follower_count=-1),
        collection("x", created_at=2**70),
    ],
)
def test_what_cannot_be_is_set_aside_with_its_reason_and_the_rest_is_stored(store: Store, bad: Any) -> None:
    tally = write(store, topic("ok"), bad, collection("ok"), collection("free", owner=None))
    assert (tally.new, tally.set_aside, tally.offered) == (3, 1, 4)
    assert tally.kinds[bad.kind]["set_aside"] == 1
    (kept,) = reads.quarantined(store)
    assert (kept.kind, kept.id) == (bad.kind, bad.id)
    assert kept.reason
    assert one(store, "SELECT count(*) FROM topics") == 1


def test_a_nul_in_an_id_is_set_aside_where_the_engine_takes_none(store: Store) -> None:
    tally = write(store, topic("a\x00b"), topic("ok"))
    assert tally.offered == 2
    assert tally.set_aside == (1 if store.engine == "postgresql" else 0)
    assert "ok" in {record["id"] for record in stored(store, "topic")}


def test_nobody_who_is_gone_or_forgotten_is_left_as_an_owner(store: Store) -> None:
    write(store, collection("1"), collection("2", owner="bob"), collection("3", owner="carl"))
    write(store, gone("user", "ann", reason=Reason.GONE))
    with store.reading_raw() as db:
        subjects = forgetting.look(db, [Target(kind="user", source="reddit", id="bob", name="bob")])
    forgetting.block(store, subjects, now=T0)
    forgetting.take_out_names(store, subjects)
    owners = "SELECT id, owner FROM collections ORDER BY id"
    assert rows(store, owners) == [("1", None), ("2", None), ("3", "carl")]
    write(store, collection("1", at=T0 + 9), collection("2", at=T0 + 9, owner="bob"), collection("4"))
    assert rows(store, owners) == [("1", None), ("2", None), ("3", "carl"), ("4", None)]


def test_a_store_without_any_has_the_digest_it_always_had(store: Store) -> None:
    write(store, post(), comment())
    before = digest(store), digest(store, shared=True)
    with store.transaction() as db:  # a row that nobody observed is no content
        db.execute("INSERT INTO topics (source, id, slug) VALUES ('reddit', '9', 'x')")
    assert (digest(store), digest(store, shared=True)) == before
    write(store, topic())
    assert digest(store) != before[0]
    assert digest(store, shared=True) == before[1]
    only_topic = digest(store)
    write(store, collection())
    assert digest(store) != only_topic


_SEEN = {"at": st.integers(T0, T0 + 2), "name": st.sampled_from([None, "a", "b"])}
_ANY = st.one_of(
    st.builds(topic, st.sampled_from("12"), post_count=st.sampled_from([None, 1]), **_SEEN),
    st.builds(collection, st.sampled_from("12"), tagline=st.sampled_from([None, "t"]), **_SEEN),
)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, postgres_server: Any) -> Iterator[list[Store]]:
    with (
        postgres_server.database() as url,
        open_store(url) as there,
        open_store(f"sqlite:///{tmp_path_factory.mktemp('both')}/a.db") as here,
    ):
        yield [here, there]


def state(store: Store, batches: list[list[Any]]) -> Any:
    with store.transaction() as db:
        for table in GROUPINGS.values():
            db.execute(f"DELETE FROM {table.name}")
    for batch in batches:
        write(store, *batch)
    kept = {kind: [{**each, "door": 0, "terms": 0} for each in stored(store, kind)] for kind in GROUPINGS}
    return kept, digest(store)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(records=st.lists(_ANY, min_size=1, max_size=10), chance=st.randoms())
def test_any_order_repetition_split_and_engine_stores_the_same(
    both: list[Store], records: list[Any], chance: random.Random
) -> None:
    here, there = both
    wanted = state(here, [records])
    shuffled = records + chance.choices(records, k=4)
    chance.shuffle(shuffled)
    cut = chance.randrange(len(shuffled))
    assert state(here, [[each] for each in shuffled]) == wanted
    assert state(there, [shuffled[:cut], shuffled[cut:]]) == wanted


def test_only_links_that_hold_are_told(store: Store) -> None:
    write(
        store,
        topic("1"),
        topic("2", slug=None),
        listing("post_topics", "t3_a", "1", "2", "9"),
        listing("post_topics", "t3_b", "1"),
        listing("collection_posts", "c", "t3_b", "t3_a", "t3_none"),
    )
    found = grouping_reads.topics_of(store, "reddit", ["t3_a", "t3_b", "t3_c"])
    assert [(each.id, each.slug, each.name) for each in found["t3_a"]] == [
        ("2", None, "Topic 2"),
        ("9", None, None),
        ("1", "topic-1", "Topic 1"),
    ]
    assert sorted(found) == ["t3_a", "t3_b"]
    assert grouping_reads.posts_of_topic(store, "reddit", "1") == ["t3_a", "t3_b"]
    assert grouping_reads.posts_of_collection(store, "reddit", "c") == ["t3_a", "t3_b", "t3_none"]
    write(
        store,
        listing("post_topics", "t3_a", "2", at=T0 + 5),
        listing("post_topics", "t3_b", at=T0 + 5, complete=False),
        listing("collection_posts", "c", "t3_a", at=T0 + 5),
        listing("collection_posts", "c", "t3_none", at=T0 + 6, complete=False),
    )
    assert [each.id for each in grouping_reads.topics_of(store, "reddit", ["t3_a"])["t3_a"]] == ["2"]
    assert grouping_reads.posts_of_topic(store, "reddit", "1") == ["t3_b"]
    assert grouping_reads.posts_of_collection(store, "reddit", "c") == ["t3_a", "t3_none"]
    assert grouping_reads.posts_of_collection(store, "other", "c") == []


def test_a_slug_leads_to_what_was_seen_under_it_last(store: Store) -> None:
    write(store, topic("1", slug="ai"), topic("2", slug="ai", at=T0 + 1), collection("7", slug="ai"))
    assert grouping_reads.by_slug(store, "reddit", "topic", slug="ai") == topic("2", slug="ai", at=T0 + 1)
    assert grouping_reads.by_slug(store, "reddit", "collection", slug="ai") == collection("7", slug="ai")
    assert grouping_reads.by_slug(store, "other", "topic", slug="ai") is None


def test_what_is_known_is_told_to_streams_and_mentions_are_not_known(store: Store) -> None:
    write(store, topic("1"), topic("2", at=T0 + 1), collection("1"), listing("post_topics", "t3_a", "9"))
    assert grouping_reads.known(store, "reddit", "topic") == {"1": T0, "2": T0 + 1}
    assert grouping_reads.known(store, "producthunt", "topic") == {}
    for kind, ids in (("topic", {"1", "2"}), ("collection", {"1"})):
        assert recall(store, RecallKnown(kind, ("1", "2", "9")), source="reddit") == ids


def test_a_link_to_nothing_is_a_warning(store: Store) -> None:
    write(store, post(), topic("1"), collection("c"))
    write(store, listing("post_topics", "t3_a", "1"), listing("collection_posts", "c", "t3_a"))
    found = {each.name: each for each in check(store)}
    assert (found["links"].status, found["links"].count) == ("ok", 0)
    write(store, listing("post_topics", "t3_a", "1", "lost"), listing("collection_posts", "lost", "t3_a", "t3_none"))
    found = {each.name: each for each in check(store)}
    assert (found["links"].status, found["links"].count) == ("warning", 4)
    assert "reddit:lost" in found["links"].examples
    assert {each.status for each in found.values()} == {"ok", "warning"}


def test_the_status_tells_of_them_where_there_are_any(store: Store) -> None:
    assert [kind.kind for kind in reads.status(store).kinds] == ["post", "comment", "user", "community"]
    write(store, topic("1", created_at=5), topic("2", at=T0 + 3, created_at=7))
    (found,) = [kind for kind in reads.status(store).kinds if kind.kind not in {"post", "comment", "user", "community"}]
    assert (found.kind, found.live, found.oldest_created_at, found.newest_created_at) == ("topic", 2, 5, 7)
    assert found.newest_seen_at == T0 + 3


def test_a_copy_into_the_other_engine_holds_them_and_goes_on_merging(
    store: Store, tmp_path: Path, postgres: str
) -> None:
    write(store, post(), topic("1"), topic("2"), collection("c"), listing("post_topics", "t3_a", "1"))
    url = f"{postgres}?schema=other" if store.engine == "sqlite" else f"sqlite:///{tmp_path}/copy.db"
    with open_store(url) as target:
        done = copy_store(store, target)
        assert (done.rows["topics"], done.rows["collections"], done.digest) == (2, 1, digest(store))
        assert [stored(target, kind) for kind in GROUPINGS] == [stored(store, kind) for kind in GROUPINGS]
        assert write(target, topic("1"), topic("3")).kinds == {"topic": {"unchanged": 1, "new": 1}}


def test_they_wait_on_disk_like_any_record(tmp_path: Path) -> None:
    spill = Spill(tmp_path, name="x")
    records = (topic(), collection(), listing("post_topics", "t3_a", "1"))
    spill.append(Batch(run_id=1, source="reddit", stream="x", records=records), commits=0)
    (entry,) = entries(spill.path)
    assert tuple(entry.batch.records) == records
    spill.close()
