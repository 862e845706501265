"""How a store is: one short answer a question, for `hubbub doctor`. Nothing is changed, nothing takes long."""

from __future__ import annotations

import os
import shutil
import sqlite3
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from hubbub import clock
from hubbub.errors import ExitCode, HubbubError, StorageError
from hubbub.store import reads, schema
from hubbub.store.backend import StoreOptions
from hubbub.store.engine import Store, backend_of, open_store
from hubbub.store.integrity import structure
from hubbub.store.sqlite_backend import SqliteBackend
from hubbub.store.stats import dead_share, search_stats
from hubbub.store.versions import version_of

PATIENCE_S = 2.0
"""How long the write lock is waited for: a run lets go of it after each batch."""

SLOW_MS = 50.0
"""A database that takes longer to say nothing makes every batch slow."""

LARGE_BYTES = 1 << 30
"""Files larger than this are not read through."""

LEAST_FREE_BYTES = 1 << 30
LEAST_FREE_SHARE = 0.1
"""Of the store's own size."""

MUCH_DEAD = 0.25
MUCH_DEAD_BYTES = 32 << 20
"""Smaller stores need not care."""

BUSY_SHARE = 0.8
"""Of the connections a server takes."""

Status = Literal["ok", "warning", "failed"]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one question."""

    name: str
    status: Status
    said: str
    advice: str | None = None
    facts: Mapping[str, Any] = {}
    """The same in numbers."""
    exit_code: ExitCode = ExitCode.OK
    """What the command ends with for it; OK for everything that is no failure."""


def failure(name: str, error: HubbubError) -> Health:
    """What an error means for the question during which it came."""
    return Health(name=name, status="failed", said=str(error), advice=error.advice, exit_code=error.exit_code)


def examine(url: str, *, options: StoreOptions) -> Iterator[Health]:
    """Ask everything of the store at `url`; a store that cannot be opened answers no more than why."""
    asked = msgspec.structs.replace(
        options, read_url=None, busy_timeout_s=min(PATIENCE_S, options.busy_timeout_s), patience_s=0.0
    )
    try:
        backend = backend_of(url, options=asked)
        where, missing = backend.where, isinstance(backend, SqliteBackend) and not backend.path.exists()
        version = None if missing else version_of(url, options=asked)
    except HubbubError as error:
        yield failure("store", error)
        return
    if version is None:
        advice = "`hubbub demo`, `hubbub sync` or `hubbub import` makes one"
        yield Health(name="store", status="warning", said=f"there is no store at {where} yet", advice=advice)
        return
    yield Health(name="store", status="ok", said=where, facts={"store": where})
    try:
        schema.check_version(version, where)
    except HubbubError as error:
        yield msgspec.structs.replace(failure("schema", error), facts={"schema": version})
        return
    yield Health(name="schema", status="ok", said=f"{version}, the newest", facts={"schema": version})
    try:
        with open_store(url, create=False, read_only=True, options=asked) as store:
            for name, question in QUESTIONS.items():
                yield from _answer(name, question, store)
            if options.read_url is not None:
                yield from _answer("replica", partial(_replica, options=options), store)
    except HubbubError as error:
        yield failure("store", error)


def _answer(name: str, question: Callable[[Store], Health | None], store: Store) -> Iterator[Health]:
    try:
        found = question(store)
    except HubbubError as error:
        found = failure(name, error)
    if found is not None:
        yield found


def _version(store: Store) -> Health:
    if store.engine == "sqlite":
        version, name = sqlite3.sqlite_version, "SQLite"
    else:
        with store.reading_raw() as db:
            version, name = db.execute("SHOW server_version").fetchone()[0], "PostgreSQL"
    return Health(
        name="engine", status="ok", said=f"{name} {version}", facts={"engine": store.engine, "version": version}
    )


def _latency(store: Store) -> Health:
    taken = []
    with store.reading_raw() as db:
        for _ in range(5):
            begun = clock.monotonic()
            db.execute("SELECT 1").fetchone()
            taken.append((clock.monotonic() - begun) * 1000)
    middle = statistics.median(taken)
    slow = middle > SLOW_MS
    return Health(
        name="latency",
        status="warning" if slow else "ok",
        said=f"{middle:.3f} ms for an empty question",
        advice="the server is far away or busy: run hubbub nearer to it" if slow else None,
        facts={"latency_ms": round(middle, 3)},
    )


def _pool(store: Store) -> Health:
    backend: Any = store.backend
    size, in_use = backend.reads.pool.size(), backend.reads.pool.checkedout()
    facts = {"pool_size": size, "in_use": in_use}
    said = f"{in_use} of {size} connections in use here"
    if store.engine == "sqlite":
        return Health(name="pool", status="ok", said=said, facts=facts)
    with store.reading_raw() as db:
        taken, most = db.execute(
            "SELECT count(*) FILTER (WHERE backend_type = 'client backend' OR backend_type IS NULL),"
            " current_setting('max_connections')::int FROM pg_stat_activity"
        ).fetchone()
    crowded = taken > BUSY_SHARE * most
    return Health(
        name="pool",
        status="warning" if crowded else "ok",
        said=f"{said}; {taken} of {most} on the server",
        advice="raise max_connections there, or put PgBouncer in between (store.pgbouncer)" if crowded else None,
        facts={**facts, "server_connections": taken, "server_max_connections": most},
    )


def _replica(store: Store, *, options: StoreOptions) -> Health:
    del store
    import psycopg  # noqa: PLC0415 - the driver is an extra

    from hubbub.store.postgres.replica import Replica  # noqa: PLC0415 - needs the driver

    replica = Replica(options, connect=partial(psycopg.connect, connect_timeout=int(PATIENCE_S)))
    try:
        lag_s = replica.lag_s()
    finally:
        replica.close()
    if lag_s is None:
        return Health(
            name="replica",
            status="warning",
            said="the replica cannot be reached; the primary answers reads",
            advice="check store.read_url, and the server it names",
            facts={"lag_s": None},
        )
    late = lag_s > options.max_lag_s
    return Health(
        name="replica",
        status="warning" if late else "ok",
        said=f"{lag_s:.1f} s behind" + ("; the primary answers reads" if late else ""),
        advice=f"reads go there again below {options.max_lag_s:g} s (store.max_lag_s)" if late else None,
        facts={"lag_s": lag_s},
    )


def _size(store: Store) -> Health:
    size_bytes = store.size_bytes()
    facts = {"size_bytes": size_bytes}
    if store.engine != "sqlite":
        return Health(name="size", status="ok", said=f"{_mb(size_bytes)} on the server", facts=facts)
    free_bytes = shutil.disk_usage(store.path.parent).free
    scarce = free_bytes < max(LEAST_FREE_BYTES, LEAST_FREE_SHARE * size_bytes)
    return Health(
        name="size",
        status="warning" if scarce else "ok",
        said=f"{_mb(size_bytes)}, {_mb(free_bytes)} free on the disk",
        advice="make room before the next run" if scarce else None,
        facts={**facts, "free_bytes": free_bytes},
    )


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"


def _dead_space(store: Store) -> Health:
    with store.reading_raw() as db:
        share = dead_share(db)
    much = share > MUCH_DEAD and store.size_bytes() > MUCH_DEAD_BYTES
    return Health(
        name="dead space",
        status="warning" if much else "ok",
        said=f"{share:.0%} of the {'file' if store.engine == 'sqlite' else 'rows'}",
        advice=f"run `hubbub db maintain{' --full' if store.engine == 'sqlite' else ''}`" if much else None,
        facts={"dead_share": round(share, 4)},
    )


def _integrity(store: Store) -> Health:
    if store.engine == "sqlite" and store.size_bytes() > LARGE_BYTES:
        return Health(
            name="integrity",
            status="ok",
            said="not looked through: the file is large",
            advice="`hubbub db check --quick` reads all of it",
            facts={"looked": False},
        )
    wrong = [found for found in structure(store, quick=True) if found.status == "failed"]
    if not wrong:
        return Health(name="integrity", status="ok", said="nothing is damaged", facts={"looked": True})
    return Health(
        name="integrity",
        status="failed",
        said="; ".join(found.said for found in wrong),
        advice=wrong[0].advice,
        facts={"looked": True, "damaged": [found.name for found in wrong]},
        exit_code=ExitCode.STORAGE,
    )


def _search(store: Store) -> Health:
    with store.reading_raw() as db:
        states = search_stats(db)
    behind, words = any(state.behind for state in states), any(state.withdrawn_words for state in states)
    parts = [
        *(["the index is behind"] if behind else []),
        *(["words of withdrawn records wait to be removed"] if words else []),
    ]
    return Health(
        name="search",
        status="warning" if parts else "ok",
        said=" and ".join(parts) or "up to date",
        advice="run `hubbub db maintain`" if parts else None,
        facts={"behind": behind, "withdrawn_words": words},
    )


def _last_run(store: Store) -> Health | None:
    last = next(iter(reads.runs(store, 1)), None)
    if last is None:
        return Health(name="last run", status="ok", said="nothing has run yet")
    code = "not ended" if last.exit_code is None else f"exit code {last.exit_code}"
    bad = last.exit_code not in {None, int(ExitCode.OK), int(ExitCode.INTERRUPTED)}
    return Health(
        name="last run",
        status="warning" if bad else "ok",
        said=f"{last.id}: hubbub {last.command} {last.target}, {code}",
        advice="`hubbub runs` lists what ran" if bad else None,
        facts={
            "run": last.id,
            "started_at": last.started_at,
            "ended_at": last.ended_at,
            "run_exit_code": last.exit_code,
        },
    )


def _unfinished(store: Store) -> Health:
    with store.reading_raw() as db:
        open_runs = db.execute("SELECT id, pid FROM runs WHERE ended_at IS NULL ORDER BY id").fetchall()
        if store.engine == "sqlite":
            alive = {pid for _, pid in open_runs if pid is not None and _runs(pid)}
        else:
            names = db.execute("SELECT application_name FROM pg_stat_activity").fetchall()
            alive = {pid for _, pid in open_runs if (f"hubbub {pid}",) in names}
    dead = [run for run, pid in open_runs if pid not in alive]
    return Health(
        name="unfinished runs",
        status="warning" if dead else "ok",
        said=f"{len(dead)} were killed, {len(open_runs) - len(dead)} are under way" if open_runs else "none",
        advice="what they stored is whole: the same commands go on from there" if dead else None,
        facts={"killed": dead, "under_way": len(open_runs) - len(dead)},
    )


def _runs(pid: int) -> bool:
    if sys.platform == "win32":  # asking would end it there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _write_lock(store: Store) -> Health:
    try:
        if store.engine == "sqlite":
            _try_to_write(store)
        else:
            with store.transaction():
                pass
    except StorageError as error:
        said = f"cannot be written: {error}"
        return Health(name="write lock", status="warning", said=said, advice="reading commands work all the same")
    return Health(name="write lock", status="ok", said="free")


def _try_to_write(store: Store) -> None:
    """Take the lock and let go of it. Not by the store's own writer: opening that may change the file."""
    try:
        with closing(
            sqlite3.connect(
                f"file:{quote(str(store.path))}?mode=rw",
                uri=True,
                isolation_level=None,
                timeout=store.backend.options.busy_timeout_s,
            )
        ) as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise store.backend.explain(error) from error


QUESTIONS: dict[str, Callable[[Store], Health | None]] = {
    "engine": _version,
    "latency": _latency,
    "pool": _pool,
    "size": _size,
    "dead space": _dead_space,
    "integrity": _integrity,
    "search": _search,
    "last run": _last_run,
    "unfinished runs": _unfinished,
    "write lock": _write_lock,
}
"""What is asked of every store that opens, in order."""
