"""The road to the pretend Product Hunt in a few words: virtual time, a store, a sync, and what is in the store."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hubbub.http.retry import RetryPolicy
from hubbub.pipeline.run import RunReport
from hubbub.pipeline.sync import sync
from hubbub.plugins.contracts import SourceSettings, SyncOptions, Target
from hubbub.simulator.things import HORIZON
from hubbub.store.engine import Store
from hubbub.testing import SimulatedProductHunt, simulated_producthunt
from tests.store.making import rows
from tests.virtual import VirtualTime

DAY_S = 86_400
HOUR_S = 3_600
END = HORIZON
"""From here on nothing changes in the pretend world."""
PLENTY = 1_000_000_000
"""Points that are never spent."""
QUIET_S = 0.004
"""See `tests.virtual`: answers of a small world come at once."""


@contextmanager
def hunted(
    *,
    days: float,
    span_days: int,
    launches: int,
    comments: int,
    moving: bool = True,
    points: int = 6_250,
    seed: int = 7,
    **scenario: Any,
) -> Iterator[tuple[SimulatedProductHunt, VirtualTime]]:
    """A pretend Product Hunt, `days` before its world stands still, and the time that both it and we live in.

    `moving` is False where its clock stands still until it is moved: two syncs are told the same times then."""
    start = int(END - days * DAY_S)
    told = {
        "clock": {"start": start, "speed": float(moving), "step": 0.0},
        "limits": {"points": points},
        "producthunt": {"launches_a_day": launches, "most_comments": comments},
    }
    time = VirtualTime(start=start, quiet_s=QUIET_S)
    with time.installed(), simulated_producthunt(span_days=span_days, seed=seed, scenario=told | scenario) as running:
        yield running, time


def settings_of(running: SimulatedProductHunt) -> dict[str, SourceSettings]:
    """Settings with the developer token."""
    return {"producthunt": SourceSettings(values={"token": running.token}, base_url=running.address)}


def hunt(
    store: Store,
    running: SimulatedProductHunt,
    *,
    names: Sequence[str] = ("",),
    policy: RetryPolicy | None = None,
    **options: Any,
) -> RunReport:
    """`hubbub sync producthunt…`, with the product's own patience unless told otherwise."""
    return sync(
        store,
        [Target(source="producthunt", name=name) for name in names],
        options=SyncOptions(**options),
        settings=settings_of(running),
        policy=policy or RetryPolicy(),
    )


def url(folder: Path, name: str = "hubbub") -> str:
    """The address of a store in this folder."""
    return f"sqlite:///{folder / name}.db"


def live(store: Store) -> dict[str, dict[str, Any]]:
    """What the store says is there, in the words of the simulator's truth."""
    topics: dict[str, set[str]] = defaultdict(set)
    for owner, slug in rows(store, "SELECT owner, slug FROM post_topics JOIN topics ON member = id"):
        topics[owner].add(slug)
    held: dict[str, list[str]] = defaultdict(list)
    for owner, member in rows(store, "SELECT owner, member FROM collection_posts"):
        held[owner].append(member)
    posts = "SELECT id, title, tagline, body, score, comment_count, featured_at, created_at, extra FROM posts"
    comments = "SELECT id, post_id, parent_id, score, created_at, body, extra FROM comments"
    return {
        "posts": {
            row[0]: {
                "name": row[1],
                "tagline": row[2],
                "description": row[3],
                "votes": row[4],
                "comments": row[5],
                "featured": row[6],
                "created": row[7],
                "slug": json.loads(row[8])["slug"],
                "makers": json.loads(row[8])["makers"],
                "topics": topics[row[0]],
            }
            for row in rows(store, f"{posts} WHERE withdrawn = 0")
        },
        "comments": {
            row[0]: {
                "post": row[1],
                "parent": row[2],
                "votes": row[3],
                "created": row[4],
                "body": row[5],
                "html": json.loads(row[6] or "{}").get("html"),
            }
            for row in rows(store, f"{comments} WHERE withdrawn = 0")
        },
        "topics": {
            row[0]: {"name": row[1], "slug": row[2], "followers": row[3]}
            for row in rows(store, "SELECT id, name, slug, follower_count FROM topics")
        },
        "collections": {
            row[0]: {"name": row[1], "posts": sorted(held[row[0]])}
            for row in rows(store, "SELECT id, name FROM collections")
        },
    }


def wanted(truth: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The truth, shaped as `live` is; of a comment the HTML as it is."""
    taken = ("name", "tagline", "description", "votes", "comments", "featured", "created", "slug", "makers")
    return {
        "posts": {
            key: {name: post[name] for name in taken} | {"topics": set(post["topics"])}
            for key, post in truth["posts"].items()
        },
        "comments": {
            key: {"post": post} | said for post, spoken in truth["comments"].items() for key, said in spoken.items()
        },
        "topics": truth["topics"],
        "collections": {
            key: {"name": held["name"], "posts": sorted(held["posts"])} for key, held in truth["collections"].items()
        },
    }
