"""Answers kept for a while, in this process or in a Redis or Valkey that several share: JSON, never pickle.

A cache only ever saves work. One that is down, full, slow or holds nonsense is a miss and a warning, never an error.
"""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from hubbub import clock
from hubbub.http.valkey import connect, first_line, place_of
from hubbub.store.session import Session

PREFIX = "hubbub:"
"""What the keys of a shared cache begin with."""

MOST_ENTRIES = 256
"""Answers kept in one process; beyond, the one asked for longest ago goes."""
TIMEOUT_S = 1.0
"""A shared cache that takes longer is no help."""
COOL_DOWN_S = 30.0
"""How long a shared cache that failed is left alone."""


class Cache(Protocol):
    """Keeps bytes under a key for a limited time."""

    def get(self, key: str) -> bytes | None:
        """What was put under this key; None when there is nothing, or no longer."""

    def put(self, key: str, value: bytes) -> None:
        """Keep a value until its time is over, in place of an earlier one."""


def open_cache(url: str | None, *, ttl_s: float, warn: Callable[[str], None]) -> Cache:
    """The cache at this address (`redis://…`, `valkey://…`, `rediss://…`, `unix://…`), or one of this process for None.

    Nothing is asked of it yet. Raises ConfigError for what is no address, and where the driver is not installed."""
    if url is None:
        return ProcessCache(ttl_s=ttl_s)
    return SharedCache(url, ttl_s=ttl_s, warn=warn)


def key_of(what: str, *parts: object) -> str:
    """The key of a question: what is asked, and everything the answer depends on. It shows none of the parts."""
    digest = hashlib.blake2b(msgspec.json.encode(parts), digest_size=20).hexdigest()
    return f"{PREFIX}{what}:{digest}"


def identity(db: Session, where: str) -> list[object]:
    """What tells this store from every other one that may share a cache with it, on whatever machine."""
    if db.engine == "sqlite":
        file = Path(db.execute("SELECT file FROM pragma_database_list WHERE name = 'main'").fetchone()[0])
        first = db.execute("SELECT started_at FROM runs ORDER BY id LIMIT 1").fetchone()
        return [socket.gethostname(), str(file.resolve()), file.stat().st_ino, first[0] if first else None]
    (allowed,) = db.execute("SELECT has_function_privilege('pg_control_system()', 'execute')").fetchone()
    number = db.execute("SELECT system_identifier FROM pg_control_system()").fetchone()[0] if allowed else where
    place = (
        "SELECT d.oid::bigint, n.oid::bigint FROM pg_database d, pg_namespace n"
        " WHERE d.datname = current_database() AND n.nspname = current_schema()"
    )
    return [number, *db.execute(place).fetchone()]


class ProcessCache:
    """Entries in memory, gone with the process."""

    def __init__(
        self, *, ttl_s: float, most: int = MOST_ENTRIES, monotonic: Callable[[], float] = clock.monotonic
    ) -> None:
        self._ttl_s = ttl_s
        self._most = most
        self._monotonic = monotonic
        self._entries: dict[str, tuple[float, bytes]] = {}
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """What was put under this key less than a time to live ago."""
        with self._lock:
            entry = self._entries.pop(key, None)
            if entry is None or self._monotonic() >= entry[0]:
                return None
            self._entries[key] = entry  # the youngest again: the first of the dictionary goes first
            return entry[1]

    def put(self, key: str, value: bytes) -> None:
        """Keep a value from now on."""
        with self._lock:
            self._entries.pop(key, None)
            self._entries[key] = (self._monotonic() + self._ttl_s, value)
            while len(self._entries) > self._most:
                del self._entries[next(iter(self._entries))]


class _Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a shared cache: whoever else may write there, only what was put under this very key is read."""

    key: str
    put_at: int
    """Epoch seconds."""
    digest: str
    value: str


class SharedCache:
    """Entries in a Redis or Valkey."""

    def __init__(
        self,
        url: str,
        *,
        ttl_s: float,
        warn: Callable[[str], None],
        now: Callable[[], int] = clock.now,
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        self._client, self._trouble = connect(url, setting="cache.url", timeout_s=TIMEOUT_S)
        self._where = place_of(url)
        self._ttl_s = ttl_s
        self._warn = warn
        self._now = now
        self._monotonic = monotonic
        self._off_until: float | None = None

    def get(self, key: str) -> bytes | None:
        """What was put under this key; anything else, and any failure, is a miss."""
        found = self._ask(lambda: self._client.get(key))
        if found is None:
            return None
        try:
            entry = msgspec.json.decode(found, type=_Envelope)
        except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
            self._warn(f"the cache at {self._where} holds something that is not ours; it is ignored")
            return None
        # The server ends entries; the time inside ends those somebody made to last, or put in for longer.
        too_old = abs(self._now() - entry.put_at) >= self._ttl_s
        if too_old or entry.key != key or entry.digest != _digest(key, entry.value):
            return None
        return entry.value.encode()

    def put(self, key: str, value: bytes) -> None:
        """Keep a value, if the server takes it."""
        text = value.decode()
        entry = _Envelope(key=key, put_at=self._now(), digest=_digest(key, text), value=text)
        body = msgspec.json.encode(entry)
        self._ask(lambda: self._client.set(key, body, px=max(1, int(self._ttl_s * 1000))))

    def _ask(self, question: Callable[[], Any]) -> Any:
        if self._off_until is not None and self._monotonic() < self._off_until:
            return None
        try:
            answer = question()
        except self._trouble as error:
            self._off_until = self._monotonic() + COOL_DOWN_S
            self._warn(f"the cache at {self._where} is no help, going on without it: {first_line(error)}")
            return None
        self._off_until = None
        return answer


def _digest(key: str, value: str) -> str:
    return hashlib.blake2b(f"{key}\x00{value}".encode(), digest_size=16).hexdigest()
