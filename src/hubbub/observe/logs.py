"""Logs: what a run did as lines on stderr, text or JSON, with secrets masked and foreign text kept on its line."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import structlog

from hubbub import clock, events
from hubbub.datasets.times import iso
from hubbub.observe.masking import MASK, Mask
from hubbub.observe.terminal import shown

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
LIBRARIES = ("httpx2", "httpcore", "httpcore2", "hpack", "h2", "sqlalchemy", "alembic", "asyncio", "uvicorn", "PIL")
_SECRET_NAMES = ("token", "password", "secret", "authorization", "cookie")


class Masker:
    """A structlog step that hides the values of settings that are secret, wherever they appear."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask

    def __call__(self, _logger: Any, _method: str, fields: structlog.typing.EventDict) -> structlog.typing.EventDict:
        for name, value in fields.items():
            if any(word in name.lower() for word in _SECRET_NAMES):
                fields[name] = MASK
            elif isinstance(value, str):
                fields[name] = self._mask(value)
        return fields


class _Stderr(logging.Handler):
    """Writes to whatever stderr is now: a progress display may have put itself in between."""

    def emit(self, record: logging.LogRecord) -> None:
        if sys.stderr is None:
            return
        try:
            sys.stderr.write(self.format(record) + "\n")
        except (OSError, ValueError):  # closed by the reader: the run goes on
            return


def configure(*, level: str, form: Literal["text", "json"], mask: Mask | None = None) -> None:
    """Send hubbub's logs, and the warnings of libraries, to stderr from `level` on. May be called again."""
    masker = Masker(mask or Mask())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        masker,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                masker,
                _json_line if form == "json" else _text_line,
            ],
        )
    )
    root = logging.getLogger()
    for old in [found for found in root.handlers if isinstance(found, _Stderr)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(LEVELS[level])
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.WARNING, LEVELS[level]))


def _text_line(_logger: Any, _method: str, fields: structlog.typing.EventDict) -> str:
    level, event = fields.pop("level", "info"), fields.pop("event", "")
    rest = " ".join(f"{name}={_quoted(value)}" for name, value in fields.items() if value is not None)
    return f"{iso(clock.now())} {level:<7} {shown(str(event))} {rest}".rstrip()


def _json_line(_logger: Any, _method: str, fields: structlog.typing.EventDict) -> str:
    row = {"at": iso(clock.now()), "level": fields.pop("level", "info"), "event": fields.pop("event", ""), **fields}
    return json.dumps(row, default=str)


def _quoted(value: object) -> str:
    text = shown(str(value))
    return '"' + text.replace('"', '\\"') + '"' if " " in text or not text else text


_LEVEL: dict[type[events.Event], str] = {
    events.RunStarted: "info",
    events.RequestDone: "debug",
    events.Retrying: "warning",
    events.Waiting: "info",
    events.StoreAway: "warning",
    events.SlowQuery: "warning",
    events.BatchStored: "info",
    events.Rejection: "info",
    events.FileProgress: "debug",
    events.CopyProgress: "debug",
    events.MediaDone: "debug",
    events.StreamDone: "info",
    events.RunFinished: "info",
}
"""How much each event weighs; a finding carries its own severity."""

_NAME: dict[type[events.Event], str] = {
    events.RunStarted: "run started",
    events.RequestDone: "request",
    events.Retrying: "retrying",
    events.Waiting: "waiting",
    events.StoreAway: "database away",
    events.SlowQuery: "slow query",
    events.BatchStored: "stored",
    events.Rejection: "set aside",
    events.Finding: "finding",
    events.FileProgress: "file",
    events.CopyProgress: "copied",
    events.MediaDone: "media",
    events.StreamDone: "stream done",
    events.RunFinished: "run finished",
}

LONG_WAIT_S = 60.0
"""Who waits so long is told without having asked, and until when."""


class LogObserver:
    """An observer that logs every event; the run's id is a field of every line."""

    def __init__(self, *, findings: bool = True) -> None:
        self._log = structlog.get_logger("hubbub")
        self._findings = findings
        """False where the run's summary shows them anyway."""

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.Finding) and not self._findings:
            return
        fields: dict[str, Any] = {}
        for name, value in msgspec.structs.asdict(event).items():
            if isinstance(value, Mapping):
                fields.update({term: number for term, number in value.items() if number})
            else:
                fields[name] = round(value, 3) if isinstance(value, float) else value
        if isinstance(event, events.Waiting):
            fields["until"] = iso(event.until)
        if isinstance(event, events.RunStarted):
            self._log = self._log.bind(run=event.run_id)
        fields.pop("run_id", None)
        level = fields.pop("severity") if isinstance(event, events.Finding) else _level(event)
        name = _NAME.get(type(event), type(event).__name__)
        self._log.log(LEVELS.get(str(level), logging.INFO), name, **fields)


def _level(event: events.Event) -> str:
    if isinstance(event, events.Waiting) and event.wait_s >= LONG_WAIT_S:
        return "warning"
    return _LEVEL.get(type(event), "debug")
