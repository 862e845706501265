"""Search latency by class of query on a store of generated comments, and what LIKE takes instead."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from bench.dump import Words
from bench.merging import AT, batches, comments


def fill(*, url: str, rows: int) -> dict[str, float]:
    from hubbub.store.batch import Batch
    from hubbub.store.engine import open_store

    with open_store(url) as store:
        run_id = store.begin_run(command="bench", target="x", started_at=AT)
        for some in batches(comments(rows)):
            store.write(Batch(run_id=run_id, source="reddit", stream="bench", records=some))
        store.end_run(run_id, exit_code=0, summary={}, ended_at=AT)
        if store.engine == "postgresql":
            with store.transaction() as db:
                db.execute("ANALYZE comments")
    return {"rows": rows}


def classes(pick: random.Random, rows: int) -> dict[str, Callable[[], str]]:
    """Makers of queries: by how many comments hold a word, alone, joined, and with filters."""
    words = Words(1)
    weight = [b - a for a, b in zip([0.0, *words.weights], words.weights, strict=False)]
    share = [1 - (1 - each / words.weights[-1]) ** 28 for each in weight]

    def between(low: float, high: float) -> list[str]:
        return [word for word, part in zip(words.words, share, strict=True) if low <= part < high]

    rare, mid, common, very = between(0, 0.0005), between(0.001, 0.01), between(0.01, 0.1), between(0.1, 1.1)

    def place() -> str:
        return f"community:bugs{pick.randrange(50)}"

    def month() -> str:
        return f"2025-{pick.randrange(10, 13)}"

    return {
        "rare (<0.05 %)": lambda: pick.choice(rare),
        "mid (0.1-1 %)": lambda: pick.choice(mid),
        "common (1-10 %)": lambda: pick.choice(common),
        "very common (>10 %)": lambda: pick.choice(very),
        "two common": lambda: f"{pick.choice(common)} {pick.choice(common)}",
        "common and very common": lambda: f"{pick.choice(common)} {pick.choice(very)}",
        "phrase of two common": lambda: f'"{pick.choice(common)} {pick.choice(common)}"',
        "phrase of two very common": lambda: f'"{pick.choice(very)} {pick.choice(very)}"',
        "very common OR very common": lambda: f"{pick.choice(very)} OR {pick.choice(very)}",
        "very common -common": lambda: f"{pick.choice(very)} -{pick.choice(common)}",
        "prefix of 4": lambda: f"{pick.choice([word for word in mid if len(word) > 3])[:4]}*",
        "very common, community": lambda: f"{pick.choice(very)} {place()}",
        "common, community": lambda: f"{pick.choice(common)} {place()}",
        "very common, author": lambda: f"{pick.choice(very)} author:person{pick.randrange(rows // 4)}",
        "very common, score": lambda: f"{pick.choice(very)} score:>{pick.choice([5, 20, 50, 58])}",
        "common, score<0": lambda: f"{pick.choice(common)} score:<0",
        "very common, after": lambda: f"{pick.choice(very)} after:{month()}",
        "common, month and community": lambda: f"{pick.choice(common)} after:2025-11 before:2025-12 {place()}",
        "filters only": lambda: f"{place()} score:>{pick.randrange(40)}",
    }


def searches(*, url: str, rows: int, queries: int) -> dict[str, Any]:
    from hubbub.store.engine import open_store
    from hubbub.store.search.find import search

    pick, figures, everything = random.Random(5), {}, []
    with open_store(url, read_only=True) as store:
        for name, make in classes(pick, rows).items():
            waits = [_wait(partial(search, store, make(), limit=20)) for _ in range(queries)]
            figures[name] = _figures(waits)
            everything += waits
    return {**figures, "all classes": _figures(everything)}


def like(*, url: str, rows: int) -> dict[str, float]:
    """What a plain substring search takes, over words of every class."""
    from hubbub.store.engine import open_store

    pick, words = random.Random(5), Words(1)
    sql = "SELECT id, score FROM comments WHERE body LIKE ? ORDER BY score DESC LIMIT 20"
    del rows
    with open_store(url, read_only=True) as store, store.reading_raw() as db:

        def ask() -> None:
            db.execute(sql, (f"%{pick.choice(words.words)}%",)).fetchall()

        return _figures([_wait(ask) for _ in range(8)])


def _wait(do: Callable[[], object]) -> float:
    """Milliseconds it takes."""
    began = time.perf_counter()
    do()
    return 1000 * (time.perf_counter() - began)


def _figures(waits: list[float]) -> dict[str, float]:
    waits = sorted(waits)

    def at(share: float) -> float:
        return waits[min(len(waits) - 1, int(share * len(waits)))]

    return {"p50 ms": at(0.5), "p95 ms": at(0.95), "p99 ms": at(0.99), "queries": len(waits)}


SEARCHES: dict[str, Callable[..., dict[str, Any]]] = {case.__name__: case for case in (fill, searches, like)}
