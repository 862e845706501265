"""The keeper: the one process that starts the servers of a test session, and ends them when the session is over.

The session holds the other end of its standard input. However the session ends (done, Ctrl-C, killed), that pipe closes;
then the keeper kills what still runs and removes the folder. Every server is its child, never a child of a test, so no
worker of pytest-xdist that dies leaves one behind, and each is in a session of its own, out of the reach of Ctrl-C.

Run as a program it needs nothing of the project: `python keeper.py FOLDER LISTENING_DESCRIPTOR`.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

READY = b"ready to accept connections"
"""What PostgreSQL and Valkey both print once they do."""
PATIENCE_S = 30
LONGEST_FOLDER = 70
"""The path of a Unix socket may have about 100 characters; this leaves room for its name."""
IN_MEMORY = Path("/dev/shm")
ROOM_BYTES = 2 << 30
ADOPT_ORPHANS = 36
"""Linux, prctl(2): PR_SET_CHILD_SUBREAPER."""


class Request(msgspec.Struct, frozen=True):
    """What a test asks of the keeper."""

    do: Literal["run", "start", "stop"]
    name: str
    argv: list[str] = []
    number: int = signal.SIGTERM
    """start: the signal that ends it at the end of the session; stop: the signal to send now."""
    port: int = 0


class Reply(msgspec.Struct, frozen=True):
    """What became of it."""

    code: int | None
    """Its exit code; None while it runs."""
    port: int
    """The port given by whoever started it."""
    output: str
    """Its last lines."""
    error: str = ""
    """Why nothing was done."""


class Keeper:
    """The keeper as tests see it; any number of processes may ask it at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, name: str, argv: list[str]) -> None:
        """Run a program to its end, once a session: who asks again by the same name waits for the first."""
        reply = self._ask(Request(do="run", name=name, argv=argv))
        if reply.code != 0:
            raise RuntimeError(f"{argv} ended with {reply.code}:\n{reply.output}")

    def start(self, name: str, argv: list[str], *, port: int, number: signal.Signals) -> Reply:
        """Start a server and wait until it is ready or gone; if it runs, only wait for it."""
        return self._ask(Request(do="start", name=name, argv=argv, port=port, number=number))

    def stop(self, name: str, number: signal.Signals) -> None:
        """Send a signal and wait until the server and its children are gone."""
        self._ask(Request(do="stop", name=name, number=number))

    def _ask(self, request: Request) -> Reply:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self.folder / "keeper"))
            line.sendall(msgspec.json.encode(request))
            line.shutdown(socket.SHUT_WR)
            with line.makefile("rb") as answer:
                reply = msgspec.json.decode(answer.read(), type=Reply)
        if reply.error:
            raise RuntimeError(f"{request.name}: {reply.error}")
        return reply


class Watch:
    """A keeper at work, as the session holds it; only the session may close it."""

    def __init__(self) -> None:
        folder = make_folder()
        self.keeper = Keeper(folder)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder / "keeper"))
            listener.listen(128)
            # -P: the packages of tests/ (http, config) must not stand in for those of Python.
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(folder), str(listener.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )

    def close(self) -> None:
        """End every server and wait until nothing is left."""
        self._process.communicate(b"\n")  # a word, not only the end: a forked child of a test may hold the pipe too


def servers_user() -> tuple[int, int] | None:
    """The user and group servers run as when we are root, whom PostgreSQL refuses; None: as ourselves."""
    import pwd  # noqa: PLC0415 - the module does not exist on every system

    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def reachable(path: Path) -> bool:
    """Whether the user of the servers can get at the path."""
    return servers_user() is None or all(each.stat().st_mode & 0o001 for each in (path, *path.parents))


def roomy(path: Path) -> bool:
    """Whether programs and databases have room there; a container often gives its memory disk 64 MB."""
    if not path.is_dir() or not os.access(path, os.W_OK):
        return False
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize >= ROOM_BYTES and not disk.f_flag & getattr(os, "ST_NOEXEC", 0)


def make_folder() -> Path:
    """A folder that belongs to the user of the servers, with a path short enough for sockets; in memory if that has room.

    A database is 300 files: made in memory in 15 ms, on a disk in 15 to 300.
    """
    usual = Path(tempfile.gettempdir()).resolve()
    fits = len(str(usual)) < LONGEST_FOLDER and reachable(usual)
    on_disk = usual if fits else Path("/tmp")
    folder = Path(tempfile.mkdtemp(prefix="hubbub-", dir=IN_MEMORY if roomy(IN_MEMORY) else on_disk))
    user = servers_user()
    if user is not None:
        os.chown(folder, *user)
    return folder


def free_segment(data: Path) -> None:
    """Give back the System V shared memory of a killed PostgreSQL, named on line 7 of the file a clean end removes."""
    pid_file = data / "postmaster.pid"
    lines = pid_file.read_text().split("\n") if pid_file.exists() else []
    if len(lines) > 6 and lines[6].strip() and shutil.which("ipcrm"):
        subprocess.run(["ipcrm", "-m", lines[6].split()[-1]], check=False, capture_output=True)


class _Kept:
    """One process; its last lines are kept, so that it never waits for a reader."""

    def __init__(self, request: Request, folder: Path) -> None:
        user, group = servers_user() or (None, None)
        self.request = request
        self.ready = threading.Event()
        self.over = threading.Event()
        self._lines: deque[bytes] = deque(maxlen=200)
        self._process = subprocess.Popen(
            request.argv,
            cwd=folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
            umask=0o077,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:  # ends when the last of its children is gone too
            self._lines.append(line)
            if READY in line.lower():
                self.ready.set()
        self._process.wait()
        self.over.set()
        self.ready.set()

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def end(self, number: int) -> None:
        """Send the signal and wait until it is gone, and its children with it."""
        self.send(number)
        if not self.over.wait(PATIENCE_S):
            self._process.kill()
            self.over.wait(PATIENCE_S)

    def reply(self) -> Reply:
        code = self._process.returncode if self.over.is_set() else None
        return Reply(code=code, port=self.request.port, output=b"".join(self._lines).decode(errors="replace"))


class _Processes:
    """All processes of the session, by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def serve(self, line: socket.socket) -> None:
        """Answer what one connection asks."""
        with line, line.makefile("rb") as asked:
            try:
                reply = self._answer(msgspec.json.decode(asked.read(), type=Request))
            except (OSError, KeyError, subprocess.SubprocessError, msgspec.MsgspecError) as error:
                reply = Reply(code=None, port=0, output="", error=repr(error))
            line.sendall(msgspec.json.encode(reply))

    def _answer(self, request: Request) -> Reply:
        if request.do == "stop":
            kept = self._kept[request.name]
            kept.end(request.number)
            return kept.reply()
        with self._lock:
            found = self._kept.get(request.name)
            if found is None or (request.do == "start" and found.over.is_set()):
                found = self._kept[request.name] = _Kept(request, self._folder)
        (found.over if request.do == "run" else found.ready).wait()
        return found.reply()

    def end(self) -> None:
        """End them all, remove the folder, and leave."""
        with self._lock:  # never given back: nothing starts any more
            for kept in self._kept.values():
                kept.send(kept.request.number)
            for kept in self._kept.values():
                kept.end(kept.request.number)
            for name in self._kept:
                free_segment(self._folder / name)
            shutil.rmtree(self._folder, ignore_errors=True)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:  # what the children of killed servers left
                    pass
            os._exit(0)


def _accept(listener: socket.socket, processes: _Processes) -> None:
    while True:
        line, _ = listener.accept()
        threading.Thread(target=processes.serve, args=(line,), daemon=True).start()


def main(folder: Path, descriptor: int) -> None:
    """Serve until the session says a word or is gone."""
    if sys.platform == "linux":  # in a container nobody else may bury the children of a killed server
        ctypes.CDLL(None).prctl(ADOPT_ORPHANS, 1)
    processes = _Processes(folder)
    listener = socket.socket(fileno=descriptor)
    threading.Thread(target=_accept, args=(listener, processes), daemon=True).start()
    sys.stdin.buffer.readline()
    processes.end()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
