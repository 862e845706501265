"""`python -m bench [NAME ...] [--rounds N] [--rows N]`: measure, print, write JSON; `report` writes the docs."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench import stores
from bench.bound import least_requests
from bench.damage import damage
from bench.growth import growth
from bench.hunting import BY_QUERY
from bench.hunting import CASES as HUNTS
from bench.importing import GROUPS, imports
from bench.inputs import dump_of
from bench.live import NAME, simulator
from bench.measure import interleaved, run_case, save, show
from bench.report import report
from bench.steady import CASES as STEADY

SEED = 7
"""What the simulator takes when none is given."""
GIANTS = (18, 26_000, 0)
"""Posts, comments and milliseconds of latency."""


def lives(folder: Path, *, rows: int, rounds: int) -> None:
    """hubbub sync beside PRAW, Async PRAW and gallery-dl: an ordinary community, giant threads, a refresh."""
    del rows
    cases = {"PRAW": "live_praw", "Async PRAW, 10 tasks": "live_asyncpraw", "gallery-dl": "live_gallery_dl"}
    cases |= {"hubbub sync": "live_hubbub"}
    cases |= {"every tree once, nothing else": "live_least"}
    worlds = {
        "An ordinary community, 50 ms": (1_000, 27_000, 50),
        "A small one, 50 ms": (300, 8_000, 50),
        "Giant threads": GIANTS,
    }
    found: dict[str, Any] = {}
    for title, (posts, comments, latency_ms) in worlds.items():
        with simulator(folder, posts=posts, comments=comments, latency_ms=latency_ms) as ready:
            given = {label: (case, {"ready": ready, "db": f"{folder}/live.db"}) for label, case in cases.items()}
            found[title] = interleaved(given, rounds=rounds, fresh=folder)
            if not found.get("Refresh of 100 posts"):
                refreshed = {"PRAW": run_case("refresh_praw", ready=ready)}
                refreshed["hubbub"] = run_case("refresh_hubbub", ready=ready, db=f"{folder}/refresh.db")
                found["Refresh of 100 posts"] = refreshed
    for title, figures in found.items():
        show(title, figures, base="PRAW", by="requests")
    save("live", found, rounds=rounds)


def bound(folder: Path, *, rows: int, rounds: int) -> None:
    """The requests for the giant threads that no client can go below."""
    del folder, rows, rounds
    posts, comments, _ = GIANTS
    figures = {"an all-knowing reader": least_requests(name=NAME, posts=posts, comments=comments, seed=SEED)}
    show("Giant threads, the least requests", figures, base="an all-knowing reader", by="requests")
    save("bound", figures)


def watches(folder: Path, *, rows: int, rounds: int) -> None:
    """Requests an hour of a watch, in virtual time."""
    del folder, rows, rounds
    figures = {case: run_case("watched", case=case) for case in STEADY}
    show("Watching, requests an hour", figures, base=next(iter(figures)), by="requests/h")
    save("steady", figures)


def hunts(folder: Path, *, rows: int, rounds: int) -> None:
    """A week of Product Hunt beside ProductHuntDB's pattern, in virtual time."""
    del folder, rows, rounds
    figures: dict[str, dict[str, Any]] = {}
    for case in HUNTS:
        print(f"  {case}", file=sys.stderr)
        figures[case] = run_case("hunted", case=case)
    plain = {case: {key: n for key, n in each.items() if key != BY_QUERY} for case, each in figures.items()}
    show("A week of Product Hunt", plain, base="ProductHuntDB's pattern, hourly", by="points")
    save("producthunt", figures)


def searches(folder: Path, *, rows: int, rounds: int) -> None:
    """Search latency by class of query, both engines, and LIKE beside them."""
    file = f"sqlite:///{folder}/search.db"
    with stores.postgres() as server:
        for place in (file, server.url):
            run_case("fill", url=place, rows=rows)
        figures: dict[str, Any] = {}
        for engine, place in (("SQLite", file), ("PostgreSQL", server.url)):
            waits = run_case("searches", url=place, rows=rows, queries=20 * rounds)
            figures |= {f"{engine}: {name}": each for name, each in waits.items()}
            figures |= {f"{engine}: LIKE '%word%'": run_case("like", url=place, rows=rows)}
    show(f"Top 20 of {rows:,} comments", figures, base="SQLite: LIKE '%word%'", by="p50 ms")
    save("search", figures)


def exports(folder: Path, *, rows: int, rounds: int) -> None:
    """Export rates of an imported store."""
    db = _store(folder, rows)
    kinds = ("csv", "ndjson", "parquet")
    figures = interleaved(
        {kind: ("export", {"db": db, "kind": kind, "out": str(folder / kind)}) for kind in kinds}, rounds=rounds
    )
    show(f"Export of {rows:,} comments", figures, base="csv", by="cpu us/row")
    save("export", figures)


def merges(folder: Path, *, rows: int, rounds: int) -> None:
    """The batch merge into SQLite beside what people use instead."""
    file = f"sqlite:///{folder}/merge-"
    ours = {"rows": rows, "indexes": False}
    cases: dict[str, tuple[str, dict[str, Any]]] = {
        "sqlite-utils upsert_all": ("sqlite_utils_upsert", {"db": f"{folder}/utils.db", "rows": rows}),
        "bare executemany upsert": ("sqlite_floor", {"db": f"{folder}/floor.db", "rows": rows}),
        "SQLAlchemy Core executemany": ("core_executemany", {"url": f"{file}core.db", "rows": rows}),
        "SQLModel, one row at a time": ("sqlmodel_per_row", {"url": f"{file}model.db", "rows": min(rows, 2_000)}),
        "hubbub, no extra index": ("hubbub_merge", {"url": f"{file}bare.db", **ours}),
        "hubbub, no extra index, again": ("hubbub_merge", {"url": f"{file}bare2.db", **ours, "again": True}),
        "hubbub, shipped indexes": ("hubbub_merge", {"url": f"{file}idx.db", "rows": rows}),
        "hubbub, shipped indexes, again": ("hubbub_merge", {"url": f"{file}idx2.db", "rows": rows, "again": True}),
        "hubbub, with search": ("hubbub_merge", {"url": f"{file}all.db", "rows": rows, "search": True}),
        "hubbub, with search, again": (
            "hubbub_merge",
            {"url": f"{file}all2.db", "rows": rows, "search": True, "again": True},
        ),
    }
    figures = interleaved(cases, rounds=rounds, fresh=folder)
    show(f"Merge of {rows:,} decoded comments, SQLite", figures, base="sqlite-utils upsert_all", by="cpu us/row")
    save("store", figures)


def postgres(folder: Path, *, rows: int, rounds: int) -> None:
    """The batch merge into PostgreSQL beside SQLAlchemy's ways."""
    del folder
    ours = {"rows": rows, "indexes": False}
    some = min(rows, 40_000)
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "SQLAlchemy insertmanyvalues": ("core_executemany", {"rows": some, "many_values": True}),
        "SQLAlchemy executemany": ("core_executemany", {"rows": some}),
        "hubbub, no extra index": ("hubbub_merge", ours),
        "hubbub, no extra index, again": ("hubbub_merge", {**ours, "again": True}),
        "hubbub, shipped indexes": ("hubbub_merge", {"rows": rows}),
        "hubbub, shipped indexes, again": ("hubbub_merge", {"rows": rows, "again": True}),
        "hubbub, with search": ("hubbub_merge", {"rows": rows, "search": True}),
    }
    with stores.postgres() as server:
        cases = {name: (case, {"url": server.url, **given}) for name, (case, given) in kinds.items()}
        figures = interleaved(cases, rounds=rounds)
    show(
        f"Merge of {rows:,} decoded comments, PostgreSQL", figures, base="SQLAlchemy insertmanyvalues", by="cpu us/row"
    )
    save("postgres", figures)


def _store(folder: Path, rows: int) -> str:
    path = folder / "hubbub.db"
    if not path.exists():
        run_case("hubbub_import", dump=str(dump_of(rows).path), db=str(path))
    return str(path)


BENCHES: dict[str, Callable[..., None]] = {
    "import": imports,
    "growth": growth,
    "damage": damage,
    "live": lives,
    "bound": bound,
    "steady": watches,
    "producthunt": hunts,
    "search": searches,
    "export": exports,
    "store": merges,
    "postgres": postgres,
}

REPORT = "report"
"""Measures nothing: writes the figures that are saved into the documentation."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Side-by-side measurements.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; default all; report writes the docs"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=200_000, help="comments in the dump")
    parser.add_argument("--only", action="append", choices=GROUPS, default=[], help="groups of the import benchmark")
    asked = parser.parse_args()
    if unknown := set(asked.names) - {*BENCHES, REPORT}:
        parser.error(f"there is no bench {', '.join(sorted(unknown))}")
    benches = BENCHES | {"import": partial(imports, only=asked.only)}
    with tempfile.TemporaryDirectory(prefix="hubbub-bench-") as folder:
        for name in asked.names or BENCHES:
            if name == REPORT:
                report()
            else:
                benches[name](Path(folder), rows=asked.rows, rounds=asked.rounds)


if __name__ == "__main__":
    main()
