"""`hubbub proxies`: the list of proxies, what each is for and how each fares."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import rich_click as click

from hubbub import clock
from hubbub.cli import render
from hubbub.cli.diagnostics import say
from hubbub.cli.egress import list_file
from hubbub.cli.lazy import HubbubCommand, HubbubGroup
from hubbub.cli.parameters import listed
from hubbub.cli.session import Session
from hubbub.errors import ConfigError, ExitCode, InputError, UsageError
from hubbub.http.proxies import Proxy, read_proxy
from hubbub.http.tunnels import TRIES, Place, examine
from hubbub.pipeline.egress import MEDIA, place_of
from hubbub.plugins import registry
from hubbub.store.proxy_list import Listed, change_list, counted, joined, named, read_list

_LARGEST_FILE = 1 << 20
_FORMS = "write http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT"
_SOURCE = click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="NAME",
    help="What goes through it: a source, or media for pictures; may be repeated. Nothing by default.",
)


@click.group("proxies", cls=HubbubGroup)
def proxies() -> None:
    """Ways out of this machine, and how they fare.

    A proxy never multiplies a quota: each credential has one budget, whichever proxy carries a request. Proxies are off
    until one is assigned to a source; that source then never goes around them.
    """


@proxies.command("list", cls=HubbubCommand)
@click.pass_context
def list_proxies(ctx: click.Context) -> int:
    """List the proxies, what goes through each and how it has fared; passwords are never shown."""
    session = Session(ctx)
    _tell(session, read_list(list_file(session)))
    return 0


@proxies.command("add", cls=HubbubCommand)
@click.argument("address", metavar="ADDRESS")
@_SOURCE
@click.pass_context
def add(ctx: click.Context, *, address: str, sources: tuple[str, ...]) -> int:
    """Put a proxy on the list, or say anew what goes through it.

    ADDRESS is http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT. One with a password belongs into a file that
    `import` reads: what is typed here can be seen by other users of the machine. The list never multiplies a quota.
    """
    session = Session(ctx)
    try:
        proxy = read_proxy(address)
    except ValueError as error:
        raise UsageError(f"the address cannot be used: {error}", advice=_FORMS) from None
    fresh = Listed(proxy=proxy, sources=_known(sources))
    kept = change_list(list_file(session), lambda before: joined(before, [fresh]))
    if proxy.password:
        say("hubbub: a password that is typed can be seen by others on this machine; `hubbub proxies import` reads it")
    _tell(session, [each for each in kept if each.proxy == proxy])
    return 0


@proxies.command("import", cls=HubbubCommand)
@click.argument("file", metavar="FILE")
@_SOURCE
@click.pass_context
def import_file(ctx: click.Context, *, file: str, sources: tuple[str, ...]) -> int:
    """Put the proxies of a file on the list: one address a line, `#` begins a comment; `-` reads stdin.

    Lines that are no address are counted and named by their number, and never repeated: they may hold a password.
    """
    session = Session(ctx)
    wanted = _known(sources)
    found: dict[Proxy, None] = {}
    bad: list[tuple[int, str]] = []
    for number, line in enumerate(_text(file).splitlines(), start=1):
        word = line.partition(" #")[0].strip()
        if not word or word.startswith("#"):
            continue
        try:
            found[read_proxy(word)] = None
        except ValueError as error:
            bad.append((number, str(error)))
    path = list_file(session)
    before = {each.proxy for each in read_list(path)}
    fresh = [Listed(proxy=proxy, sources=wanted) for proxy in found]
    kept = change_list(path, lambda held: joined(held, fresh)) if fresh else read_list(path)
    added = len(found.keys() - before)
    document = {
        "added": added,
        "known": len(found) - added,
        "bad": [{"line": number, "reason": reason} for number, reason in bad],
        "proxies": [_document(each) for each in kept],
    }
    lines = [f"{added:,} added, {len(found) - added:,} known before, {len(bad):,} lines are no address"]
    lines += [f"line {number}: {reason}" for number, reason in bad]
    render.result(document, lines, as_json=session.as_json)
    if bad:
        return int(ExitCode.PARTIAL if found else ExitCode.INPUT)
    return 0


@proxies.command("remove", cls=HubbubCommand)
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@click.pass_context
def remove(ctx: click.Context, *, addresses: tuple[str, ...]) -> int:
    """Take proxies off the list, by HOST:PORT or by the address that `list` shows."""
    session = Session(ctx)
    path = list_file(session)
    gone = {named(read_list(path), word).proxy for word in addresses}
    kept = change_list(path, lambda before: [each for each in before if each.proxy not in gone])
    document = {"removed": [proxy.shown for proxy in gone], "proxies": [_document(each) for each in kept]}
    lines = [f"removed {proxy.shown}" for proxy in gone]
    render.result(document, lines, as_json=session.as_json)
    return 0


@proxies.command("test", cls=HubbubCommand)
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...")
@click.option("--source", "source", metavar="NAME", help="Only those of this source, or of media.")
@click.pass_context
def test(ctx: click.Context, *, addresses: tuple[str, ...], source: str | None) -> int:
    """Ask each proxy for a connection, up to three times, and keep how it went.

    Each is asked for the host of the first source it is assigned to; one for media, or for nothing, is tried as far as
    itself. No request is made, so it costs nothing of any budget.
    """
    session = Session(ctx)
    path = list_file(session)
    held = read_list(path)
    wanted = [named(held, word) for word in addresses] or list(held)
    if source is not None:
        wanted = [each for each in wanted if source in each.sources]
    if not wanted:
        raise ConfigError("there is no such proxy on the list", advice="`hubbub proxies add ADDRESS --source NAME`")
    to = {each.proxy: _place(each, session) for each in wanted}
    found = asyncio.run(examine(to, to=to))
    kept = change_list(path, lambda before: counted(before, found))
    tested = [each for each in kept if each.proxy in found]
    failing = sum(health.state != "healthy" for health in found.values())
    for proxy, health in found.items():
        if health.state != "healthy":
            say(f"hubbub: {proxy.shown} failed {TRIES} times: {health.last_error}")
    _tell(session, tested)
    if not failing:
        return 0
    return int(ExitCode.PARTIAL if failing < len(found) else ExitCode.REMOTE)


def _known(words: tuple[str, ...]) -> tuple[str, ...]:
    """The names of sources that were typed. Raises UsageError for one that does not exist."""
    names = [*registry.names("sources"), MEDIA]
    for word in listed(words):
        if word not in names:
            raise UsageError(f"there is no source {word!r}; known: {', '.join(names)}")
    return listed(words)


def _text(file: str) -> str:
    path = Path(file)
    try:
        if file == "-":
            return sys.stdin.read(_LARGEST_FILE)
        if path.stat().st_size > _LARGEST_FILE:
            raise InputError(f"{file} is larger than {_LARGEST_FILE:,} bytes: this is no list of proxies")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise InputError(f"{file} cannot be read: {why}") from error


def _place(each: Listed, session: Session) -> Place | None:
    """The host of the first source a proxy is for; None where none is set up."""
    for name in each.sources:
        if name != MEDIA:
            settings = session.source_settings([name])[name]
            if settings.base_url is not None:
                return place_of(settings.base_url)
            with suppress(ConfigError):  # a source without credentials: the proxy is tried as far as itself
                return place_of(registry.load("sources", name).access(settings).base_url)
    return None


def _tell(session: Session, shown: Sequence[Listed]) -> None:
    render.result({"proxies": [_document(each) for each in shown]}, _lines(shown), as_json=session.as_json)


def _document(each: Listed) -> dict[str, Any]:
    health = each.health
    return {
        "address": each.proxy.shown,
        "sources": list(each.sources),
        "state": health.state,
        "successes": health.successes,
        "failures": health.failures,
        "last_error": health.last_error,
        "latency_s": health.latency_s,
        "checked_at": health.checked_at,
    }


def _lines(shown: Iterable[Listed]) -> Iterator[str]:
    rows = [
        [
            each.proxy.shown,
            ", ".join(each.sources) or "nothing",
            each.health.state,
            each.health.successes,
            each.health.failures,
            None if each.health.latency_s is None else f"{each.health.latency_s * 1000:.0f} ms",
            render.ago(each.health.checked_at, now=clock.now()),
            each.health.last_error,
        ]
        for each in shown
    ]
    if not rows:
        yield "there are no proxies: every request goes out directly"
        return
    yield from render.table(
        ["proxy", "carries", "state", "successes", "failures", "latency", "checked", "last error"], rows
    )
