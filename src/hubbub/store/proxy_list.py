"""The list of proxies in the home: addresses with their passwords, what each is for, and how it has fared.

A file of its own that only the user can read, and no table: a store is copied, handed on and published, and no secret
may travel with it."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from hubbub.errors import ConfigError, StorageError, UsageError
from hubbub.http.proxies import Health, Proxy, read_proxy, summed

FILE_NAME = "proxies.json"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One proxy of the list."""

    proxy: Proxy
    sources: tuple[str, ...] = ()
    """What goes through it: names of sources, and "media" for pictures; nothing until it is said."""
    health: Health = Health()


class _Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: str
    sources: tuple[str, ...] = ()
    health: Health = Health()


class _File(msgspec.Struct, frozen=True, kw_only=True):
    schema: int = 1
    proxies: tuple[_Row, ...] = ()


def read_list(path: Path) -> tuple[Listed, ...]:
    """The proxies of the file, in the order added; none when there is no file.

    Raises ConfigError for a file that is none or that others can read although it holds passwords."""
    try:
        body = path.read_bytes()
        mode = path.stat().st_mode
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    try:
        rows = msgspec.json.decode(body, type=_File).proxies
        listed = tuple(Listed(proxy=read_proxy(r.url), sources=r.sources, health=r.health) for r in rows)
    except (msgspec.MsgspecError, ValueError):
        raise ConfigError(
            f"{path} holds no list of proxies", advice="move it away, and add the proxies again with `hubbub proxies`"
        ) from None
    if sys.platform != "win32" and mode & _OTHERS and any(each.proxy.password for each in listed):
        raise ConfigError(
            f"{path} holds passwords and can be read by others",
            advice=f"close it with `chmod 600 {path}`, and change the passwords if others use this machine",
        )
    return listed


def change_list(path: Path, change: Callable[[tuple[Listed, ...]], Iterable[Listed]]) -> tuple[Listed, ...]:
    """Write what `change` makes of the list, whole or not at all, while no other process changes it; returns it.

    Raises ConfigError as `read_list` does, StorageError when the file cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path.with_name(f".{path.name}.lock")):
            made = tuple(change(read_list(path)))
            rows = tuple(_Row(url=each.proxy.url, sources=each.sources, health=each.health) for each in made)
            _write(path, msgspec.json.format(msgspec.json.encode(_File(proxies=rows)), indent=2) + b"\n")
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error
    return made


def joined(listed: Sequence[Listed], more: Iterable[Listed]) -> tuple[Listed, ...]:
    """The list with more proxies; one that is there already gets what the new entry says it is for, if it says so."""
    by_proxy = {each.proxy: each for each in listed}
    for each in more:
        known = by_proxy.get(each.proxy)
        sources = each.sources or (() if known is None else known.sources)
        by_proxy[each.proxy] = msgspec.structs.replace(known or each, sources=sources)
    return tuple(by_proxy.values())


def counted(listed: Sequence[Listed], health: Mapping[Proxy, Health]) -> tuple[Listed, ...]:
    """The list with what was counted since it was read."""
    return tuple(
        msgspec.structs.replace(each, health=summed(each.health, health.get(each.proxy, Health()))) for each in listed
    )


def assigned(listed: Iterable[Listed], source: str) -> tuple[Proxy, ...]:
    """The proxies that this source (or "media") goes through."""
    return tuple(each.proxy for each in listed if source in each.sources)


def named(listed: Sequence[Listed], word: str) -> Listed:
    """The one proxy that `word` names: `host:port`, the address as `list` shows it, or the whole address.

    Raises UsageError, without repeating the word, which may hold a password."""
    try:
        given: Proxy | None = read_proxy(word)
    except ValueError:
        given = None
    found = [each for each in listed if word in {each.proxy.place, each.proxy.shown} or each.proxy == given]
    if len(found) != 1:
        known = ", ".join(each.proxy.shown for each in found or listed) or "none"
        what = "more than one proxy has this address" if found else "no proxy of the list has this address"
        raise UsageError(what, advice=f"{'they are' if found else 'known'}: {known}")
    return found[0]


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait until no other process holds this lock; the system frees it when its holder dies."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if sys.platform != "win32":
            import fcntl  # noqa: PLC0415 - the module does not exist on every system

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(path: Path, body: bytes) -> None:
    """Replace the file in one step by one that only the user can read."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        fresh.chmod(0o600)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
