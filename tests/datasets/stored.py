"""A small store with known content."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hubbub.records.models import Comment, Community, Door, Post, Reason, Record, Stub, Tombstone, User
from hubbub.store.batch import Batch
from hubbub.store.engine import Store, open_store

AT = 1_780_272_000
HOSTILE = '=HYPERLINK("http://evil.test")\n\x1b[2J\'ß'


def post(post_id: str, *, title: str | None = "a beetle", community: str = "bugs", created_at: int = AT) -> Post:
    """A post somebody observed."""
    return Post(
        source="reddit",
        id=post_id,
        door=Door.LIVE,
        observed_at=AT + 10,
        terms="reddit-api",
        community=community,
        community_name=community.title(),
        created_at=created_at,
        author="ann",
        author_name="Ann",
        title=title,
        body="",
        score=-3,
        over_18=False,
        upvote_ratio=0.5,
    )


RECORDS: tuple[Record, ...] = (
    post("t3_b", title=HOSTILE),
    post("t3_a", created_at=AT - 86400),
    post("t3_c", community="spiders"),
    post("t3_gone"),
    Comment(
        source="reddit",
        id="t1_x",
        door=Door.LIVE,
        observed_at=AT,
        community="bugs",
        post_id="t3_a",
        body="it is a tick",
    ),
    User(source="reddit", id="ann", door=Door.LIVE, observed_at=AT, name="Ann", total_karma=5),
    User(source="reddit", id="shy", door=Door.LIVE, observed_at=AT, name="Shy", no_index=True),
    Community(source="reddit", id="bugs", door=Door.LIVE, observed_at=AT, name="Bugs", member_count=7),
    Stub(source="reddit", kind="user", id="mentioned", name="Mentioned"),
    Tombstone(source="reddit", kind="post", id="t3_gone", door=Door.LIVE, reason=Reason.AUTHOR, at=AT + 20),
)


def fill(store: Store, records: Sequence[Record] = RECORDS) -> None:
    """Write the records in one run."""
    run = store.begin_run(command="test", target="x", started_at=AT)
    store.write(Batch(run_id=run, source="reddit", stream="x", records=records))
    store.end_run(run, exit_code=0, summary={}, ended_at=AT)


def filled(path: Path, records: Sequence[Record] = RECORDS) -> Store:
    """An open store at `path` that holds the records."""
    store = open_store(f"sqlite:///{path}")
    fill(store, records)
    return store
