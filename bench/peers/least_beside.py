"""`python -m bench.peers.least_beside DUMP HOME [--mentioned]`: `least`, in two processes.

A child unpacks, decodes and lays the values of forty rows flat; this process only binds them. With `--mentioned` the
people, communities and posts that comments refer to are made too, each once, as hubbub makes them. The passage between
the two is MessagePack over a pipe, as hubbub's."""

from __future__ import annotations

import gc
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any

import msgspec

from bench.packing import lines_of
from bench.peers.floor import line_type
from bench.peers.least import AT_ONCE, BATCH, row, statement
from bench.stores import without_indexes

Part = tuple[list[list[Any]], list[list[Any]], dict[str, str | None], dict[str, str | None], list[str]]
"""Groups of rows laid flat, single rows, and the people (with their names as printed), communities and posts that the
child has not met before."""
LENGTH_BYTES = 8


def child(path: Path, out: IO[bytes], *, mentioned: bool) -> None:
    gc.disable()
    decoder, take = msgspec.json.Decoder(line_type()), msgspec.structs.astuple
    encode = msgspec.msgpack.Encoder().encode
    people: dict[str, str | None] = {}
    places: dict[str, str | None] = {}
    threads: set[str] = set()

    def send(rows: list[tuple[Any, ...]]) -> None:
        whole = len(rows) - len(rows) % AT_ONCE
        groups = [tuple(chain.from_iterable(rows[at : at + AT_ONCE])) for at in range(0, whole, AT_ONCE)]
        met: dict[str, str | None] = {}
        met_places: dict[str, str | None] = {}
        met_threads: set[str] = set()
        if mentioned:
            met = _unmet({name.lower(): name for each in rows if (name := each[5]) is not None}, people)
            met_places = _unmet({name.lower(): name for each in rows if (name := each[3]) is not None}, places)
            met_threads = {each[1] for each in rows} - threads
            people.update(met)
            places.update(met_places)
            threads.update(met_threads)
        data = encode((groups, rows[whole:], met, met_places, sorted(met_threads)))
        out.write(len(data).to_bytes(LENGTH_BYTES, "little"))
        out.write(data)

    waiting: list[tuple[Any, ...]] = []
    for block in lines_of(path):
        waiting.extend(map(row, map(take, decoder.decode_lines(block))))
        whole = len(waiting) - len(waiting) % AT_ONCE
        send(waiting[:whole])
        waiting = waiting[whole:]
    send(waiting)
    out.flush()


def _unmet(met: dict[str, str | None], known: dict[str, str | None]) -> dict[str, str | None]:
    return {key: met[key] for key in met.keys() - known.keys()}


def _parts(source: IO[bytes]) -> Iterator[Part]:
    decode = msgspec.msgpack.Decoder().decode
    while head := source.read(LENGTH_BYTES):
        yield decode(source.read(int.from_bytes(head, "little")))


def main() -> None:
    mentioned = "--mentioned" in sys.argv
    if "--child" in sys.argv:
        child(Path(sys.argv[1]), sys.stdout.buffer, mentioned=mentioned)
        return
    gc.disable()
    home = Path(sys.argv[2])
    home.mkdir(parents=True, exist_ok=True)
    without_indexes(f"sqlite:///{home}/hubbub.db")
    connection = sqlite3.connect(home / "hubbub.db", isolation_level=None)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint = 8000")
    connection.execute("BEGIN IMMEDIATE")
    count = uncommitted = 0
    command = [sys.executable, "-m", "bench.peers.least_beside", *sys.argv[1:], "--child"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=1 << 20) as beside:
        assert beside.stdout is not None
        for groups, rows, people, places, threads in _parts(beside.stdout):
            connection.executemany(statement(AT_ONCE), groups)
            connection.executemany(statement(1), rows)
            if mentioned:
                _mention(connection, people=people, places=places, threads=threads)
            count += (added := len(groups) * AT_ONCE + len(rows))
            uncommitted += added
            if uncommitted >= BATCH:
                connection.execute("COMMIT")
                connection.execute("BEGIN IMMEDIATE")
                uncommitted = 0
    connection.execute("COMMIT")
    connection.close()
    print(count, "rows")


def _mention(
    connection: sqlite3.Connection,
    *,
    people: dict[str, str | None],
    places: dict[str, str | None],
    threads: list[str],
) -> None:
    names = "INSERT INTO {} (source, id, name) VALUES ('reddit', ?, ?) ON CONFLICT (source, id) DO NOTHING"
    connection.executemany(names.format("users"), sorted(people.items()))
    connection.executemany(names.format("communities"), places.items())
    post = "INSERT INTO posts (source, id) VALUES ('reddit', ?) ON CONFLICT (source, id) DO NOTHING"
    connection.executemany(post, ((thread,) for thread in threads))


if __name__ == "__main__":
    main()
