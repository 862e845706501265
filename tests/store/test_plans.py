"""How the reads we ship are carried out once there are rows enough for the planner to choose, and statistics to go by."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from hubbub.events import Event, SlowQuery
from hubbub.plugins.contracts import Checkpoint, RecallCounts, RecallRipe, RecallTotals
from hubbub.records.models import Collection, Door, LinkListing, MediaItem, Topic
from hubbub.store import completeness, grouping_reads, reads
from hubbub.store.backend import StoreOptions
from hubbub.store.engine import Store, open_store
from hubbub.store.maintenance import maintain
from hubbub.store.search.find import search
from hubbub.store.writes import set_media_state
from tests.servers import PostgresServer
from tests.store.conftest import ENGINES
from tests.store.making import T0, comment, post, write

POSTS, COMMENTS, PEOPLE, PLACES = 5_000, 20_000, 400, 8
GROWING = (
    "posts",
    "comments",
    "media",
    "checkpoints",
    "findings",
    "imports",
    "observations",
    "revisions",
    "topics",
    "collections",
    "post_topics",
    "collection_posts",
    "link_listings",
)
TOPICS, COLLECTIONS = 400, 600
_SHORT = {"l": "post_topics", "o": "link_listings", "t": "topics"}
"""What SQLite calls tables in the plans of the reads of links."""


def fill(store: Store) -> None:
    run_id = store.begin_run(command="sync", target="all", started_at=T0)
    for start in range(0, POSTS, 500):
        write(store, *(_post(n) for n in range(start, start + 500)), run_id=run_id)
    for start in range(0, COMMENTS, 1_000):
        marks = [Checkpoint(key=f"place{n}/new", state="x") for n in range(start // 10, start // 10 + 100)]
        write(store, *(_comment(n) for n in range(start, start + 1_000)), run_id=run_id, checkpoints=marks)
    seen: dict[str, Any] = {"source": "reddit", "door": Door.LIVE, "observed_at": T0}
    write(
        store,
        *(Topic(id=f"{n}", slug=f"topic-{n}", **seen) for n in range(TOPICS)),
        *(Collection(id=f"{n}", slug=f"list-{n}", owner=f"person{n}", **seen) for n in range(COLLECTIONS)),
        run_id=run_id,
    )
    for start in range(0, POSTS, 1_000):
        write(store, *(_listing("post_topics", f"t3_{n}", n) for n in range(start, start + 1_000)), run_id=run_id)
    write(store, *(_listing("collection_posts", f"{n}", n) for n in range(COLLECTIONS)), run_id=run_id)
    for n in range(200):
        store.end_run(
            store.begin_run(command="sync", target="x", started_at=T0 + n), exit_code=0, summary={}, ended_at=T0 + n
        )
    with store.transaction() as db:
        db.executemany(
            "INSERT INTO findings (run_id, severity, what, at) VALUES (?, 'info', 'x', 1)",
            [(run_id + n % 100,) for n in range(3_000)],
        )
        waiting = [n for (n,) in db.execute("SELECT n FROM media ORDER BY n").fetchall()]
    for n in waiting[:20]:
        set_media_state(store, n, state="gone")
    with store.transaction() as db:
        db.execute("UPDATE media SET state = 'stored' WHERE state = 'pending' AND n % 200 <> 0")


def _post(n: int) -> Any:
    pictures = tuple(MediaItem(kind="gallery", url=f"https://i.test/{n}/{k}.jpg") for k in range(3))
    return post(
        f"t3_{n}",
        author=f"person{n % PEOPLE}",
        community=f"place{n % PLACES}",
        created_at=T0 - 60 * n,
        score=n * 7919 % 1000,
        body=f"text of word{n % 500}",
        media=pictures if n % 2 else (),
    )


def _listing(link: Any, owner: str, n: int) -> Any:
    members = tuple(f"{n * k % TOPICS}" if link == "post_topics" else f"t3_{n * k % POSTS}" for k in (1, 3, 7))
    return LinkListing(source="reddit", link=link, owner=owner, members=members, observed_at=T0, complete=True)


def _comment(n: int) -> Any:
    return comment(
        f"t1_{n}",
        post_id=f"t3_{n * 31 % POSTS}",
        parent_id=f"t1_{n // 2}" if n % 3 else f"t3_{n * 31 % POSTS}",
        author=f"person{n % PEOPLE}",
        community=f"place{n % PLACES}",
        created_at=T0 - 10 * n,
        score=n * 7919 % 1000,
        body=f"text of word{n % 500}, long enough to make a row of some size " * 3,
    )


@pytest.fixture(scope="module", params=ENGINES)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    options = StoreOptions(slow_query_ms=0.000_001, slow_query_plan=True)
    if request.param == "sqlite":
        with open_store(f"sqlite:///{tmp_path_factory.mktemp('plans')}/hubbub.db", options=options) as store:
            fill(store)
            list(maintain(store))
            yield store
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.database() as url, open_store(url, options=options) as store:
        fill(store)
        list(maintain(store))
        yield store


def plans(store: Store, read: Callable[[], object]) -> list[tuple[str, str]]:
    """The statements of a read, and how each was carried out."""
    told: list[tuple[str, str]] = []

    def keep(event: Event) -> None:
        if isinstance(event, SlowQuery) and event.plan is not None and " FROM " in event.sql:
            told.append((event.sql, event.plan))

    store.tell(keep)
    read()
    store.tell(None)
    assert told
    return told


def scanned(plan: str) -> list[str]:
    """Tables that grow and are read from end to end."""
    found = re.findall(r"(?:Seq Scan on|^SCAN) (\w+)(?! USING| VIRTUAL)(?: |$)", plan, re.MULTILINE)
    return [table for each in found if (table := _SHORT.get(each, each)).startswith(GROWING)]


class Chosen(msgspec.Struct, frozen=True):
    communities: tuple[str, ...] = ("place3",)
    since: int | None = None
    until: int | None = None


TOTALS = RecallTotals(source="reddit", kind="comment", community="place3", bounds=(0, 1_700_000_000))
DUE = RecallRipe(kind="comment", communities=("place3",), ages_s=(3_600, 21_600), until=1_700_000_000, limit=100)


def _counted(store: Store) -> object:
    with store.reading_raw() as db:
        return completeness.facts(db, communities=[("reddit", "place3")], now=T0), completeness.store_facts(db)


READS: dict[str, Callable[[Store], object]] = {
    "known ids": lambda store: reads.known_ids(store, "reddit", "comment", [f"t1_{n}" for n in range(100)]),
    "stored counts": lambda store: reads.stored_counts(store, "reddit", RecallCounts("place3")),
    "posts that lack comments": lambda store: reads.stored_counts(
        store, "reddit", RecallCounts("place3", lacking=True)
    ),
    "some posts that lack comments": lambda store: reads.stored_counts(
        store, "reddit", RecallCounts("place3", post_ids=("t3_3", "t3_103"), lacking=True)
    ),
    "what is due": lambda store: reads.stored_ripe(store, "reddit", DUE),
    "some checkpoints": lambda store: reads.saved(store, "reddit", ["place7/new", "place8/new"]),
    "stored totals": lambda store: reads.stored_totals(store, TOTALS),
    "pending media": lambda store: reads.pending_media(store, source="reddit", limit=50),
    "pending media of a community": lambda store: reads.pending_media(store, community="place3", min_score=10),
    "a checkpoint": lambda store: reads.checkpoint(store, "reddit", "place7/new"),
    "checkpoints": lambda store: reads.checkpoints(store, "reddit", "place77"),
    "findings": lambda store: reads.findings(store, 7),
    "completeness of a community": _counted,
    "ledger": lambda store: reads.ledger(store, "x", "{}", 1),
    "known topics": lambda store: reads.known_ids(store, "reddit", "topic", [f"{n}" for n in range(20)]),
    "topics of some posts": lambda store: grouping_reads.topics_of(store, "reddit", [f"t3_{n}" for n in range(25)]),
    "posts of a topic": lambda store: grouping_reads.posts_of_topic(store, "reddit", "7"),
    "posts of a collection": lambda store: grouping_reads.posts_of_collection(store, "reddit", "7"),
    "a topic by its slug": lambda store: grouping_reads.by_slug(store, "reddit", "topic", slug="topic-7"),
    "a collection by its slug": lambda store: grouping_reads.by_slug(store, "reddit", "collection", slug="list-7"),
    "search by word": lambda store: search(store, "word17"),
    "search by word in a community": lambda store: search(store, "word17 community:place1"),
    "search in a community": lambda store: search(store, "community:place1"),
    "search by author": lambda store: search(store, "author:person5"),
}


@pytest.mark.parametrize("name", READS)
def test_no_read_goes_through_a_whole_table_that_grows(filled: Store, name: str) -> None:
    for sql, plan in plans(filled, lambda: READS[name](filled)):
        if "FROM imports" in sql:  # no file was imported: there is nothing to scan
            continue
        assert scanned(plan) == [], f"{sql}\n{plan}"


@pytest.mark.parametrize("name", READS)
def test_a_read_asks_as_many_questions_however_many_rows_there_are(filled: Store, name: str) -> None:
    most = 12 if name.startswith(("search", "completeness")) else 1  # a search looks at the newest first, then further
    assert len([sql for sql, _ in plans(filled, lambda: READS[name](filled)) if "pg_catalog" not in sql]) <= most


def test_an_export_of_a_community_reads_that_community_only(filled: Store) -> None:
    chosen = Chosen()
    ((sql, plan),) = plans(filled, lambda: list(reads.content_rows(filled, "comment", ["id"], chosen)))
    if filled.engine == "postgresql":  # SQLite walks the key, so that it need not sort
        assert scanned(plan) == [], f"{sql}\n{plan}"


INDEXED = [
    ("posts WHERE source = ? AND community = ? ORDER BY created_at DESC LIMIT 25", "posts_community_created"),
    ("posts WHERE source = ? AND community = ? ORDER BY score DESC LIMIT 25", "posts_community_score"),
    ("posts WHERE source = ? AND author = ?", "posts_author"),
    ("comments WHERE source = ? AND post_id = ?", "comments_post"),
    ("comments WHERE source = ? AND parent_id = ?", "comments_parent"),
    ("comments WHERE source = ? AND author = ?", "comments_author"),
    ("comments WHERE source = ? AND community = ? ORDER BY created_at DESC LIMIT 25", "comments_community_created"),
    ("comments WHERE source = ? AND community = ? ORDER BY score DESC LIMIT 25", "comments_community_score"),
]
_VALUES = {"community": "place3", "author": "person5", "post_id": "t3_62", "parent_id": "t1_100"}
_PARTS = {"created": "created_at", "post": "post_id", "parent": "parent_id"}


def of_partition(index: str) -> str:
    """What PostgreSQL calls the index of a partition, as a pattern: after the table and the columns."""
    table, *columns = index.split("_")
    return rf"{table}_of_reddit_\d_source_{'_'.join(_PARTS.get(name, name) for name in columns)}_idx"


@pytest.mark.parametrize(("query", "index"), INDEXED)
def test_the_reads_we_ship_have_their_index(filled: Store, query: str, index: str) -> None:
    column = re.findall(r"(\w+) = \?", query)[1]

    def read() -> object:
        with filled.reading_raw() as db:
            return db.execute(f"SELECT * FROM {query}", ("reddit", _VALUES[column])).fetchall()

    ((_, plan),) = plans(filled, read)
    assert scanned(plan) == [], plan
    wanted = f"ix_{index}" if filled.engine == "sqlite" else of_partition(index)
    assert re.search(wanted, plan), plan
    assert not re.search(r"TEMP B-TREE|^ *(->)? *Sort  ", plan, re.MULTILINE), plan


def test_a_person_s_collections_are_found_by_their_index(filled: Store) -> None:
    def read() -> object:
        with filled.reading_raw() as db:
            return db.execute(
                "SELECT id FROM collections WHERE source = ? AND owner = ?", ("reddit", "person7")
            ).fetchall()

    ((_, plan),) = plans(filled, read)
    assert "ix_collections_owner" in plan, plan


def test_ids_lead_to_their_own_partition_only(filled: Store) -> None:
    ((_, plan),) = plans(filled, lambda: reads.known_ids(filled, "reddit", "comment", ["t1_5"]))
    if filled.engine == "postgresql":
        assert len(set(re.findall(r"comments_of_reddit_\d_pkey", plan))) == 1, plan
    else:
        assert "sqlite_autoindex_comments_1 (source=? AND id=?)" in plan


def test_what_was_read_is_what_is_there(filled: Store) -> None:
    """The plans above are those of reads that find something."""
    assert len(reads.known_ids(filled, "reddit", "comment", [f"t1_{n}" for n in range(100)])) == 100
    counts = reads.stored_counts(filled, "reddit", RecallCounts("place3"))
    assert len(counts) == POSTS // PLACES
    assert sum(count.stored for count in counts) > 0
    assert len(reads.pending_media(filled, source="reddit")) > 20
    assert len(reads.checkpoints(filled, "reddit", "place77")) > 5
    assert len(search(filled, "word17")) == 20
    assert len(grouping_reads.topics_of(filled, "reddit", [f"t3_{n}" for n in range(25)])) == 25
    assert len(grouping_reads.posts_of_topic(filled, "reddit", "7")) > 10
    assert len(grouping_reads.posts_of_collection(filled, "reddit", "7")) == 3
    assert grouping_reads.by_slug(filled, "reddit", "collection", slug="list-7") is not None
    assert len(plans(filled, lambda: reads.checkpoints(filled, "reddit", "place77"))) == 1
