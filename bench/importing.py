"""The import benchmark: hubbub and what people use instead, side by side in one run, on one dump."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

from bench.inputs import COMMUNITY, Dump, dump_of, same_lines
from bench.measure import save, show
from bench.peers import unpack
from bench.programs import Command, run
from bench.stores import Server, postgres, without_indexes
from bench.trials import PYTHON, Trial, hubbub, medians, rounded, rounds_of, schema_url

FLOOR = "unpack and decode only"
UNPACKED = "unpacking alone"
LEAST = "hubbub's table filled, nothing else"
LEAST_BESIDE = "hubbub's table filled by two processes"
LEAST_MENTIONED = "hubbub's table and stubs filled by two processes"
LEAST_WHOLE = "hubbub's table, indexes and words, nothing else"
LEAST_LAKE = "a lake's columns written, nothing else"
LEAST_LAKE_PIPE = "a lake's columns written, unpacked beside"
SCRIPT = "orjson + sqlite3 script"
DUCK_UPSERT = "DuckDB on a zstd pipe, upsert"
DUCK_CTAS = "DuckDB on a zstd pipe, new table without a key"
CSV_SCRIPT = "PushshiftDumps CSV loop, re-stated"
BARE = "hubbub import --no-search, no secondary index"
NO_SEARCH = "hubbub import --no-search"
WHOLE = "hubbub import"
AGAIN = "hubbub import, the same again"
SCRIPT_AGAIN = "orjson + sqlite3 script, the same again"
DUCK_AGAIN = "DuckDB on a zstd pipe, upsert, the same again"
JSON_FILTER = "json.loads of every line"
ORJSON_FILTER = "orjson.loads of every line"
ARCTIC_FILTER = "Arctic Shift's loop, re-stated"
SIEVE = "hubbub's sieve of bytes alone"
FILTER = "hubbub import --community"
DUCK_PARQUET = "DuckDB on a zstd pipe, COPY TO parquet"
PARQUET = "hubbub import --to parquet --workers 2"
POSTGRES = "hubbub import --no-search into PostgreSQL"

GROUPS: dict[str, str] = {
    "keep": "Keep everything, search left for later (SQLite, DuckDB and CSV; 22 columns)",
    "whole": "Secondary indexes and search ready at the end; and the same once more",
    "filter": "One community out of a month",
    "parquet": "Into Parquet",
    "postgres": "Into PostgreSQL, no secondary index, search left for later",
}


def _peer(name: str, *words: str) -> Callable[[Dump, Path], Sequence[Command]]:
    """A peer's program; a word that begins with `/` is a file in its folder."""

    def commands(dump: Dump, folder: Path) -> Sequence[Command]:
        return [[*PYTHON, f"bench.peers.{name}", str(dump.path), *(_placed(word, folder) for word in words)]]

    return commands


def _duck(how: str) -> Callable[[Dump, Path], Sequence[Command]]:
    def commands(dump: Dump, folder: Path) -> Sequence[Command]:
        return [unpack.command(dump.path), [*PYTHON, "bench.peers.duck", how, str(folder / "peer.duckdb")]]

    return commands


def _least_lake(dump: Dump, folder: Path) -> Sequence[Command]:
    return [unpack.command(dump.path), [*PYTHON, "bench.peers.least_lake", "-", str(folder / "least.parquet")]]


def _placed(word: str, folder: Path) -> str:
    return str(folder / word[1:]) if word.startswith("/") else word


def _hubbub(*words: str, again: bool = False) -> Callable[[Dump, Path], Sequence[Command]]:
    def commands(dump: Dump, folder: Path) -> Sequence[Command]:
        path = same_lines(dump).path if again else dump.path
        placed = [_placed(word, folder) for word in words]
        return [hubbub("import", str(path), *placed, home=folder)]

    return commands


def _keep() -> list[Trial]:
    return [
        Trial(label=FLOOR, commands=_peer("floor")),
        Trial(label=LEAST, commands=_peer("least", "/")),
        Trial(label=LEAST_BESIDE, commands=_peer("least_beside", "/")),
        Trial(label=LEAST_MENTIONED, commands=_peer("least_beside", "/", "--mentioned")),
        Trial(label=SCRIPT, commands=_peer("orjson_script", "/peer.db")),
        Trial(label=SCRIPT_AGAIN, commands=_peer("orjson_script", "/peer.db"), after=SCRIPT),
        Trial(label=CSV_SCRIPT, commands=_peer("csv_script", "/peer.csv")),
        Trial(label=DUCK_CTAS, commands=_duck("ctas")),
        Trial(label=DUCK_UPSERT, commands=_duck("upsert")),
        Trial(label=DUCK_AGAIN, commands=_duck("upsert"), after=DUCK_UPSERT),
        Trial(label=BARE, commands=_hubbub("--no-search", "--no-indexes")),
        Trial(label=NO_SEARCH, commands=_hubbub("--no-search")),
    ]


def _whole() -> list[Trial]:
    return [
        Trial(label=LEAST_WHOLE, commands=_peer("least", "/", "--whole")),
        Trial(label=WHOLE, commands=_hubbub()),
        Trial(label=AGAIN, commands=_hubbub(again=True), after=WHOLE),
    ]


def _filter() -> list[Trial]:
    return [
        Trial(label=UNPACKED, commands=_peer("sieve")),
        Trial(label=JSON_FILTER, commands=_peer("text_script", COMMUNITY, "/found")),
        Trial(label=ORJSON_FILTER, commands=_peer("text_script", COMMUNITY, "/found", "--orjson")),
        Trial(label=ARCTIC_FILTER, commands=_peer("arctic_loop", COMMUNITY, "/found")),
        Trial(label=SIEVE, commands=_peer("sieve", COMMUNITY)),
        Trial(label=FILTER, commands=_hubbub("--community", COMMUNITY, "--no-search")),
    ]


def _parquet() -> list[Trial]:
    found = [
        Trial(label=DUCK_PARQUET, commands=_duck("parquet")),
        Trial(label=LEAST_LAKE, commands=_peer("least_lake", "/least.parquet")),
        Trial(label=LEAST_LAKE_PIPE, commands=_least_lake),
    ]
    if writes_parquet():
        found.append(Trial(label=PARQUET, commands=_hubbub("--to", "parquet", "--out", "/out", "--workers", "2")))
    return found


def writes_parquet() -> bool:
    """Whether this hubbub can import into files."""
    return "--to " in run([*PYTHON, "hubbub", "import", "--help"]).said


def _postgres(server: Server) -> list[Trial]:
    def commands(dump: Dump, folder: Path) -> Sequence[Command]:
        import_it = hubbub("import", str(dump.path), "--no-search", "--no-indexes", home=folder)
        at = import_it.index("--json")
        return [[*import_it[:at], "--store", schema_url(server, folder), *import_it[at:]]]

    def prepare(folder: Path) -> None:
        without_indexes(schema_url(server, folder))

    return [Trial(label=POSTGRES, commands=commands, prepare=prepare, server=server)]


def _server(wanted: Sequence[str]) -> AbstractContextManager[Server | None]:
    return postgres() if "postgres" in wanted else nullcontext()


def notes_of(dump: Dump, folder: Path) -> dict[str, str]:
    """What no figure tells."""
    direct = run([*PYTHON, "bench.peers.duck", "direct", str(folder / "direct.db"), str(dump.path)], check=False)
    last = (direct.complained or f"it read the file, exit code {direct.codes[0]}").splitlines()[-1]
    notes = {"DuckDB reading the .zst itself": last}
    if not writes_parquet():
        notes[PARQUET] = "left out: this hubbub has no option --to"
    return notes


def imports(folder: Path, *, rows: int, rounds: int, only: Sequence[str] = ()) -> None:
    """Everything that reads a dump, measured in one run of interleaved rounds."""
    dump = dump_of(rows)
    groups: dict[str, Callable[[], list[Trial]]] = {
        "keep": _keep,
        "whole": _whole,
        "filter": _filter,
        "parquet": _parquet,
    }
    wanted = [name for name in GROUPS if not only or name in only]
    with _server(wanted) as server:
        if server is not None:
            groups["postgres"] = partial(_postgres, server)
        trials = {name: groups[name]() for name in wanted}
        every = [trial for some in trials.values() for trial in some]
        seen = rounds_of(every, dump, folder / "trials", rounds=rounds)
    figures = medians(seen)
    grouped = {name: {trial.label: figures[trial.label] for trial in some} for name, some in trials.items()}
    notes = notes_of(dump, folder)
    for name, some in grouped.items():
        show(f"{GROUPS[name]}: {rows:,} comments", some, base=next(iter(some)), by="cpu us/row")
    for what, note in notes.items():
        print(f"\n{what}: {note}")
    save(
        "import-part" if only else "import",
        rounded(grouped),
        rows=rows,
        rounds=rounds,
        bytes_a_row=round(dump.size_bytes / rows),
        notes=notes,
        all_rounds=rounded(seen),
    )
