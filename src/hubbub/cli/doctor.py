"""`hubbub doctor`: how everything is, in words, with an exit code for whoever watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec
import rich_click as click

from hubbub.cli import render
from hubbub.cli.lazy import HubbubCommand
from hubbub.cli.session import Session
from hubbub.errors import HubbubError, worst
from hubbub.store.health import Health, examine, failure
from hubbub.store.proxy_list import FILE_NAME, read_list


def _store(session: Session) -> Iterator[Health]:
    yield from examine(session.store_url, options=session.store_options)


def _proxies(session: Session) -> Iterator[Health]:
    """How each proxy fared when it was last used or tested; nobody is asked now."""
    for each in read_list(session.home / FILE_NAME):
        health = each.health
        failing = health.state == "failing"
        why = f": {health.last_error}" if failing else ""
        yield Health(
            name=each.proxy.shown,
            status="warning" if failing else "ok",
            said=f"{health.state}{why}; carries {', '.join(each.sources) or 'nothing'}",
            advice="`hubbub proxies test` tries it again" if failing else None,
            facts={"successes": health.successes, "failures": health.failures, "checked_at": health.checked_at},
        )


PARTS: dict[str, Callable[[Session], Iterator[Health]]] = {"store": _store, "proxies": _proxies}
"""What is looked at, part by part, in order."""


@click.command("doctor", cls=HubbubCommand)
@click.pass_context
def doctor(ctx: click.Context) -> int:
    """Ask the store how it is: reachable, quick, whole, up to date, and who holds it.

    Also tells how proxies fared last. Platforms are not asked: `hubbub verify` does that.
    """
    session = Session(ctx)
    found = [(part, health) for part, ask in PARTS.items() for health in _asked(part, ask, session)]
    code = worst(*(health.exit_code for _, health in found))
    document = {
        "status": _status([health for _, health in found]),
        "exit_code": int(code),
        "checks": [_document(part, health) for part, health in found],
    }
    render.result(document, _lines(found), as_json=session.as_json)
    return int(code)


def _asked(part: str, ask: Callable[[Session], Iterator[Health]], session: Session) -> Iterator[Health]:
    try:
        yield from ask(session)
    except HubbubError as error:
        yield failure(part, error)


def _status(found: Sequence[Health]) -> str:
    words = {health.status for health in found}
    return next((word for word in ("failed", "warning") if word in words), "ok")


def _document(part: str, health: Health) -> dict[str, object]:
    told = msgspec.structs.asdict(health)
    return {"part": part, **told, "exit_code": int(health.exit_code)}


def _lines(found: Sequence[tuple[str, Health]]) -> Iterator[str]:
    rows = [[part, health.name, health.status, health.said] for part, health in found]
    yield from render.table(["part", "question", "status", "answer"], rows)
    for _, health in found:
        if health.advice is not None:
            yield ""
            yield f"{health.name}: {health.advice}"
