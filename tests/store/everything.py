"""A store with something in every table, and what of a store a copy must keep."""

from __future__ import annotations

from typing import Any

from hubbub.plugins.contracts import Checkpoint
from hubbub.records.models import (
    Collection,
    Community,
    Door,
    LinkListing,
    MediaItem,
    Reason,
    Rejected,
    Rule,
    Topic,
    User,
)
from hubbub.store import tables_of_runs
from hubbub.store.batch import LedgerMark
from hubbub.store.engine import Store
from hubbub.store.search.find import search
from hubbub.store.tables import CONTENT, metadata
from hubbub.store.writes import Blob, set_media_state
from tests.store.making import HOUR, T0, comment, gone, post, rows, write

assert tables_of_runs.runs.metadata is metadata
TABLES = [table for table in metadata.sorted_tables if table.name != "search_state"]
QUERIES = (
    "beetle",
    "stag OR moth",
    '"under a stone"',
    "author:bob",
    "community:bugs score:>1",
    "word7",
    "kind:comment -beetle",
)


def _picture(number: int) -> MediaItem:
    return MediaItem(kind="image", url=f"https://i.redd.it/{number}.jpg", width=640, height=480, caption="ein «Bild»")


def fill(store: Store, *, comments: int = 40) -> None:
    """Write something of every kind; `comments` more of one thread."""
    run = store.begin_run(command="sync", target="reddit:bugs", started_at=T0)
    write(
        store,
        post("t3_a", media=(_picture(1), _picture(2)), extra='{"a":"\\u0000"}'),
        post("t3_b", title="A moth", body=None, score=-3, community="moths", author="carl", at=T0 + 1),
        post("t3_gone", title="secret words", media=(_picture(3),)),
        comment("t1_a", media=(_picture(4),)),
        comment("t1_b", author="dora", body="Straße, 蝶, \U0001f98b 'quoted' \\ and\ttabs\n", parent_id="t1_a"),
        comment("t1_removed", body="spam"),
        comment("t1_orphan", post_id="t3_unseen", author="nobody_knows"),
        comment("t1_other", body="word under another source", author="eve", at=T0 + 2),
        *(comment(f"t1_{n:04}", body=f"word{n} of many", score=n, created_at=T0 + n) for n in range(comments)),
        User(source="reddit", id="ann", name="Ann", door=Door.LIVE, observed_at=T0, total_karma=5),
        User(source="reddit", id="gonzo", name="Gonzo", door=Door.LIVE, observed_at=T0),
        Community(
            source="reddit",
            id="bugs",
            name="bugs",
            door=Door.DUMP,
            observed_at=T0,
            member_count=10,
            rules=(Rule(short_name="be kind"), Rule(short_name="no spam", created_at=T0)),
        ),
        *(
            Topic(source="reddit", id=f"{n}", door=Door.LIVE, observed_at=T0 + n, slug=f"ä{n}", follower_count=n)
            for n in range(10, 15)
        ),
        Collection(source="reddit", id="c1", door=Door.SAVED, observed_at=T0, terms="x", name="«»", owner="ann"),
        LinkListing(
            source="reddit", link="post_topics", owner="t3_a", members=("a", "b"), observed_at=T0, complete=True
        ),
        LinkListing(source="reddit", link="post_makers", owner="t3_a", members=("m",), observed_at=T0, complete=False),
        LinkListing(
            source="reddit", link="collection_posts", owner="c1", members=("t3_a",), observed_at=T0, complete=True
        ),
        run_id=run,
        rejected=[
            Rejected(reason="broken", raw=b"\x00\xff{", source="reddit", door=Door.LIVE, where="/new", id="t3_x")
        ],
        checkpoints=[Checkpoint(key="bugs/new", state='{"watermark":1}')],
        unknown_fields={"new_thing": 3},
        ledger=LedgerMark(
            digest="d" * 64, filters="{}", mapping_version=1, path="RS.zst", size_bytes=9, offset=5, lines=2
        ),
    )
    _change(store, run)
    _rest(store, run)
    store.end_run(run, exit_code=0, summary={"said": "Grüße"}, ended_at=T0 + 9)
    store.begin_run(command="import", target="killed.zst", started_at=T0 + 10)


def _change(store: Store, run: int) -> None:
    """Histories and withdrawals."""
    later = T0 + 3 * HOUR
    write(
        store,
        post("t3_a", at=later, title="What beetle is this", score=40, media=(_picture(1), _picture(2))),
        comment("t1_a", at=later, author="bobby", author_name="Bobby", media=(_picture(4),)),
        comment("t1_removed", at=T0 + 1, author="gonzo"),
        run_id=run,
    )
    write(
        store,
        gone("post", "t3_gone"),
        gone("comment", "t1_removed", reason=Reason.MODERATOR, detail="rule 2"),
        gone("user", "gonzo"),
        gone("comment", "t1_never", reason=Reason.LEGAL, community="bugs", post_id="t3_a"),
        run_id=run,
    )


def _rest(store: Store, run: int) -> None:
    """What no batch writes."""
    store.add_finding(run_id=run, severity="warning", what="a gap")
    store.mark_untrusted(run, why="a checksum")
    waiting = [n for (n,) in rows(store, "SELECT n FROM media ORDER BY n")]
    blob = Blob(sha256="ab" * 32, size_bytes=5, mime="image/jpeg", width=1, height=1)
    set_media_state(store, waiting[0], state="stored", blob=blob)
    set_media_state(store, waiting[1], state="broken", reason="cut short")
    by_number = store.engine == "sqlite"
    with store.transaction() as db:
        db.execute("UPDATE posts SET hidden_at = ?, hidden_by = ? WHERE id = ?", (T0, "me", "t3_b"))
        db.execute("UPDATE comments SET hidden_at = ? WHERE id = ?", (T0, "t1_b"))
        columns = "n, source, post_id, label, origin, confidence, built_at" + (", post_n" if by_number else "")
        number = ", (SELECT n FROM posts WHERE id = 't3_a')" if by_number else ""
        db.execute(
            f"INSERT INTO labels ({columns}) VALUES (77, 'reddit', 't3_a', 'Lucanus', 'comments', 0.25, 5{number})"
        )
        for table, names, values in (
            ("topics", "n, source, id, slug", (104, "producthunt", "1", "ai")),
            ("collections", "n, source, id, name", (109, "producthunt", "2", "best")),
            ("votes", "n, source, post_id, user_id", (3, "producthunt", "1", "7")),
            ("logs", "n, at, level, event, fields", (12, T0, "info", "stored", '{"new":1}')),
            ("proxies", "url, state, checked_at", ("http://proxy:1", "good", T0)),
            ("blocklist", "source, kind, id, added_at", ("reddit", "post", "t3_never", T0)),
            ("past_authors", "source, author, kind, id", ("reddit", "0" * 64, "comment", "t1_b")),
        ):
            marks = ", ".join("?" * len(values))
            db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING", values)
        for content in CONTENT.values():
            db.execute(f"UPDATE {content.name} SET updated_at = updated_at - 1000 WHERE updated_at IS NOT NULL")


def contents(store: Store) -> dict[str, list[Any]]:
    """Every row of every table, without what only one engine has."""
    content = {table.name for table in CONTENT.values()}
    found = {}
    for table in TABLES:
        gone = {"post_n", "comment_n", *(("n",) if table.name in content else ())}
        names = ", ".join(f'"{column.name}"' for column in table.columns if column.name not in gone)
        found[str(table.name)] = sorted(
            (tuple(row) for row in rows(store, f"SELECT {names} FROM {table.name}")), key=repr
        )
    return found


def lost_references(store: Store) -> list[Any]:
    """Media and labels that belong to another record than they say."""
    if store.engine != "sqlite":
        return []
    query = (
        "SELECT m.n FROM {table} m LEFT JOIN {of} t ON t.n = m.{name}_n WHERE m.{name}_id IS NOT NULL"
        " AND (t.source IS NOT m.source OR t.id IS NOT m.{name}_id)"
    )
    asked = (("media", "posts", "post"), ("media", "comments", "comment"), ("labels", "posts", "post"))
    return [row for table, of, name in asked for row in rows(store, query.format(table=table, of=of, name=name))]


def answers(store: Store) -> dict[str, list[tuple[str, str]]]:
    """What searches find."""
    return {query: sorted((hit.kind, hit.id) for hit in search(store, query, limit=200)) for query in QUERIES}
